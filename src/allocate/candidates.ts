import type { Family } from "../net/address.ts";
import type { PoolSpace } from "./space.ts";

/**
 * Pools that a Service may have addresses of, in the order in which they are tried.
 *
 * Nothing gets free within a pass, so a pool that was found full is never looked at again: however many full ones come
 * first, the next allocation does not notice.
 */
export class Candidates {
  readonly spaces: readonly PoolSpace[];
  readonly #members: ReadonlySet<PoolSpace>;
  /** How many pools at the start have nothing free, of a family or of one of both. */
  readonly #passed = { ipv4: 0, ipv6: 0, both: 0 };

  /** By rank, each once. */
  constructor(spaces: readonly PoolSpace[]) {
    this.spaces = spaces;
    this.#members = new Set(spaces);
  }

  has(space: PoolSpace): boolean {
    return this.#members.has(space);
  }

  /** The first pool with a free address of a family. */
  firstFree(family: Family): PoolSpace | undefined {
    return this.#first(family, (space) => !space.isFull(family));
  }

  /** The first pool with a free address of each family. */
  firstFreeInBoth(): PoolSpace | undefined {
    return this.#first("both", (space) => !space.isFull("ipv4") && !space.isFull("ipv6"));
  }

  #first(what: Family | "both", hasFree: (space: PoolSpace) => boolean): PoolSpace | undefined {
    for (; ; this.#passed[what]++) {
      const space = this.spaces[this.#passed[what]];
      if (space === undefined || hasFree(space)) return space;
    }
  }
}
