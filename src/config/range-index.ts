import type { Family } from "../net/address.ts";
import { type Range, rangesOverlap } from "../net/range.ts";

interface Owned {
  readonly range: Range;
  readonly text: string;
  readonly owner: string;
}

/** Disjoint ranges with their owners, sorted, so that a thousand pools are compared in a thousand look-ups. */
export class RangeIndex {
  readonly #ranges: Readonly<Record<Family, Owned[]>> = { ipv4: [], ipv6: [] };

  /** The range that overlaps with this one, if any. */
  find(range: Range): Owned | undefined {
    const candidate = this.#ranges[range.family][this.#countUpTo(range.family, range.last) - 1];
    return candidate && rangesOverlap(candidate.range, range) ? candidate : undefined;
  }

  /** The range must overlap with none that is in here. */
  add(range: Range, text: string, owner: string): void {
    this.#ranges[range.family].splice(this.#countUpTo(range.family, range.last), 0, { range, text, owner });
  }

  /** How many ranges begin at `limit` or before. */
  #countUpTo(family: Family, limit: bigint): number {
    const ranges = this.#ranges[family];
    let [low, high] = [0, ranges.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((ranges[middle]?.range.first ?? 0n) <= limit) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
