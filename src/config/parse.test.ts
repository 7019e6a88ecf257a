import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  bfdProfile,
  bgpAdvertisement,
  community,
  l2Advertisement,
  namespaced,
  node,
  passwordSecret,
  peer,
  pool,
  snapshot,
} from "../../tests/objects.ts";
import type { Snapshot } from "../api/snapshot.ts";
import { parseConfig } from "./parse.ts";

const nodes = [node("node-1", { rack: "1" }), node("node-2", { rack: "2" })];
const guide = snapshot({
  nodes,
  pools: [pool("bgp-pool", { addresses: ["10.100.0.0/24"] })],
  peers: [peer("upstream-router", { bfdProfile: "fast-detect" })],
  bfdProfiles: [
    bfdProfile("fast-detect", { receiveInterval: 300, transmitInterval: 300, detectMultiplier: 3, echoMode: true }),
  ],
  bgpAdvertisements: [bgpAdvertisement("bgp-adv", { ipAddressPools: ["bgp-pool"], communities: ["64512:100"] })],
});

const speaker = (world: Partial<Snapshot>, lastGood?: ReturnType<typeof parseConfig>["config"]) =>
  parseConfig(snapshot({ nodes, ...world }), { node: "node-1", ...(lastGood && { lastGood }) });

const controller = (world: Partial<Snapshot>, lastGood?: ReturnType<typeof parseConfig>["config"]) =>
  parseConfig(snapshot(world), { node: undefined, ...(lastGood && { lastGood }) });

const fields = ({ problems }: ReturnType<typeof parseConfig>): readonly string[] =>
  problems.map(({ object, field, reason }) => `${object.name} ${field} ${reason}`);

const only = <T>(items: readonly T[]): T => {
  expect(items).toHaveLength(1);
  return items[0] as T;
};

describe("an administrator's own lines for FRR", () => {
  const configMap = (name: string, data: Record<string, string>) => ({
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name, namespace: "metallb-system" },
    data,
  });

  test("are the key `extras` of ConfigMap bgpextras, as it stands", () => {
    const { config, problems } = speaker({ configMaps: [configMap("bgpextras", { extras: " a\n", other: "b" })] });
    expect(problems).toEqual([]);
    expect(config.extras).toEqual({ ref: expect.objectContaining({ name: "bgpextras" }) as object, text: " a\n" });
  });

  test.each([
    ["another ConfigMap", configMap("other", { extras: "a" })],
    ["another key", configMap("bgpextras", { other: "a" })],
    ["blanks", configMap("bgpextras", { extras: " \n" })],
  ])("%s is none", (_, one) => {
    expect(speaker({ configMaps: [one] }).config).not.toHaveProperty("extras");
  });
});

describe("the guide", () => {
  test("has no problem and means what it says", () => {
    const { config, problems } = parseConfig(guide, { node: "node-1" });
    expect(problems).toEqual([]);
    expect(only(config.peers)).toMatchObject({
      name: "upstream-router",
      myASN: 64513,
      remote: { kind: "asn", asn: 64512 },
      endpoint: { kind: "address", address: "10.0.0.1" },
      peerPort: 179,
      bfdProfile: "fast-detect",
      vrf: "",
      enableGracefulRestart: false,
      ebgpMultiHop: false,
      dualStackAddressFamily: false,
    });
    expect(only(config.peers)).not.toHaveProperty("timers");
    expect(only(config.pools)).toMatchObject({
      name: "bgp-pool",
      autoAssign: true,
      avoidBuggyIPs: false,
      families: ["ipv4"],
    });
    expect(only(config.bgpAdvertisements)).toMatchObject({
      pools: ["bgp-pool"],
      peers: undefined,
      nodes: ["node-1"],
      communities: ["64512:100"],
      largeCommunities: [],
      localPref: 0,
      aggregationLength: 32,
      aggregationLengthV6: 128,
    });
  });

  test("is the controller's pools only", () => {
    const { config } = parseConfig(guide, { node: undefined });
    expect(config.pools).toHaveLength(1);
    expect([config.peers, config.bgpAdvertisements, config.bfdProfiles].flat()).toEqual([]);
  });
});

describe("pools", () => {
  const refused: readonly [string, Parameters<typeof pool>[1], string, RegExp][] = [
    ["no addresses", { addresses: [] }, "p spec.addresses Required", /no prefixes defined/],
    ["a single address", { addresses: ["10.0.0.1"] }, "p spec.addresses[0] Invalid", /invalid CIDR.*10\.0\.0\.1\/32/],
    [
      "a wrong CIDR",
      { addresses: ["10.0.0.0/33"] },
      "p spec.addresses[0] Invalid",
      /"10\.0\.0\.0\/33" is an invalid CIDR; write/,
    ],
    [
      "a range that ends before it starts",
      { addresses: ["10.0.0.9-10.0.0.1"] },
      "p spec.addresses[0] Invalid",
      /start IP 10\.0\.0\.9 is after the end IP 10\.0\.0\.1/,
    ],
    ["a range of two families", { addresses: ["10.0.0.9-fd00::1"] }, "p spec.addresses[0] Invalid", /two families/],
    [
      "an overlap in itself",
      { addresses: ["10.0.0.0/24", "10.0.0.9-10.0.0.10"] },
      "p spec.addresses[1] Overlap",
      /overlaps with already defined CIDR "10\.0\.0\.0\/24" of this pool/,
    ],
    [
      "a namespace twice",
      { addresses: ["10.0.0.0/24"], serviceAllocation: { namespaces: ["a", "a"] } },
      "p spec.serviceAllocation.namespaces[1] Duplicate",
      /duplicate definition of namespaces/,
    ],
    [
      "a selector twice",
      {
        addresses: ["10.0.0.0/24"],
        serviceAllocation: { serviceSelectors: [{ matchLabels: { a: "b" } }, { matchLabels: { a: "b" } }] },
      },
      "p spec.serviceAllocation.serviceSelectors[1] Duplicate",
      /duplicate definition of serviceSelectors/,
    ],
    [
      "a wrong operator",
      {
        addresses: ["10.0.0.0/24"],
        serviceAllocation: { namespaceSelectors: [{ matchExpressions: [{ key: "a", operator: "Is" }] }] },
      },
      "p spec.serviceAllocation.namespaceSelectors[0].matchExpressions[0].operator NotSupported",
      /In, NotIn, Exists or DoesNotExist/,
    ],
  ];

  test.each(refused)("%s: refused, with the words for it", (_, spec, field, words) => {
    const result = controller({ pools: [pool("p", spec), pool("other", { addresses: ["10.9.0.0/24"] })] });
    expect(fields(result)).toEqual([field]);
    expect(result.problems[0]?.message).toMatch(words);
    expect(result.problems[0]?.message).toMatch(/^IPAddressPool p: spec\./);
    expect(result.config.pools.map(({ name }) => name)).toEqual(["other"]);
    expect(result.config.refusedPools).toEqual(["p"]);
  });

  test("one that has a good value of before is not among the refused, nor is one that is gone", () => {
    const before = controller({ pools: [pool("p", { addresses: ["10.0.0.0/24"] })] }).config;
    const wrong = [pool("p", { addresses: ["10.0.0.0/33"] })];
    expect(controller({ pools: wrong }, before).config).not.toHaveProperty("refusedPools");
    expect(controller({ pools: [] }, before).config).not.toHaveProperty("refusedPools");
  });

  test("all that is wrong is said, not only the first", () => {
    const result = controller({
      pools: [pool("p", { addresses: ["x", "10.0.0.9-10.0.0.1"], serviceAllocation: { namespaces: ["a", "a"] } })],
    });
    expect(result.problems).toHaveLength(3);
  });

  test("host bits are cleared, ranges are covered, order is kept", () => {
    const entries = only(
      controller({ pools: [pool("p", { addresses: ["10.0.1.7/30", "10.0.0.1-10.0.0.4"] })] }).config.pools,
    ).entries;
    expect(entries.map(({ prefixes }) => prefixes)).toEqual([
      ["10.0.1.4/30"],
      ["10.0.0.1/32", "10.0.0.2/31", "10.0.0.4/32"],
    ]);
  });

  test("of two that overlap the older stays, whatever its name", () => {
    const older = pool("z", { addresses: ["10.0.0.0/24"] }, { creationTimestamp: "2026-01-01T00:00:00Z" });
    const newer = pool("a", { addresses: ["10.0.0.128/25"] }, { creationTimestamp: "2026-02-01T00:00:00Z" });
    const result = controller({ pools: [newer, older] });
    expect(fields(result)).toEqual(["a spec.addresses[0] Overlap"]);
    expect(only(result.config.pools).name).toBe("z");
  });

  test("namespaces: names and labels, none when none matches, every one when none is asked for", () => {
    const namespaces = [namespaced("a", { team: "x" }), namespaced("b", { team: "x" }), namespaced("c")];
    const allocation = (serviceAllocation: object, addresses: string) =>
      pool(addresses, { addresses: [`${addresses}/32`], serviceAllocation });
    const { config, problems } = controller({
      namespaces,
      pools: [
        allocation({ namespaces: ["c", "later"], namespaceSelectors: [{ matchLabels: { team: "x" } }] }, "10.0.0.1"),
        allocation({ namespaceSelectors: [{ matchLabels: { team: "nobody" } }] }, "10.0.0.2"),
        allocation({ priority: 7 }, "10.0.0.3"),
      ],
    });
    expect(config.pools.map((one) => one.allocation)).toEqual([
      { priority: 0, namespaces: ["a", "b", "c", "later"], serviceSelectors: [] },
      { priority: 0, namespaces: [], serviceSelectors: [] },
      { priority: 7, namespaces: undefined, serviceSelectors: [] },
    ]);
    expect(problems.map(({ severity, field }) => [severity, field])).toEqual([
      ["warning", "spec.serviceAllocation.namespaceSelectors[0]"],
    ]);
  });
});

describe("a single peer", () => {
  const refused: readonly [string, Parameters<typeof peer>[1], string, RegExp][] = [
    ["myASN 0", { myASN: 0 }, "spec.myASN Required", /is required/],
    ["neither peerASN nor dynamicASN", { peerASN: 0 }, "spec.peerASN Required", /set exactly one/],
    ["both peerASN and dynamicASN", { dynamicASN: "internal" }, "spec.dynamicASN Conflict", /only one/],
    ["an AS number that is too large", { peerASN: 4294967296 }, "spec.peerASN OutOfRange", /from 1 to 4294967295/],
    ["iBGP over more than one hop", { peerASN: 64513, ebgpMultiHop: true }, "spec.ebgpMultiHop Conflict", /iBGP/],
    ["neither address nor interface", { peerAddress: "" }, "spec.peerAddress Required", /interface/],
    ["both address and interface", { interface: "eth0" }, "spec.interface Conflict", /peerAddress/],
    [
      "a wrong address",
      { peerAddress: "10.0.0.300" },
      "spec.peerAddress Invalid",
      /"10\.0\.0\.300" is not an IP address; write an IPv4/,
    ],
    ["an IPv6 router ID", { routerID: "fd00::1" }, "spec.routerID Invalid", /IPv4/],
    ["a wrong source", { sourceAddress: "eth0" }, "spec.sourceAddress Invalid", /not an IP address/],
    ["a hold time of 2s", { holdTime: "2s" }, "spec.holdTime OutOfRange", /must be 0 or >=3s/],
    ["a keepalive of 500ms alone", { keepaliveTime: "500ms" }, "spec.holdTime OutOfRange", /three times keepaliveTime/],
    ["a hold time that no OPEN can carry", { holdTime: "24h" }, "spec.holdTime OutOfRange", /65535s/],
    [
      "a keepalive longer than the hold time",
      { holdTime: "9s", keepaliveTime: "10s" },
      "spec.keepaliveTime Conflict",
      /must be lower than holdTime/,
    ],
    ["no duration", { holdTime: "90" }, "spec.holdTime Invalid", /"90" is not a duration/],
    ["half a second of connect time", { connectTime: "1500ms" }, "spec.connectTime Invalid", /whole number of seconds/],
    ["a port that the schema has not", { peerPort: 0 }, "spec.peerPort OutOfRange", /from 1 to 16384/],
    ["a VRF with a command in it", { vrf: "red\n router bgp 1" }, "spec.vrf Invalid", /name of a VRF/],
    ["a profile that does not exist", { bfdProfile: "none" }, "spec.bfdProfile NotFound", /create it/],
    ["a Secret that does not exist", { passwordSecret: { name: "none" } }, "spec.passwordSecret NotFound", /create it/],
    [
      "a password and a Secret",
      { password: "x", passwordSecret: { name: "good" } },
      "spec.passwordSecret.name Conflict",
      /only one/,
    ],
    [
      "a selector that can't be read",
      { nodeSelectors: [{ matchExpressions: [{ key: "rack", operator: "In" }] }] },
      "spec.nodeSelectors[0].matchExpressions[0].values Required",
      /In needs a value/,
    ],
  ];
  const good = peer("good", { peerAddress: "10.0.0.9" });

  test.each(refused)("%s: refused, with the words for it", (_, spec, field, words) => {
    const secrets = [passwordSecret("good", "s3cret")];
    const result = speaker({ secrets, peers: [peer("bad", spec), good] });
    expect(fields(result)).toEqual([`bad ${field}`]);
    expect(result.problems[0]?.message).toMatch(words);
    expect(result.config.peers.map(({ name }) => name)).toEqual(["good"]);
  });

  const timers: readonly [Parameters<typeof peer>[1], object | undefined][] = [
    [{}, undefined],
    [{ holdTime: "90s" }, { holdTimeSeconds: 90, keepaliveSeconds: 30 }],
    [{ keepaliveTime: "10s" }, { holdTimeSeconds: 30, keepaliveSeconds: 10 }],
    [
      { holdTime: "0s", keepaliveTime: "0s" },
      { holdTimeSeconds: 0, keepaliveSeconds: 0 },
    ],
    [{ holdTime: "500ms" }, { holdTimeSeconds: 0, keepaliveSeconds: 0 }],
  ];
  test.each(timers)("timers %j", (spec, expected) => {
    expect(only(speaker({ peers: [peer("p", spec)] }).config.peers).timers).toEqual(expected);
  });

  test("a peer in full passes through under the names of its fields", () => {
    const spec = {
      localASN: 65000,
      sourceAddress: "10.0.0.2",
      peerPort: 1179,
      connectTime: "30s",
      routerID: "1.1.1.1",
      password: "pw",
      vrf: "red",
      ebgpMultiHop: true,
      enableGracefulRestart: true,
      dualStackAddressFamily: true,
    };
    const { config, problems } = speaker({ peers: [peer("p", spec)] });
    expect(problems).toEqual([]);
    const { connectTime, ...same } = spec;
    expect(only(config.peers)).toMatchObject({ ...same, connectTimeSeconds: Number.parseInt(connectTime, 10) });
    expect(only(config.peers)).not.toHaveProperty("disableMP");
  });

  test("disableMP is only warned about", () => {
    const { config, problems } = speaker({ peers: [peer("p", { disableMP: true })] });
    expect(config.peers).toHaveLength(1);
    expect(problems).toMatchObject([{ severity: "warning", reason: "Deprecated", field: "spec.disableMP" }]);
  });

  test("the Secret's password is the peer's, and no problem ever repeats it", () => {
    const secrets = [
      passwordSecret("good", "s3cret"),
      passwordSecret("broken", "s3cret with blanks"),
      passwordSecret("opaque", "s3cret", { type: "Opaque" }),
      passwordSecret("empty", "", { data: {} }),
    ];
    const using = (name: string, i: number) => peer(name, { peerAddress: `10.0.0.${i + 1}`, passwordSecret: { name } });
    const result = speaker({ secrets, peers: ["good", "broken", "opaque", "empty"].map(using) });
    expect(only(result.config.peers)).toMatchObject({ name: "good", password: "s3cret" });
    expect(fields(result)).toEqual([
      "broken spec.passwordSecret Invalid",
      "empty spec.passwordSecret Required",
      "opaque spec.passwordSecret Invalid",
    ]);
    expect(JSON.stringify(result.problems)).not.toContain("s3cret");
  });
});

describe("peers of one node", () => {
  test.each([
    ["another router ID", { routerID: "1.1.1.1" }, "b spec.routerID Conflict"],
    [
      "the same address, though on another port",
      { peerAddress: "10.0.0.1", peerPort: 1179 },
      "b spec.peerAddress Duplicate",
    ],
    ["the same address in other words", { peerAddress: "::ffff:10.0.0.1" }, "b spec.peerAddress Duplicate"],
    ["another myASN in the VRF", { myASN: 64999 }, "b spec.myASN Conflict"],
  ])("%s: the later one is refused", (_, spec, field) => {
    const result = speaker({ peers: [peer("a"), peer("b", { peerAddress: "10.0.0.2", ...spec })] });
    expect(fields(result)).toEqual([field]);
    expect(only(result.config.peers).name).toBe("a");
  });

  test("VRFs are worlds of their own, but for the router ID", () => {
    const result = speaker({ peers: [peer("a"), peer("b", { vrf: "red", myASN: 64999 })] });
    expect(result.problems).toEqual([]);
  });

  test("FRR's default VRF is none", () => {
    const result = speaker({ peers: [peer("a"), peer("b", { vrf: "default" })] });
    expect(fields(result)).toEqual(["b spec.peerAddress Duplicate"]);
  });

  test("a peer of another node never matters here, however wrong it is", () => {
    const elsewhere = { nodeSelectors: [{ matchLabels: { rack: "2" } }] };
    const result = speaker({ peers: [peer("a", { ...elsewhere, myASN: 0, peerAddress: "x" }), peer("b")] });
    expect(result.problems).toEqual([]);
    expect(only(result.config.peers).name).toBe("b");
  });

  test("a peer of no node at all is worth a word", () => {
    const result = speaker({ peers: [peer("a", { nodeSelectors: [{ matchLabels: { rack: "9" } }] })] });
    expect(result.problems).toMatchObject([
      { severity: "warning", reason: "MatchesNothing", field: "spec.nodeSelectors" },
    ]);
  });
});

describe("advertisements", () => {
  const pools = [
    pool("v4", { addresses: ["10.0.0.0/24"] }, { labels: { tier: "gold" } }),
    pool("v6", { addresses: ["fd00::/120"] }),
  ];

  const refused: readonly [string, Parameters<typeof bgpAdvertisement>[1], string][] = [
    ["a pool twice", { ipAddressPools: ["v4", "v4"] }, "bad spec.ipAddressPools[1] Duplicate"],
    ["a peer twice", { peers: ["a", "a"] }, "bad spec.peers[1] Duplicate"],
    ["a community twice", { communities: ["1:1", "1:1"] }, "bad spec.communities[1] Duplicate"],
    ["an unknown alias", { communities: ["no-such"] }, "bad spec.communities[0] NotFound"],
    ["a well-known name", { communities: ["no-export"] }, "bad spec.communities[0] NotFound"],
    ["a community out of range", { communities: ["65536:1"] }, "bad spec.communities[0] Invalid"],
    ["a length over 32", { aggregationLength: 33 }, "bad spec.aggregationLength OutOfRange"],
    ["a length over 128", { aggregationLengthV6: 129 }, "bad spec.aggregationLengthV6 OutOfRange"],
    [
      "selectors with aggregation",
      { serviceSelectors: [{}], aggregationLength: 24 },
      "bad spec.serviceSelectors Conflict",
    ],
    ["a selector twice", { ipAddressPoolSelectors: [{}, {}] }, "bad spec.ipAddressPoolSelectors[1] Duplicate"],
    ["a negative preference", { localPref: -1 }, "bad spec.localPref OutOfRange"],
  ];
  test.each(refused)("%s: refused, the others stay", (_, spec, field) => {
    const result = speaker({
      pools,
      peers: [peer("a")],
      bgpAdvertisements: [bgpAdvertisement("bad", spec), bgpAdvertisement("good")],
    });
    expect(fields(result)).toEqual([field]);
    expect(only(result.config.bgpAdvertisements).name).toBe("good");
  });

  test.each<[Parameters<typeof bgpAdvertisement>[1], readonly string[]]>([
    [{}, ["v4", "v6"]],
    [{ ipAddressPools: ["v6"] }, ["v6"]],
    [{ ipAddressPools: ["v6"], ipAddressPoolSelectors: [{ matchLabels: { tier: "gold" } }] }, ["v4", "v6"]],
    [{ ipAddressPoolSelectors: [{ matchLabels: { tier: "tin" } }] }, []],
  ])("%j selects pools %j", (spec, expected) => {
    expect(
      only(speaker({ pools, bgpAdvertisements: [bgpAdvertisement("a", spec)] }).config.bgpAdvertisements).pools,
    ).toEqual(expected);
  });

  test("names that match nothing are warned about and left out", () => {
    const result = speaker({
      pools,
      peers: [peer("a")],
      bgpAdvertisements: [bgpAdvertisement("x", { ipAddressPools: ["v4", "gone"], peers: ["gone"] })],
    });
    expect(result.problems.map(({ severity, field }) => `${severity} ${field}`)).toEqual([
      "warning spec.ipAddressPools[1]",
      "warning spec.peers",
      "warning spec.peers[0]",
    ]);
    expect(only(result.config.bgpAdvertisements)).toMatchObject({ pools: ["v4"], peers: [] });
  });

  test("aliases and literals, sorted as numbers, each once", () => {
    const communities = [community("c", { vpn: "64512:9", big: "large:64512:10:2" })];
    const spec = { communities: ["64512:100", "vpn", "64512:9", "large:64512:9:2", "big"] };
    expect(
      only(speaker({ communities, bgpAdvertisements: [bgpAdvertisement("a", spec)] }).config.bgpAdvertisements),
    ).toMatchObject({
      communities: ["64512:9", "64512:100"],
      largeCommunities: ["64512:9:2", "64512:10:2"],
    });
  });

  test("an aggregate that a pool can't fill costs that pool only", () => {
    const result = speaker({
      pools: [...pools, pool("small", { addresses: ["10.1.0.0/28"] })],
      peers: [peer("p")],
      bgpAdvertisements: [bgpAdvertisement("a", { aggregationLength: 24 })],
    });
    expect(fields(result)).toEqual(["a spec.aggregationLength OutOfRange"]);
    expect(result.problems[0]?.message).toContain("invalid aggregation length for pool small: prefix 28");
    expect(only(result.config.bgpAdvertisements).pools).toEqual(["v4", "v6"]);
  });

  test("a range is judged by its shortest prefix", () => {
    const range = [pool("r", { addresses: ["192.168.10.0-192.168.10.150"] })];
    const poolsFor = (aggregationLength: number) =>
      only(
        speaker({ pools: range, bgpAdvertisements: [bgpAdvertisement("a", { aggregationLength })] }).config
          .bgpAdvertisements,
      ).pools;
    expect([poolsFor(25), poolsFor(24)]).toEqual([["r"], []]);
  });

  const preferences: readonly [string, Parameters<typeof bgpAdvertisement>[1], boolean][] = [
    ["another preference", { localPref: 200 }, true],
    ["the same preference", { localPref: 100 }, false],
    ["another length, of the family that the pool has", { localPref: 200, aggregationLength: 24 }, false],
    ["another length, of the family that the pool has not", { localPref: 200, aggregationLengthV6: 64 }, true],
    ["other peers", { localPref: 200, peers: ["b"] }, false],
    ["service selectors", { localPref: 200, serviceSelectors: [{}] }, false],
    ["another node", { localPref: 200, nodeSelectors: [{ matchLabels: { rack: "2" } }] }, false],
  ];
  test.each(preferences)("on a common pool, %s: conflict %j", (_, spec, conflict) => {
    const first = bgpAdvertisement("1", { ipAddressPools: ["v4"], localPref: 100, peers: ["a"] });
    const second = bgpAdvertisement("2", { ipAddressPools: ["v4"], peers: ["a"], ...spec });
    const result = speaker({
      pools,
      peers: [peer("a"), peer("b", { peerAddress: "10.0.0.2" })],
      bgpAdvertisements: [first, second],
    });
    expect(fields(result)).toEqual(conflict ? ["2 spec.localPref Conflict"] : []);
  });

  test("BFD echo and IPv6 don't go together, which costs the IPv6 pool only", () => {
    const result = parseConfig({ ...guide, pools, bgpAdvertisements: [bgpAdvertisement("a")] }, { node: "node-1" });
    expect(fields(result)).toEqual(["a spec.peers Conflict"]);
    expect(only(result.config.bgpAdvertisements).pools).toEqual(["v4"]);
  });

  test("layer 2: every node is seen, interfaces have a grammar", () => {
    const l2Advertisements = [
      l2Advertisement("bad", { interfaces: ["eth0; reboot"] }),
      l2Advertisement("good", { interfaces: ["eth0"], nodeSelectors: [{ matchLabels: { rack: "2" } }] }),
    ];
    const result = speaker({ pools, l2Advertisements });
    expect(fields(result)).toEqual(["bad spec.interfaces[0] Invalid", "good spec NotSupported"]);
    expect(only(result.config.l2Advertisements)).toMatchObject({
      pools: ["v4", "v6"],
      nodes: ["node-2"],
      interfaces: ["eth0"],
    });
  });
});

describe("communities and BFD profiles", () => {
  const pools = [pool("p", { addresses: ["10.0.0.0/28"] })];

  test("a wrong alias costs itself only", () => {
    const communities = [community("c", { good: "1:1", bad: "1:2:3", worse: "70000:1" })];
    const result = speaker({
      pools,
      peers: [peer("p")],
      communities,
      bgpAdvertisements: [bgpAdvertisement("a", { communities: ["good"] })],
    });
    expect(fields(result)).toEqual(["c spec.communities[1].value Invalid", "c spec.communities[2].value Invalid"]);
    expect(only(result.config.bgpAdvertisements).communities).toEqual(["1:1"]);
  });

  test("of two aliases of one name the older object's counts", () => {
    const communities = [
      community("a", { x: "1:1" }, { creationTimestamp: "2026-02-01T00:00:00Z" }),
      community("b", { x: "1:2" }, { creationTimestamp: "2026-01-01T00:00:00Z" }),
    ];
    const result = speaker({
      pools,
      peers: [peer("p")],
      communities,
      bgpAdvertisements: [bgpAdvertisement("adv", { communities: ["x"] })],
    });
    expect(fields(result)).toEqual(["a spec.communities[0].name Duplicate"]);
    expect(only(result.config.bgpAdvertisements).communities).toEqual(["1:2"]);
  });

  test.each([
    [{ detectMultiplier: 1 }, "spec.detectMultiplier"],
    [{ receiveInterval: 9 }, "spec.receiveInterval"],
    [{ transmitInterval: 60001 }, "spec.transmitInterval"],
    [{ echoInterval: 0 }, "spec.echoInterval"],
    [{ minimumTtl: 255 }, "spec.minimumTtl"],
  ])("%j is out of range, and so is without its peer", (spec, field) => {
    const result = speaker({ bfdProfiles: [bfdProfile("f", spec)], peers: [peer("p", { bfdProfile: "f" })] });
    expect(fields(result)).toEqual([`f ${field} OutOfRange`, "p spec.bfdProfile NotFound"]);
    expect(result.config).toMatchObject({ peers: [], bfdProfiles: [] });
  });

  test("FRR's names of profiles are shorter than Kubernetes'", () => {
    expect(fields(speaker({ bfdProfiles: [bfdProfile("x".repeat(64))] }))).toEqual([
      `${"x".repeat(64)} metadata.name Invalid`,
    ]);
  });
});

describe("what was good stays", () => {
  const { config: good } = parseConfig(guide, { node: "node-1" });
  const after = (world: Partial<Snapshot>) => parseConfig({ ...guide, ...world }, { node: "node-1", lastGood: good });

  test.each<[string, Partial<Snapshot>]>([
    ["a pool", { pools: [pool("bgp-pool", { addresses: ["10.100.0.0/33"] })] }],
    ["a peer", { peers: [peer("upstream-router", { peerAddress: "nonsense", bfdProfile: "fast-detect" })] }],
    ["a peer whose profile is gone", { bfdProfiles: [] }],
    [
      "a peer whose Secret is not there",
      { peers: [peer("upstream-router", { bfdProfile: "fast-detect", passwordSecret: { name: "x" } })] },
    ],
    ["a BFD profile", { bfdProfiles: [bfdProfile("fast-detect", { detectMultiplier: 0 })] }],
    [
      "an advertisement",
      { bgpAdvertisements: [bgpAdvertisement("bgp-adv", { ipAddressPools: ["bgp-pool"], communities: ["?"] })] },
    ],
    [
      "an advertisement whose new length its pool can't fill",
      { bgpAdvertisements: [bgpAdvertisement("bgp-adv", { ipAddressPools: ["bgp-pool"], aggregationLength: 20 })] },
    ],
  ])("%s edited into something wrong keeps its last good value and says so", (_, world) => {
    const result = after(world);
    expect(result.config).toEqual(good);
    expect(only(result.problems).message).toContain("its last good value stays in force");
  });

  describe("an advertisement that others break goes on for the pools that it was good for, and says so", () => {
    const dual = [pool("p", { addresses: ["10.0.0.0/24", "fd00::/120"] })];
    const whole: Partial<Snapshot> = {
      pools: dual,
      peers: [peer("a", { bfdProfile: "f" })],
      bfdProfiles: [bfdProfile("f"), bfdProfile("echo", { echoMode: true })],
      bgpAdvertisements: [bgpAdvertisement("adv", { aggregationLength: 24 })],
    };
    const before = speaker(whole);

    test.each<[string, Partial<Snapshot>]>([
      ["echo mode in a BFDProfile", { bfdProfiles: [bfdProfile("f", { echoMode: true })] }],
      [
        "a new peer with echo mode",
        { peers: [...(whole.peers ?? []), peer("b", { peerAddress: "10.0.0.2", bfdProfile: "echo" })] },
      ],
      ["a narrower pool", { pools: [pool("p", { addresses: ["10.0.0.0/25", "fd00::/120"] })] }],
    ])("%s", (_, edit) => {
      expect(before.problems).toEqual([]);
      const result = speaker({ ...whole, ...edit }, before.config);
      expect(result.config.bgpAdvertisements).toEqual(before.config.bgpAdvertisements);
      expect(only(result.problems).message).toContain("its last good value stays in force");
      const later = speaker({ ...whole, ...edit }, result.config);
      expect(later).toEqual(result);
    });

    test("a second family in a pool, on which two advertisements don't agree", () => {
      const two = [
        bgpAdvertisement("hosts", { localPref: 100 }),
        bgpAdvertisement("nets", { localPref: 200, aggregationLength: 24 }),
      ];
      const good = speaker({
        ...whole,
        pools: [pool("p", { addresses: ["10.0.0.0/24"] })],
        bgpAdvertisements: two,
      }).config;
      const result = speaker({ ...whole, bgpAdvertisements: two }, good);
      expect(result.config.bgpAdvertisements).toEqual(good.bgpAdvertisements);
      expect(fields(result)).toEqual(["nets spec.localPref Conflict"]);
    });
  });

  test("of two advertisements that are edited into each other's way the younger loses the pool", () => {
    const adv = (name: string, localPref: number) => bgpAdvertisement(name, { localPref });
    const pools = [pool("p", { addresses: ["10.0.0.0/24"] })];
    const good = speaker({ pools, bgpAdvertisements: [adv("a", 100), adv("b", 100)] }).config;
    const result = speaker({ pools, bgpAdvertisements: [adv("a", 200), adv("b", 150)] }, good);
    expect(result.config.bgpAdvertisements.map(({ name, pools: of }) => [name, of])).toEqual([
      ["a", ["p"]],
      ["b", []],
    ]);
  });

  test("a bad newcomer changes nothing", () => {
    const result = after({
      pools: [...guide.pools, pool("a", { addresses: ["10.100.0.0/16"] })],
      peers: [...guide.peers, peer("a", { myASN: 1 })],
      bgpAdvertisements: [...guide.bgpAdvertisements, bgpAdvertisement("a", { localPref: 7 })],
    });
    expect(result.config.pools).toEqual(good.pools);
    expect(result.config.peers).toEqual(good.peers);
    expect(result.config.bgpAdvertisements.map(({ name, pools }) => [name, pools])).toEqual([
      ["a", []],
      ["bgp-adv", ["bgp-pool"]],
    ]);
  });

  test("what is deleted goes", () => {
    expect(after({ pools: [], peers: [], bgpAdvertisements: [], bfdProfiles: [] }).config.peers).toEqual([]);
  });

  test("two pools that swap their addresses may", () => {
    const before = controller({
      pools: [pool("a", { addresses: ["10.0.0.0/24"] }), pool("b", { addresses: ["10.0.1.0/24"] })],
    }).config;
    const result = controller(
      { pools: [pool("a", { addresses: ["10.0.1.0/24"] }), pool("b", { addresses: ["10.0.0.0/24"] })] },
      before,
    );
    expect(result.problems).toEqual([]);
    expect(result.config.pools.map(({ entries }) => entries[0]?.text)).toEqual(["10.0.1.0/24", "10.0.0.0/24"]);
  });

  test("a newcomer can't take what an edited pool falls back to", () => {
    const before = controller({ pools: [pool("a", { addresses: ["10.0.0.0/24"] })] }).config;
    const result = controller(
      { pools: [pool("a", { addresses: ["oops"] }), pool("new", { addresses: ["10.0.0.0/25"] })] },
      before,
    );
    expect(result.config.pools.map(({ name }) => name)).toEqual(["a"]);
    expect(fields(result)).toEqual(["a spec.addresses[0] Invalid", "new spec.addresses[0] Overlap"]);
  });
});

describe("for any input", () => {
  const text = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.constantFrom("a", "10.0.0.1", "10.0.0.1-10.0.0.9", "10.0.0.0/24", "eth0", "90s", "64512:1", "large:1:2:3", "pw"),
    fc
      .tuple(fc.constantFrom("10.0.0.1", "eth0", "a", "64512:1"), fc.constantFrom("\n", " ", "\t!", "\u0000", "\u2028"))
      .map((parts) => parts.join("")),
  );
  const texts = fc.array(text, { maxLength: 2 });
  const selector = fc.record({
    matchLabels: fc.dictionary(text, text, { maxKeys: 1 }),
    matchExpressions: fc.array(
      fc.record({ key: text, operator: fc.oneof(text, fc.constant("NotIn")), values: texts }),
      { maxLength: 1 },
    ),
  });
  const selectors = fc.array(selector, { maxLength: 1 });
  const optional = <T>(shape: { [K in keyof T]: fc.Arbitrary<T[K]> }) => fc.record(shape, { requiredKeys: [] });
  const world = fc.record({
    pools: fc.array(
      fc
        .tuple(texts, optional({ namespaces: texts, namespaceSelectors: selectors, serviceSelectors: selectors }))
        .map(([addresses, serviceAllocation]) => ({ addresses, serviceAllocation })),
      { maxLength: 3 },
    ),
    peers: fc.array(
      optional({
        peerAddress: text,
        interface: text,
        sourceAddress: text,
        routerID: text,
        vrf: text,
        password: text,
        passwordSecret: optional({ name: text }),
        bfdProfile: text,
        holdTime: text,
        keepaliveTime: text,
        connectTime: text,
        nodeSelectors: selectors,
      }),
      { maxLength: 3 },
    ),
    bgpAdvertisements: fc.array(
      optional({
        communities: texts,
        ipAddressPools: texts,
        peers: texts,
        ipAddressPoolSelectors: selectors,
        nodeSelectors: selectors,
        serviceSelectors: selectors,
      }),
      { maxLength: 3 },
    ),
    l2Advertisements: fc.array(optional({ interfaces: texts, ipAddressPools: texts, serviceSelectors: selectors }), {
      maxLength: 2,
    }),
    aliases: fc.array(fc.record({ name: text, value: text }), { maxLength: 2 }),
    secret: fc.tuple(text, text),
  });
  type World = typeof world extends fc.Arbitrary<infer W> ? W : never;

  const snapshotOf = (made: World): Snapshot =>
    snapshot({
      nodes,
      pools: made.pools.map((spec, i) => pool(`p${i}`, spec)),
      peers: made.peers.map((spec, i) => peer(`p${i}`, { peerAddress: `10.0.0.${i + 1}`, ...spec })),
      bgpAdvertisements: made.bgpAdvertisements.map((spec, i) => bgpAdvertisement(`a${i}`, spec)),
      l2Advertisements: made.l2Advertisements.map((spec, i) => l2Advertisement(`l${i}`, spec)),
      communities: [{ ...community("c", {}), spec: { communities: made.aliases } }],
      bfdProfiles: [bfdProfile("a")],
      secrets: [passwordSecret(made.secret[0], made.secret[1])],
    });

  test("no text with a blank, a control character or one outside ASCII gets into a Config", () => {
    fc.assert(
      fc.property(world, (made) => {
        const { config } = parseConfig(snapshotOf(made), { node: "node-1" });
        for (const found of textsIn(config)) expect(found).toMatch(/^[\x21-\x7e]*$/);
      }),
      { numRuns: 500 },
    );
  });

  test("the order of the snapshot's lists doesn't matter, with a last good configuration or without", () => {
    fc.assert(
      fc.property(world, world, (made, before) => {
        const lastGood = parseConfig(snapshotOf(before), { node: "node-1" }).config;
        const whole = snapshotOf(made);
        const turned = {
          ...whole,
          pools: whole.pools.toReversed(),
          peers: whole.peers.toReversed(),
          bgpAdvertisements: whole.bgpAdvertisements.toReversed(),
          l2Advertisements: whole.l2Advertisements.toReversed(),
        };
        expect(parseConfig(turned, { node: "node-1", lastGood })).toEqual(
          parseConfig(whole, { node: "node-1", lastGood }),
        );
      }),
    );
  });

  test("a configuration in force stays as it is while nothing changes", () => {
    fc.assert(
      fc.property(world, (made) => {
        const { config } = parseConfig(snapshotOf(made), { node: "node-1" });
        expect(parseConfig(snapshotOf(made), { node: "node-1", lastGood: config }).config).toEqual(config);
      }),
    );
  });

  test("an object of wrong types throws nothing", () => {
    fc.assert(
      fc.property(fc.object(), (spec) => {
        const wild = { ...peer("p"), spec } as unknown as ReturnType<typeof peer>;
        const pools = [{ ...pool("p", { addresses: [] }), spec } as unknown as ReturnType<typeof pool>];
        speaker({ peers: [wild], pools });
      }),
    );
  });

  function* textsIn(value: unknown): Generator<string> {
    if (typeof value === "string") yield value;
    if (typeof value !== "object" || value === null) return;
    for (const [key, member] of Object.entries(value)) {
      yield key;
      yield* textsIn(member);
    }
  }
});
