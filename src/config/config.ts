import type { LabelSelector, ObjectRef } from "../api/object.ts";
import type { Address, Family } from "../net/address.ts";
import type { Prefix } from "../net/prefix.ts";
import type { Range } from "../net/range.ts";
import type { Brand } from "../std/brand.ts";

export type Asn = Brand<number, "Asn">;

/** What the objects mean once references are resolved, selectors evaluated and units explicit. Plain readonly values. */
export interface Config {
  readonly pools: readonly Pool[];
  readonly peers: readonly Peer[];
  readonly bgpAdvertisements: readonly BgpPolicy[];
  readonly l2Advertisements: readonly L2Policy[];
  readonly bfdProfiles: readonly BfdParameters[];
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

/** A BGP session of this node. Field names are the CRD's. */
export interface Peer {
  readonly name: string;
  readonly ref: ObjectRef;
  readonly myASN: Asn;
  readonly localASN?: Asn;
  readonly remote:
    | { readonly kind: "asn"; readonly asn: Asn }
    | { readonly kind: "dynamic"; readonly mode: "internal" | "external" };
  readonly endpoint:
    | { readonly kind: "address"; readonly address: Address }
    | { readonly kind: "interface"; readonly interface: string };
  readonly sourceAddress?: Address;
  readonly peerPort: number;
  /** Both or neither, whole seconds. */
  readonly timers?: { readonly holdTimeSeconds: number; readonly keepaliveSeconds: number };
  readonly connectTimeSeconds?: number;
  readonly routerID?: Address;
  /** Never logged, never in an error. */
  readonly password?: string;
  /** Name of a profile that exists in `Config.bfdProfiles`. */
  readonly bfdProfile?: string;
  readonly enableGracefulRestart: boolean;
  readonly ebgpMultiHop: boolean;
  /** Empty: the default VRF. */
  readonly vrf: string;
  readonly dualStackAddressFamily: boolean;
}

/** A BGPAdvertisement, resolved. */
export interface BgpPolicy {
  readonly name: string;
  readonly ref: ObjectRef;
  readonly pools: readonly string[];
  /** Names of BGPPeers; `undefined` means all. */
  readonly peers: readonly string[] | undefined;
  /** Whether this node is selected. */
  readonly nodes: readonly string[];
  readonly serviceSelectors: readonly LabelSelector[];
  readonly aggregationLength: number;
  readonly aggregationLengthV6: number;
  /** 0: not set. */
  readonly localPref: number;
  readonly communities: readonly StandardCommunity[];
  readonly largeCommunities: readonly LargeCommunity[];
}

/** `65000:100`, canonical. RFC 1997. */
export type StandardCommunity = Brand<string, "StandardCommunity">;
/** `64512:7:8`, canonical, without `large:`. RFC 8092. */
export type LargeCommunity = Brand<string, "LargeCommunity">;

export interface L2Policy {
  readonly name: string;
  readonly ref: ObjectRef;
  readonly pools: readonly string[];
  readonly nodes: readonly string[];
  readonly interfaces: readonly string[];
  readonly serviceSelectors: readonly LabelSelector[];
}

/** A BFDProfile; what is absent is FRR's default. Times in milliseconds. RFC 5880 §6.8.1. */
export interface BfdParameters {
  readonly name: string;
  readonly ref: ObjectRef;
  readonly receiveInterval?: number;
  readonly transmitInterval?: number;
  readonly detectMultiplier?: number;
  readonly echoInterval?: number;
  readonly echoMode?: boolean;
  readonly passiveMode?: boolean;
  readonly minimumTtl?: number;
}
