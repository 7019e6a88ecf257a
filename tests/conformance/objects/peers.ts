import { bfdProfile, passwordSecret, peer } from "../../objects.ts";
import { oldPeerCase, type ObjectCase, peerCase } from "./object-case.ts";

const other = peer("other", { peerAddress: "10.0.0.9" });
const rack = (name: string) => [{ matchLabels: { rack: name } }];
const secrets = [
  passwordSecret("good", "s3cret"),
  passwordSecret("opaque", "s3cret", { type: "Opaque" }),
  passwordSecret("keyless", "", { data: {}, stringData: { username: "x" } } as object),
  passwordSecret("blank", "two words"),
  passwordSecret("lines", "s3cret\n"),
];
const withSecret = (name: string, more: object = {}) => ({ passwordSecret: { name }, ...more });
const ibgp = { peerASN: 64513 };

export const peerCases: readonly ObjectCase[] = [
  // AS numbers
  peerCase(
    "a session as the guide has it",
    {},
    {
      stored: { peerPort: 179, disableMP: false, dualStackAddressFamily: false },
      means: {
        myASN: 64513,
        remote: { kind: "asn", asn: 64512 },
        endpoint: { kind: "address", address: "10.0.0.1" },
        peerPort: 179,
        vrf: "",
        ebgpMultiHop: false,
        enableGracefulRestart: false,
        dualStackAddressFamily: false,
      },
    },
  ),
  peerCase(
    "no spec.myASN",
    { myASN: undefined },
    { schema: "spec.myASN: Required value", refused: "spec.myASN is required" },
  ),
  peerCase("myASN 0", { myASN: 0 }, { refused: "spec.myASN is required" }),
  peerCase("the greatest AS numbers", { myASN: 4294967295, peerASN: 4294967295 }, { means: { myASN: 4294967295 } }),
  peerCase(
    "myASN of 33 bits",
    { myASN: 4294967296 },
    {
      schema: "spec.myASN in body should be less than or equal to 4294967295",
      refused: "spec.myASN 4294967296 is out of range; write a number from 1 to 4294967295",
    },
  ),
  peerCase(
    "a negative myASN",
    { myASN: -1 },
    { schema: "spec.myASN in body should be greater than or equal to 0", refused: "spec.myASN -1 is out of range" },
  ),
  peerCase(
    "myASN in quotes",
    { myASN: "64513" },
    {
      schema: 'spec.myASN in body must be of type integer: "string"',
      refused: "spec.myASN has the wrong type; write an integer",
    },
  ),
  peerCase(
    "an AS number in dotted form",
    { peerASN: "1.10" },
    { schema: "spec.peerASN in body must be of type integer", refused: "spec.peerASN has the wrong type" },
  ),
  peerCase(
    "peerASN of 33 bits",
    { peerASN: 4294967296 },
    {
      schema: "spec.peerASN in body should be less than or equal to 4294967295",
      refused: "spec.peerASN 4294967296 is out of range",
    },
  ),
  peerCase(
    "a negative peerASN",
    { peerASN: -1 },
    { schema: "spec.peerASN in body should be greater than or equal to 0", refused: "spec.peerASN -1 is out of range" },
  ),
  peerCase(
    "neither peerASN nor dynamicASN",
    { peerASN: undefined },
    { refused: "spec.peerASN is missing, and so is dynamicASN; set exactly one of the two" },
  ),
  peerCase("peerASN 0 is none", { peerASN: 0 }, { refused: "spec.peerASN is missing, and so is dynamicASN" }),
  peerCase(
    "both peerASN and dynamicASN",
    { dynamicASN: "external" },
    { refused: "spec.dynamicASN is set together with peerASN; set only one of the two" },
  ),
  peerCase(
    "dynamicASN external",
    { peerASN: undefined, dynamicASN: "external" },
    { means: { remote: { kind: "dynamic", mode: "external" } } },
  ),
  peerCase(
    "dynamicASN internal, beside a peerASN of 0",
    { peerASN: 0, dynamicASN: "internal" },
    { means: { remote: { kind: "dynamic", mode: "internal" } } },
  ),
  peerCase(
    "a dynamicASN that there isn't",
    { peerASN: undefined, dynamicASN: "any" },
    {
      schema: 'spec.dynamicASN: Unsupported value: "any": supported values: "internal", "external"',
      refused: 'spec.dynamicASN "any" is not supported; write internal or external',
    },
  ),
  peerCase("localASN", { localASN: 65000 }, { means: { localASN: 65000 } }),
  peerCase(
    "localASN 0",
    { localASN: 0 },
    {
      schema: "spec.localASN in body should be greater than or equal to 1",
      refused: "spec.localASN 0 is out of range; write a number from 1 to 4294967295",
    },
  ),
  peerCase(
    "localASN of 33 bits",
    { localASN: 4294967296 },
    {
      schema: "spec.localASN in body should be less than or equal to 4294967295",
      refused: "spec.localASN 4294967296 is out of range",
    },
  ),
  peerCase("iBGP", ibgp),
  // the other end
  peerCase(
    "an IPv6 address, in any spelling",
    { peerAddress: "FD00:0::1" },
    { means: { endpoint: { address: "fd00::1" } } },
  ),
  peerCase(
    "neither peerAddress nor interface",
    { peerAddress: undefined },
    { refused: "spec.peerAddress is missing, and so is interface; set exactly one of the two" },
  ),
  peerCase("an empty peerAddress", { peerAddress: "" }, { refused: "spec.peerAddress is missing" }),
  peerCase(
    "both peerAddress and interface",
    { interface: "eth0" },
    { refused: "spec.interface is set together with peerAddress; set only one of the two" },
  ),
  peerCase(
    "an interface",
    { peerAddress: undefined, interface: "eth0" },
    { means: { endpoint: { kind: "interface", interface: "eth0" } } },
  ),
  peerCase(
    "an octet above 255",
    { peerAddress: "10.0.0.300" },
    {
      refused:
        'spec.peerAddress "10.0.0.300" is not an IP address; write an IPv4 or IPv6 address such as 10.0.0.1 or fd00::1',
    },
  ),
  peerCase(
    "a host name",
    { peerAddress: "router.example.com" },
    { refused: '"router.example.com" is not an IP address' },
  ),
  peerCase("an address with a port", { peerAddress: "10.0.0.1:179" }, { refused: "is not an IP address" }),
  peerCase(
    "an address with a command behind it",
    { peerAddress: "10.0.0.1\nno router bgp" },
    { refused: "is not an IP address" },
  ),
  peerCase(
    "a peerAddress that is a number",
    { peerAddress: 10 },
    {
      schema: "spec.peerAddress in body must be of type string",
      refused: "spec.peerAddress has the wrong type; write text",
    },
  ),
  peerCase(
    "an interface of 16 characters",
    { peerAddress: undefined, interface: "abcdefghijklmnop" },
    {
      refused: "can't be the name of a Linux interface; write a Linux interface name: 1 to 15 characters",
      differs: "MetalLB writes any text into FRR's configuration",
    },
  ),
  peerCase(
    "an interface with a blank",
    { peerAddress: undefined, interface: "eth0 eth1" },
    { refused: "can't be the name of a Linux interface", differs: "MetalLB writes any text into FRR's configuration" },
  ),
  peerCase(
    "an interface with a command behind it",
    { peerAddress: undefined, interface: "eth0\n!" },
    { refused: "can't be the name of a Linux interface", differs: "MetalLB writes any text into FRR's configuration" },
  ),
  peerCase(
    "an interface called like an address",
    { peerAddress: undefined, interface: "10.0.0.1" },
    {
      refused: "can't be the name of a Linux interface",
      differs: "MetalLB writes it, and FRR takes it for an address",
    },
  ),
  peerCase(
    "an interface with a path",
    { peerAddress: undefined, interface: "../eth0" },
    { refused: "can't be the name of a Linux interface", differs: "MetalLB writes any text into FRR's configuration" },
  ),
  peerCase("another port", { peerPort: 1179 }, { means: { peerPort: 1179 } }),
  peerCase("the greatest port", { peerPort: 16384 }, { means: { peerPort: 16384 } }),
  peerCase(
    "port 0",
    { peerPort: 0 },
    {
      schema: "spec.peerPort in body should be greater than or equal to 1",
      refused: "spec.peerPort 0 is out of range; write a number from 1 to 16384",
    },
  ),
  peerCase(
    "port 16385",
    { peerPort: 16385 },
    {
      schema: "spec.peerPort in body should be less than or equal to 16384",
      refused: "spec.peerPort 16385 is out of range",
    },
  ),
  peerCase(
    "half a port",
    { peerPort: 179.5 },
    {
      schema: "spec.peerPort in body must be of type integer",
      refused: "spec.peerPort has the wrong type; write an integer",
    },
  ),
  peerCase("a source address", { sourceAddress: "10.0.0.2" }, { means: { sourceAddress: "10.0.0.2" } }),
  peerCase("a source address of the other family", { sourceAddress: "fd00::2" }),
  peerCase(
    "a source that is no address",
    { sourceAddress: "eth0" },
    { refused: 'spec.sourceAddress "eth0" is not an IP address' },
  ),
  peerCase("an empty source address is none", { sourceAddress: "" }),
  // timers
  peerCase("no timers: the router's own", {}, { means: { timers: undefined } }),
  peerCase(
    "a hold time alone",
    { holdTime: "90s" },
    { means: { timers: { holdTimeSeconds: 90, keepaliveSeconds: 30 } } },
  ),
  peerCase(
    "a keepalive time alone",
    { keepaliveTime: "10s" },
    { means: { timers: { holdTimeSeconds: 30, keepaliveSeconds: 10 } } },
  ),
  peerCase(
    "both timers",
    { holdTime: "1m30s", keepaliveTime: "20s" },
    { means: { timers: { holdTimeSeconds: 90, keepaliveSeconds: 20 } } },
  ),
  peerCase(
    "timers off",
    { holdTime: "0s", keepaliveTime: "0s" },
    { means: { timers: { holdTimeSeconds: 0, keepaliveSeconds: 0 } } },
  ),
  peerCase(
    "half a second of hold time is none",
    { holdTime: "500ms" },
    { means: { timers: { holdTimeSeconds: 0, keepaliveSeconds: 0 } } },
  ),
  peerCase(
    "the least hold time",
    { holdTime: "3s" },
    { means: { timers: { holdTimeSeconds: 3, keepaliveSeconds: 1 } } },
  ),
  peerCase(
    "a hold time of 2s",
    { holdTime: "2s" },
    { refused: 'spec.holdTime "2s" is an invalid hold time: must be 0 or >=3s' },
  ),
  peerCase("a hold time of 2.9s", { holdTime: "2.9s" }, { refused: "must be 0 or >=3s" }),
  peerCase(
    "a keepalive of 500ms makes a hold time of 1.5s",
    { keepaliveTime: "500ms" },
    { refused: 'would be three times keepaliveTime "500ms"' },
  ),
  peerCase(
    "a hold time that no OPEN can carry",
    { holdTime: "65536s" },
    { refused: "and at most 65535s", differs: "MetalLB accepts it, and FRR refuses the whole configuration" },
  ),
  peerCase("the greatest hold time", { holdTime: "65535s" }, { means: { timers: { holdTimeSeconds: 65535 } } }),
  peerCase(
    "a keepalive longer than the hold time",
    { holdTime: "9s", keepaliveTime: "10s" },
    { refused: 'spec.keepaliveTime "10s" is longer than holdTime "9s", must be lower than holdTime' },
  ),
  peerCase("a keepalive as long as the hold time", { holdTime: "9s", keepaliveTime: "9s" }),
  peerCase(
    "a hold time without a unit",
    { holdTime: "90" },
    { refused: 'spec.holdTime "90" is not a duration; write a duration such as 90s or 1m30s' },
  ),
  peerCase(
    "a negative hold time",
    { holdTime: "-90s" },
    { refused: '"-90s" is not a duration', differs: "MetalLB takes any Go duration" },
  ),
  peerCase(
    "a negative keepalive time",
    { keepaliveTime: "-10s" },
    { refused: 'spec.keepaliveTime "-10s" is not a duration', differs: "MetalLB takes any Go duration" },
  ),
  peerCase(
    "a hold time that is a number",
    { holdTime: 90 },
    { schema: "spec.holdTime in body must be of type string", refused: "spec.holdTime has the wrong type" },
  ),
  peerCase("a connect time", { connectTime: "30s" }, { means: { connectTimeSeconds: 30 } }),
  peerCase("the least and greatest connect time", { connectTime: "65535s" }, { means: { connectTimeSeconds: 65535 } }),
  peerCase(
    "a connect time of 0s",
    { connectTime: "0s" },
    {
      schema: "connect time should be between 1 seconds to 65535",
      refused: 'spec.connectTime "0s" is out of range; write a whole number of seconds from 1s to 65535s',
    },
  ),
  peerCase(
    "a connect time beyond 65535s",
    { connectTime: "65536s" },
    { schema: "connect time should be between 1 seconds to 65535", refused: "spec.connectTime" },
  ),
  peerCase(
    "a connect time of 1.5s",
    { connectTime: "1500ms" },
    {
      schema: "connect time should contain a whole number of seconds",
      refused: 'spec.connectTime "1500ms" is not a whole number of seconds',
    },
  ),
  peerCase(
    "a connect time that is no duration",
    { connectTime: "soon" },
    { schema: "spec.connectTime", refused: 'spec.connectTime "soon" is not a duration' },
  ),
  // router ID
  peerCase("a router ID", { routerID: "1.1.1.1" }, { means: { routerID: "1.1.1.1" } }),
  peerCase(
    "an IPv6 router ID",
    { routerID: "fd00::1" },
    {
      refused:
        'spec.routerID "fd00::1" is not an IPv4 address, as a router ID must be; write an IPv4 address such as 10.0.0.1',
      differs: "MetalLB accepts it, and FRR refuses the whole configuration",
    },
  ),
  peerCase(
    "a router ID that is a number",
    { routerID: "16843009" },
    { refused: "is not an IPv4 address, as a router ID must be" },
  ),
  // nodes
  peerCase("a session of this node", { nodeSelectors: rack("1") }),
  peerCase("a session of some other node is not here", { nodeSelectors: rack("2") }, { means: null }),
  peerCase(
    "a session of no node",
    { nodeSelectors: rack("9") },
    { warns: ["spec.nodeSelectors match no node"], means: null, differs: "MetalLB says nothing" },
  ),
  peerCase(
    "node selectors twice",
    { nodeSelectors: [...rack("1"), ...rack("1")] },
    { refused: "is a duplicate definition of nodeSelectors" },
  ),
  peerCase(
    "a node selector that can't be read",
    { nodeSelectors: [{ matchExpressions: [{ key: "rack", operator: "In" }] }] },
    { refused: "spec.nodeSelectors[0].matchExpressions[0].values is empty; In needs a value" },
  ),
  peerCase(
    "node selectors that are no list",
    { nodeSelectors: {} },
    {
      schema: "spec.nodeSelectors in body must be of type array",
      refused: "spec.nodeSelectors has the wrong type; write a list",
    },
  ),
  // passwords
  peerCase("a password", { password: "s3cret!" }, { means: { password: "s3cret!" } }),
  peerCase("a password of 80 characters", { password: "x".repeat(80) }, { means: { password: "x".repeat(80) } }),
  peerCase(
    "a password of 81 characters",
    { password: "x".repeat(81) },
    {
      refused: "spec.password is too long; write 1 to 80 printable ASCII characters without blanks",
      differs: "MetalLB writes any text into FRR's configuration",
    },
  ),
  peerCase(
    "a password with a blank",
    { password: "two words" },
    {
      refused: "spec.password holds a blank, a control character or one outside ASCII",
      differs: "MetalLB writes any text into FRR's configuration",
    },
  ),
  peerCase(
    "a password with a line break",
    { password: "s3cret\nexit" },
    {
      refused: "spec.password holds a blank, a control character",
      differs: "MetalLB writes any text into FRR's configuration",
    },
  ),
  peerCase("a password that ends with a line break", { password: "s3cret\n" }, { means: { password: "s3cret" } }),
  peerCase("a password outside ASCII", { password: "pässwörd" }, { refused: "one outside ASCII" }),
  peerCase("an empty password is none", { password: "" }, { means: { password: undefined } }),
  peerCase("a Secret", withSecret("good"), { beside: secrets, means: { password: "s3cret" } }),
  peerCase(
    "a Secret's namespace doesn't count",
    { passwordSecret: { name: "good", namespace: "elsewhere" } },
    { beside: secrets, means: { password: "s3cret" } },
  ),
  peerCase(
    "a Secret without a name is none",
    { passwordSecret: { namespace: "x" } },
    { means: { password: undefined } },
  ),
  peerCase("a Secret that isn't there", withSecret("gone"), {
    refused: `spec.passwordSecret "gone" is not the name of a Secret in MetalLB's namespace; create it there`,
    later: true,
  }),
  peerCase("a Secret of another type", withSecret("opaque"), {
    beside: secrets,
    refused: '"opaque" is not a Secret of type kubernetes.io/basic-auth',
    later: true,
  }),
  peerCase("a Secret without the key", withSecret("keyless"), {
    beside: secrets,
    refused: '"keyless" has no key password; put the password there',
    later: true,
  }),
  peerCase("a Secret with a blank in it", withSecret("blank"), {
    beside: secrets,
    refused: "holds a password that holds a blank",
    later: true,
    differs: "MetalLB writes any text into FRR's configuration",
  }),
  peerCase("a Secret made from a file with its line break", withSecret("lines"), {
    beside: secrets,
    means: { password: "s3cret" },
  }),
  peerCase("a password and a Secret", withSecret("good", { password: "x" }), {
    beside: secrets,
    refused: "spec.passwordSecret.name is set together with password; set only one of the two",
  }),
  // the rest
  peerCase("a BFD profile", { bfdProfile: "fast" }, { beside: [bfdProfile("fast")], means: { bfdProfile: "fast" } }),
  peerCase(
    "a BFD profile that isn't there",
    { bfdProfile: "gone" },
    {
      refused: 'spec.bfdProfile "gone" is not the name of a BFDProfile; create it, or name one that exists',
      later: true,
    },
  ),
  peerCase(
    "a BFD profile that no name can be",
    { bfdProfile: "fast\n!" },
    { refused: "can't be the name of an object" },
  ),
  peerCase("multi-hop to another AS", { ebgpMultiHop: true }, { means: { ebgpMultiHop: true } }),
  peerCase(
    "multi-hop in the same AS",
    { ...ibgp, ebgpMultiHop: true },
    { refused: "spec.ebgpMultiHop is true for a peer of the same AS (iBGP), which needs none; remove the field" },
  ),
  peerCase(
    "multi-hop with dynamicASN internal",
    { peerASN: undefined, dynamicASN: "internal", ebgpMultiHop: true },
    {
      warns: ["spec.ebgpMultiHop is true for a peer of the same AS (iBGP), which needs none; remove the field"],
      differs: "MetalLB says nothing",
    },
  ),
  peerCase("multi-hop with dynamicASN external", { peerASN: undefined, dynamicASN: "external", ebgpMultiHop: true }),
  peerCase("graceful restart", { enableGracefulRestart: true }, { means: { enableGracefulRestart: true } }),
  peerCase(
    "graceful restart turned off later",
    { enableGracefulRestart: false },
    { from: { enableGracefulRestart: true }, schema: "EnableGracefulRestart cannot be changed after creation" },
  ),
  peerCase(
    "graceful restart turned on later",
    { enableGracefulRestart: true },
    { from: { enableGracefulRestart: false }, schema: "EnableGracefulRestart cannot be changed after creation" },
  ),
  peerCase(
    "graceful restart added later",
    { enableGracefulRestart: true },
    { from: {}, means: { enableGracefulRestart: true } },
  ),
  peerCase(
    "graceful restart in quotes",
    { enableGracefulRestart: "true" },
    {
      schema: "spec.enableGracefulRestart in body must be of type boolean",
      refused: "spec.enableGracefulRestart has the wrong type",
    },
  ),
  peerCase("a VRF", { vrf: "red" }, { means: { vrf: "red" } }),
  peerCase(
    "the VRF called all, which is FRR's word for every VRF",
    { vrf: "all" },
    {
      refused: 'spec.vrf "all" can\'t be the name of a VRF',
      differs: "MetalLB writes any text into FRR's configuration",
    },
  ),
  peerCase(
    "the VRF called default is none",
    { vrf: "default" },
    { means: { vrf: "" }, differs: "MetalLB makes a VRF of it that FRR has already" },
  ),
  peerCase(
    "a VRF with a command behind it",
    { vrf: "red\nrouter bgp 1" },
    {
      refused: "can't be the name of a VRF; write the name of a VRF: 1 to 15 characters",
      differs: "MetalLB writes any text into FRR's configuration",
    },
  ),
  peerCase(
    "a VRF of 16 characters",
    { vrf: "abcdefghijklmnop" },
    { refused: "can't be the name of a VRF", differs: "MetalLB writes any text into FRR's configuration" },
  ),
  peerCase(
    "disableMP has no effect any more",
    { disableMP: true },
    { warns: ["spec.disableMP is deprecated: it has no effect; see dualStackAddressFamily"] },
  ),
  peerCase(
    "disableMP, which hides no mistake beside it",
    { disableMP: true, holdTime: "2s" },
    {
      refused: 'spec.holdTime "2s" is an invalid hold time: must be 0 or >=3s',
      differs: "MetalLB's webhook warns of disableMP and looks no further",
    },
  ),
  peerCase("both address families", { dualStackAddressFamily: true }, { means: { dualStackAddressFamily: true } }),
  peerCase("a field that there isn't", { peerAdress: "10.0.0.1" }, { schema: 'unknown field "spec.peerAdress"' }),
  peerCase("an edit from good to good", { peerPort: 1179 }, { from: {}, means: { peerPort: 1179 } }),
  // two peers on one node
  peerCase("beside another peer", {}, { beside: [other] }),
  peerCase(
    "another router ID than its neighbour's",
    { routerID: "1.1.1.1" },
    {
      beside: [peer("other", { peerAddress: "10.0.0.9", routerID: "2.2.2.2" })],
      refused:
        "spec.routerID is 1.1.1.1 but 2.2.2.2 in peer other: peers selecting the same node must all have the same RouterID",
    },
  ),
  peerCase(
    "a router ID where its neighbour has none",
    { routerID: "1.1.1.1" },
    { beside: [other], refused: "spec.routerID is 1.1.1.1 but unset in peer other" },
  ),
  peerCase(
    "no router ID where its neighbour has one",
    {},
    {
      beside: [peer("other", { peerAddress: "10.0.0.9", routerID: "2.2.2.2" })],
      refused: "spec.routerID is unset but 2.2.2.2 in peer other",
    },
  ),
  peerCase(
    "another router ID in another VRF",
    { routerID: "1.1.1.1", vrf: "red" },
    { beside: [other], refused: "must all have the same RouterID" },
  ),
  peerCase(
    "the address of another peer",
    { peerAddress: "10.0.0.9" },
    { beside: [other], refused: "spec.peerAddress 10.0.0.9 already exists in peer other" },
  ),
  peerCase(
    "the address of another peer, on another port",
    { peerAddress: "10.0.0.9", peerPort: 1179 },
    { beside: [other], refused: "already exists in peer other" },
  ),
  peerCase(
    "the address of another peer, in another spelling",
    { peerAddress: "::ffff:10.0.0.9" },
    { beside: [other], refused: "already exists in peer other" },
  ),
  peerCase(
    "the interface of another peer",
    { peerAddress: undefined, interface: "eth0" },
    {
      beside: [peer("other", { peerAddress: "", interface: "eth0" })],
      refused: "spec.interface eth0 already exists in peer other",
    },
  ),
  peerCase("the address of another peer, in another VRF", { peerAddress: "10.0.0.9", vrf: "red" }, { beside: [other] }),
  peerCase(
    "another myASN in the same VRF",
    { myASN: 64999 },
    {
      beside: [other],
      refused:
        "spec.myASN is 64999 but 64513 in peer other: peers selecting the same node must have the same myASN within the same VRF; localASN can differ",
    },
  ),
  peerCase("another myASN in another VRF", { myASN: 64999, vrf: "red" }, { beside: [other] }),
  peerCase("another localASN", { localASN: 64999 }, { beside: [other] }),
  peerCase(
    "everything else, but on another node",
    { routerID: "1.1.1.1", peerAddress: "10.0.0.9", nodeSelectors: rack("1") },
    { beside: [peer("other", { peerAddress: "10.0.0.9", nodeSelectors: rack("2") })] },
  ),

  // v1beta1
  oldPeerCase(
    "v1beta1: unset timers stay unset",
    {},
    {
      stored: { holdTime: undefined, keepaliveTime: undefined },
      means: { timers: undefined },
      differs: "MetalLB makes 0s of them, which turns the timers off",
    },
  ),
  oldPeerCase(
    "v1beta1: port 0 is the default",
    { peerPort: 0 },
    { stored: { peerPort: 179 }, means: { peerPort: 179 }, differs: "MetalLB stores 0, which v1beta2 refuses" },
  ),
  oldPeerCase(
    "v1beta1: everything that it has",
    {
      peerPort: 1179,
      holdTime: "90s",
      keepaliveTime: "30s",
      routerID: "1.1.1.1",
      sourceAddress: "10.0.0.2",
      password: "x",
      ebgpMultiHop: true,
      nodeSelectors: rack("1"),
    },
    {
      means: {
        peerPort: 1179,
        routerID: "1.1.1.1",
        sourceAddress: "10.0.0.2",
        password: "x",
        ebgpMultiHop: true,
        timers: { holdTimeSeconds: 90, keepaliveSeconds: 30 },
      },
    },
  ),
  oldPeerCase(
    "v1beta1: no peerASN",
    { peerASN: undefined },
    { schema: "spec.peerASN: Required value", refused: "spec.peerASN is missing" },
  ),
  oldPeerCase(
    "v1beta1: no peerAddress",
    { peerAddress: undefined },
    { schema: "spec.peerAddress: Required value", refused: "spec.peerAddress is missing" },
  ),
  oldPeerCase(
    "v1beta1: port 16385",
    { peerPort: 16385 },
    {
      schema: "spec.peerPort in body should be less than or equal to 16384",
      refused: "spec.peerPort 16385 is out of range",
    },
  ),
  oldPeerCase(
    "v1beta1: a requirement without values",
    { nodeSelectors: [{ matchExpressions: [{ key: "rack", operator: "Exists" }] }] },
    { schema: "spec.nodeSelectors[0].matchExpressions[0].values: Required value" },
  ),
  oldPeerCase(
    "v1beta1: an empty list of values",
    { nodeSelectors: [{ matchExpressions: [{ key: "rack", operator: "In", values: [] }] }] },
    { schema: "should have at least 1 items", refused: "In needs a value" },
  ),
  oldPeerCase("v1beta1: a field of v1beta2", { vrf: "red" }, { schema: 'unknown field "spec.vrf"' }),
  oldPeerCase("v1beta1: a hold time of 2s", { holdTime: "2s" }, { refused: "must be 0 or >=3s" }),
];
