export interface BackoffLimits {
  readonly minMs: number;
  readonly maxMs: number;
}

/**
 * How long to wait after the `failures`-th failure in a row (1 is the first), in milliseconds.
 *
 * Doubles from `minMs`, with jitter that adds up to as much again, so that many clients of one server that fell over
 * don't return together; never below `minMs` nor above `maxMs`.
 */
export function backoffMs(failures: number, limits: BackoffLimits, random: () => number = Math.random): number {
  const base = Math.min(limits.minMs * 2 ** (failures - 1), limits.maxMs);
  return Math.min(base * (1 + random()), limits.maxMs);
}
