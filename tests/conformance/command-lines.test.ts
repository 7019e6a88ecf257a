import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decide } from "../../src/announce/decide.ts";
import { service } from "../../src/announce/testing/world.ts";
import type { Field } from "../../src/api/field.ts";
import type { Kind } from "../../src/api/kind.ts";
import { bfdProfile as bfdProfileKind } from "../../src/api/kinds/bfd-profile.ts";
import { bgpAdvertisement as bgpAdvertisementKind } from "../../src/api/kinds/bgp-advertisement.ts";
import { bgpPeer } from "../../src/api/kinds/bgp-peer.ts";
import { community as communityKind } from "../../src/api/kinds/community.ts";
import { ipAddressPool } from "../../src/api/kinds/ip-address-pool.ts";
import { l2Advertisement as l2AdvertisementKind } from "../../src/api/kinds/l2-advertisement.ts";
import type { Snapshot } from "../../src/api/snapshot.ts";
import { parseConfig } from "../../src/config/parse.ts";
import { plan } from "../../src/frr/plan.ts";
import { emptyTree } from "../../src/frr/tree.ts";
import { exhaustive } from "../../src/std/exhaustive.ts";
import {
  bfdProfile,
  bgpAdvertisement,
  community,
  l2Advertisement,
  node,
  passwordSecret,
  peer,
  pool,
  snapshot,
} from "../objects.ts";

/**
 * No text in a custom resource makes a command line that nobody intended.
 *
 * A world in which every text field of every kind has a good value; any of its texts are replaced by anything at all, and what
 * would be said to FRR is read with a grammar of its own, which knows nothing of how lines are made.
 */

/** Lines that could be meant. Words in capitals stand for values. */
const forms = [
  "ip nht resolve-via-default",
  "ipv6 nht resolve-via-default",
  "bgp route-map delay-timer 0",
  "bfd",
  "profile NAME",
  "(?:no )?(?:echo-mode|passive-mode)",
  "(?:detect-multiplier|minimum-ttl|(?:receive|transmit|echo (?:receive|transmit))-interval) NUMBER",
  "(?:receive|transmit)-interval NUMBER",
  "router bgp NUMBER(?: vrf DEVICE)?",
  "bgp router-id V4",
  "bgp log-neighbor-changes",
  "no bgp ebgp-requires-policy",
  "no bgp default ipv4-unicast",
  "coalesce-time 0",
  "bgp graceful-restart preserve-fw-state",
  "no bgp network import-check",
  "address-family (?:ipv4|ipv6) unicast",
  "exit-address-family",
  "exit",
  "neighbor ADDRESS remote-as (?:NUMBER|internal|external)",
  "neighbor DEVICE interface remote-as (?:NUMBER|internal|external)",
  "neighbor DEVICE shutdown",
  "no neighbor DEVICE shutdown",
  "neighbor PEER local-as NUMBER no-prepend replace-as",
  "neighbor PEER ebgp-multihop 255",
  "neighbor PEER disable-connected-check",
  "neighbor PEER port NUMBER",
  "neighbor PEER password [!-~]{1,80}",
  "neighbor PEER update-source ADDRESS",
  "neighbor PEER timers NUMBER NUMBER",
  "neighbor PEER timers connect NUMBER",
  "no neighbor PEER timers connect",
  // Until all of an unnumbered one is there.
  "(?:no )?neighbor PEER shutdown",
  "neighbor PEER graceful-restart",
  "neighbor PEER bfd",
  "neighbor PEER bfd profile NAME",
  "neighbor PEER route-map INBOUND in",
  "neighbor PEER route-map MAP out",
  "neighbor PEER activate",
  "network PREFIX route-map GNUMBER",
  "route-map INBOUND deny 20",
  "route-map GNUMBER permit 10",
  "route-map MAP permit NUMBER",
  "route-map MAP deny 65535",
  "(?:match|set) tag NUMBER",
  "set local-preference NUMBER",
  "set metric NUMBER",
  "set as-path prepend(?: NUMBER){1,10}",
  "set community(?: NUMBER:NUMBER)+",
  "set large-community(?: NUMBER:NUMBER:NUMBER)+",
];

const v4 = String.raw`\d{1,3}(?:\.\d{1,3}){3}`;
const address = `(?:${v4}|[0-9a-f:]*:[0-9a-f:.]*)`;
/** Linux' rule (net/core/dev.c, dev_valid_name), without what FRR's command line reads as something else. */
const device = String.raw`(?!\.{1,2} )[!-~]{1,15}(?<![!?"'\x60/][!-~]{0,14})`;
const words: Readonly<Record<string, string>> = {
  NUMBER: String.raw`\d{1,10}`,
  V4: v4,
  ADDRESS: address,
  PREFIX: String.raw`${address}/\d{1,3}`,
  DEVICE: device,
  PEER: `(?:${address}|${device})`,
  NAME: "[a-z0-9](?:[-.a-z0-9]{0,62}[a-z0-9])?",
  MAP: `(?:${device}/)?(?:${address}|${device})-out`,
  INBOUND: `(?:${device}/)?(?:${address}|${device})-in`,
};
const capitals = /NUMBER|V4|ADDRESS|PREFIX|DEVICE|PEER|NAME|MAP|INBOUND/g;
const grammar = forms.map((form) => new RegExp(`^${form.replace(capitals, (word) => words[word] ?? word)}$`));

/** As many bytes as reach a daemon in one piece (src/vty/session.ts). */
const longest = 4_000;

type Json = { [key: string]: Json } | Json[] | string | number | boolean | null | undefined;

const label = { matchLabels: { rack: "a" } };
const expression = { matchExpressions: [{ key: "rack", operator: "In", values: ["a", "b"] }] };
const selectors = [label, expression];
const everywhere = { nodeSelectors: selectors };
const secret = { name: "bgp", namespace: "elsewhere" };
const labelled = { labels: { rack: "a" } };
/** One for all peers of a node. */
const routerID = "10.0.0.9";
const bystander = "192.0.2.99";

/** Every text field of every kind is in it, each with a value that is good and is used. */
const whole = {
  pools: [
    pool("v4", { addresses: ["10.100.0.0/24"] }, labelled),
    pool(
      "v6",
      {
        addresses: ["fd00::/120", "fd01::1-fd01::9"],
        serviceAllocation: { namespaces: ["default"], namespaceSelectors: selectors, serviceSelectors: selectors },
      },
      labelled,
    ),
    pool("bystander", { addresses: ["10.200.0.0/24"] }),
  ],
  peers: [
    peer("numbered", {
      peerAddress: "10.0.1.1",
      sourceAddress: "10.0.1.2",
      routerID,
      vrf: "default",
      holdTime: "90s",
      keepaliveTime: "30s",
      connectTime: "5s",
      bfdProfile: "fast",
      passwordSecret: secret,
      dualStackAddressFamily: true,
      ...everywhere,
    }),
    {
      ...peer("unnumbered", {}),
      spec: { myASN: 64513, dynamicASN: "external", interface: "eth1", password: "pw", routerID },
    },
    peer("in-red", { peerAddress: "fd00:2::1", vrf: "red", routerID, ...everywhere }),
    peer("bystander", { peerAddress: bystander, routerID }),
  ],
  bgpAdvertisements: [
    bgpAdvertisement("all", {
      communities: ["64512:1", "large:1:2:3", "no-transit"],
      ipAddressPools: ["v4"],
      ipAddressPoolSelectors: selectors,
      peers: ["numbered", "unnumbered", "in-red"],
      serviceSelectors: selectors,
      ...everywhere,
    }),
    bgpAdvertisement("bystander", { ipAddressPools: ["bystander"], peers: ["bystander"] }),
  ],
  l2Advertisements: [
    l2Advertisement("layer2", {
      interfaces: ["eth0"],
      ipAddressPools: ["v4"],
      ipAddressPoolSelectors: selectors,
      preferredNodeSelectors: [
        { weight: 1, preference: label },
        { weight: 2, preference: expression },
      ],
      serviceSelectors: selectors,
      ...everywhere,
    }),
  ],
  bfdProfiles: [bfdProfile("fast", { receiveInterval: 100 })],
  communities: [community("aliases", { "no-transit": "64512:9" })],
  secrets: [passwordSecret("bgp", "one")],
  nodes: [node("n1", { rack: "a" })],
  services: [
    service("s", { has: ["10.100.0.1", "fd00::1"], labels: { rack: "a" } }),
    service("bystander", { has: ["10.200.0.1"] }),
  ],
};

type Path = readonly (string | number)[];

/** Where texts stand in a value. A label's key is a text too: its place ends with "keys". */
function* placesIn(value: Json, at: Path = []): Generator<Path> {
  if (typeof value === "string") yield at;
  if (typeof value !== "object" || value === null) return;
  const isLabels = at.at(-1) === "labels" || at.at(-1) === "matchLabels";
  for (const [key, member] of Object.entries(value)) {
    if (isLabels) yield [...at, key, "keys"];
    yield* placesIn(member, [...at, Array.isArray(value) ? Number(key) : key]);
  }
}

/** Kind and version are the API server's affair; the bystander is what must not notice. */
const places = [...placesIn(whole as unknown as Json)].filter(
  (path) => !["apiVersion", "kind"].includes(String(path.at(-1))) && !isBystanders(path),
);

function isBystanders([list, index]: Path): boolean {
  const objects = whole[list as keyof typeof whole] as readonly { readonly metadata: { readonly name: string } }[];
  return objects[Number(index)]?.metadata.name === "bystander";
}

function replaced(value: Json, [first, second, ...rest]: Path, text: string): Json {
  if (first === undefined) return text;
  if (Array.isArray(value)) {
    return value.map((item, i) => (i === first ? replaced(item, pathFrom(second, rest), text) : item));
  }
  const old = value as { [key: string]: Json };
  if (second !== "keys") return { ...old, [first]: replaced(old[first], pathFrom(second, rest), text) };
  const { [first]: moved, ...others } = old;
  return { ...others, [text]: moved };
}

const pathFrom = (second: string | number | undefined, rest: Path): Path =>
  second === undefined ? [] : [second, ...rest];

function snapshotOf(world: Json): Snapshot {
  const parts = structuredClone(world) as unknown as typeof whole & Partial<Snapshot>;
  const slice = (name: string) => ({
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: { name, namespace: "default" },
    addressType: "IPv4",
    endpoints: [{ addresses: ["10.1.0.1"], nodeName: "n1" }],
  });
  const endpointSlices = new Map(["s", "bystander"].map((name) => [`default/${name}`, [slice(name)]]));
  return snapshot({ ...parts, endpointSlices });
}

/** Everything that would be said to FRR's daemons, beginning with nothing. */
function commandLines(world: Json): string[] {
  const made = snapshotOf(world);
  const own = made.nodes[0]?.metadata.name ?? "";
  const { config } = parseConfig(made, { node: own });
  const { desired } = decide({ config, snapshot: made, node: own, ignoreExcludeLB: false, lbClass: "" });
  const { steps } = plan(desired, emptyTree);
  return steps.flatMap((step) => (step.kind === "settle" ? [] : [...step.context, ...step.lines]));
}

const ofBystander = (lines: readonly string[]): readonly string[] => [
  ...lines.filter((line) => line.startsWith(`neighbor ${bystander} `)),
  ...lines.flatMap((line) => /^network 10\.200\.\S+/.exec(line)?.[0] ?? []),
];

const undisturbed = commandLines(whole as unknown as Json);

const injected = "neighbor 10.6.6.6 remote-as 666";
const hostile = fc.oneof(
  { weight: 3, arbitrary: fc.string({ unit: "binary", maxLength: 30 }) },
  fc.string({ unit: "grapheme-ascii", maxLength: 30 }),
  fc.string({ unit: "binary", minLength: 300, maxLength: 5_000 }),
  fc.constantFrom(
    "",
    "!",
    "#",
    "\t",
    "\u0000",
    "default",
    "vrf",
    "0.0.0.0",
    "::",
    "default vrf red",
    "a".repeat(5_000),
  ),
  {
    weight: 3,
    arbitrary: fc
      .tuple(
        fc.constantFrom("10.0.0.1", "eth1", "red", "fast", "64512:1", "large:1:2:3", "pw", "90s", "bgp", "a"),
        fc.constantFrom("\n", "\r", "\r\n", "\t", " ", " ! ", "\u0000", "\u000b", "\u0085", "\u2028", "\\n", "?", "|"),
        fc.constantFrom("", injected, "exit", "end"),
      )
      .map((parts) => parts.join("")),
  },
);

describe("whatever stands in a custom resource", () => {
  test("every text field of every kind is in the world that is attacked", () => {
    const kinds: readonly (readonly [keyof typeof whole, Kind])[] = [
      ["pools", ipAddressPool],
      ["peers", bgpPeer],
      ["bgpAdvertisements", bgpAdvertisementKind],
      ["l2Advertisements", l2AdvertisementKind],
      ["bfdProfiles", bfdProfileKind],
      ["communities", communityKind],
    ];
    const attacked = new Set(places.map(([list, , ...rest]) => [list, ...rest.filter(isName)].join(".")));
    const fields = kinds.flatMap(([list, kind]) =>
      textsOf(kind.fields["spec"] as Field).map((at) => `${list}.spec${at}`),
    );
    expect(fields.length).toBeGreaterThan(40);
    expect(fields.filter((field) => ![...attacked].some((at) => at === field || at.startsWith(`${field}.`)))).toEqual(
      [],
    );
  });

  test("the world means something: every kind of line is said", () => {
    const { problems } = parseConfig(snapshotOf(whole as unknown as Json), { node: "n1" });
    expect(problems.filter(({ severity }) => severity === "refused")).toEqual([]);
    expect(undisturbed.filter((line) => !grammar.some((form) => form.test(line)))).toEqual([]);
    for (const said of [
      "router bgp 64513 vrf red",
      "bgp router-id 10.0.0.9",
      "neighbor eth1 interface remote-as external",
      "neighbor 10.0.1.1 password one",
      "neighbor eth1 password pw",
      "neighbor 10.0.1.1 update-source 10.0.1.2",
      "neighbor 10.0.1.1 bfd profile fast",
      "neighbor 10.0.1.1 timers connect 5",
      "set community 64512:1 64512:9",
      "set large-community 1:2:3",
    ]) {
      expect(undisturbed).toContain(said);
    }
    expect(ofBystander(undisturbed).length).toBe(5);
  });

  test("FRR hears intended lines only, and of a good peer just what it hears otherwise", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(places.length - 1), hostile), { minLength: 1, maxLength: 3 }), (attacks) => {
        fc.pre(!namesTheJudge(attacks.flatMap(([place]) => places[place] ?? [])));
        let world = whole as unknown as Json;
        for (const [place, text] of attacks) world = replaced(world, places[place] ?? [], text);
        const lines = commandLines(world);
        for (const line of lines) {
          if (!grammar.some((form) => form.test(line))) expect.fail(`not intended: ${JSON.stringify(line)}`);
          expect(Buffer.byteLength(line)).toBeLessThanOrEqual(longest);
        }
        expect(lines.filter((line) => line.includes("10.6.6.6"))).toEqual([]);
        expect(ofBystander(lines)).toEqual(ofBystander(undisturbed));
      }),
      { numRuns: 1_500 },
    );
  });
});

/** Of two router IDs for one node, the peer decides whose name is first: a rule, and then the bystander may lose. */
const namesTheJudge = (attacked: readonly (string | number)[]): boolean =>
  attacked.includes("routerID") && attacked.includes("name");

const isName = (part: string | number): boolean => typeof part === "string" && part !== "keys";

/** Where a field's texts stand, lists passed over: `.serviceAllocation.namespaces`. */
function textsOf({ shape }: Field, at = ""): string[] {
  switch (shape.kind) {
    case "text":
    case "labels":
      return [at];
    case "list":
      return textsOf(shape.of, at);
    case "object":
      return Object.entries(shape.fields).flatMap(([name, field]) => textsOf(field, `${at}.${name}`));
    case "integer":
    case "boolean":
      return [];
    default:
      return exhaustive(shape);
  }
}
