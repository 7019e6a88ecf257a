import type { BfdParameters, Peer } from "../config/config.ts";
import type { Prefix } from "../net/prefix.ts";
import type { PathAttributes, Router } from "./desired.ts";

/** A part of what is desired that the routing daemon does not take, in its own words. */
export interface Refusal {
  readonly daemon: string;
  /** The contexts in which the line was said, from the top. */
  readonly context: readonly string[];
  /** Without secrets. */
  readonly line: string;
  /** The daemon's. */
  readonly words: string;
  readonly cause: RefusalCause;
  /** Whether what ran in its place before stays in force. */
  readonly isKept: boolean;
}

/** What a refused line was to bring about. */
export type RefusalCause =
  | { readonly kind: "peer"; readonly peer: Peer; readonly field: keyof Peer }
  | { readonly kind: "router"; readonly router: Router; readonly field: "myASN" | "routerID" }
  | { readonly kind: "bfd-profile"; readonly profile: BfdParameters; readonly field: keyof BfdParameters }
  | {
      readonly kind: "attribute";
      readonly peer: Peer;
      readonly attribute: keyof PathAttributes;
      /** One prefix for each set of attributes that holds the refused one. */
      readonly samples: readonly { readonly prefix: Prefix; readonly attributes: PathAttributes }[];
    }
  | { readonly kind: "prefix"; readonly prefix: Prefix }
  /** A line of `BgpDesired.extras`, counted from 1. */
  | {
      readonly kind: "extras";
      readonly number: number;
      /** "not said": we don't say such a line to the daemon, and `words` are ours. */
      readonly by: "daemon" | "not said";
    }
  /** No object asks for it: it is our own. */
  | { readonly kind: "own" };
