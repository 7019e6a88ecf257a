/** Something may have changed. Rings carry no data: those that nobody awaits become one. */
export class Bell {
  #rung = false;
  #listener: (() => void) | undefined;

  ring(): void {
    this.#rung = true;
    this.#listener?.();
  }

  /** Resolves at the next ring, at once if one was missed, or when `signal` aborts. One listener at a time. */
  async next(signal: AbortSignal): Promise<void> {
    if (!this.#rung && !signal.aborted) {
      const { promise, resolve } = Promise.withResolvers<void>();
      const end = () => resolve();
      this.#listener = resolve;
      signal.addEventListener("abort", end, { once: true });
      await promise;
      // The signal outlives every ring: what stayed on it would pile up for as long as the program runs.
      signal.removeEventListener("abort", end);
      this.#listener = undefined;
    }
    this.#rung = false;
  }
}
