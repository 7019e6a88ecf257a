import type { Config, Pool } from "../config/config.ts";
import { type Address, bitsOf, familyOf } from "../net/address.ts";
import { prefixesOf, type Range } from "../net/range.ts";
import { Ledger } from "./ledger.ts";
import type { Wish } from "./wish.ts";

/**
 * In place of each pool that exists and is not in force: those of its addresses that Services have, and no others.
 *
 * A mistake in a pool, which a program that has just started can only leave out, takes nothing from anybody. The mark says
 * whose an address was; what another pool has by now is that pool's.
 *
 * Differs: MetalLB does nothing at all while any object is wrong.
 */
export function standIns(
  { pools, refusedPools = [] }: Pick<Config, "pools" | "refusedPools">,
  wishes: readonly Wish[],
) {
  if (refusedPools.length === 0) return [];
  const inForce = new Ledger(pools);
  const owners = new Map<Address, string>();
  const names = new Set(refusedPools.map(({ name }) => name));
  for (const { marks = [], named } of wishes) {
    const owner = marks.find((name) => names.has(name));
    if (owner === undefined) continue;
    for (const { address } of named) {
      if (address !== undefined && !owners.has(address) && !inForce.covers(address)) owners.set(address, owner);
    }
  }
  const byOwner = Map.groupBy(owners.keys(), (address) => owners.get(address));
  return refusedPools.map(({ name, ref }) => standIn(name, ref, byOwner.get(name) ?? []));
}

function standIn(name: string, ref: Pool["ref"], addresses: readonly Address[]): Pool {
  const entries = addresses.map((text) => ({ text, range: rangeOf(text), prefixes: prefixesOf(rangeOf(text)) }));
  return { name, ref, entries, families: [], autoAssign: false, avoidBuggyIPs: false, labels: {} };
}

const rangeOf = (address: Address): Range => {
  const bits = bitsOf(address);
  return { family: familyOf(address), first: bits, last: bits };
};
