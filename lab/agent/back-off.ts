/** How long a container that keeps ending must wait before it is started again. */
export interface BackOff {
  readonly delayMs: number;
  /** When the delay was last raised, in milliseconds since the epoch. */
  readonly raisedAt: number;
}

export interface BackOffLimits {
  readonly initialMs: number;
  readonly maxMs: number;
}

/** A kubelet's: 10 s, doubling to 5 min. */
export const KUBELET_BACK_OFF: BackOffLimits = { initialMs: 10_000, maxMs: 300_000 };

/**
 * How long to wait now, for something that ended at `endedAt`. The first time there is nothing to wait for.
 * @see Kubernetes client-go/util/flowcontrol/backoff.go, IsInBackOffSince
 */
export function backOffLeft(backOff: BackOff | undefined, limits: BackOffLimits, endedAt: number, now: number): number {
  if (!backOff || hasExpired(backOff, limits, endedAt)) return 0;
  return Math.max(0, endedAt + backOff.delayMs - now);
}

/** The back-off that applies after another start. A run of twice the maximum counts as recovery. */
export function raisedBackOff(
  backOff: BackOff | undefined,
  limits: BackOffLimits,
  endedAt: number,
  now: number,
): BackOff {
  if (!backOff || hasExpired(backOff, limits, endedAt)) return { delayMs: limits.initialMs, raisedAt: now };
  return { delayMs: Math.min(backOff.delayMs * 2, limits.maxMs), raisedAt: now };
}

const hasExpired = (backOff: BackOff, limits: BackOffLimits, endedAt: number): boolean =>
  endedAt - backOff.raisedAt > 2 * limits.maxMs;

/** As Go prints durations: `10s`, `2m40s`, `5m0s`. */
export function durationText(ms: number): string {
  const seconds = Math.round(ms / 1000);
  return seconds < 60 ? `${seconds}s` : `${Math.floor(seconds / 60)}m${seconds % 60}s`;
}
