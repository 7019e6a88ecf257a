import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Endpoint, Node, Service } from "../api/core.ts";
import type { Config } from "../config/config.ts";
import type { LargeCommunity, StandardCommunity } from "../net/community.ts";
import { type DecideInput, decide } from "./decide.ts";
import { address, advertisement, config, node, peer, pool, service, snapshot } from "./testing/world.ts";

const run = (services: readonly Service[], given: Partial<Config> = {}, rest: Partial<DecideInput> = {}) =>
  decide({
    config: config(given),
    snapshot: snapshot(services),
    node: "n1",
    ignoreExcludeLB: false,
    lbClass: "",
    ...rest,
  });

const decisionOn = (one: Service, given: Partial<Config> = {}, rest: Partial<DecideInput> = {}) =>
  run([one], given, rest).announcements[0]?.decision;

/** `peer: prefix …` for every peer. */
const told = (services: readonly Service[], given: Partial<Config> = {}) =>
  run(services, given).desired.routers.flatMap(({ peers }) =>
    peers.map(({ peer: { name }, paths }) => `${name}: ${paths.map(({ prefix }) => prefix).join(" ")}`),
  );

const std = (...texts: string[]) => texts as StandardCommunity[];
const large = (...texts: string[]) => texts as LargeCommunity[];

test("an administrator's own lines are desired as they stand, and another text is another desire", () => {
  const ref = { apiVersion: "v1", kind: "ConfigMap", name: "bgpextras" };
  expect(run([], { extras: { ref, text: "a" } }).desired.extras).toBe("a");
  expect(run([]).desired).not.toHaveProperty("extras");
});

describe("why a Service is not announced", () => {
  const web = [{ matchLabels: { app: "web" } }];
  const excluded = node("n1", { labels: { "node.kubernetes.io/exclude-from-external-load-balancers": "" } });
  const cut = node("n1", {}, { conditions: [{ type: "NetworkUnavailable", status: "True" }] });
  const world = (nodes: readonly Node[], endpoints?: readonly Endpoint[]): Partial<DecideInput> => ({
    snapshot: snapshot([service("a")], { nodes, ...(endpoints && { endpoints }) }),
  });
  const conflicting = [
    advertisement("x", { serviceSelectors: web, localPref: 100 }),
    advertisement("y", { localPref: 200 }),
  ];

  test.each<[string, Service, Partial<Config>, Partial<DecideInput>, string]>([
    [
      "notLoadBalancer",
      service("a", { type: "ClusterIP" }),
      {},
      {},
      "the Service is of type ClusterIP, not LoadBalancer",
    ],
    ["noIPAllocated", service("a", { has: [] }), {}, {}, "no address is assigned to the Service yet"],
    [
      "invalidIP",
      service("a", { has: ["lb.example"] }),
      {},
      {},
      'the Service\'s status names no IP address, but "lb.example"',
    ],
    ["ipNotAllowed", service("a", { has: ["192.0.2.1"] }), {}, {}, "192.0.2.1 lies in no IPAddressPool"],
    [
      "notOwner",
      service("a"),
      { bgpAdvertisements: [advertisement("x", { nodes: ["n2"] })] },
      {},
      'no BGPAdvertisement announces pool "first" from node "n1"',
    ],
    [
      "noMatchingAdvertisement",
      service("a", { labels: { app: "db" } }),
      { bgpAdvertisements: [advertisement("x", { serviceSelectors: web })] },
      {},
      'no BGPAdvertisement of pool "first" on node "n1" selects the Service\'s labels',
    ],
    [
      "conflictingAdvertisements",
      service("a", { labels: { app: "web" } }),
      { bgpAdvertisements: conflicting },
      {},
      'the localPref of two BGPAdvertisements for the Service differs: "x" 100, "y" 200',
    ],
    ["nodeNetworkUnavailable", service("a"), {}, world([cut]), 'node "n1" has condition NetworkUnavailable'],
    [
      "nodeLabeledExcludeBalancers",
      service("a"),
      {},
      world([excluded]),
      'node "n1" has label node.kubernetes.io/exclude-from-external-load-balancers',
    ],
    [
      "noLocalEndpoints",
      service("a", { externalTrafficPolicy: "Local" }),
      {},
      world([], [{ addresses: ["10.1.0.1"], nodeName: "n2" }]),
      'externalTrafficPolicy is Local, and no endpoint on node "n1" can serve',
    ],
    ["noEndpoints", service("a"), {}, world([], []), "no endpoint can serve"],
  ])("%s", (reason, one, given, rest, message) => {
    const input = { ...rest, ...(rest.snapshot && { snapshot: { ...rest.snapshot, services: [one] } }) };
    expect(decisionOn(one, given, input)).toEqual({ kind: "not-announced", reason, message });
  });

  test("the label that excludes a node does not count with ignoreExcludeLB", () => {
    const input = { ...world([excluded]), ignoreExcludeLB: true };
    expect(decisionOn(service("a"), {}, input)?.kind).toBe("announced");
  });

  test("a conflict concerns only Services that both policies select", () => {
    expect(decisionOn(service("a"), { bgpAdvertisements: conflicting })?.kind).toBe("announced");
  });

  test("Services of another class are not ours to decide on", () => {
    expect(run([service("a", { loadBalancerClass: "x" })]).announcements).toEqual([]);
  });
});

test.each<[string, Endpoint, boolean]>([
  ["readiness unknown", { addresses: ["10.1.0.1"] }, true],
  ["ready", { addresses: ["10.1.0.1"], conditions: { ready: true } }, true],
  ["not ready", { addresses: ["10.1.0.1"], conditions: { ready: false } }, false],
  [
    "draining but serving",
    { addresses: ["10.1.0.1"], conditions: { ready: false, serving: true, terminating: true } },
    true,
  ],
  [
    "terminating and not serving",
    { addresses: ["10.1.0.1"], conditions: { ready: false, serving: false, terminating: true } },
    false,
  ],
  ["without an address", { addresses: [], conditions: { ready: true } }, false],
])("an endpoint that is %s", (_, endpoint, isAnnounced) => {
  const world = snapshot([service("a")], { endpoints: [endpoint] });
  expect(decisionOn(service("a"), {}, { snapshot: world })?.kind === "announced").toBe(isAnnounced);
});

describe("who is told what", () => {
  const peers = [
    peer("v6", "fd01::1"),
    peer("v4", "10.0.0.1"),
    peer("both", "10.0.0.2", { dualStackAddressFamily: true }),
    peer("eth", "eth0"),
  ];
  const dual = service("a", { has: ["10.100.0.1", "fd00::1"] });

  test("each session gets the families that it carries", () => {
    expect(told([dual], { peers })).toEqual([
      "both: 10.100.0.1/32 fd00::1/128",
      "eth: 10.100.0.1/32 fd00::1/128",
      "v4: 10.100.0.1/32",
      "v6: fd00::1/128",
    ]);
  });

  test("a peer that no policy names, or that can't carry the family, is told nothing and the decision says why", () => {
    const given = { peers, bgpAdvertisements: [advertisement("all", { peers: ["v4", "v6"] })] };
    expect(decisionOn(service("a"), given)).toMatchObject({
      offers: [
        { peer: "both", kind: "not-named", policies: ["all"] },
        { peer: "eth", kind: "not-named", policies: ["all"] },
        { peer: "v4", kind: "offered", prefixes: ["10.100.0.1/32"] },
        { peer: "v6", kind: "family-not-carried", families: ["ipv4"] },
      ],
    });
  });

  test("prefixes are in order of their value", () => {
    const services = ["10.100.0.9", "10.100.0.10", "fd00::a", "fd00::9"].map((ip, i) =>
      service(`s${i}`, { has: [ip] }),
    );
    expect(told(services, { peers: [peer("eth", "eth0")] })).toEqual([
      "eth: 10.100.0.9/32 10.100.0.10/32 fd00::9/128 fd00::a/128",
    ]);
  });

  test("one router for each VRF, with peers that have nothing to be told too", () => {
    const given = {
      peers: [peer("b", "10.0.0.1", { vrf: "red" }), peer("a", "10.0.0.1", { routerID: address("1.1.1.1") })],
    };
    expect(run([], given).desired.routers).toMatchObject([
      { vrf: "", myASN: 64513, routerID: "1.1.1.1", peers: [{ peer: { name: "a" }, paths: [] }] },
      { vrf: "red", myASN: 64513, peers: [{ peer: { name: "b" }, paths: [] }] },
    ]);
  });

  test("two addresses from two pools are each announced as their own pool's policies say", () => {
    const given = {
      pools: [pool("p4", ["10.100.0.0/24"]), pool("p6", ["fd00::/64"])],
      peers: [peer("eth", "eth0")],
      bgpAdvertisements: [advertisement("x", { pools: ["p4"] })],
    };
    expect(decisionOn(dual, given)).toMatchObject({
      kind: "announced",
      addresses: ["10.100.0.1"],
      withheld: [{ address: "fd00::1", reason: "notOwner" }],
    });
  });
});

describe("paths (frr-config.md §4.1)", () => {
  const pathsOf = (services: readonly Service[], bgpAdvertisements: Config["bgpAdvertisements"]) =>
    run(services, { bgpAdvertisements }).desired.routers[0]?.peers[0]?.paths;

  test("one prefix of several policies has the union of their communities", () => {
    const a = advertisement("a", { communities: std("65000:2", "65000:10"), largeCommunities: large("1:2:3") });
    const b = advertisement("b", { communities: std("65000:2", "100:1"), localPref: 50 });
    expect(pathsOf([service("s")], [a, b])).toEqual([
      {
        prefix: "10.100.0.1/32",
        attributes: {
          localPref: 50,
          asPathPrepend: 0,
          communities: ["100:1", "65000:2", "65000:10"],
          largeCommunities: ["1:2:3"],
        },
        services: ["default/s"],
      },
    ]);
  });

  test("should two local preferences ever meet, the higher one wins", () => {
    const both = [advertisement("a", { localPref: 50 }), advertisement("b", { localPref: 100 })];
    expect(pathsOf([service("s")], both)?.[0]?.attributes.localPref).toBe(100);
  });

  test("the most prepending and the lowest MED that is set win, whatever the order", () => {
    const both = [
      advertisement("a", { asPathPrepend: 1, med: 20 }),
      advertisement("b", { asPathPrepend: 3, med: 5 }),
      advertisement("c"),
    ];
    const expected = { asPathPrepend: 3, med: 5 };
    expect(pathsOf([service("s")], both)?.[0]?.attributes).toMatchObject(expected);
    expect(pathsOf([service("s")], both.toReversed())?.[0]?.attributes).toMatchObject(expected);
  });

  test("a MED of 0 is set, one that is absent isn't", () => {
    expect(pathsOf([service("s")], [advertisement("a", { med: 0 })])?.[0]?.attributes.med).toBe(0);
    expect(pathsOf([service("s")], [advertisement("a")])?.[0]?.attributes).not.toHaveProperty("med");
  });

  test("Services in one aggregate make one path, which names them all", () => {
    const services = [service("b", { has: ["10.100.0.2"] }), service("a")];
    expect(pathsOf(services, [advertisement("a", { aggregationLength: 24 })])).toMatchObject([
      { prefix: "10.100.0.0/24", services: ["default/a", "default/b"] },
    ]);
  });

  test("different aggregation lengths make different paths with attributes of their own", () => {
    const ads = [advertisement("a", { aggregationLength: 24, communities: std("1:1") }), advertisement("b")];
    expect(pathsOf([service("s")], ads)).toMatchObject([
      { prefix: "10.100.0.0/24", attributes: { communities: ["1:1"] } },
      { prefix: "10.100.0.1/32", attributes: { communities: [] } },
    ]);
  });

  test("attributes of one prefix may differ between peers", () => {
    const given = {
      peers: [peer("x", "10.0.0.1"), peer("y", "10.0.0.2")],
      bgpAdvertisements: [advertisement("all"), advertisement("just-x", { peers: ["x"], communities: std("1:1") })],
    };
    const [x, y] = run([service("s")], given).desired.routers[0]?.peers ?? [];
    expect(x?.paths[0]?.attributes.communities).toEqual(["1:1"]);
    expect(y?.paths[0]?.attributes.communities).toEqual([]);
  });
});

test("shuffled input gives equal output", () => {
  const given: Config = config({
    peers: [peer("x", "10.0.0.1"), peer("y", "fd01::1"), peer("z", "eth0", { vrf: "red" })],
    bgpAdvertisements: [
      advertisement("a", { aggregationLength: 24, communities: std("1:1") }),
      advertisement("b", { peers: ["x"], localPref: 7 }),
    ],
  });
  const services = Array.from({ length: 8 }, (_, i) => service(`s${i}`, { has: [`10.100.0.${i}`, `fd00::${i % 3}`] }));
  const whole = <T>(items: readonly T[]) => fc.shuffledSubarray([...items], { minLength: items.length });
  const inputs = fc.record({
    services: whole(services),
    peers: whole(given.peers),
    bgpAdvertisements: whole(given.bgpAdvertisements),
  });
  const expected = run(services, given);
  fc.assert(
    fc.property(inputs, ({ services: shuffled, ...rest }) => {
      expect(run(shuffled, { ...given, ...rest })).toEqual(expected);
    }),
  );
});
