import type { Pool } from "../config/config.ts";
import { type Address, type Family, familyOf } from "../net/address.ts";
import { sortedBy } from "../std/order.ts";
import { Access, admitsLabels } from "./access.ts";
import { Candidates } from "./candidates.ts";
import { type Claim, Ledger } from "./ledger.ts";
import type { PoolSpace } from "./space.ts";
import { type PoolVerdict, verdictsText } from "./verdict.ts";
import { familiesOf, type Shape, type Wish } from "./wish.ts";

/** The pools, who may use them, and who holds what of them. */
export interface Market {
  readonly ledger: Ledger;
  readonly access: Access;
  /** In the order of the names. */
  readonly byName: ReadonlyMap<string, PoolSpace>;
  /** Those that are not in force: they give nothing, and Services keep what they have of them. */
  readonly refused: ReadonlySet<string>;
  /** What was found for Services that got nothing, until something is taken. */
  readonly verdicts: Map<string, Verdicts>;
}

interface StandIns {
  readonly refused: readonly Pool[];
  /** There may be pools of their names. */
  readonly lingering: readonly Pool[];
}

const noStandIns: StandIns = { refused: [], lingering: [] };

/** Why no pool gave anything, as it was when so many addresses were in use. */
interface Verdicts {
  readonly inUse: number;
  readonly pools: readonly PoolVerdict[];
  /** The same as the end of a sentence. */
  readonly text: string;
}

/**
 * Differs: pools of equal standing are tried in the order of their names; MetalLB takes them in random order. A pool
 * whose serviceAllocation gives nothing but a priority is for every Service; MetalLB never assigns from it.
 */
export function openMarket(inForce: readonly Pool[], { refused, lingering }: StandIns = noStandIns): Market {
  const named = sortedBy([...inForce, ...refused, ...lingering], (pool) => pool.name);
  const pinned = named.filter(({ allocation }) => allocation !== undefined);
  const general = named.filter(({ allocation }) => allocation === undefined);
  const ledger = new Ledger([...pinned.sort((a, b) => urgencyOf(a) - urgencyOf(b)), ...general]);
  return {
    ledger,
    access: new Access(ledger.spaces),
    byName: new Map(
      sortedBy(ledger.spaces, ({ pool }) => pool.name).flatMap((space) =>
        lingering.includes(space.pool) ? [] : [[space.pool.name, space]],
      ),
    ),
    refused: new Set(refused.map(({ name }) => name)),
    verdicts: new Map(),
  };
}

/** Lower positive numbers first; 0 means no priority and comes last. */
const urgencyOf = ({ allocation }: Pool): number => allocation?.priority || Number.MAX_SAFE_INTEGER;

/** Addresses for a Service that asks for none and holds none; `undefined` when nothing fits. */
export function chooseAutomatically(market: Market, wish: Wish, shape: Shape): readonly Address[] | undefined {
  const { pinned, general, all } = market.access.offerTo(wish.service);
  return (
    chooseFrom(market, pinned, wish, shape) ??
    chooseFrom(market, general, wish, shape) ??
    (shape.kind === "dual" ? chooseBoth(market, all, wish) : undefined)
  );
}

/** Addresses from some pools in their order, of the shape wanted or, where the policy only prefers two, of one family. */
export function chooseFrom(
  market: Market,
  candidates: Candidates,
  wish: Wish,
  shape: Shape,
): readonly Address[] | undefined {
  if (shape.kind === "single") return chooseOne(market, candidates, wish, shape.family);
  const both = chooseBoth(market, candidates, wish);
  if (both !== undefined || shape.required) return both;
  const other = shape.primary === "ipv4" ? "ipv6" : "ipv4";
  return chooseOne(market, candidates, wish, shape.primary) ?? chooseOne(market, candidates, wish, other);
}

/** The second family of a Service: from its own pool, or else from the first that it may have addresses of. */
export function chooseSecond(
  market: Market,
  wish: Wish,
  held: readonly Address[],
  family: Family,
): readonly [Address] | undefined {
  const own = held.flatMap((address) => market.ledger.spaceOf(address) ?? []);
  const allowed = new Candidates(own.filter(({ pool }) => wish.pool === undefined || pool.name === wish.pool));
  const fromOwn = chooseOne(market, allowed, wish, family);
  if (fromOwn !== undefined || wish.pool !== undefined) return fromOwn;
  return chooseOne(market, market.access.offerTo(wish.service).all, wish, family);
}

/** One address of a family from the first pool that has one. */
function chooseOne(
  { ledger }: Market,
  candidates: Candidates,
  { claim }: Wish,
  family: Family,
): readonly [Address] | undefined {
  const free = candidates.firstFree(family);
  const own = ledger.ownSpaces(family, claim).filter((space) => candidates.has(space));
  const shared = firstShared(ledger, candidates, claim, family, 0);
  const first = [free, shared, ...own].reduce(earlier);
  const address = first && ledger.lowest(first, family, claim);
  return address && [address];
}

const earlier = (a: PoolSpace | undefined, b: PoolSpace | undefined): PoolSpace | undefined =>
  a === undefined || (b !== undefined && b.rank < a.rank) ? b : a;

/** The first of some pools, from a rank on, with an address that may be shared. */
function firstShared(
  ledger: Ledger,
  candidates: Candidates,
  claim: Claim,
  family: Family,
  rank: number,
): PoolSpace | undefined {
  let space = ledger.sharedSpace(family, claim, rank);
  while (space !== undefined && !candidates.has(space)) space = ledger.sharedSpace(family, claim, space.rank + 1);
  return space;
}

/**
 * IPv4 and IPv6, from the first pool that has both.
 *
 * Differs: where no pool has both, from the first pools that have one each; MetalLB takes both from one pool only.
 */
function chooseBoth(market: Market, candidates: Candidates, wish: Wish): readonly Address[] | undefined {
  for (const space of poolsWithBoth(market, candidates, wish)) {
    const both = chooseEach(market, new Candidates([space]), wish);
    if (both !== undefined) return both;
  }
  return chooseEach(market, candidates, wish);
}

/** The pools that may have both: those where it may share an address, in order, until one with both free; its own among them. */
function* poolsWithBoth({ ledger }: Market, candidates: Candidates, { claim }: Wish): Generator<PoolSpace> {
  const free = candidates.firstFreeInBoth();
  const own = [...ledger.ownSpaces("ipv4", claim), ...ledger.ownSpaces("ipv6", claim)];
  const known = [...(free ? [free] : []), ...own.filter((space) => candidates.has(space))];
  for (let rank = 0; ; ) {
    const from = rank;
    const shared = (["ipv4", "ipv6"] as const).map((family) => firstShared(ledger, candidates, claim, family, from));
    const next = [...shared, ...known.filter((space) => space.rank >= from)].reduce(earlier, undefined);
    if (next === undefined) return;
    yield next;
    if (next === free) return;
    rank = next.rank + 1;
  }
}

function chooseEach(market: Market, candidates: Candidates, wish: Wish): readonly Address[] | undefined {
  const v4 = chooseOne(market, candidates, wish, "ipv4");
  const v6 = v4 && chooseOne(market, candidates, wish, "ipv6");
  return v6 && [...v4, ...v6];
}

/**
 * For each pool, in order of name, why it gave nothing of some families; found once for all Services that are treated
 * alike.
 */
export function verdicts(market: Market, wish: Wish, families: readonly Family[]): Verdicts {
  const { ledger, access } = market;
  const kind = JSON.stringify([access.kindOf(wish.service), wish.pool ?? null, families]);
  const known = market.verdicts.get(kind);
  if (known?.inUse === ledger.inUse) return known;
  const pools = [...market.byName.values()].map(
    (space): PoolVerdict => ({
      pool: space.pool.name,
      ...(exclusion(market, space, wish) ?? shortage(space, families)),
    }),
  );
  const found = { inUse: ledger.inUse, pools, text: verdictsText(pools) };
  market.verdicts.set(kind, found);
  return found;
}

/** For each pool, in order of name, what it has to say to a request that can't be granted. */
export const requestVerdicts = (market: Market, wish: Wish, requested: readonly Address[]): readonly PoolVerdict[] =>
  [...market.byName.values()].map((space) => ({
    pool: space.pool.name,
    ...(exclusion(market, space, wish) ?? answer(market, space, wish, requested)),
  }));

type Cause<V = PoolVerdict> = V extends PoolVerdict ? Omit<V, "pool"> : never;

/** The rule that keeps a Service out of a pool. What is asked for by address needs no autoAssign. */
function exclusion({ access, refused }: Market, space: PoolSpace, wish: Wish): Cause | undefined {
  const { pool } = space;
  const isOpen = wish.pool === undefined && wish.requested.ok && wish.requested.value.length === 0;
  if (wish.pool !== undefined && wish.pool !== pool.name) return { kind: "not-asked", asked: wish.pool };
  if (refused.has(pool.name)) return { kind: "refused" };
  if (isOpen && !pool.autoAssign) return { kind: "auto-assign-off" };
  if (!access.admitsNamespace(space, wish.service)) return { kind: "other-namespaces" };
  return admitsLabels(space, wish.service) ? undefined : { kind: "other-services" };
}

function shortage(space: PoolSpace, families: readonly Family[]): Cause {
  const { total, taken } = space;
  const full = families.find((family) => total[family] > 0n && space.isFull(family));
  if (full !== undefined) return { kind: "full", family: full, used: taken[full].size, total: total[full] };
  return { kind: "no-family", family: families.find((family) => total[family] === 0n) ?? "ipv4" };
}

function answer({ ledger }: Market, space: PoolSpace, { claim }: Wish, requested: readonly Address[]): Cause {
  const own = requested.filter((address) => ledger.spaceOf(address) === space);
  if (own.length === 0) return { kind: "lacks", addresses: requested };
  const cause = own.map((address) => ledger.conflict(claim, address)).find((each) => each !== undefined);
  return cause === undefined ? { kind: "ready", addresses: own } : { kind: "taken", cause };
}

/** The families of `shape` of which `addresses` has none. */
export const missingFamilies = (shape: Shape, addresses: readonly Address[]): readonly Family[] =>
  familiesOf(shape).filter((family) => !addresses.some((address) => familyOf(address) === family));
