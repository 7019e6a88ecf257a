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
      await new Promise<void>((resolve) => {
        this.#listener = resolve;
        signal.addEventListener("abort", () => resolve(), { once: true });
      });
      this.#listener = undefined;
    }
    this.#rung = false;
  }
}
