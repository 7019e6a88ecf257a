import { address, asn, boolean, duration, integer, object, oneOf, parsed, selectors, text } from "../field.ts";
import {
  connectTimeGrammar,
  linuxNameGrammar,
  objectNameGrammar,
  passwordGrammar,
  routerIdGrammar,
  vrfGrammar,
} from "../grammar.ts";
import { type Column, kind, type ObjectOf } from "../kind.ts";
import { exactlyOne, notBoth, refused, warning } from "../rules.ts";
import { timerProblems } from "../timers.ts";

export const bgpPeerColumns: readonly Column[] = [
  { name: "Address", type: "string", path: ".spec.peerAddress" },
  { name: "ASN", type: "string", path: ".spec.peerASN" },
  { name: "BFD Profile", type: "string", path: ".spec.bfdProfile" },
  { name: "Multi Hops", type: "string", path: ".spec.ebgpMultiHop" },
];

const spec = object(
  {
    myASN: asn({ minimum: 0, doc: "AS number of this end of the session." }),
    peerASN: asn({
      optional: true,
      minimum: 0,
      doc: "AS number of the other end. Exactly one of peerASN and dynamicASN must be set.",
    }),
    localASN: asn({ optional: true, doc: "AS number shown to this peer in place of myASN." }),
    dynamicASN: oneOf(["internal", "external"], {
      optional: true,
      doc: "Accepts whatever AS number the other end has: internal if it equals myASN, external if it differs. Exactly one of peerASN and dynamicASN must be set.",
    }),
    peerAddress: address({
      optional: true,
      doc: "Address of the other end. Exactly one of peerAddress and interface must be set.",
    }),
    interface: parsed(linuxNameGrammar, {
      optional: true,
      doc: "Interface of the node over which to hold an unnumbered session. Exactly one of peerAddress and interface must be set.",
    }),
    sourceAddress: address({ optional: true, doc: "Address of this end." }),
    peerPort: integer({ default: 179, minimum: 1, maximum: 16384, doc: "TCP port of the other end." }),
    holdTime: duration({
      optional: true,
      doc: "Hold time to ask for (RFC 4271), 0s or at least 3s. If only keepaliveTime is set, three times that; if neither is, the router's default.",
    }),
    keepaliveTime: duration({
      optional: true,
      doc: "Keepalive time to ask for (RFC 4271), at most holdTime. If only holdTime is set, a third of it.",
    }),
    connectTime: parsed(connectTimeGrammar, {
      optional: true,
      doc: "Time between attempts to connect: a whole number of seconds from 1s to 65535s.",
      rules: [
        {
          rule: "duration(self).getSeconds() >= 1 && duration(self).getSeconds() <= 65535",
          message: "connect time should be between 1 seconds to 65535",
        },
        {
          rule: "duration(self).getMilliseconds() % 1000 == 0",
          message: "connect time should contain a whole number of seconds",
        },
      ],
    }),
    routerID: parsed(routerIdGrammar, {
      optional: true,
      doc: "BGP router ID, an IPv4 address. All peers of a node must agree on it.",
    }),
    nodeSelectors: selectors({ unset: [], doc: "Nodes that hold this session. If empty, all." }),
    password: parsed(passwordGrammar, {
      optional: true,
      doc: "Password of TCP MD5 (RFC 2385), in clear text. Prefer passwordSecret.",
    }),
    passwordSecret: object(
      {
        name: text({ unset: "", doc: "Name of the Secret." }),
        namespace: text({ unset: "", doc: "Ignored: the Secret is looked up in the namespace of MetalLB." }),
      },
      {
        optional: true,
        atomic: true,
        doc: "Secret of type kubernetes.io/basic-auth, in the namespace of MetalLB, whose key password holds the password of TCP MD5.",
      },
    ),
    bfdProfile: parsed(objectNameGrammar, {
      optional: true,
      doc: "Name of the BFDProfile that watches over this session. If empty, BFD is off.",
    }),
    enableGracefulRestart: boolean({
      unset: false,
      doc: "Graceful restart (RFC 4724): the peer keeps forwarding while this end restarts. Can't be changed afterwards.",
      rules: [{ rule: "self == oldSelf", message: "EnableGracefulRestart cannot be changed after creation" }],
    }),
    ebgpMultiHop: boolean({ unset: false, doc: "Whether the peer, of another AS, is more than one hop away." }),
    vrf: parsed(vrfGrammar, { unset: "", doc: "VRF of the host in which to hold the session." }),
    disableMP: boolean({
      default: false,
      doc: "Deprecated and without effect.",
      deprecated: "it has no effect; see dualStackAddressFamily",
    }),
    dualStackAddressFamily: boolean({
      default: false,
      doc: "Offers both address families in this session: IPv4 prefixes over IPv6 and the reverse.",
    }),
  },
  {
    optional: true,
    doc: "The session as it should be.",
    check: (peer) => [
      ...exactlyOne(peer, "peerASN", "dynamicASN"),
      ...exactlyOne(peer, "peerAddress", "interface"),
      ...timerProblems(peer),
      ...multiHopProblems(peer),
      ...unnumberedProblems(peer),
      ...notBoth("password", peer.password, "passwordSecret.name", peer.passwordSecret?.name),
    ],
  },
);

/**
 * FRR passes over the field for a peer of the same AS. MetalLB refuses equal numbers only, so what works there is in force here.
 *
 * Differs: with dynamicASN internal, which is iBGP too, MetalLB says nothing.
 */
function multiHopProblems(peer: {
  readonly myASN: number;
  readonly peerASN?: number;
  readonly dynamicASN?: string;
  readonly ebgpMultiHop?: boolean;
}) {
  if (!peer.ebgpMultiHop) return [];
  const message = "is true for a peer of the same AS (iBGP), which needs none; remove the field";
  if (peer.peerASN === peer.myASN) return [refused("ebgpMultiHop", "Conflict", message)];
  return peer.dynamicASN === "internal" ? [warning("ebgpMultiHop", "Conflict", message)] : [];
}

/**
 * What only a session between two addresses can have.
 *
 * Differs: MetalLB writes both lines, and FRR refuses them for an unnumbered peer, so that its reload fails.
 * @see FRR bgpd/bgp_vty.c, peer_ebgp_multihop_set_vty and peer_update_source_vty
 */
function unnumberedProblems(peer: {
  readonly interface?: string;
  readonly sourceAddress?: string;
  readonly ebgpMultiHop?: boolean;
}) {
  if (!peer.interface) return [];
  const farMessage = "is true together with interface, but an unnumbered peer is on the same link; remove the field";
  const sourceMessage =
    "is set together with interface, whose own address an unnumbered session uses; remove the field";
  return [
    ...(peer.ebgpMultiHop ? [refused("ebgpMultiHop", "Conflict", farMessage)] : []),
    ...(peer.sourceAddress ? [refused("sourceAddress", "Conflict", sourceMessage)] : []),
  ];
}

/** A BGP session. Stored in this version. */
export const bgpPeer = kind({
  kind: "BGPPeer",
  plural: "bgppeers",
  version: "v1beta2",
  doc: "A router to hold BGP sessions with.",
  columns: bgpPeerColumns,
  fields: { spec, status: object({}, { optional: true, doc: "Empty." }) },
});

export type BgpPeer = ObjectOf<typeof bgpPeer>;
