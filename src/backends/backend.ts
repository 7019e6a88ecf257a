import type { BgpDesired, BgpObserved } from "../announce/desired.ts";
import type { Refusal } from "../announce/refusal.ts";

/** Makes one node's desired announcements true, by whatever means. D is what it is given, O what it can report. */
export interface Backend<D, O> {
  readonly name: BackendName;
  /** Makes the network match `desired`. Idempotent. Rejects with ApplyError naming what did not take effect. */
  apply(desired: D, signal: AbortSignal): Promise<void>;
  /** What is true now, asked from the network; never computed from `desired`. */
  observe(signal: AbortSignal): Promise<O>;
  /** Yields when observing again is worthwhile: a session changed, a daemon restarted. */
  changes(signal: AbortSignal): AsyncIterable<void>;
  close(): Promise<void>;
}

export type BackendName = "frr";

export type BgpBackend = Backend<BgpDesired, BgpObserved>;

/** What did not take effect, with the daemon's own words. */
export class ApplyError extends Error {
  override readonly name = "ApplyError";
  readonly code: "daemon-unreachable" | "rejected";
  /** What the daemons would not take; all else that was wanted of them is in force. */
  readonly refusals: readonly Refusal[];
  constructor(
    code: "daemon-unreachable" | "rejected",
    message: string,
    { refusals, ...options }: ErrorOptions & { readonly refusals: readonly Refusal[] },
  ) {
    super(message, options);
    this.code = code;
    this.refusals = refusals;
  }
}
