import type { Config, Pool } from "../config/config.ts";
import { type Address, bitsOf, familyOf } from "../net/address.ts";
import { prefixesOf, type Range } from "../net/range.ts";
import { Ledger } from "./ledger.ts";
import type { Outcome } from "./outcome.ts";
import type { Wish } from "./wish.ts";

/**
 * In place of each pool that exists and is not in force: those of its addresses that Services have, and no others.
 *
 * A mistake in a pool, which a program that has just started can only leave out, takes nothing from anybody. The mark says
 * whose an address was; what another pool has by now is that pool's.
 *
 * Differs: MetalLB does nothing at all while any object is wrong.
 */
export function refusedStandIns(
  { pools, refusedPools = [] }: Pick<Config, "pools" | "refusedPools">,
  wishes: readonly Wish[],
): readonly Pool[] {
  if (refusedPools.length === 0) return [];
  const inForce = new Ledger(pools);
  const owners = new Map<Address, string>();
  const names = new Set(refusedPools);
  for (const { marks = [], named } of wishes) {
    const owner = marks.find((name) => names.has(name));
    if (owner === undefined) continue;
    for (const { address } of named) {
      if (address !== undefined && !owners.has(address) && !inForce.covers(address)) owners.set(address, owner);
    }
  }
  const byOwner = Map.groupBy(owners.keys(), (address) => owners.get(address));
  return refusedPools.map((name) => standIn(name, byOwner.get(name) ?? []));
}

/** Addresses in use that no pool has any more: the pool that had each, and until when it stays all the same. */
export type Lingering = ReadonlyMap<Address, { readonly pool: string; readonly until: number }>;

/** Long enough for one `kubectl apply` of several pools, in milliseconds. */
export const lingerMs = 3_000;

/** What a pass was given and came to. */
interface Pass {
  readonly pools: readonly Pool[];
  readonly lingering: Lingering;
  readonly outcomes: readonly Outcome[];
}

/**
 * What lingers after a change of pools; `now` in milliseconds.
 *
 * A pool is split, renamed or moved by two writes, of which the first must take away what the second gives back. Whoever acts
 * on the first renumbers Services that nobody meant.
 *
 * Differs: MetalLB does.
 */
export function lingeringAfter(
  last: Pass,
  { pools, refusedPools = [] }: Pick<Config, "pools" | "refusedPools">,
  now: number,
): Lingering {
  if (pools === last.pools && last.lingering.size === 0) return last.lingering;
  const inForce = new Ledger(pools);
  const lingering = new Map<Address, { readonly pool: string; readonly until: number }>();
  for (const { state } of last.outcomes) {
    if (state.kind !== "assigned") continue;
    for (const [i, address] of state.addresses.entries()) {
      const { until, pool } = last.lingering.get(address) ?? { until: now + lingerMs, pool: state.pools[i] ?? "" };
      // Of a pool that is wrong the address stays without that.
      if (until > now && !inForce.covers(address) && !refusedPools.includes(pool)) {
        lingering.set(address, { pool, until });
      }
    }
  }
  return lingering;
}

/** In place of what was there: just the addresses, under its name. */
export function lingeringStandIns(lingering: Lingering): readonly Pool[] {
  const byPool = Map.groupBy(lingering, ([, { pool }]) => pool);
  return [...byPool].map(([name, all]) =>
    standIn(
      name,
      all.map(([address]) => address),
    ),
  );
}

function standIn(name: string, addresses: readonly Address[]): Pool {
  const entries = addresses.map((text) => ({ text, range: rangeOf(text), prefixes: prefixesOf(rangeOf(text)) }));
  const ref = { apiVersion: "metallb.io/v1beta1", kind: "IPAddressPool", name };
  return { name, ref, entries, families: [], autoAssign: false, avoidBuggyIPs: false, labels: {} };
}

const rangeOf = (address: Address): Range => {
  const bits = bitsOf(address);
  return { family: familyOf(address), first: bits, last: bits };
};
