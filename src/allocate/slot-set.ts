/** 32 children for each node: a mask fits one small integer. */
const bitsPerLevel = 5n;
const childMask = 31n;
const full = 0xffffffff;

/**
 * A set of slots (0, 1, 2, …, of any size) that knows its lowest absent member.
 *
 * A sparse tree of 32-bit masks. On the ground floor a bit says that a slot is taken; above, that a whole subtree is.
 * Every operation climbs only as high as full nodes go, so it costs O(log n) in the slots taken, whatever their values:
 * an IPv6 /64 is no dearer than a /24.
 */
export class SlotSet {
  readonly #levels: Map<bigint, number>[] = [];
  #size = 0n;

  get size(): bigint {
    return this.#size;
  }

  has(slot: bigint): boolean {
    return (this.#mask(0, slot >> bitsPerLevel) & bitOf(slot)) !== 0;
  }

  add(slot: bigint): void {
    if (this.has(slot)) return;
    this.#size++;
    for (let [level, at] = [0, slot]; ; level++, at >>= bitsPerLevel) {
      const mask = (this.#mask(level, at >> bitsPerLevel) | bitOf(at)) >>> 0;
      this.#level(level).set(at >> bitsPerLevel, mask);
      if (mask !== full) return;
    }
  }

  /** The lowest slot that is not in the set. */
  lowestAbsent(): bigint {
    let level = 0;
    while (this.#mask(level, 0n) === full) level++;
    let at = 0n;
    for (; level >= 0; level--) at = (at << bitsPerLevel) | lowestZero(this.#mask(level, at));
    return at;
  }

  #mask(level: number, node: bigint): number {
    return this.#levels[level]?.get(node) ?? 0;
  }

  #level(level: number): Map<bigint, number> {
    const found = this.#levels[level];
    if (found) return found;
    const made = new Map<bigint, number>();
    this.#levels[level] = made;
    return made;
  }
}

const bitOf = (slot: bigint): number => (1 << Number(slot & childMask)) >>> 0;

/** Index of the lowest bit that is 0, in a mask that is not full. */
const lowestZero = (mask: number): bigint => BigInt(31 - Math.clz32(~mask & -~mask));
