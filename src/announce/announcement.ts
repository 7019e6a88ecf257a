import type { ObjectRef } from "../api/object.ts";
import type { Address, Family } from "../net/address.ts";
import type { Prefix } from "../net/prefix.ts";
import type { NotAnnounced } from "./reasons.ts";

/** What this node decided for one Service, and why. */
export interface Announcement {
  /** `namespace/name`. */
  readonly key: string;
  readonly service: ObjectRef;
  readonly decision: Announced | Withheld;
}

export interface Announced {
  readonly kind: "announced";
  readonly addresses: readonly Address[];
  /** Addresses of the Service that are not announced though others are. */
  readonly withheld: readonly { readonly address: Address; readonly reason: NotAnnounced; readonly message: string }[];
  /** One for each peer of this node, sorted by peer. */
  readonly offers: readonly Offer[];
}

export interface Withheld {
  readonly kind: "not-announced";
  readonly reason: NotAnnounced;
  /** A sentence for people. */
  readonly message: string;
}

/** What a peer is offered of a Service, or why nothing. */
export type Offer = { readonly peer: string } & (
  | { readonly kind: "offered"; readonly prefixes: readonly Prefix[] }
  /** No advertisement that applies to the Service names this peer. */
  | { readonly kind: "not-named"; readonly policies: readonly string[] }
  /** The session doesn't carry the family of the Service's addresses. */
  | { readonly kind: "family-not-carried"; readonly families: readonly Family[] }
);
