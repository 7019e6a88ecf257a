import type { Family } from "./address.ts";
import type { Range } from "./range.ts";

/** Finds which of many ranges holds an address, in O(log n). The ranges may not overlap. */
export class RangeMap<T extends Range> {
  readonly #ranges: { readonly ipv4: readonly T[]; readonly ipv6: readonly T[] };

  constructor(ranges: Iterable<T>) {
    const all = [...ranges].sort((a, b) => (a.first < b.first ? -1 : a.first > b.first ? 1 : 0));
    this.#ranges = {
      ipv4: all.filter((range) => range.family === "ipv4"),
      ipv6: all.filter((range) => range.family === "ipv6"),
    };
  }

  /** The range that holds the address with these bits, or `undefined`. */
  find(family: Family, bits: bigint): T | undefined {
    const range = lastWhere(this.#ranges[family], (candidate) => candidate.first <= bits);
    return range !== undefined && bits <= range.last ? range : undefined;
  }
}

/** The last item that `holds`, when all that hold come first. */
export function lastWhere<T>(items: readonly T[], holds: (item: T) => boolean): T | undefined {
  let [low, high] = [0, items.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (holds(items[middle] as T)) low = middle + 1;
    else high = middle;
  }
  return items[low - 1];
}
