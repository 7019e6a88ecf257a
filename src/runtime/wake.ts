import { monotonicMs } from "./clock.ts";

/** Turns longer than this are followed by as long a rest, so that a storm of wake-ups leaves half of a core to others. */
const LONG_TURN_MS = 25;

/**
 * Wakes one loop: `for await (const _ of wake)`.
 *
 * A wake-up carries no data. The first after a pause begins a turn at once, together with all of its own tick. Those that arrive within
 * the window after a turn, or while it runs, become one; none is lost. The iteration ends when `signal` aborts, after the body that is running. One loop only.
 */
export class Wake implements AsyncIterable<void> {
  readonly #windowMs: number;
  readonly #signal: AbortSignal;
  readonly #timers = new Set<NodeJS.Timeout>();
  #pending = false;
  /** No turn begins before this: the window, and after a long turn a pause as long. */
  #notBefore = Number.NEGATIVE_INFINITY;
  #resume: (() => void) | undefined;

  /** `windowMs`: how long wake-ups are gathered after a turn. */
  constructor(windowMs: number, signal: AbortSignal) {
    this.#windowMs = windowMs;
    this.#signal = signal;
    signal.addEventListener("abort", () => this.#end(), { once: true });
  }

  wake(): void {
    this.#pending = true;
    this.#resume?.();
  }

  /** Wakes after `ms`, whatever else wakes before. */
  wakeIn(ms: number): void {
    if (this.#signal.aborted) return;
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      this.wake();
    }, ms);
    this.#timers.add(timer);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<void> {
    for (;;) {
      if (!this.#pending) await this.#until();
      if (!this.#signal.aborted) await this.#window();
      if (this.#signal.aborted) return;
      this.#pending = false;
      const started = monotonicMs();
      yield;
      const ended = monotonicMs();
      const took = ended - started;
      this.#notBefore = ended + (took > LONG_TURN_MS ? Math.max(took, this.#windowMs) : this.#windowMs);
    }
  }

  #until(): Promise<void> {
    if (this.#signal.aborted) return Promise.resolve();
    return new Promise<void>((resolve) => {
      this.#resume = resolve;
    }).then(() => {
      this.#resume = undefined;
    });
  }

  #window(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(
        () => {
          this.#timers.delete(timer);
          this.#resume = undefined;
          resolve();
        },
        Math.max(0, this.#notBefore - monotonicMs()),
      );
      this.#timers.add(timer);
      // Only the end cuts a window short: a wake-up within it is what the window is for.
      this.#resume = () => this.#signal.aborted && resolve();
    });
  }

  #end(): void {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
    this.#resume?.();
  }
}
