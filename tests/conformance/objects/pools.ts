import { pool } from "../../objects.ts";
import { type ObjectCase, poolCase } from "./object-case.ts";

const one = ["10.0.0.0/24"];
const allocation = (serviceAllocation: unknown) => ({ addresses: one, serviceAllocation });
const prefixes = (...lists: readonly string[][]) => ({ entries: lists.map((list) => ({ prefixes: list })) });
const other = pool("other", { addresses: ["10.1.0.0/24"] });

export const poolCases: readonly ObjectCase[] = [
  // addresses
  poolCase("a CIDR", { addresses: one }, { means: { ...prefixes(["10.0.0.0/24"]), families: ["ipv4"] } }),
  poolCase(
    "an IPv6 CIDR",
    { addresses: ["fd00::/120"] },
    { means: { ...prefixes(["fd00::/120"]), families: ["ipv6"] } },
  ),
  poolCase("both families", { addresses: ["fd00::/120", "10.0.0.0/24"] }, { means: { families: ["ipv4", "ipv6"] } }),
  poolCase("host bits are cleared", { addresses: ["10.0.0.77/24"] }, { means: prefixes(["10.0.0.0/24"]) }),
  poolCase("one address as a CIDR", { addresses: ["10.0.0.1/32"] }, { means: prefixes(["10.0.0.1/32"]) }),
  poolCase("every IPv4 address", { addresses: ["0.0.0.0/0"] }, { means: prefixes(["0.0.0.0/0"]) }),
  poolCase("every IPv6 address", { addresses: ["::/0"] }, { means: prefixes(["::/0"]) }),
  poolCase(
    "a range is its least list of prefixes",
    { addresses: ["10.0.0.1-10.0.0.4"] },
    { means: prefixes(["10.0.0.1/32", "10.0.0.2/31", "10.0.0.4/32"]) },
  ),
  poolCase(
    "blanks around a range's dash",
    { addresses: [" 10.0.0.1 - 10.0.0.1 "] },
    { means: prefixes(["10.0.0.1/32"]) },
  ),
  poolCase(
    "a range of IPv6 addresses",
    { addresses: ["fd00::1-fd00::2"] },
    { means: prefixes(["fd00::1/128", "fd00::2/128"]) },
  ),
  poolCase(
    "the order of entries is kept",
    { addresses: ["10.0.1.0/24", "10.0.0.0/24"] },
    { means: prefixes(["10.0.1.0/24"], ["10.0.0.0/24"]) },
  ),
  poolCase("neighbouring entries don't overlap", { addresses: ["10.0.0.0/25", "10.0.0.128/25"] }),
  poolCase("no spec", undefined, { schema: "spec: Required value", refused: "spec.addresses is required" }),
  poolCase("no addresses", {}, { schema: "spec.addresses: Required value", refused: "spec.addresses is required" }),
  poolCase(
    "an empty list of addresses",
    { addresses: [] },
    { refused: "spec.addresses is empty: no prefixes defined; write a CIDR such as 192.168.10.0/24" },
  ),
  poolCase(
    "addresses that are no list",
    { addresses: "10.0.0.0/24" },
    {
      schema: 'spec.addresses in body must be of type array: "string"',
      refused: "spec.addresses has the wrong type; write a list",
    },
  ),
  poolCase(
    "an address that is a number",
    { addresses: [10] },
    {
      schema: 'spec.addresses[0] in body must be of type string: "integer"',
      refused: "spec.addresses[0] has the wrong type; write text",
    },
  ),
  poolCase(
    "a single IPv4 address",
    { addresses: ["10.0.0.1"] },
    { refused: 'spec.addresses[0] "10.0.0.1" is an invalid CIDR: a single address is 10.0.0.1/32' },
  ),
  poolCase(
    "a single IPv6 address",
    { addresses: ["fd00::1"] },
    { refused: 'spec.addresses[0] "fd00::1" is an invalid CIDR: a single address is fd00::1/128' },
  ),
  poolCase(
    "a length above 32",
    { addresses: ["10.0.0.0/33"] },
    { refused: 'spec.addresses[0] "10.0.0.0/33" is an invalid CIDR; write a CIDR' },
  ),
  poolCase("a length above 128", { addresses: ["fd00::/129"] }, { refused: '"fd00::/129" is an invalid CIDR' }),
  poolCase("a negative length", { addresses: ["10.0.0.0/-1"] }, { refused: '"10.0.0.0/-1" is an invalid IP range' }),
  poolCase("an octet above 255", { addresses: ["10.0.0.256/24"] }, { refused: '"10.0.0.256/24" is an invalid CIDR' }),
  poolCase(
    "a leading zero in an octet",
    { addresses: ["10.0.0.01/24"] },
    { refused: '"10.0.0.01/24" is an invalid CIDR' },
  ),
  poolCase("blanks around a CIDR", { addresses: [" 10.0.0.0/24"] }, { refused: '" 10.0.0.0/24" is an invalid CIDR' }),
  poolCase("an empty entry", { addresses: [""] }, { refused: "spec.addresses[0]" }),
  poolCase("two CIDRs in one entry", { addresses: ["10.0.0.0/24,10.0.1.0/24"] }, { refused: "is an invalid CIDR" }),
  poolCase(
    "a range that ends before it starts",
    { addresses: ["10.0.0.9-10.0.0.1"] },
    { refused: "start IP 10.0.0.9 is after the end IP 10.0.0.1" },
  ),
  poolCase(
    "a range whose start is no address",
    { addresses: ["10.0.0-10.0.0.9"] },
    { refused: 'is an invalid IP range: invalid start IP "10.0.0"' },
  ),
  poolCase(
    "a range whose end is no address",
    { addresses: ["10.0.0.1-9"] },
    { refused: 'is an invalid IP range: invalid end IP "9"' },
  ),
  poolCase("a range without an end", { addresses: ["10.0.0.1-"] }, { refused: 'invalid end IP ""' }),
  poolCase("a range of three", { addresses: ["10.0.0.1-10.0.0.2-10.0.0.3"] }, { refused: "invalid end IP" }),
  poolCase(
    "a range from one family to the other",
    { addresses: ["10.0.0.1-fd00::1"] },
    { refused: "start and end are of two families", differs: "MetalLB accepts it and finds no address in it" },
  ),
  poolCase(
    "the second entry is wrong",
    { addresses: ["10.0.0.0/24", "oops"] },
    { refused: 'spec.addresses[1] "oops" is an invalid CIDR' },
  ),
  // overlaps
  poolCase(
    "the same CIDR twice",
    { addresses: ["10.0.0.0/24", "10.0.0.0/24"] },
    { refused: 'spec.addresses[1] "10.0.0.0/24" overlaps with already defined CIDR "10.0.0.0/24" of this pool' },
  ),
  poolCase(
    "a CIDR inside another of the pool",
    { addresses: ["10.0.0.0/24", "10.0.0.64/26"] },
    { refused: 'spec.addresses[1] "10.0.0.64/26" overlaps with already defined CIDR "10.0.0.0/24" of this pool' },
  ),
  poolCase(
    "a range that begins in a CIDR of the pool",
    { addresses: ["10.0.0.0/24", "10.0.0.250-10.0.1.9"] },
    { refused: "overlaps with already defined CIDR" },
  ),
  poolCase(
    "a CIDR of another pool",
    { addresses: ["10.1.0.0/24"] },
    {
      beside: [other],
      refused: 'spec.addresses[0] "10.1.0.0/24" overlaps with already defined CIDR "10.1.0.0/24" of pool other',
    },
  ),
  poolCase(
    "around another pool",
    { addresses: ["10.0.0.0/8"] },
    { beside: [other], refused: "of pool other; write addresses that no pool has" },
  ),
  poolCase("inside another pool", { addresses: ["10.1.0.7/32"] }, { beside: [other], refused: "of pool other" }),
  poolCase("beside another pool", { addresses: ["10.1.1.0/24"] }, { beside: [other] }),
  poolCase(
    "an overlap of IPv6",
    { addresses: ["fd00::/112"] },
    {
      beside: [pool("other", { addresses: ["fd00::5-fd00::9"] })],
      refused: 'overlaps with already defined CIDR "fd00::5-fd00::9" of pool other',
    },
  ),
  // switches
  poolCase(
    "autoAssign is true unless told otherwise",
    { addresses: one },
    { stored: { autoAssign: true, avoidBuggyIPs: false }, means: { autoAssign: true, avoidBuggyIPs: false } },
  ),
  poolCase(
    "autoAssign off, avoidBuggyIPs on",
    { addresses: one, autoAssign: false, avoidBuggyIPs: true },
    { means: { autoAssign: false, avoidBuggyIPs: true } },
  ),
  poolCase(
    "autoAssign in quotes",
    { addresses: one, autoAssign: "false" },
    {
      schema: 'spec.autoAssign in body must be of type boolean: "string"',
      refused: "spec.autoAssign has the wrong type; write true or false",
    },
  ),
  poolCase(
    "avoidBuggyIPs as a number",
    { addresses: one, avoidBuggyIPs: 1 },
    { schema: "spec.avoidBuggyIPs in body must be of type boolean", refused: "write true or false" },
  ),
  poolCase("a field that there isn't", { addresses: one, addreses: one }, { schema: 'unknown field "spec.addreses"' }),
  // serviceAllocation
  poolCase("a priority only: for everybody, in its place", allocation({ priority: 7 }), {
    means: { allocation: { priority: 7, namespaces: undefined, serviceSelectors: [] } },
  }),
  poolCase("an empty serviceAllocation", allocation({}), {
    means: { allocation: { priority: 0, namespaces: undefined } },
  }),
  poolCase("a negative priority", allocation({ priority: -1 }), { means: { allocation: { priority: -1 } } }),
  poolCase("a priority in quotes", allocation({ priority: "7" }), {
    schema: "spec.serviceAllocation.priority in body must be of type integer",
    refused: "priority has the wrong type; write an integer",
  }),
  poolCase("half a priority", allocation({ priority: 0.5 }), {
    schema: "spec.serviceAllocation.priority in body must be of type integer",
    refused: "priority has the wrong type",
  }),
  poolCase("namespaces by name", allocation({ namespaces: ["team-a", "later"] }), {
    means: { allocation: { namespaces: ["later", "team-a"] } },
  }),
  poolCase("namespaces by label", allocation({ namespaceSelectors: [{ matchLabels: { team: "a" } }] }), {
    means: { allocation: { namespaces: ["team-a"] } },
  }),
  poolCase(
    "namespaces by name and by label",
    allocation({ namespaces: ["team-b"], namespaceSelectors: [{ matchLabels: { team: "a" } }] }),
    { means: { allocation: { namespaces: ["team-a", "team-b"] } } },
  ),
  poolCase("namespaces by label that none has", allocation({ namespaceSelectors: [{ matchLabels: { team: "z" } }] }), {
    warns: ["spec.serviceAllocation.namespaceSelectors[0] matches no namespace"],
    means: { allocation: { namespaces: [] } },
    differs: "in MetalLB the pool is then for every namespace",
  }),
  poolCase("a namespace that no name can be", allocation({ namespaces: ["Team A"] }), {
    warns: [`"Team A" can't be a namespace's name`],
    differs: "MetalLB says nothing",
  }),
  poolCase("a namespace twice", allocation({ namespaces: ["team-a", "team-a"] }), {
    refused: 'spec.serviceAllocation.namespaces[1] "team-a" is a duplicate definition of namespaces; remove one',
  }),
  poolCase("namespaces that are no list", allocation({ namespaces: "team-a" }), {
    schema: "spec.serviceAllocation.namespaces in body must be of type array",
    refused: "namespaces has the wrong type; write a list",
  }),
  poolCase(
    "a namespace selector twice",
    allocation({ namespaceSelectors: [{ matchLabels: { team: "a" } }, { matchLabels: { team: "a" } }] }),
    { refused: "is a duplicate definition of namespaceSelectors" },
  ),
  poolCase("Services by label", allocation({ serviceSelectors: [{ matchLabels: { app: "web" } }] }), {
    means: { allocation: { serviceSelectors: [{ matchLabels: { app: "web" } }] } },
  }),
  poolCase("a Service selector twice", allocation({ serviceSelectors: [{}, {}] }), {
    refused: "is a duplicate definition of serviceSelectors",
  }),
];
