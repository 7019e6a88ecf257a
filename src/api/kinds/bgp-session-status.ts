import { integer, list, object, oneOf, text } from "../field.ts";
import { kind, type ObjectOf } from "../kind.ts";
import { immutable } from "./service-bgp-status.ts";

/** How many prefixes; absent where nothing is known. */
const count = (doc: string) => integer({ optional: true, format: "int64", minimum: 0, doc });

/**
 * What one node's FRR says of the session with one BGPPeer. Written by the speakers.
 *
 * Differs: MetalLB's FRR mode has nothing like it; frr-k8s has BGPSessionState, in a group of its own.
 */
export const bgpSessionStatus = kind({
  kind: "BGPSessionStatus",
  plural: "bgpsessionstatuses",
  shortNames: ["bgpsession", "bgpsessions"],
  version: "v1beta1",
  doc: "The BGP session of one node with one BGPPeer, as FRR tells it. Written by the speakers; labels metallb.io/node, metallb.io/peer and metallb.io/vrf find it.",
  columns: [
    { name: "Node", type: "string", path: ".status.node" },
    { name: "Peer", type: "string", path: ".status.peer" },
    { name: "Neighbor", type: "string", path: ".status.neighbor", priority: 1 },
    { name: "VRF", type: "string", path: ".status.vrf", priority: 1 },
    { name: "BGP", type: "string", path: ".status.bgpStatus" },
    { name: "BFD", type: "string", path: ".status.bfdStatus" },
    { name: "Sent", type: "integer", path: ".status.prefixesSent.total" },
    { name: "Since", type: "date", path: ".status.since" },
    { name: "Reason", type: "string", path: ".status.reason", priority: 1 },
  ],
  fields: {
    status: object(
      {
        node: text({ ...immutable, doc: "The node that the session begins at." }),
        peer: text({ ...immutable, doc: "Name of the BGPPeer." }),
        vrf: text({ optional: true, doc: "The VRF that the session runs in; absent: the default one." }),
        neighbor: text({ optional: true, doc: "The peer's address, or the interface of an unnumbered one." }),
        bgpStatus: text({
          optional: true,
          doc: "State of the session in FRR's spelling of RFC 4271 section 8: Idle, Connect, Active, OpenSent, OpenConfirm or Established; whatever else FRR says, such as Clearing; or Unknown where FRR does not show the session. What passes between Idle and OpenConfirm is told at most twice a minute.",
        }),
        bfdStatus: oneOf(["Up", "Down", "N/A"], {
          optional: true,
          doc: "Whether BFD holds the peer for alive; N/A if there is no BFD session with it.",
        }),
        reason: text({
          optional: true,
          doc: "Why the session is not up, in FRR's words, or what keeps FRR from having it. Absent while it is up, and while FRR gives none.",
        }),
        since: text({
          optional: true,
          format: "date-time",
          doc: "Since when it is up, or is not up, by FRR's count of seconds; where FRR does not tell, since when the speaker has seen it so. Trying again and again does not begin anew.",
        }),
        prefixesSent: object(
          {
            total: count("Of all families."),
            ipv4: count("IPv4; absent if the session does not carry it."),
            ipv6: count("IPv6; absent if the session does not carry it."),
          },
          {
            optional: true,
            doc: "How many prefixes are in the peer's Adj-RIB-Out (RFC 4271 section 3.2). Absent while the session is not up. Told at most once a second.",
          },
        ),
        negotiated: object(
          {
            holdTimeSeconds: integer({ optional: true, minimum: 0, doc: "RFC 4271 section 4.2; 0: never." }),
            keepaliveSeconds: integer({ optional: true, minimum: 0, doc: "Time between KEEPALIVEs; 0: none." }),
            families: list(text({ doc: "" }), {
              optional: true,
              doc: "Address families that both sides have announced (RFC 4760 section 8).",
            }),
          },
          { optional: true, doc: "What the two sides agreed on. Absent while the session is not up." },
        ),
      },
      { optional: true, doc: "The session." },
    ),
  },
});

export type BgpSessionStatus = ObjectOf<typeof bgpSessionStatus>;
