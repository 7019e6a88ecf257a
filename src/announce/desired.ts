import type { BfdParameters, Asn, BgpPolicy, Peer } from "../config/config.ts";
import type { Address, Family } from "../net/address.ts";
import type { Prefix } from "../net/prefix.ts";
import type { Members } from "../std/persistent.ts";

/** Everything that one node's BGP should be. A backend makes it so; applying it twice is harmless. */
export interface BgpDesired {
  /** One for each VRF, sorted by VRF. */
  readonly routers: readonly Router[];
  readonly bfdProfiles: readonly BfdParameters[];
  /** An administrator's own lines for the routing daemon, to be said on top of everything. They may hold a password. */
  readonly extras?: string;
}

export interface Router {
  /** Empty: the default VRF. */
  readonly vrf: string;
  readonly myASN: Asn;
  readonly routerID?: Address;
  /** Sorted by name. */
  readonly peers: readonly RouterPeer[];
}

/** A session and the paths to offer in it (its wanted Adj-RIB-Out), sorted by prefix, one for each prefix. */
export interface RouterPeer {
  readonly peer: Peer;
  readonly paths: readonly Path[];
}

export interface Path {
  readonly prefix: Prefix;
  readonly attributes: PathAttributes;
  /** Keys (`namespace/name`) of the Services that this path serves, sorted. */
  readonly services: readonly string[];
}

/** What a policy says besides its attributes: which prefixes, from where, to whom. */
type Scope =
  | "name"
  | "ref"
  | "pools"
  | "peers"
  | "nodes"
  | "aggregationLength"
  | "aggregationLengthV6"
  | "serviceSelectors";

/** A policy's attributes under its own names. Lists sorted, without duplicates; 0 means not set, but for `med`. */
export interface PathAttributes extends Omit<BgpPolicy, Scope> {}

/** What the routing daemon says. Never computed from `BgpDesired`. */
export interface BgpObserved {
  readonly sessions: readonly ObservedSession[];
}

export interface ObservedSession {
  readonly vrf: string;
  /** As in `Peer.endpoint`: an address, or an interface name for an unnumbered peer. */
  readonly neighbor: string;
  /** RFC 4271 §8.2.2, in FRR's spelling: Idle, Connect, Active, OpenSent, OpenConfirm, Established. */
  readonly state: string;
  /** Why it is down, in FRR's words; absent while up or before the first try. */
  readonly downReason?: string;
  /** "up", "down", "init", "admin-down"; absent when the session has no BFD. */
  readonly bfd?: string;
  /** Adj-RIB-Out as bgpd lists it (RFC 4271 §3.2). */
  readonly sent: Members<Prefix>;
  /**
   * When it came up or, where it isn't up, went down last; Unix time in milliseconds, good to two seconds. Absent where the
   * daemon doesn't tell.
   */
  readonly sinceMs?: number;
  /** What a session that is up has. */
  readonly up?: EstablishedSession;
}

export interface EstablishedSession {
  /** How many prefixes `sent` holds, for each family that the session carries. */
  readonly sentCounts: Readonly<Partial<Record<Family, number>>>;
  /** RFC 4271 §4.2: the smaller of both sides' proposals; 0 is never. */
  readonly holdTimeSeconds: number;
  readonly keepaliveSeconds: number;
  /** Announced by both sides (RFC 4760 §8). */
  readonly families: readonly Family[];
}
