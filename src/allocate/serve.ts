import { type Address, type Family, familyOf } from "../net/address.ts";
import { err, ok, type Result } from "../std/result.ts";
import { compareAge, type Entry, objection } from "./keep.ts";
import { Candidates } from "./candidates.ts";
import {
  chooseAutomatically,
  chooseFrom,
  chooseSecond,
  type Market,
  missingFamilies,
  requestVerdicts,
  verdicts,
} from "./market.ts";
import type { Refusal } from "./outcome.ts";
import type { PoolVerdict } from "./verdict.ts";
import { familiesOf, quoted, type Shape, type Wish } from "./wish.ts";

/** Serves all that have nothing or ask for something else: requested addresses first, older Services before younger. */
export function serve(market: Market, entries: readonly Entry[]): void {
  for (const entry of entries.toSorted(byUrgency)) settle(market, entry);
}

const byUrgency = (a: Entry, b: Entry): number => Number(isOpen(a.wish)) - Number(isOpen(b.wish)) || compareAge(a, b);

/** Whether any address will do. */
const isOpen = ({ requested }: Wish): boolean => requested.ok && requested.value.length === 0;

/**
 * Grants what a Service asks for, or leaves it with what it has and the reason.
 *
 * Differs: MetalLB takes away first what a Service has, so that a wish that can't be granted costs the address.
 */
function settle(market: Market, entry: Entry): void {
  const { wish } = entry;
  const held = market.ledger.heldBy(wish.key);
  const granted = grant(market, wish, held);
  if (!granted.ok) {
    entry.refusal = granted.error;
    return;
  }
  // What stays keeps its place in the status.
  const stays = held.filter((address) => granted.value.includes(address));
  const added = granted.value.filter((address) => !held.includes(address));
  if (added.length > 0 || stays.length < held.length) market.ledger.hold(wish.claim, [...stays, ...added]);
  const unmet = extend(market, wish);
  if (unmet) entry.refusal = unmet;
}

/**
 * The addresses that a Service should have now, in MetalLB's order: those it requests, those of the pool it names, those
 * it has, those that pinned and then general pools offer.
 *
 * @see MetalLB controller/service.go, allocateIPs
 */
function grant(market: Market, wish: Wish, held: readonly Address[]): Result<readonly Address[], Refusal> {
  if (!wish.shape.ok) return err({ ...wish.shape.error, pools: [] });
  if (!wish.requested.ok) {
    return err({
      kind: "invalid-request",
      message: `invalid requested loadbalancer IPs: ${wish.requested.error}`,
      pools: [],
    });
  }
  if (wish.requested.value.length > 0) return grantRequested(market, wish, wish.requested.value, wish.shape.value);
  if (wish.pool !== undefined) return grantFromPool(market, wish, wish.pool, wish.shape.value, held);
  if (held.length > 0) return ok(held);
  const chosen = chooseAutomatically(market, wish, wish.shape.value);
  return chosen ? ok(chosen) : refuseAll(market, wish, wish.shape.value, "no available IPs");
}

function grantRequested(
  market: Market,
  wish: Wish,
  requested: readonly Address[],
  shape: Shape,
): Result<readonly Address[], Refusal> {
  const families = requested.map(familyOf).join(" ");
  if (families !== familiesOf(shape).join(" ")) {
    return refuse(`requested loadBalancer IP(s) ${quoted(requested)} does not match the ipFamily of the service`);
  }
  const refuseIt = (cause: string) => refuse(cause, requestVerdicts(market, wish, requested));
  for (const address of requested) {
    const cause = objection(market, wish, address);
    if (cause !== undefined) return refuseIt(cause);
    const found = market.ledger.spaceOf(address)?.pool.name;
    if (wish.pool !== undefined && found !== wish.pool) {
      return refuseIt(
        `requested loadBalancer IP(s) ${quoted(requested)} not compatible with requested address pool ${wish.pool}`,
      );
    }
  }
  return ok(requested);
}

function grantFromPool(
  market: Market,
  wish: Wish,
  name: string,
  shape: Shape,
  held: readonly Address[],
): Result<readonly Address[], Refusal> {
  const space = market.byName.get(name);
  const refuseIt = (cause: string) => refuse(cause, verdicts(market, wish, familiesOf(shape)).pools);
  if (space === undefined) return refuseIt(`unknown pool "${name}"`);
  if (!market.access.admits(space, wish.service)) return refuseIt(`pool ${name} not compatible for ip assignment`);
  if (held.length > 0 && held.every((address) => market.ledger.spaceOf(address)?.pool.name === name)) return ok(held);
  if (market.refused.has(name)) return refuseIt(`pool ${name} is not in force: its spec is refused`);
  const chosen = chooseFrom(market, new Candidates([space]), wish, shape);
  return chosen ? ok(chosen) : refuseAll(market, wish, shape, `no available IPs in pool ${name}`);
}

/**
 * Adds the family that a dual-stack Service still lacks: from its own pool, or else from the next that may serve it.
 *
 * Differs: only a Service with clusterIPs of two families is given two; MetalLB gives, takes away and gives again. Other
 * pools are asked too, and a Service that has come to require both families keeps the one that it has.
 *
 * @see MetalLB controller/service.go, assignAdditionalIP
 */
function extend(market: Market, wish: Wish): Refusal | undefined {
  const held = market.ledger.heldBy(wish.key);
  if (!wish.shape.ok || held.length === 0) return undefined;
  const [missing] = missingFamilies(wish.shape.value, held);
  if (missing === undefined) return undefined;
  const more = chooseSecond(market, wish, held, missing);
  if (more === undefined) return lacksSecondFamily(market, wish, wish.shape.value, missing);
  market.ledger.hold(wish.claim, [...held, ...more]);
  return undefined;
}

/** A Service that requires both families is not granted its wish; one that prefers them can live without. */
function lacksSecondFamily(market: Market, wish: Wish, shape: Shape, missing: Family): Refusal {
  const found = refusal(market, wish, [missing], "no available IPs");
  return shape.kind === "dual" && !shape.required ? { ...found, kind: "no-second-family" } : found;
}

const refuse = (message: string, pools: readonly PoolVerdict[] = []): Result<never, Refusal> =>
  err({ kind: "not-granted", message, pools });

const refuseAll = (market: Market, wish: Wish, shape: Shape, message: string): Result<never, Refusal> =>
  err(refusal(market, wish, familiesOf(shape), message));

/**
 * A refusal that lets each pool speak.
 *
 * Differs: MetalLB ends after `message`.
 */
function refusal(market: Market, wish: Wish, families: readonly Family[], message: string): Refusal {
  const { pools, text } = verdicts(market, wish, families);
  return { kind: "not-granted", message: text === "" ? message : `${message}: ${text}`, pools };
}
