import type { Asn, Peer } from "../../config/config.ts";
import { familyOf } from "../../net/address.ts";
import type { Family } from "../../net/address.ts";

/** FRR's word for the peer: its address, or the interface of an unnumbered one. */
export const neighborOf = ({ endpoint }: Peer): string =>
  endpoint.kind === "address" ? endpoint.address : endpoint.interface;

/**
 * The name of the peer's outbound route-map. Neither a VRF nor a neighbor can hold a `/`, so two peers never share one.
 *
 * Differs: MetalLB's is `<neighbor>-<vrf>-out` for a peer in a VRF, which an interface of that name would share.
 */
export const outboundMap = (vrf: string, neighbor: string): string => `${vrf === "" ? "" : `${vrf}/`}${neighbor}-out`;

/**
 * The name of the peer's inbound route-map, which refuses everything: this FRR only announces. One for each peer, and numbered 20, as
 * in MetalLB's file, so that `bgpextras` written for that can let in what it names.
 */
export const inboundMap = (vrf: string, neighbor: string): string => outboundMap(vrf, neighbor).replace(/-out$/, "-in");

/** The session's lines, `remote-as` first because FRR creates the neighbor with it. */
export function neighborLines(peer: Peer): string[] {
  const neighbor = `neighbor ${neighborOf(peer)}`;
  return fieldOrder.flatMap((field) => linesOf(field, peer)).map((line) => `${neighbor} ${line}`);
}

/** The field that a line of the session comes from; `undefined` for one that none renders. */
export function neighborFieldOf(line: string, peer: Peer): keyof Peer | undefined {
  const rest = line.slice(`neighbor ${neighborOf(peer)} `.length);
  return fieldOrder.find((field) => linesOf(field, peer).includes(rest));
}

/**
 * Families the session carries.
 *
 * An unnumbered session carries both (RFC 8950 gives IPv4 its next hop); an address carries its own family, and the other
 * with `dualStackAddressFamily`. MetalLB internal/bgp/frr/templates.
 */
export function familiesOf({ endpoint, dualStackAddressFamily }: Peer): readonly Family[] {
  if (endpoint.kind === "interface" || dualStackAddressFamily) return ["ipv4", "ipv6"];
  return [familyOf(endpoint.address)];
}

/** What follows `neighbor N ` for one field's value, or "structural" when the field shapes the tree elsewhere. */
type FieldLines = { readonly [F in keyof Required<Peer>]: FieldRule<F> };
type FieldRule<F extends keyof Peer> = "structural" | ((value: NonNullable<Peer[F]>, peer: Peer) => readonly string[]);

/** Every field of Peer, in the order in which its lines are sent: a field left out doesn't compile. */
const lines: FieldLines = {
  name: "structural",
  ref: "structural",
  remote: (_, peer) => [
    `${peer.endpoint.kind === "interface" ? "interface " : ""}remote-as ${
      peer.remote.kind === "asn" ? peer.remote.asn : peer.remote.mode
    }`,
  ],
  // Needs an external neighbor, and FRR refuses the router's own number, which it would show anyway.
  localASN: (asn, peer) => (isExternal(peer) && asn !== peer.myASN ? [`local-as ${asn} no-prepend replace-as`] : []),
  // 255 is what FRR makes of the bare word; written out, both read alike. FRR ignores it for an internal peer.
  ebgpMultiHop: (on, peer) => (on && isExternal(peer) ? ["ebgp-multihop 255"] : []),
  // An IPv6 session leaves from an address bgpd may not hold to be connected; MetalLB internal/bgp/frr/templates.
  endpoint: (endpoint, peer) =>
    endpoint.kind === "address" &&
    familyOf(endpoint.address) === "ipv6" &&
    !peer.dualStackAddressFamily &&
    !peer.ebgpMultiHop &&
    isExternal(peer)
      ? ["disable-connected-check"]
      : [],
  // 179 is the default, which FRR doesn't print.
  peerPort: (port) => (port === 179 || port === 0 ? [] : [`port ${port}`]),
  password: (password) => [`password ${password}`],
  sourceAddress: (address) => [`update-source ${address}`],
  // FRR makes a longer keepalive a third of the hold time, and prints that (FRR bgpd/bgpd.c, peer_timers_set).
  timers: ({ keepaliveSeconds, holdTimeSeconds }) => [
    `timers ${Math.min(keepaliveSeconds, Math.trunc(holdTimeSeconds / 3))} ${holdTimeSeconds}`,
  ],
  connectTimeSeconds: (seconds) => [`timers connect ${seconds}`],
  enableGracefulRestart: (on) => (on ? ["graceful-restart"] : []),
  // Both lines: FRR prints the first one too once a profile is set.
  bfdProfile: (profile) => ["bfd", `bfd profile ${profile}`],
  myASN: "structural",
  routerID: "structural",
  vrf: "structural",
  dualStackAddressFamily: "structural",
};

const fieldOrder = Object.keys(lines) as readonly (keyof Peer)[];

function linesOf<F extends keyof Peer>(field: F, peer: Peer): readonly string[] {
  const rule: FieldRule<F> = lines[field];
  const value = peer[field];
  return rule === "structural" || value === undefined || value === null ? [] : rule(value, peer);
}

/**
 * The AS number that `asPathPrepend` repeats: the one that the peer sees anyway. `undefined`: none, since an internal peer
 * would take the path for a loop. RFC 4271 §9.1.2.
 */
export const prependedAsn = (peer: Peer): Asn | undefined =>
  isExternal(peer) ? (peer.localASN ?? peer.myASN) : undefined;

const isExternal = ({ remote, myASN }: Peer): boolean =>
  remote.kind === "dynamic" ? remote.mode === "external" : remote.asn !== myASN;
