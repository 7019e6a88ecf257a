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
import type { KubeObject } from "../api/object.ts";
import type { Snapshot } from "../api/snapshot.ts";
import { judge } from "./judge.ts";
import { partOf, replaced } from "./kinds.ts";

const create = (object: KubeObject, parts: Partial<Snapshot> = {}) =>
  judge({ operation: "CREATE", object }, snapshot(parts));
const update = (old: KubeObject, object: KubeObject, parts: Partial<Snapshot> = {}) =>
  judge({ operation: "UPDATE", object, old }, snapshot(parts));
const remove = (old: KubeObject, parts: Partial<Snapshot> = {}) => judge({ operation: "DELETE", old }, snapshot(parts));

const fine = { refusals: [], warnings: [] };
const selecting = (rack: string) => ({ nodeSelectors: [{ matchLabels: { rack } }] });
const racks = [node("a1", { rack: "a" }), node("a2", { rack: "a" }), node("b1", { rack: "b" })];

describe("refused", () => {
  const v4 = pool("v4", { addresses: ["10.0.0.0/24"] });
  const cases: readonly [why: string, object: KubeObject, parts: Partial<Snapshot>, words: readonly string[]][] = [
    [
      "a pool over another's addresses, and every other mistake in it",
      pool("p", { addresses: ["10.0.0.128/25", "nonsense", "10.1.0.9-10.1.0.1"] }),
      { pools: [v4] },
      ["spec.addresses[1]", "spec.addresses[2]"],
    ],
    [
      "a pool over another's addresses",
      pool("p", { addresses: ["10.0.0.128/25"] }),
      { pools: [v4] },
      [
        'IPAddressPool p: spec.addresses[0] "10.0.0.128/25" overlaps with already defined CIDR "10.0.0.0/24" of pool v4',
      ],
    ],
    [
      "a pool in which an advertisement that exists can't aggregate",
      pool("p", { addresses: ["10.9.0.0/28"] }),
      { bgpAdvertisements: [bgpAdvertisement("wide", { aggregationLength: 24 })], nodes: racks },
      ["BGPAdvertisement wide: spec.aggregationLength 24 is an invalid aggregation length for pool p"],
    ],
    ["a peer without a remote AS", peer("p", { peerASN: 0 }), {}, ["BGPPeer p: spec.peerASN is missing"]],
    [
      "a peer that no node selects, for what is wrong in it alone",
      peer("p", { peerAddress: "nonsense", ...selecting("c") }),
      { nodes: racks },
      ["spec.peerAddress"],
    ],
    [
      "a second session with one router, on the rack that has the first, though the Secret of neither is there",
      peer("p", { ...selecting("b"), passwordSecret: { name: "x" } }),
      { peers: [peer("old", { passwordSecret: { name: "y" } })], nodes: racks },
      ["BGPPeer p: spec.peerAddress 10.0.0.1 already exists in peer old"],
    ],
    [
      "another router ID on the same nodes",
      peer("p", { peerAddress: "10.0.0.2", routerID: "1.1.1.1" }),
      { peers: [peer("old")], nodes: racks },
      ["same RouterID"],
    ],
    [
      "another local AS on the same nodes, in a cluster without nodes yet",
      peer("p", { peerAddress: "10.0.0.2", myASN: 7 }),
      { peers: [peer("old")] },
      ["BGPPeer p: spec.myASN is 7 but 64513 in peer old"],
    ],
    [
      "an aggregate wider than a pool",
      bgpAdvertisement("a", { aggregationLength: 16 }),
      { pools: [v4], nodes: racks },
      ["BGPAdvertisement a: spec.aggregationLength 16"],
    ],
    [
      "another local preference for the same prefixes",
      bgpAdvertisement("a", { localPref: 100 }),
      { pools: [v4], bgpAdvertisements: [bgpAdvertisement("old", { localPref: 200 })], nodes: racks },
      ["BGPAdvertisement a: spec.localPref 100 for pool v4, but 200 is set by old"],
    ],
    [
      "a community that is none",
      bgpAdvertisement("a", { communities: ["70000:1"] }),
      {},
      ["BGPAdvertisement a: spec.communities[0]"],
    ],
    ["peers named twice", bgpAdvertisement("a", { peers: ["x", "x"] }), {}, ["duplicate definition of peers"]],
    [
      "pools named twice, by layer 2",
      l2Advertisement("a", { ipAddressPools: ["v4", "v4"] }),
      { pools: [v4] },
      ["duplicate definition of ipAddressPools"],
    ],
    [
      "a name that another Community gives",
      community("c", { blackhole: "1:1" }),
      { communities: [community("old", { blackhole: "1:2" })] },
      ["Community c: spec.communities[0].name"],
    ],
    [
      "echo for a peer to which IPv6 addresses are announced",
      bfdProfile("fast", { echoMode: true }),
      {
        peers: [peer("p", { bfdProfile: "fast" })],
        pools: [pool("v6", { addresses: ["fd00::/120"] })],
        bgpAdvertisements: [bgpAdvertisement("a")],
        nodes: racks,
      },
      ["BGPAdvertisement a: spec.peers include p, whose BFDProfile fast has echoMode"],
    ],
  ];
  test.each(cases)("%s", (_, object, parts, words) => {
    const { refusals } = create(object, parts);
    for (const word of words) expect(refusals.join("\n")).toContain(word);
  });

  test("the younger of two in conflict is not blamed for what the older becomes", () => {
    const old = pool("old", { addresses: ["10.1.0.0/24"] }, { creationTimestamp: "2020-01-01T00:00:00Z" });
    const young = pool("young", { addresses: ["10.2.0.0/24"] }, { creationTimestamp: "2024-01-01T00:00:00Z" });
    const { refusals } = update(old, { ...old, spec: { addresses: ["10.2.0.0/16"] } } as KubeObject, {
      pools: [old, young],
    });
    expect(refusals).toEqual([expect.stringContaining("IPAddressPool old: spec.addresses[0]")]);
  });

  test("a wrong BFDProfile that a peer names already", () => {
    const wrong = bfdProfile("a".repeat(64));
    const parts = { peers: [peer("p", { bfdProfile: wrong.metadata.name })], nodes: racks };
    expect(create(wrong, parts).refusals).toEqual([
      expect.stringContaining("metadata.name can't name a profile in FRR"),
    ]);
  });

  test("a peer that is edited so that it comes to another's nodes, too", () => {
    const old = peer("p", { ...selecting("a"), myASN: 64513 });
    const others = [peer("q", { peerAddress: "10.0.0.2", myASN: 64999 })];
    const wider = peer("p", { myASN: 64513 });
    // On rack a the older p has put q out of force, which has no say there.
    const aged = { ...old, metadata: { ...old.metadata, creationTimestamp: "2026-01-01T00:00:00Z" } };
    const { refusals } = update(aged, wider, { peers: [aged, ...others], nodes: racks });
    expect(refusals).toEqual([expect.stringContaining("spec.myASN is 64513 but 64999 in peer q")]);
  });

  test("what is created outside MetalLB's namespace", () => {
    const { refusals } = create(pool("p", { addresses: ["nonsense"] }, { namespace: "default" }));
    expect(refusals).toEqual(["IPAddressPool p: resource must be created in metallb-system namespace"]);
  });

  test("the deletion of a BFDProfile that peers name", () => {
    const peers = [peer("p1", { bfdProfile: "fast" }), peer("p2"), peer("p3", { bfdProfile: "fast" })];
    expect(remove(bfdProfile("fast"), { peers }).refusals).toEqual([
      "BFDProfile fast is in use by BGPPeer p1, p3; remove bfdProfile there first",
    ]);
    const leaving = peer("p1", { bfdProfile: "fast" }, { deletionTimestamp: "2024-01-01T00:00:00Z" });
    expect(remove(bfdProfile("fast"), { peers: [leaving] })).toEqual(fine);
    expect(remove(bfdProfile("slow"), { peers })).toEqual(fine);
    expect(remove(pool("p", { addresses: [] }))).toEqual(fine);
  });
});

describe("allowed", () => {
  test("a good object among broken ones, whatever is wrong with them", () => {
    const parts = {
      pools: [pool("bad", { addresses: ["nonsense"] }), pool("same", { addresses: ["10.0.0.0/24", "10.0.0.0/24"] })],
      peers: [peer("bad", { peerAddress: "nonsense" }), peer("worse", { peerASN: 0 })],
      communities: [community("bad", { x: "nonsense" })],
      bgpAdvertisements: [bgpAdvertisement("bad", { communities: ["70000:1"] })],
      nodes: racks,
    };
    const good = [
      pool("p", { addresses: ["10.7.0.0/24"] }),
      peer("p"),
      bgpAdvertisement("a"),
      l2Advertisement("l"),
      community("c", { y: "1:2" }),
      bfdProfile("f"),
    ];
    for (const object of good) expect(create(object, parts).refusals).toEqual([]);
  });

  test("mending one of two that are in conflict", () => {
    const first = pool("first", { addresses: ["10.0.0.0/24"] });
    const second = pool("second", { addresses: ["10.0.0.0/24"] });
    const mended = pool("first", { addresses: ["10.1.0.0/24"] });
    expect(update(first, mended, { pools: [first, second] })).toEqual(fine);
  });

  test("another edit of an object that puts a broken one out of force", () => {
    const first = pool("first", { addresses: ["10.0.0.0/24"] });
    const broken = pool("second", { addresses: ["10.0.0.0/25"] });
    const wider = pool("first", { addresses: ["10.0.0.0/23"] });
    expect(update(first, wider, { pools: [first, broken] }).refusals).toEqual([]);
  });

  test("what claims only what another claims in vain", () => {
    const first = peer("first", {}, { creationTimestamp: "2020-01-01T00:00:00Z" });
    const broken = peer("second", { vrf: "red", routerID: "1.1.1.1" }, { creationTimestamp: "2021-01-01T00:00:00Z" });
    const third = peer("third", { vrf: "red" });
    expect(create(third, { peers: [first, broken] })).toEqual(fine);
    const old = community("old", { x: "1:1" }, { creationTimestamp: "2020-01-01T00:00:00Z" });
    const vain = community("vain", { x: "1:2", y: "nonsense" }, { creationTimestamp: "2021-01-01T00:00:00Z" });
    expect(create(community("c", { y: "1:3" }), { communities: [old, vain] })).toEqual(fine);
    expect(update(old, community("old", { x: "1:4" }), { communities: [old, vain] })).toEqual(fine);
  });

  test("an update that leaves a wrong spec as it is, and the removal of a finalizer", () => {
    const wrong = pool("p", { addresses: ["nonsense"] });
    const annotated = { ...wrong, metadata: { ...wrong.metadata, annotations: { a: "b" } } };
    const { refusals, warnings } = update(wrong, annotated, { pools: [wrong] });
    expect(refusals).toEqual([]);
    expect(warnings).toEqual([expect.stringContaining("spec.addresses[0]")]);
    const leaving = pool("p", { addresses: ["other nonsense"] }, { deletionTimestamp: "2024-01-01T00:00:00Z" });
    expect(update(wrong, leaving, { pools: [wrong] })).toEqual(fine);
  });

  test("peers in conflict on nodes that they don't share", () => {
    const parts = { peers: [peer("old", selecting("a"))], nodes: racks };
    expect(create(peer("p", selecting("b")), parts)).toEqual(fine);
    expect(create(peer("p", { ...selecting("b"), myASN: 7, routerID: "1.1.1.1" }), parts)).toEqual(fine);
  });

  test("what lies outside MetalLB's namespace, with a word", () => {
    const stray = pool("p", { addresses: ["nonsense"] }, { namespace: "default" });
    expect(update(stray, stray).warnings).toEqual([
      "IPAddressPool p has no effect: only objects in namespace metallb-system have",
    ]);
  });

  test("kinds that are not judged", () => {
    expect(create(namespaced("x"))).toEqual({
      refusals: ["Namespace x: resource must be created in metallb-system namespace"],
      warnings: [],
    });
    const other = { apiVersion: "v1", kind: "Secret", metadata: { name: "x", namespace: "metallb-system" } };
    expect(create(other)).toEqual(fine);
  });
});

describe("warned about", () => {
  const cases: readonly [what: string, object: KubeObject, parts: Partial<Snapshot>, words: readonly string[]][] = [
    ["a field without effect", peer("p", { disableMP: true }), {}, ["spec.disableMP is deprecated"]],
    [
      "a BFDProfile and a Secret that are not there yet",
      peer("p", { bfdProfile: "fast", passwordSecret: { name: "pw" } }),
      { nodes: racks },
      [
        'BGPPeer p: spec.bfdProfile "fast" is not the name of a BFDProfile; create it, or name one that exists',
        'BGPPeer p: spec.passwordSecret "pw" is not the name of a Secret in MetalLB\'s namespace; create it there',
      ],
    ],
    [
      "a Secret that can't be used",
      peer("p", { passwordSecret: { name: "pw" } }),
      { secrets: [passwordSecret("pw", "x", { type: "Opaque" })] },
      ["is not a Secret of type kubernetes.io/basic-auth"],
    ],
    [
      "pools, peers and nodes that don't exist",
      bgpAdvertisement("a", {
        ipAddressPools: ["none"],
        ipAddressPoolSelectors: [{ matchLabels: { no: "such" } }],
        peers: ["nobody"],
        ...selecting("z"),
      }),
      { nodes: racks },
      [
        'spec.ipAddressPools[0] "none" is not the name of an IPAddressPool',
        "spec.ipAddressPoolSelectors[0] matches no IPAddressPool",
        'spec.peers[0] "nobody" is not the name of a BGPPeer',
        "spec.peers select no BGPPeer",
        "spec.nodeSelectors match no node",
      ],
    ],
    ["a peer for no node", peer("p", selecting("z")), { nodes: racks }, ["spec.nodeSelectors match no node"]],
    [
      "an alias that nobody gives yet",
      bgpAdvertisement("a", { communities: ["blackhole"] }),
      { pools: [pool("p", { addresses: ["10.0.0.0/28"] })], peers: [peer("p")] },
      ['spec.communities[0] "blackhole" is neither a community nor a name that a Community gives'],
    ],
    [
      "every pool and every peer, before there is one",
      bgpAdvertisement("a", {}),
      {},
      [
        "spec selects every IPAddressPool, and there is none",
        "spec is for every BGPPeer, and there is none, so nothing is announced",
      ],
    ],
    [
      "layer 2 for pools and nodes that don't exist",
      l2Advertisement("l", { ipAddressPools: ["none"], ...selecting("z") }),
      { nodes: racks },
      ["spec.ipAddressPools[0]", "spec.nodeSelectors match no node", "no node answers ARP or NDP yet"],
    ],
    [
      "a selector that matches no namespace",
      pool("p", {
        addresses: ["10.0.0.0/24"],
        serviceAllocation: { namespaceSelectors: [{ matchLabels: { team: "x" } }] },
      }),
      { namespaces: [namespaced("default")] },
      ["matches no namespace"],
    ],
  ];
  test.each(cases)("%s", (_, object, parts, words) => {
    const { refusals, warnings } = create(object, parts);
    expect(refusals).toEqual([]);
    expect(warnings).toHaveLength(words.length);
    for (const word of words) expect(warnings.join("\n")).toContain(word);
  });

  test("taking away an alias that an advertisement uses", () => {
    const old = community("c", { blackhole: "1:1" });
    const parts = { communities: [old], bgpAdvertisements: [bgpAdvertisement("a", { communities: ["blackhole"] })] };
    const { refusals, warnings } = update(old, community("c", {}), parts);
    expect(refusals).toEqual([]);
    expect(warnings).toEqual([expect.stringContaining('BGPAdvertisement a: spec.communities[0] "blackhole"')]);
  });
});

const whole: readonly KubeObject[] = [
  pool("v4", { addresses: ["10.0.0.0/24"] }, { labels: { tier: "gold" } }),
  pool("v6", { addresses: ["fd00::/120"] }),
  peer("a", { ...selecting("a"), bfdProfile: "fast", passwordSecret: { name: "pw" } }),
  peer("b", { ...selecting("b"), bfdProfile: "slow", routerID: "9.9.9.9" }),
  bfdProfile("fast", { receiveInterval: 50 }),
  bfdProfile("slow"),
  community("c", { blackhole: "64512:666" }),
  bgpAdvertisement("all", { communities: ["blackhole"], peers: ["a"] }),
  bgpAdvertisement("gold", {
    ipAddressPoolSelectors: [{ matchLabels: { tier: "gold" } }],
    aggregationLength: 24,
    localPref: 7,
    peers: ["b"],
  }),
  l2Advertisement("l", { ipAddressPools: ["v4"] }),
];

test("a whole configuration is let in in any order, before or after its nodes and Secrets", () => {
  const orders = fc.shuffledSubarray([...whole], { minLength: whole.length });
  fc.assert(
    fc.property(orders, fc.boolean(), (order, isReady) => {
      const there = isReady ? { nodes: racks, secrets: [passwordSecret("pw", "secret")] } : {};
      let world = snapshot(there);
      for (const object of order) {
        expect(judge({ operation: "CREATE", object }, world).refusals).toEqual([]);
        const part = partOf(object);
        if (part) world = replaced(world, part, object.metadata.name, object);
      }
    }),
    { numRuns: 60 },
  );
});
