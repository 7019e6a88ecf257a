import { address, asn, boolean, duration, integer, legacySelectors, object, parsed } from "../field.ts";
import { objectNameGrammar, passwordGrammar, routerIdGrammar } from "../grammar.ts";
import { kind, type ObjectOf } from "../kind.ts";
import { bgpPeerColumns } from "./bgp-peer.ts";

/** The old form of a BGPPeer: served, converted, never stored. */
export const bgpPeerV1beta1 = kind({
  kind: "BGPPeer",
  plural: "bgppeers",
  version: "v1beta1",
  doc: "A router to hold BGP sessions with. Deprecated: use v1beta2.",
  deprecated: "v1beta1 is deprecated, please use v1beta2",
  columns: bgpPeerColumns,
  fields: {
    spec: object(
      {
        myASN: asn({ minimum: 0, doc: "AS number of this end of the session." }),
        peerASN: asn({ minimum: 0, doc: "AS number of the other end." }),
        peerAddress: address({ doc: "Address of the other end." }),
        sourceAddress: address({ optional: true, doc: "Address of this end." }),
        peerPort: integer({ optional: true, minimum: 0, maximum: 16384, doc: "TCP port of the other end." }),
        holdTime: duration({ optional: true, doc: "Hold time to ask for (RFC 4271)." }),
        keepaliveTime: duration({ optional: true, doc: "Keepalive time to ask for (RFC 4271)." }),
        routerID: parsed(routerIdGrammar, { optional: true, doc: "BGP router ID, an IPv4 address." }),
        nodeSelectors: legacySelectors({ unset: [], doc: "Nodes that hold this session. If empty, all." }),
        password: parsed(passwordGrammar, { optional: true, doc: "Password of TCP MD5 (RFC 2385)." }),
        bfdProfile: parsed(objectNameGrammar, { optional: true, doc: "Name of the BFDProfile of this session." }),
        ebgpMultiHop: boolean({ unset: false, doc: "Whether the peer, of another AS, is more than one hop away." }),
      },
      { optional: true, doc: "The session as it should be." },
    ),
    status: object({}, { optional: true, doc: "Empty." }),
  },
});

export type BgpPeerV1beta1 = ObjectOf<typeof bgpPeerV1beta1>;
