/** The kinds of `metallb.io`. One file for each kind; each type is derived from its table of fields. */
export type { BfdProfile } from "./bfd-profile.ts";
export type { BgpAdvertisement } from "./bgp-advertisement.ts";
export type { BgpPeer } from "./bgp-peer.ts";
export type { BgpSessionStatus } from "./bgp-session-status.ts";
export type { Community } from "./community.ts";
export type { ConfigurationState } from "./configuration-state.ts";
export type { IpAddressPool } from "./ip-address-pool.ts";
export type { L2Advertisement } from "./l2-advertisement.ts";
export type { ServiceBgpStatus } from "./service-bgp-status.ts";
export type { ServiceL2Status } from "./service-l2-status.ts";
