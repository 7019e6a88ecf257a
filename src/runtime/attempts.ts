import { type BackoffLimits, backoffMs } from "./backoff.ts";
import { monotonicMs } from "./clock.ts";

/** So many successes in quick succession are free; after them the key is paced. */
const freeRuns = 5;
/** So many more are paced only a little: a person, or a script, may edit that often, and wants to see it. */
const briskRuns = 60;
const briskMs = 500;
/** What is wanted again within this is wanted because somebody has undone it. */
const quickMs = 1_000;

interface Known {
  readonly failures: number;
  /** Successes, each wanted quickly after the one before. */
  readonly runs: number;
  readonly doneAt: number;
  readonly notBefore: number;
  /** Whether it was wanted quickly after it was done. */
  isWantedAgain: boolean;
}

/**
 * Remembers, for each key, when it may be tried again: what fails for one key never delays another. A key that succeeds
 * again and again for half a minute is slowed down likewise: somebody else must be undoing the work.
 */
export class Attempts {
  readonly #limits: BackoffLimits;
  readonly #keys = new Map<string, Known>();

  constructor(limits: BackoffLimits) {
    this.#limits = limits;
  }

  /** Whether the wait of `key` is over, if it had one. Asked whenever it is wanted. */
  mayTry(key: string): boolean {
    const known = this.#keys.get(key);
    if (known === undefined) return true;
    const now = monotonicMs();
    if (now - known.doneAt < quickMs) known.isWantedAgain = true;
    return now >= known.notBefore;
  }

  /** Notes a failure; returns the wait in milliseconds until the next try. */
  failed(key: string): number {
    const failures = (this.#keys.get(key)?.failures ?? 0) + 1;
    return this.#wait(key, { failures, runs: 0 }, backoffMs(failures, this.#limits));
  }

  /** Notes a success; returns the wait in milliseconds until the next try, mostly 0. */
  succeeded(key: string): number {
    const last = this.#keys.get(key);
    const runs = last?.isWantedAgain ? last.runs + 1 : 1;
    return this.#wait(key, { failures: 0, runs }, this.#restAfter(runs));
  }

  #restAfter(runs: number): number {
    if (runs <= freeRuns) return 0;
    if (runs > freeRuns + briskRuns) return backoffMs(runs - freeRuns - briskRuns, this.#limits);
    return Math.min(backoffMs(runs - freeRuns, this.#limits), briskMs);
  }

  #wait(key: string, counts: Pick<Known, "failures" | "runs">, waitMs: number): number {
    this.#sweep();
    const wait = Math.ceil(waitMs);
    const now = monotonicMs();
    this.#keys.set(key, { ...counts, doneAt: now, notBefore: now + wait, isWantedAgain: false });
    return wait;
  }

  /** Keys that are through say nothing after a while; those of objects long gone must not pile up. */
  #sweep(): void {
    if (this.#keys.size < 1024) return;
    const past = monotonicMs() - quickMs;
    for (const [key, { failures, notBefore }] of this.#keys) {
      if ((failures === 0 && notBefore < past) || notBefore < past - 10 * this.#limits.maxMs) this.#keys.delete(key);
    }
  }
}
