import { type BackoffLimits, backoffMs } from "./backoff.ts";
import { monotonicMs } from "./clock.ts";

/** Remembers, for each key, when it may be tried again: what fails for one key never delays another. */
export class Attempts {
  readonly #limits: BackoffLimits;
  readonly #failed = new Map<string, { readonly failures: number; readonly notBefore: number }>();

  constructor(limits: BackoffLimits) {
    this.#limits = limits;
  }

  /** Whether `key` has not failed, or its wait is over. */
  mayTry(key: string): boolean {
    return monotonicMs() >= (this.#failed.get(key)?.notBefore ?? 0);
  }

  /** Notes a failure; returns the wait in milliseconds until the next try. */
  failed(key: string): number {
    const failures = (this.#failed.get(key)?.failures ?? 0) + 1;
    const wait = Math.ceil(backoffMs(failures, this.#limits));
    this.#failed.set(key, { failures, notBefore: monotonicMs() + wait });
    return wait;
  }

  succeeded(key: string): void {
    this.#failed.delete(key);
  }
}
