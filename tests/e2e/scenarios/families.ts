import { advertisement, onNode, service, toSpine } from "./manifests.ts";
import { both, type Scenario } from "./scenario.ts";

/** IPv4 and IPv6, in sessions over either. */

const [four, six] = ["10.100.0.0/32", "fd00:100::/128"];
const up = { bgpState: "Established", connectionsEstablished: 1 };
const dual = (name: string): string => service(name, "ipFamilyPolicy: RequireDualStack");
const pages = ["10.100.0.0", "[fd00:100::]"];
const overSix = "peerASN: 64514\npeerAddress: fd00:10::2";
const sixes = ["fd00:10::11", "fd00:10::12"];

/** What BIRD shows of a path, two of them. */
const twoOfBird =
  /(BGP\.as_path: 64513 64513\n[\s\S]*BGP\.community: \(64512,46\)\n[\s\S]*BGP\.large_community: \(64512, 7, 8\)[\s\S]*){2}/;

export const families: readonly Scenario[] = [
  {
    name: "a Service of both families, a session for IPv4",
    shows: "the IPv4 address alone, as the session carries no IPv6",
    manifests: [advertisement("web"), dual("dual-1")],
    holds: { tor: { [four]: both() }, pages: ["10.100.0.0"] },
  },
  {
    name: "both families in one session over IPv4",
    shows: "the Service's two addresses, both of them used, and a page by each",
    editsShared: true,
    manifests: [
      toSpine("peerASN: 64512\npeerAddress: 10.0.0.1\ndualStackAddressFamily: true").replace(
        "name: spine",
        "name: tor",
      ),
      advertisement("web", 'communities: ["64512:46"]'),
      dual("dual-2"),
    ],
    holds: { tor: { [four]: both({ communities: "64512:46" }), [six]: both({ communities: "64512:46" }) }, pages },
  },
  {
    name: "a session over IPv6",
    shows: "the IPv6 address alone",
    spine: { asn: 64514, neighbors: sixes },
    manifests: [toSpine(overSix), advertisement("web"), dual("dual-3")],
    holds: { spine: { [six]: both() }, sessions: { "fd00:10::11": up, "fd00:10::12": up }, tor: { [four]: both() } },
  },
  {
    name: "both families in one session over IPv6",
    shows: "both addresses, both of them used",
    spine: { asn: 64514, neighbors: sixes },
    manifests: [toSpine(`${overSix}\ndualStackAddressFamily: true`), advertisement("web"), dual("dual-4")],
    holds: { spine: { [four]: both(), [six]: both() }, sessions: { "fd00:10::11": up, "fd00:10::12": up } },
  },
  {
    name: "a Service of IPv6 alone",
    shows: "its IPv6 address at the router that speaks IPv6; nothing at the other",
    spine: { asn: 64514, neighbors: sixes },
    manifests: [
      toSpine(overSix),
      advertisement("web"),
      service("six", "ipFamilyPolicy: SingleStack\nipFamilies: [IPv6]"),
    ],
    holds: { spine: { [six]: both() }, tor: {} },
  },
  {
    name: "aggregationLengthV6",
    shows: "fd00:100::/120 with the community, in place of the two addresses in it",
    spine: { asn: 64514, neighbors: sixes },
    manifests: [
      toSpine(overSix),
      advertisement("web", 'aggregationLengthV6: 120\ncommunities: ["64512:120"]'),
      service("many-six", "ipFamilies: [IPv6]"),
      service("shop", "ipFamilies: [IPv6]"),
    ],
    holds: { spine: { "fd00:100::/120": both({ communities: "64512:120" }) } },
  },
  {
    name: "an unnumbered peer",
    shows:
      "both addresses over the wire that node1 and the router share, without an address on it; IPv4 by an IPv6 next hop (RFC 8950)",
    spine: { asn: 64514, neighbors: ["node1"] },
    manifests: [
      toSpine(`dynamicASN: external\ninterface: spine\nholdTime: 9s\n${onNode("node1")}`),
      advertisement("web"),
      dual("dual-5"),
    ],
    holds: {
      spine: { [four]: { node1: {} }, [six]: { node1: {} } },
      sessions: { node1: { ...up, bgpTimerHoldTimeMsecs: 9_000 } },
      hosts: { "spine: ip route show 10.100.0.0": /via inet6 fe80:/ },
    },
  },
  {
    name: "a router that is BIRD",
    shows: "both addresses from both nodes, with community, large community and AS path",
    manifests: [
      toSpine("peerASN: 64515\npeerPort: 1179\ndualStackAddressFamily: true"),
      advertisement("web", 'communities: ["64512:46", "large:64512:7:8"]\nasPathPrepend: 1'),
      dual("dual-6"),
    ],
    holds: {
      bird: {
        "show protocols": /node1 .* Established\s[\s\S]*node2 .* Established\s/,
        [`show route ${four} all`]: twoOfBird,
        [`show route ${six} all`]: twoOfBird,
      },
    },
  },
];
