import { Attempts } from "./attempts.ts";
import type { Wake } from "./wake.ts";

export type Work = (signal: AbortSignal) => Promise<void>;

const atOnce = 16;
const limits = { minMs: 100, maxMs: 60_000 };

/**
 * Does what the loop's last turn wanted, each piece under its key: one at a time for a key, some at once over all keys,
 * and what fails waits by itself. Every end wakes the loop, which then wants what is still missing; so nothing here is
 * ever stale for longer than a turn, and no key waits for another's failure.
 */
export class KeyedWork {
  readonly #wake: Wake;
  readonly #signal: AbortSignal;
  readonly #failed: (key: string, error: unknown, waitMs: number) => void;
  readonly #attempts = new Attempts(limits);
  readonly #running = new Map<string, Promise<void>>();
  #wanted = new Map<string, Work>();

  constructor(
    options: { readonly wake: Wake; readonly failed: (key: string, error: unknown, waitMs: number) => void },
    signal: AbortSignal,
  ) {
    this.#wake = options.wake;
    this.#failed = options.failed;
    this.#signal = signal;
  }

  /** Whether a piece of work under `key` has begun and not ended. */
  isRunning(key: string): boolean {
    return this.#running.has(key);
  }

  /** Takes the place of everything wanted before that has not begun; in this order. */
  want(wanted: ReadonlyMap<string, Work>): void {
    this.#wanted = new Map(wanted);
    this.#start();
  }

  /** Resolves when nothing runs any more; nothing new begins after the signal aborted. */
  async settled(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running.values());
  }

  #start(): void {
    if (this.#signal.aborted) return;
    for (const [key, work] of this.#wanted) {
      if (this.#running.size >= atOnce) return;
      if (this.#running.has(key) || !this.#attempts.mayTry(key)) continue;
      this.#wanted.delete(key);
      this.#running.set(key, this.#run(key, work));
    }
  }

  async #run(key: string, work: Work): Promise<void> {
    try {
      await work(this.#signal);
      // At once, unless this key keeps coming back.
      this.#wake.wakeIn(this.#attempts.succeeded(key));
    } catch (error) {
      if (this.#signal.aborted) return;
      const wait = this.#attempts.failed(key);
      this.#wake.wakeIn(wait + 1);
      this.#failed(key, error, wait);
    } finally {
      this.#running.delete(key);
      // What was wanted meanwhile was computed before this was known: the next turn says it again, if it is still so.
      this.#wanted.delete(key);
      this.#start();
    }
  }
}
