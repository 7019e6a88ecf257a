import type { Pool } from "../config/config.ts";
import { type Address, addressFrom, type Family } from "../net/address.ts";
import type { Range } from "../net/range.ts";
import { lastWhere } from "../net/range-map.ts";
import { SlotSet } from "./slot-set.ts";

/** One entry of a pool, as a part of its family's line of slots. */
export interface Stretch extends Range {
  readonly space: PoolSpace;
  /** Number of its first usable address. */
  readonly slot: bigint;
  /** How many usable addresses it has. */
  readonly count: bigint;
}

/**
 * A pool as two lines of slots, one for each family: its usable addresses, numbered from 0 in the order in which they
 * are given out (entries as listed, ascending within each). What avoidBuggyIPs excludes has no slot, so a search never
 * steps over it.
 */
export class PoolSpace {
  readonly pool: Pool;
  /** Where it stands among all pools, in the order in which they are tried. */
  readonly rank: number;
  readonly taken: { readonly [family in Family]: SlotSet } = { ipv4: new SlotSet(), ipv6: new SlotSet() };
  /** How many addresses it can give out, exactly. */
  readonly total: { readonly [family in Family]: bigint };
  readonly lines: { readonly [family in Family]: readonly Stretch[] };

  constructor(pool: Pool, rank: number) {
    this.pool = pool;
    this.rank = rank;
    this.lines = { ipv4: this.#line("ipv4"), ipv6: this.#line("ipv6") };
    this.total = { ipv4: endOf(this.lines.ipv4), ipv6: endOf(this.lines.ipv6) };
  }

  /** The slot of the address with these bits, in `stretch`; `undefined` when avoidBuggyIPs excludes it. */
  slotOf(stretch: Stretch, bits: bigint): bigint | undefined {
    if (!this.#skips(stretch.family)) return stretch.slot + bits - stretch.first;
    return isBuggy(bits) ? undefined : stretch.slot + usableBelow(bits) - usableBelow(stretch.first);
  }

  isFull(family: Family): boolean {
    return this.taken[family].size >= this.total[family];
  }

  /** The lowest slot that nobody holds; `undefined` when all are held. */
  lowestFree(family: Family): bigint | undefined {
    return this.isFull(family) ? undefined : this.taken[family].lowestAbsent();
  }

  /** The address of a slot. */
  addressAt(family: Family, slot: bigint): Address {
    const stretch = lastWhere(this.lines[family], (candidate) => candidate.slot <= slot);
    if (stretch === undefined) throw new Error(`bug: slot ${slot} of pool ${this.pool.name} lies in no entry`);
    return addressFrom(family, this.#bitsAt(stretch, slot - stretch.slot));
  }

  #bitsAt(stretch: Stretch, offset: bigint): bigint {
    return this.#skips(stretch.family) ? usableNumber(usableBelow(stretch.first) + offset) : stretch.first + offset;
  }

  #skips(family: Family): boolean {
    return this.pool.avoidBuggyIPs && family === "ipv4";
  }

  /** Entries without a usable address have no stretch, so that each slot belongs to exactly one. */
  #line(family: Family): Stretch[] {
    const out: Stretch[] = [];
    for (const { range } of this.pool.entries) {
      const count = range.family === family ? this.#usable(range) : 0n;
      if (count > 0n) out.push({ ...range, space: this, slot: endOf(out), count });
    }
    return out;
  }

  #usable({ family, first, last }: Range): bigint {
    return this.#skips(family) ? usableBelow(last + 1n) - usableBelow(first) : last - first + 1n;
  }
}

const endOf = (line: readonly Stretch[]): bigint => {
  const last = line.at(-1);
  return last === undefined ? 0n : last.slot + last.count;
};

/** Some home routers drop traffic to x.x.x.0 and x.x.x.255. MetalLB internal/allocator, ipConfusesBuggyFirmwares. */
const isBuggy = (bits: bigint): boolean => (bits & 0xffn) === 0n || (bits & 0xffn) === 0xffn;

/** How many IPv4 addresses below `bits` aren't buggy: 254 in each /24. */
const usableBelow = (bits: bigint): bigint => {
  const octet = bits & 0xffn;
  return (bits >> 8n) * 254n + (octet === 0n ? 0n : octet - 1n);
};

/** The inverse: the IPv4 address with `number` usable ones below it. */
const usableNumber = (number: bigint): bigint => (number / 254n) * 256n + (number % 254n) + 1n;
