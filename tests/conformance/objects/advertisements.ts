import { bfdProfile, bgpAdvertisement, community, peer, pool } from "../../objects.ts";
import { advertisementCase, l2Case, loneAdvertisementCase, loneL2Case, type ObjectCase } from "./object-case.ts";

const v4 = pool("v4", { addresses: ["10.0.0.0/28"] }, { labels: { tier: "gold" } });
const v6 = pool("v6", { addresses: ["fd00::/120"] });
const wide = pool("wide", { addresses: ["192.168.10.0-192.168.10.150"] });
const pools = [v4, v6];
const peers = [peer("a"), peer("b", { peerAddress: "10.0.0.2" })];
const echo = [
  bfdProfile("echo", { echoMode: true }),
  peer("a", { bfdProfile: "echo" }),
  peer("b", { peerAddress: "10.0.0.2" }),
];
const gold = [{ matchLabels: { tier: "gold" } }];
const rack = (name: string) => [{ matchLabels: { rack: name } }];
const on = (name: string, spec: object = {}) => ({ ipAddressPools: [name], ...spec });
const mutuallyExclusive = "serviceSelectors and aggregationLength are mutually exclusive";
/** In force before: what the one tested must not contradict. */
const first = (spec: object) => bgpAdvertisement("first", { ipAddressPools: ["v4"], localPref: 100, ...spec });
const conflict = "spec.localPref 200 for pool v4, but 100 is set by first for the same prefixes and peers";

export const advertisementCases: readonly ObjectCase[] = [
  // which pools
  advertisementCase(
    "nothing said: every pool, every peer, this node",
    {},
    {
      beside: pools,
      stored: { aggregationLength: 32, aggregationLengthV6: 128 },
      means: {
        pools: ["v4", "v6"],
        peers: undefined,
        nodes: ["node-1"],
        localPref: 0,
        aggregationLength: 32,
        aggregationLengthV6: 128,
        communities: [],
        largeCommunities: [],
      },
    },
  ),
  advertisementCase("no spec is as good as an empty one", undefined, { beside: pools, means: { pools: ["v4", "v6"] } }),
  loneAdvertisementCase(
    "every pool, and there is none yet",
    {},
    {
      warns: ["spec is for every BGPPeer, and there is none", "spec selects every IPAddressPool, and there is none"],
      means: { pools: [] },
      differs: "MetalLB says nothing",
    },
  ),
  advertisementCase("pools by name", on("v4"), { beside: pools, means: { pools: ["v4"] } }),
  advertisementCase("pools by label", { ipAddressPoolSelectors: gold }, { beside: pools, means: { pools: ["v4"] } }),
  advertisementCase("pools by name and by label", on("v6", { ipAddressPoolSelectors: gold }), {
    beside: pools,
    means: { pools: ["v4", "v6"] },
  }),
  advertisementCase("one pool by name and by label", on("v4", { ipAddressPoolSelectors: gold }), {
    beside: pools,
    means: { pools: ["v4"] },
  }),
  advertisementCase("a pool that isn't there", on("gone"), {
    beside: pools,
    warns: ['spec.ipAddressPools[0] "gone" is not the name of an IPAddressPool'],
    means: { pools: [] },
    differs: "MetalLB says nothing",
  }),
  advertisementCase(
    "a pool selector that matches none",
    { ipAddressPoolSelectors: [{ matchLabels: { tier: "lead" } }] },
    {
      beside: pools,
      warns: ["spec.ipAddressPoolSelectors[0] matches no IPAddressPool"],
      means: { pools: [] },
      differs: "MetalLB says nothing",
    },
  ),
  advertisementCase(
    "a pool twice",
    { ipAddressPools: ["v4", "v4"] },
    { beside: pools, refused: 'spec.ipAddressPools[1] "v4" is a duplicate definition of ipAddressPools; remove one' },
  ),
  advertisementCase(
    "a pool selector twice",
    { ipAddressPoolSelectors: [...gold, ...gold] },
    { beside: pools, refused: "is a duplicate definition of ipAddressPoolSelectors" },
  ),
  advertisementCase(
    "a pool selector that can't be read",
    { ipAddressPoolSelectors: [{ matchExpressions: [{ key: "a", operator: "Is" }] }] },
    { beside: pools, refused: "write In, NotIn, Exists or DoesNotExist" },
  ),
  advertisementCase(
    "ipAddressPools that are no list",
    { ipAddressPools: "v4" },
    {
      schema: "spec.ipAddressPools in body must be of type array",
      refused: "spec.ipAddressPools has the wrong type; write a list",
    },
  ),
  // which peers and nodes
  advertisementCase("peers by name", { peers: ["b", "a"] }, { beside: peers, means: { peers: ["a", "b"] } }),
  advertisementCase(
    "a peer that isn't there, and one that is",
    { peers: ["a", "gone"] },
    {
      beside: peers,
      warns: ['spec.peers[1] "gone" is not the name of a BGPPeer'],
      means: { peers: ["a"] },
      differs: "MetalLB says nothing",
    },
  ),
  advertisementCase(
    "only a peer that isn't there",
    { peers: ["gone"] },
    {
      beside: peers,
      warns: ["spec.peers select no BGPPeer, so nothing is announced", '"gone" is not the name of a BGPPeer'],
      means: { peers: [] },
      differs: "MetalLB says nothing",
    },
  ),
  advertisementCase(
    "a peer twice",
    { peers: ["a", "a"] },
    { beside: peers, refused: 'spec.peers[1] "a" is a duplicate definition of peers; remove one' },
  ),
  advertisementCase("this node", { nodeSelectors: rack("1") }, { means: { nodes: ["node-1"] } }),
  advertisementCase("another node", { nodeSelectors: rack("2") }, { means: null }),
  advertisementCase(
    "no node",
    { nodeSelectors: rack("9") },
    { warns: ["spec.nodeSelectors match no node"], means: null, differs: "MetalLB says nothing" },
  ),
  advertisementCase(
    "a node selector twice",
    { nodeSelectors: [...rack("1"), ...rack("1")] },
    { refused: "is a duplicate definition of nodeSelectors" },
  ),
  // communities
  advertisementCase(
    "a standard and a large community",
    { communities: ["64512:100", "large:64512:1:2"] },
    { means: { communities: ["64512:100"], largeCommunities: ["64512:1:2"] } },
  ),
  advertisementCase(
    "the greatest communities",
    { communities: ["65535:65535", "large:4294967295:4294967295:4294967295"] },
    { means: { communities: ["65535:65535"] } },
  ),
  advertisementCase(
    "communities come sorted",
    { communities: ["100:2", "20:3", "100:1"] },
    { means: { communities: ["20:3", "100:1", "100:2"] } },
  ),
  advertisementCase(
    "an alias",
    { communities: ["no-transit"] },
    { beside: [community("c", { "no-transit": "64512:666" })], means: { communities: ["64512:666"] } },
  ),
  advertisementCase(
    "an alias that looks like a community comes first",
    { communities: ["1:1"] },
    {
      beside: [community("c", { "1:1": "64512:666" })],
      means: { communities: ["64512:666"] },
      differs: "MetalLB's webhook takes it for a community, its speaker for the alias",
    },
  ),
  advertisementCase(
    "an alias that nobody gives",
    { communities: ["gone"] },
    { refused: 'spec.communities[0] "gone" is neither a community nor a name that a Community gives', later: true },
  ),
  advertisementCase(
    "a well-known name",
    { communities: ["no-export"] },
    { refused: "is neither a community nor a name that a Community gives", later: true },
  ),
  advertisementCase(
    "a bare number",
    { communities: ["4229955684"] },
    { refused: "is neither a community nor a name that a Community gives", later: true },
  ),
  advertisementCase(
    "three parts",
    { communities: ["1:2:3"] },
    { refused: "is neither a community nor a name that a Community gives" },
  ),
  advertisementCase(
    "a part of 17 bits",
    { communities: ["65536:1"] },
    {
      refused:
        'spec.communities[0] "65536:1" has an invalid community value; write one such as 64512:100, large:64512:1:2, or the name of an alias',
    },
  ),
  advertisementCase(
    "a part of 33 bits in a large one",
    { communities: ["large:1:2:4294967296"] },
    { refused: "has an invalid community value" },
  ),
  advertisementCase(
    "an extended community",
    { communities: ["ext:1:2:3"] },
    { refused: "has an invalid community value" },
  ),
  advertisementCase(
    "a part that is no number",
    { communities: ["a:1"] },
    { refused: "has an invalid community value" },
  ),
  advertisementCase(
    "a community with a command behind it",
    { communities: ["64512:1\nexit"] },
    { refused: "has an invalid community value" },
  ),
  advertisementCase(
    "a community twice",
    { communities: ["1:1", "1:1"] },
    { refused: 'spec.communities[1] "1:1" is a duplicate definition of communities; remove one' },
  ),
  advertisementCase(
    "a community that is a number",
    { communities: [100] },
    {
      schema: "spec.communities[0] in body must be of type string",
      refused: "spec.communities[0] has the wrong type; write text",
    },
  ),
  // lengths
  advertisementCase("prefixes of 28 for a pool of 28", on("v4", { aggregationLength: 28 }), {
    beside: pools,
    means: { aggregationLength: 28, pools: ["v4"] },
  }),
  advertisementCase("prefixes of 27 for a pool of 28", on("v4", { aggregationLength: 27 }), {
    beside: pools,
    refused:
      "spec.aggregationLength 27 is an invalid aggregation length for pool v4: prefix 28 in this pool is more specific than the aggregation length for addresses 10.0.0.0/28",
  }),
  advertisementCase("a range is judged by its shortest prefix", on("wide", { aggregationLength: 25 }), {
    beside: [wide],
    means: { pools: ["wide"] },
  }),
  advertisementCase("a range whose shortest prefix is longer", on("wide", { aggregationLength: 24 }), {
    beside: [wide],
    refused: "for addresses 192.168.10.0-192.168.10.150",
  }),
  advertisementCase(
    "one pool that is too small for the length, one that isn't",
    { aggregationLength: 25 },
    { beside: [wide, v4], refused: "prefix 28 in this pool is more specific" },
  ),
  advertisementCase(
    "aggregationLength 0",
    { aggregationLength: 0 },
    {
      schema: "spec.aggregationLength in body should be greater than or equal to 1",
      refused: "spec.aggregationLength 0 is out of range; write a number from 1 to 32",
    },
  ),
  advertisementCase(
    "aggregationLength 33",
    { aggregationLength: 33 },
    { refused: "spec.aggregationLength 33 is out of range; write a number from 1 to 32" },
  ),
  advertisementCase(
    "aggregationLength in quotes",
    { aggregationLength: "24" },
    {
      schema: "spec.aggregationLength in body must be of type integer",
      refused: "spec.aggregationLength has the wrong type",
    },
  ),
  advertisementCase("aggregationLengthV6 of a pool's length", on("v6", { aggregationLengthV6: 120 }), {
    beside: pools,
    means: { aggregationLengthV6: 120, pools: ["v6"] },
  }),
  advertisementCase("aggregationLengthV6 below a pool's length", on("v6", { aggregationLengthV6: 119 }), {
    beside: pools,
    refused: "spec.aggregationLengthV6 119 is an invalid aggregation length for pool v6",
    differs: "MetalLB's message prints the IPv4 length",
  }),
  advertisementCase(
    "aggregationLengthV6 129",
    { aggregationLengthV6: 129 },
    { refused: "spec.aggregationLengthV6 129 is out of range; write a number from 0 to 128" },
  ),
  advertisementCase(
    "aggregationLengthV6 -1: the schema has no minimum",
    { aggregationLengthV6: -1 },
    { refused: "spec.aggregationLengthV6 -1 is out of range", differs: "MetalLB accepts it" },
  ),
  // Service selectors
  advertisementCase("Services by label", { serviceSelectors: gold }, { means: { serviceSelectors: gold } }),
  advertisementCase("Services by label, with the lengths that are the default", {
    serviceSelectors: gold,
    aggregationLength: 32,
    aggregationLengthV6: 128,
  }),
  advertisementCase(
    "Services by label, in aggregates",
    { serviceSelectors: gold, aggregationLength: 24 },
    { schema: mutuallyExclusive, refused: `spec.${mutuallyExclusive}` },
  ),
  advertisementCase(
    "Services by label, in IPv6 aggregates",
    { serviceSelectors: gold, aggregationLengthV6: 64 },
    { schema: mutuallyExclusive, refused: mutuallyExclusive },
  ),
  advertisementCase("no Service selectors, in aggregates", { serviceSelectors: [], aggregationLength: 24 }),
  advertisementCase(
    "a Service selector twice",
    { serviceSelectors: [...gold, ...gold] },
    { refused: "is a duplicate definition of serviceSelectors" },
  ),
  // LOCAL_PREF
  advertisementCase("LOCAL_PREF", { localPref: 100 }, { means: { localPref: 100 } }),
  advertisementCase(
    "a negative LOCAL_PREF",
    { localPref: -1 },
    { refused: "spec.localPref -1 is out of range; write a number from 0 to 4294967295" },
  ),
  advertisementCase("a LOCAL_PREF of 32 bits: its format is int32", { localPref: 4294967295 }, { schema: "int32" }),
  advertisementCase("another LOCAL_PREF for the same prefixes and peers", on("v4", { localPref: 200 }), {
    beside: [...pools, first({})],
    refused: `${conflict}, so that pool is left out`,
  }),
  advertisementCase("another LOCAL_PREF for a peer of theirs", on("v4", { localPref: 200, peers: ["a"] }), {
    beside: [...pools, ...peers, first({})],
    refused: conflict,
  }),
  advertisementCase("another LOCAL_PREF for another peer", on("v4", { localPref: 200, peers: ["b"] }), {
    beside: [...pools, ...peers, first({ peers: ["a"] })],
  }),
  advertisementCase("another LOCAL_PREF for another pool", on("v6", { localPref: 200 }), {
    beside: [...pools, first({})],
  }),
  advertisementCase("another LOCAL_PREF for another length", on("v4", { localPref: 200, aggregationLength: 30 }), {
    beside: [...pools, first({})],
  }),
  advertisementCase(
    "another LOCAL_PREF, where only the IPv6 length differs, of an IPv4 pool",
    on("v4", { localPref: 200, aggregationLengthV6: 64 }),
    { beside: [...pools, first({})], refused: conflict },
  ),
  advertisementCase("another LOCAL_PREF on another node", on("v4", { localPref: 200, nodeSelectors: rack("1") }), {
    beside: [...pools, first({ nodeSelectors: rack("2") })],
  }),
  advertisementCase("another LOCAL_PREF for some Services", on("v4", { localPref: 200, serviceSelectors: gold }), {
    beside: [...pools, first({})],
  }),
  advertisementCase("the same LOCAL_PREF", on("v4", { localPref: 100 }), { beside: [...pools, first({})] }),
  // AS path and MED
  ...[0, 1, 10].map((times) =>
    advertisementCase(
      `our AS number ${times} times more`,
      { asPathPrepend: times },
      { means: { asPathPrepend: times } },
    ),
  ),
  advertisementCase(
    "our AS number once less",
    { asPathPrepend: -1 },
    {
      schema: "spec.asPathPrepend in body should be greater than or equal to 0",
      refused: "spec.asPathPrepend -1 is out of range; write a number from 0 to 10",
    },
  ),
  advertisementCase(
    "our AS number 11 times more",
    { asPathPrepend: 11 },
    {
      schema: "spec.asPathPrepend in body should be less than or equal to 10",
      refused: "spec.asPathPrepend 11 is out of range; write a number from 0 to 10",
    },
  ),
  advertisementCase(
    "AS numbers to prepend, by number",
    { asPathPrepend: [64513, 64513] },
    {
      schema: "spec.asPathPrepend in body must be of type integer",
      refused: "spec.asPathPrepend has the wrong type",
    },
  ),
  advertisementCase("neither MED nor prepending", {}, { means: { asPathPrepend: 0, med: undefined } }),
  ...[0, 50, 4294967295].map((med) => advertisementCase(`a MED of ${med}`, { med }, { means: { med } })),
  advertisementCase(
    "a negative MED",
    { med: -1 },
    {
      schema: "spec.med in body should be greater than or equal to 0",
      refused: "spec.med -1 is out of range; write a number from 0 to 4294967295",
    },
  ),
  advertisementCase(
    "a MED of 33 bits",
    { med: 4294967296 },
    {
      schema: "spec.med in body should be less than or equal to 4294967295",
      refused: "spec.med 4294967296 is out of range; write a number from 0 to 4294967295",
    },
  ),
  advertisementCase(
    "other prepending and another MED for the same prefixes: the highest and the lowest win",
    on("v4", { localPref: 100, asPathPrepend: 2, med: 7 }),
    {
      beside: [...pools, first({ asPathPrepend: 1, med: 9 })],
      means: { asPathPrepend: 2, med: 7 },
    },
  ),
  // BFD echo
  advertisementCase("IPv6 addresses for a peer with BFD echo", on("v6"), {
    beside: [...pools, ...echo],
    refused:
      "spec.peers include a, whose BFDProfile echo has echoMode, which is not possible for the IPv6 addresses of pool v6",
  }),
  advertisementCase("IPv6 addresses for the peer without BFD echo", on("v6", { peers: ["b"] }), {
    beside: [...pools, ...echo],
  }),
  advertisementCase("IPv4 addresses for a peer with BFD echo", on("v4"), { beside: [...pools, ...echo] }),
  advertisementCase("a field that there isn't", { pools: ["v4"] }, { schema: 'unknown field "spec.pools"' }),

  // layer 2
  loneL2Case(
    "layer 2: every pool, and there is none yet",
    {},
    { warns: ["spec selects every IPAddressPool, and there is none"] },
  ),
  l2Case(
    "layer 2: nothing said",
    {},
    {
      beside: pools,
      means: { pools: ["v4", "v6"], nodes: ["node-1", "node-2"], interfaces: [], serviceSelectors: [] },
    },
  ),
  l2Case("layer 2: no spec", undefined, { beside: pools, means: { pools: ["v4", "v6"] } }),
  l2Case(
    "layer 2: pools by name and label",
    { ipAddressPools: ["v6"], ipAddressPoolSelectors: gold },
    { beside: pools, means: { pools: ["v4", "v6"] } },
  ),
  l2Case(
    "layer 2: a pool that isn't there",
    { ipAddressPools: ["gone"] },
    { warns: ['"gone" is not the name of an IPAddressPool'], means: { pools: [] }, differs: "MetalLB says nothing" },
  ),
  l2Case(
    "layer 2: a pool twice",
    { ipAddressPools: ["v4", "v4"] },
    { refused: "is a duplicate definition of ipAddressPools" },
  ),
  l2Case(
    "layer 2: a pool selector twice",
    { ipAddressPoolSelectors: [...gold, ...gold] },
    { refused: "is a duplicate definition of ipAddressPoolSelectors" },
  ),
  l2Case(
    "layer 2: every node is seen, not only this one",
    { nodeSelectors: rack("2") },
    { means: { nodes: ["node-2"] } },
  ),
  l2Case(
    "layer 2: no node",
    { nodeSelectors: rack("9") },
    { warns: ["spec.nodeSelectors match no node"], means: { nodes: [] }, differs: "MetalLB says nothing" },
  ),
  l2Case(
    "layer 2: a node selector twice",
    { nodeSelectors: [{}, {}] },
    { refused: "is a duplicate definition of nodeSelectors" },
  ),
  l2Case(
    "layer 2: interfaces",
    { interfaces: ["eth0", "bond0.100"] },
    { means: { interfaces: ["eth0", "bond0.100"] } },
  ),
  l2Case(
    "layer 2: an interface that no name can be",
    { interfaces: ["eth0", "eth0; reboot"] },
    {
      refused: 'spec.interfaces[1] "eth0; reboot" can\'t be the name of a Linux interface',
      differs: "MetalLB accepts it and never finds it",
    },
  ),
  l2Case(
    "layer 2: interfaces that are no list",
    { interfaces: "eth0" },
    { schema: "spec.interfaces in body must be of type array", refused: "spec.interfaces has the wrong type" },
  ),
  l2Case("layer 2: Services by label", { serviceSelectors: gold }, { means: { serviceSelectors: gold } }),
  l2Case(
    "layer 2: a Service selector twice",
    { serviceSelectors: [...gold, ...gold] },
    { refused: "is a duplicate definition of serviceSelectors" },
  ),
  l2Case("layer 2: preferred nodes", {
    preferredNodeSelectors: [
      { weight: 1, preference: {} },
      { weight: 100, preference: { matchLabels: { rack: "1" } } },
    ],
  }),
  l2Case(
    "layer 2: a weight of 0",
    { preferredNodeSelectors: [{ weight: 0, preference: {} }] },
    {
      schema: "spec.preferredNodeSelectors[0].weight in body should be greater than or equal to 1",
      refused: "spec.preferredNodeSelectors[0].weight 0 is out of range; write a number from 1 to 100",
    },
  ),
  l2Case(
    "layer 2: a weight of 101",
    { preferredNodeSelectors: [{ weight: 101, preference: {} }] },
    {
      schema: "spec.preferredNodeSelectors[0].weight in body should be less than or equal to 100",
      refused: "weight 101 is out of range",
    },
  ),
  l2Case(
    "layer 2: no weight",
    { preferredNodeSelectors: [{ preference: {} }] },
    { schema: "spec.preferredNodeSelectors[0].weight: Required value", refused: "weight is required" },
  ),
  l2Case(
    "layer 2: no preference",
    { preferredNodeSelectors: [{ weight: 1 }] },
    { schema: "spec.preferredNodeSelectors[0].preference: Required value", refused: "preference is required" },
  ),
  l2Case(
    "layer 2: a preference that can't be read",
    { preferredNodeSelectors: [{ weight: 1, preference: { matchExpressions: [{ key: "a", operator: "In" }] } }] },
    { refused: "In needs a value" },
  ),
];
