import type { Service } from "../api/core.ts";
import type { Address } from "../net/address.ts";
import type { PoolUsage } from "./ledger.ts";
import type { PoolVerdict } from "./verdict.ts";
import type { Wish } from "./wish.ts";

export interface AllocationResult {
  /** One for each Service of our class, sorted by key. */
  readonly outcomes: readonly Outcome[];
  /** Sorted by pool. */
  readonly pools: readonly PoolUsage[];
  readonly memory: Memory;
}

/** What a pass decided for one Service. */
export interface Outcome {
  readonly key: string;
  readonly service: Service;
  /** The addresses of ours that its status names now, as text. */
  readonly before: readonly string[];
  readonly state: AssignmentState;
  /** To be emitted on the Service. What the pass before already said is not repeated. */
  readonly events: readonly Note[];
}

export type AssignmentState =
  | {
      readonly kind: "assigned";
      readonly addresses: readonly Address[];
      /** The pool of each address. */
      readonly pools: readonly string[];
      /** What it asks for and did not get; it keeps what it has. */
      readonly unmet?: Refusal;
    }
  | { readonly kind: "waiting"; readonly refusal: Refusal }
  | { readonly kind: "not-load-balancer" };

/**
 * Why a wish can't be granted, in MetalLB's words, and what each pool has to say, by name. `pools` is empty where the Service
 * itself is at fault: no pool was asked.
 */
export interface Refusal {
  readonly kind: RefusalKind;
  readonly message: string;
  readonly pools: readonly PoolVerdict[];
}

type RefusalKind =
  | "no-cluster-ip"
  | "not-enough-cluster-ips"
  /** The families that the Service wants can't be told from its clusterIPs. */
  | "undeterminable"
  | "invalid-request"
  /** No pool can or may give what is asked for. */
  | "not-granted"
  /** It has one family and would prefer two. */
  | "no-second-family";

/** An event. */
export interface Note {
  readonly type: "Normal" | "Warning";
  readonly reason: string;
  readonly message: string;
}

/**
 * What one pass tells the next, by Service: a Service that lost its address asks for the same again, of two that can't
 * share any longer the one that changed gives way, and events are said once. Without it nothing breaks: the statuses
 * hold the assignments.
 */
export type Memory = ReadonlyMap<string, Remembered>;

export interface Remembered {
  /** What the Service said, so that the same object need not be read twice: that costs more than all the rest. */
  readonly wish: Wish;
  /** The addresses that it has or, if it has none, last had. */
  readonly addresses: readonly Address[];
  readonly isAssigned: boolean;
  /**
   * All that it was given while it had the resourceVersion that it has. The write that says so may be on its way still, even if a
   * later pass has thought better of it; once the version is another, it has arrived or will fail.
   */
  readonly onItsWay: readonly Address[];
  readonly said: readonly Note[];
}
