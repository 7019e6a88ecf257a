import { Attempts } from "./attempts.ts";
import type { Wake } from "./wake.ts";

export type Work = (signal: AbortSignal) => Promise<void>;

const atOnce = 16;
const limits = { minMs: 100, maxMs: 60_000 };

/**
 * Does what the loop's last turn wanted, each piece under its key: one at a time for a key, some at once over all keys,
 * and what fails waits by itself. Every end wakes the loop, which then wants what is still missing; so nothing here is
 * ever stale for longer than a turn, and no key waits for another's failure.
 *
 * Pieces are taken from what is wanted only as there is room to do them: of ten thousand, a few exist at a time.
 */
export class KeyedWork {
  readonly #wake: Wake;
  readonly #signal: AbortSignal;
  readonly #failed: (key: string, error: unknown, waitMs: number) => void;
  readonly #attempts = new Attempts(limits);
  readonly #running = new Map<string, Promise<void>>();
  #wanted: Iterator<readonly [key: string, work: Work]> = [].values();
  /** Ended since the last turn, which did not know it yet. */
  readonly #ended = new Set<string>();

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

  /**
   * Takes the place of everything wanted before that has not begun; in this order. It may be lazy: it is asked further
   * whenever something ends.
   */
  want(wanted: Iterable<readonly [key: string, work: Work]>): void {
    this.#wanted = wanted[Symbol.iterator]();
    this.#ended.clear();
    this.#start();
  }

  /** Resolves when nothing runs any more; nothing new begins after the signal aborted. */
  async settled(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running.values());
  }

  /** What can't begin now is passed over: the end of its run, or of its wait, brings a turn that wants it again. */
  #start(): void {
    while (!this.#signal.aborted && this.#running.size < atOnce) {
      const next = this.#wanted.next();
      if (next.done === true) return;
      const [key, work] = next.value;
      if (this.#running.has(key) || this.#ended.has(key) || !this.#attempts.mayTry(key)) continue;
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
      this.#ended.add(key);
      this.#start();
    }
  }
}
