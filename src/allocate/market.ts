import type { Service } from "../api/core.ts";
import { selectsAny } from "../api/selector.ts";
import type { Pool } from "../config/config.ts";
import { type Address, type Family, familyOf } from "../net/address.ts";
import { sortedBy } from "../std/order.ts";
import { Ledger } from "./ledger.ts";
import type { PoolSpace } from "./space.ts";
import { familiesOf, type Shape, type Wish } from "./wish.ts";

/** Why a pool gave nothing to a Service. */
export type PoolVerdict = { readonly pool: string } & (
  | { readonly kind: "not-asked"; readonly asked: string }
  | { readonly kind: "auto-assign-off" }
  | { readonly kind: "other-namespaces" }
  | { readonly kind: "other-services" }
  | { readonly kind: "no-family"; readonly family: Family }
  | { readonly kind: "full"; readonly family: Family; readonly used: bigint; readonly total: bigint }
);

/** The pools in the order in which they are tried, and who holds what of them. */
export interface Market {
  readonly ledger: Ledger;
  readonly byName: ReadonlyMap<string, PoolSpace>;
  /** Pools with serviceAllocation: priority, then name. */
  readonly pinned: readonly PoolSpace[];
  /** The other pools with autoAssign, by name. */
  readonly general: readonly PoolSpace[];
}

/**
 * Differs: pools of equal standing are tried in the order of their names; MetalLB takes them in random order. A pool
 * whose serviceAllocation gives nothing but a priority is for every Service; MetalLB never assigns from it.
 */
export function openMarket(pools: readonly Pool[]): Market {
  const ledger = new Ledger(sortedBy(pools, (pool) => pool.name));
  const automatic = ledger.spaces.filter(({ pool }) => pool.autoAssign);
  return {
    ledger,
    byName: new Map(ledger.spaces.map((space) => [space.pool.name, space])),
    pinned: automatic
      .filter(({ pool }) => pool.allocation !== undefined)
      .sort((a, b) => rankOf(a.pool) - rankOf(b.pool)),
    general: automatic.filter(({ pool }) => pool.allocation === undefined),
  };
}

/** Lower positive numbers first; 0 means no priority and comes last. */
const rankOf = ({ allocation }: Pool): number => allocation?.priority || Number.MAX_SAFE_INTEGER;

/**
 * Whether serviceAllocation lets a Service have addresses of a pool.
 *
 * Differs: namespaceSelectors that match no namespace let nobody in; in MetalLB everybody.
 */
export const isCompatible = (pool: Pool, service: Service): boolean =>
  admitsNamespace(pool, service) && admitsLabels(pool, service);

const admitsNamespace = ({ allocation }: Pool, { metadata }: Service): boolean =>
  allocation?.namespaces === undefined || allocation.namespaces.includes(metadata.namespace ?? "");

const admitsLabels = ({ allocation }: Pool, { metadata }: Service): boolean =>
  allocation === undefined || selectsAny(allocation.serviceSelectors, metadata.labels);

/** Addresses for a Service that asks for none and holds none; `undefined` when nothing fits. */
export function chooseAutomatically(market: Market, wish: Wish, shape: Shape): readonly Address[] | undefined {
  const pinned = market.pinned.filter(({ pool }) => isCompatible(pool, wish.service));
  return (
    chooseFrom(market, pinned, wish, shape) ??
    chooseFrom(market, market.general, wish, shape) ??
    (shape.kind === "dual" ? chooseBoth(market, [...pinned, ...market.general], wish) : undefined)
  );
}

/** Addresses from a list of pools in its order, of the shape wanted or, where the policy only prefers two, of one family. */
export function chooseFrom(
  market: Market,
  spaces: readonly PoolSpace[],
  wish: Wish,
  shape: Shape,
): readonly Address[] | undefined {
  if (shape.kind === "single") return chooseOne(market, spaces, wish, shape.family);
  const both = chooseBoth(market, spaces, wish);
  if (both !== undefined || shape.required) return both;
  const other = shape.primary === "ipv4" ? "ipv6" : "ipv4";
  return chooseOne(market, spaces, wish, shape.primary) ?? chooseOne(market, spaces, wish, other);
}

/** The pools that may complete a Service's second family: its own first, then all that it may have addresses of. */
export function poolsToExtend(market: Market, wish: Wish, held: readonly Address[]): PoolSpace[] {
  const own = held.flatMap((address) => market.ledger.spaceOf(address) ?? []);
  if (wish.pool !== undefined) return own.filter(({ pool }) => pool.name === wish.pool);
  return [...own, ...[...market.pinned, ...market.general].filter(({ pool }) => isCompatible(pool, wish.service))];
}

/** One address of a family from the first pool that has one. */
export function chooseOne(
  { ledger }: Market,
  spaces: readonly PoolSpace[],
  { claim }: Wish,
  family: Family,
): readonly [Address] | undefined {
  for (const space of spaces) {
    const address = ledger.lowest(space, family, claim);
    if (address !== undefined) return [address];
  }
  return undefined;
}

/**
 * IPv4 and IPv6, from the first pool that has both.
 *
 * Differs: where no pool has both, from the first pools that have one each; MetalLB takes both from one pool only.
 */
function chooseBoth(market: Market, spaces: readonly PoolSpace[], wish: Wish): readonly Address[] | undefined {
  for (const space of spaces) {
    const both = chooseEach(market, [space], wish);
    if (both !== undefined) return both;
  }
  return chooseEach(market, spaces, wish);
}

function chooseEach(market: Market, spaces: readonly PoolSpace[], wish: Wish): readonly Address[] | undefined {
  const v4 = chooseOne(market, spaces, wish, "ipv4");
  const v6 = v4 && chooseOne(market, spaces, wish, "ipv6");
  return v6 && [...v4, ...v6];
}

/** For each pool, in order of name, why it gave nothing. */
export const verdicts = (market: Market, wish: Wish, shape: Shape): PoolVerdict[] =>
  market.ledger.spaces.map((space) => verdictOn(space, wish, shape));

function verdictOn({ pool, total, taken }: PoolSpace, wish: Wish, shape: Shape): PoolVerdict {
  const name = { pool: pool.name };
  if (wish.pool !== undefined && wish.pool !== pool.name) return { ...name, kind: "not-asked", asked: wish.pool };
  if (wish.pool === undefined && !pool.autoAssign) return { ...name, kind: "auto-assign-off" };
  if (!admitsNamespace(pool, wish.service)) return { ...name, kind: "other-namespaces" };
  if (!admitsLabels(pool, wish.service)) return { ...name, kind: "other-services" };
  const families = familiesOf(shape);
  const isFull = (family: Family): boolean => taken[family].size >= total[family];
  const full = families.find((family) => total[family] > 0n && isFull(family));
  if (full !== undefined) {
    return { ...name, kind: "full", family: full, used: taken[full].size, total: total[full] };
  }
  return { ...name, kind: "no-family", family: families.find((family) => total[family] === 0n) ?? "ipv4" };
}

/** A verdict as the end of a sentence. */
export function verdictText(verdict: PoolVerdict): string {
  switch (verdict.kind) {
    case "not-asked":
      return `pool "${verdict.pool}" is not the one asked for, "${verdict.asked}"`;
    case "auto-assign-off":
      return `pool "${verdict.pool}" has autoAssign false`;
    case "other-namespaces":
      return `pool "${verdict.pool}" is for other namespaces`;
    case "other-services":
      return `pool "${verdict.pool}" is for Services with other labels`;
    case "no-family":
      return `pool "${verdict.pool}" has no ${familyName(verdict.family)} addresses`;
    case "full":
      return `pool "${verdict.pool}" is full (${verdict.used}/${verdict.total} ${familyName(verdict.family)})`;
  }
}

const familyName = (family: Family): string => (family === "ipv4" ? "IPv4" : "IPv6");

/** The families of `shape` of which `addresses` has none. */
export const missingFamilies = (shape: Shape, addresses: readonly Address[]): readonly Family[] =>
  familiesOf(shape).filter((family) => !addresses.some((address) => familyOf(address) === family));
