/** Distinct numbers, the smallest first. */
export class Ascending {
  readonly #items: bigint[] = [];

  add(item: bigint): void {
    const at = this.#indexOf(item);
    if (this.#items[at] !== item) this.#items.splice(at, 0, item);
  }

  /** The first number from `from` on that `part`, some of these numbers, lacks; O(log n). */
  firstNotIn(part: Ascending | undefined, from: bigint): bigint | undefined {
    const start = this.#indexOf(from);
    if (part === undefined) return this.#items[start];
    const skipped = part.#indexOf(from);
    // Both lists run in step up to that number, and never again after it.
    let [low, high] = [0, part.#items.length - skipped];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#items[start + middle] === part.#items[skipped + middle]) low = middle + 1;
      else high = middle;
    }
    return this.#items[start + low];
  }

  /** Where `item` is, or would be. */
  #indexOf(item: bigint): number {
    const last = this.#items.at(-1);
    if (last === undefined || last < item) return this.#items.length;
    let [low, high] = [0, this.#items.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#items[middle] as bigint) < item) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
