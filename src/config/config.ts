import type { SpecOf } from "../api/kind.ts";
import type { bfdProfile } from "../api/kinds/bfd-profile.ts";
import type { bgpAdvertisement } from "../api/kinds/bgp-advertisement.ts";
import type { bgpPeer } from "../api/kinds/bgp-peer.ts";
import type { LabelSelector, ObjectRef } from "../api/object.ts";
import type { Asn } from "../net/asn.ts";
import type { Address, Family } from "../net/address.ts";
import type { Prefix } from "../net/prefix.ts";
import type { Range } from "../net/range.ts";
import type { LargeCommunity, StandardCommunity } from "../net/community.ts";

export type { Asn } from "../net/asn.ts";
export type { LargeCommunity, StandardCommunity } from "../net/community.ts";

/** What the objects mean once references are resolved, selectors evaluated and units explicit. Plain readonly values. */
export interface Config {
  readonly pools: readonly Pool[];
  /** Names of pools that exist and are wrong, and of which no good value is known; absent: none. */
  readonly refusedPools?: readonly string[];
  readonly peers: readonly Peer[];
  readonly bgpAdvertisements: readonly BgpPolicy[];
  readonly l2Advertisements: readonly L2Policy[];
  readonly bfdProfiles: readonly BfdParameters[];
  /** An administrator's own lines for FRR, where there are any: ConfigMap `bgpextras`. They may hold a password. */
  readonly extras?: { readonly ref: ObjectRef; readonly text: string };
}

export interface Pool {
  readonly name: string;
  readonly ref: ObjectRef;
  /** One entry for each of `spec.addresses`, in its order. */
  readonly entries: readonly { readonly text: string; readonly range: Range; readonly prefixes: readonly Prefix[] }[];
  readonly families: readonly Family[];
  readonly autoAssign: boolean;
  readonly avoidBuggyIPs: boolean;
  readonly labels: Readonly<Record<string, string>>;
  /** Absent: for every Service, as a general pool. */
  readonly allocation?: {
    readonly priority: number;
    /** Names of namespaces, selectors resolved; `undefined` means every namespace, an empty list none. */
    readonly namespaces: readonly string[] | undefined;
    readonly serviceSelectors: readonly LabelSelector[];
  };
}

/** Fields of a BGPPeer that mean something only together, or only once looked up. */
export const resolvedPeerFields = [
  "peerASN",
  "dynamicASN",
  "peerAddress",
  "interface",
  "holdTime",
  "keepaliveTime",
  "connectTime",
  "passwordSecret",
  "nodeSelectors",
  "disableMP",
] as const;

/**
 * A BGP session of this node: the kind's fields under their own names, but for those that are resolved.
 *
 * `password` is never logged and in no error, wherever it comes from. `bfdProfile` names a profile that exists in
 * `Config.bfdProfiles`. An empty `vrf` is the default VRF.
 */
export interface Peer extends Omit<SpecOf<typeof bgpPeer>, (typeof resolvedPeerFields)[number]> {
  readonly name: string;
  readonly ref: ObjectRef;
  readonly remote:
    | { readonly kind: "asn"; readonly asn: Asn }
    | { readonly kind: "dynamic"; readonly mode: "internal" | "external" };
  readonly endpoint:
    | { readonly kind: "address"; readonly address: Address }
    | { readonly kind: "interface"; readonly interface: string };
  /** Both or neither, whole seconds. */
  readonly timers?: { readonly holdTimeSeconds: number; readonly keepaliveSeconds: number };
  readonly connectTimeSeconds?: number;
}

/** Fields of a BGPAdvertisement that name other objects, or select them. */
export const resolvedPolicyFields = [
  "ipAddressPools",
  "ipAddressPoolSelectors",
  "nodeSelectors",
  "peers",
  "communities",
] as const;

/** A BGPAdvertisement, resolved; what needs no resolving is the kind's. A `localPref` of 0 is not set. */
export interface BgpPolicy extends Omit<SpecOf<typeof bgpAdvertisement>, (typeof resolvedPolicyFields)[number]> {
  readonly name: string;
  readonly ref: ObjectRef;
  /** Names of pools that exist, sorted. */
  readonly pools: readonly string[];
  /** Names of BGPPeers that exist, sorted; `undefined` means all. */
  readonly peers: readonly string[] | undefined;
  /** The node that this configuration is for: policies of other nodes are not in it. */
  readonly nodes: readonly string[];
  readonly communities: readonly StandardCommunity[];
  readonly largeCommunities: readonly LargeCommunity[];
}

export interface L2Policy {
  readonly name: string;
  readonly ref: ObjectRef;
  readonly pools: readonly string[];
  readonly nodes: readonly string[];
  readonly interfaces: readonly string[];
  readonly serviceSelectors: readonly LabelSelector[];
}

/** A BFDProfile; what is absent is FRR's default. Times in milliseconds. RFC 5880 §6.8.1. */
export interface BfdParameters extends SpecOf<typeof bfdProfile> {
  readonly name: string;
  readonly ref: ObjectRef;
}
