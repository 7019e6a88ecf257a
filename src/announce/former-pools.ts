import type { Config } from "../config/config.ts";
import type { Range } from "../net/range.ts";
import { RangeMap } from "../net/range-map.ts";

/** Pools of a moment ago, and how they were announced: what they have lost to no other pool stays announced until then. */
export interface FormerPools {
  readonly config: Config;
  /** In milliseconds, on the clock of `now`. */
  readonly until: number;
}

/** In milliseconds; longer than the controller leaves such an address to its Service (`allocate/stand-ins.ts`). */
export const formerForMs = 5_000;

/**
 * The former pools that still count after a change, newest first; the same list where nothing has changed.
 *
 * A pool is split, renamed or moved by two writes, of which the first takes away what the second gives back. Whoever acts on
 * the first alone loses packets. MetalLB's speaker refuses its whole new configuration until the controller has taken the
 * address from its Service (speaker/bgp_controller.go, speaker/main.go, SetConfig).
 */
export function formerPoolsAfter(
  last: { readonly config: Config | undefined; readonly former: readonly FormerPools[] },
  config: Config,
  now: number,
): readonly FormerPools[] {
  const still = last.former.filter(({ until }) => until > now);
  if (last.config !== undefined && losesAddresses(last.config, config)) {
    return [{ config: last.config, until: now + formerForMs }, ...still];
  }
  return still.length === last.former.length ? last.former : still;
}

function losesAddresses(before: Config, after: Config): boolean {
  if (before.pools === after.pools) return false;
  const has = new RangeMap(rangesOf(after));
  return rangesOf(before).some(({ family, first, last }) => {
    const found = has.find(family, first);
    return found === undefined || found.last < last;
  });
}

const rangesOf = ({ pools }: Config): readonly Range[] =>
  pools.flatMap(({ entries }) => entries.map(({ range }) => range));
