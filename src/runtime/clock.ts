/** Milliseconds on a clock that never jumps. Only differences mean something. */
export const monotonicMs = (): number => performance.now();

/** Resolves after `ms`, or at once when `signal` aborts: the caller looks at the signal, nothing is thrown. */
export function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", done, { once: true });
  });
}

/**
 * A signal that aborts after `ms`, with a `TimeoutError`, or when `signal` does, with its reason; unless it is disposed of before.
 *
 * `AbortSignal.timeout` keeps its timer and its signal to the end: thirty seconds of finished requests are megabytes.
 */
export class TimeLimit implements Disposable {
  readonly #over = new AbortController();
  readonly #from: AbortSignal;
  readonly #follow: () => void;
  readonly #timer: NodeJS.Timeout;

  constructor(ms: number, signal: AbortSignal) {
    this.#from = signal;
    this.#follow = () => this.#over.abort(signal.reason);
    this.#timer = setTimeout(() => this.#over.abort(new DOMException(`took longer than ${ms} ms`, "TimeoutError")), ms);
    if (signal.aborted) this.#follow();
    else signal.addEventListener("abort", this.#follow, { once: true });
  }

  get signal(): AbortSignal {
    return this.#over.signal;
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    this.#from.removeEventListener("abort", this.#follow);
  }
}
