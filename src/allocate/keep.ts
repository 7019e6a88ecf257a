import { eventReasons } from "../api/names.ts";
import { type Address, familyOf } from "../net/address.ts";
import { compareText } from "../std/order.ts";
import type { Market } from "./market.ts";
import type { Note, Refusal, Remembered } from "./outcome.ts";
import { familiesOf, quoted, type Wish } from "./wish.ts";

/** A Service on its way through a pass. `notes` and `refusal` fill as it goes. */
export interface Entry {
  readonly wish: Wish;
  /** The addresses of ours in its status, as text and, where they can be read, as what they mean. */
  readonly before: readonly string[];
  readonly named: readonly Address[];
  readonly remembered: Remembered | undefined;
  readonly notes: Note[];
  refusal?: Refusal;
}

/**
 * Every Service keeps what the rules still allow of what it has, address by address.
 *
 * What the last pass gave to anyone comes before what any status says: that is older, or somebody else's edit. Where two
 * can't share any longer, the one that has not changed goes first; among equals the older one. An address that
 * a status names is then closed to all others, even if its Service has to leave it: it is free when the status says so,
 * and not before, since the write may fail. So is one that a pass gave, while the status may be on its way. Last,
 * those who have nothing get back what they last had, before anybody new is served.
 *
 * Differs: where one address of two is no longer allowed, MetalLB takes away both. What is given up it gives to the next
 * at once, and of two that can't share any longer the one that it looks at later has to go.
 */
export function keep(market: Market, entries: readonly Entry[]): void {
  const ordered = entries.toSorted(byConstancy);
  for (const entry of ordered.filter(mayKeep)) keepGiven(market, entry);
  for (const entry of ordered.filter(mayKeep)) keepNamed(market, entry);
  for (const entry of ordered) reserveNamed(market, entry);
  for (const entry of ordered) if (isLoadBalancer(entry)) reclaim(market, entry);
}

export const isLoadBalancer = ({ wish }: Entry): boolean => wish.service.spec.type === "LoadBalancer";

const byConstancy = (a: Entry, b: Entry): number => Number(hasChanged(a)) - Number(hasChanged(b)) || compareAge(a, b);

const hasChanged = ({ wish, remembered }: Entry): boolean => remembered?.wish.terms !== wish.terms;

/** Older first; equally old ones by key. */
export const compareAge = (a: Entry, b: Entry): number =>
  compareText(createdAt(a), createdAt(b)) || compareText(a.wish.key, b.wish.key);

const createdAt = ({ wish }: Entry): string => wish.service.metadata.creationTimestamp ?? "";

/** Its families can't be told, or they can and are there; in all other cases it loses what it has. */
const mayKeep = (entry: Entry): boolean =>
  isLoadBalancer(entry) && (entry.wish.shape.ok || entry.wish.shape.error.kind === "undeterminable");

function keepGiven(market: Market, { wish, remembered }: Entry): void {
  const { kept } = keepable(market, wish, remembered?.isAssigned ? remembered.addresses : []);
  if (kept.length > 0) market.ledger.hold(wish.claim, kept);
}

/**
 * Keeps what only the status says.
 *
 * Differs: MetalLB takes over an edited status where the addresses in it are free.
 */
function keepNamed(market: Market, { wish, before, named, notes }: Entry): void {
  if (hasRepeatedFamily(named)) notes.push(strangeFamilies(before));
  const held = market.ledger.heldBy(wish.key);
  if (named.every((address) => held.includes(address))) return;
  const { kept, causes } = keepable(market, wish, [...new Set([...held, ...named])]);
  if (kept.length > held.length) market.ledger.hold(wish.claim, kept);
  const [cause] = causes;
  if (cause !== undefined) notes.push(cleared(wish.key, cause.text));
}

/** Closes to all others what a status names or may come to name. */
export function reserveNamed({ ledger }: Market, entry: Entry): void {
  const { wish, named, remembered } = entry;
  const given = remembered?.isAssigned ? remembered.addresses : [];
  const held = ledger.heldBy(wish.key);
  for (const address of [...named, ...given, ...onItsWay(entry)]) {
    if (held.includes(address)) continue;
    if (ledger.spaceOf(address) && ledger.conflict(wish.claim, address) === undefined) {
      ledger.reserve(wish.claim, address);
    }
  }
}

/** What writes under way may put into the status. */
export const onItsWay = ({ wish, remembered }: Entry): readonly Address[] =>
  remembered?.wish.service.metadata.resourceVersion === wish.service.metadata.resourceVersion
    ? (remembered?.onItsWay ?? [])
    : [];

/** Gives back the addresses that a Service last had and has not now, where it could also get them as a new one. */
function reclaim(market: Market, { wish, remembered }: Entry): void {
  if (remembered === undefined || !wish.shape.ok) return;
  const held = market.ledger.heldBy(wish.key);
  if (remembered.addresses.every((address) => held.includes(address))) return;
  const lost = remembered.addresses.filter((address) => !held.includes(address) && isOnOffer(market, wish, address));
  const { kept } = keepable(market, wish, [...held, ...lost]);
  if (kept.length > held.length) market.ledger.hold(wish.claim, kept);
}

function isOnOffer(market: Market, wish: Wish, address: Address): boolean {
  if (!wish.requested.ok) return false;
  if (wish.requested.value.length > 0) return wish.requested.value.includes(address);
  const pool = market.ledger.spaceOf(address)?.pool;
  if (pool === undefined) return false;
  return wish.pool === undefined ? pool.autoAssign : wish.pool === pool.name;
}

/** Of some addresses the ones that a Service may keep, the first of each family, and why not the others. */
function keepable(market: Market, wish: Wish, addresses: readonly Address[]) {
  const kept: Address[] = [];
  const causes: { readonly address: Address; readonly text: string }[] = [];
  for (const address of addresses) {
    const text = objection(market, wish, address) ?? familyObjection(wish, kept, address);
    if (text === undefined) kept.push(address);
    else causes.push({ address, text });
  }
  return { kept, causes };
}

/** Why a Service may not have an address, whoever asks, in MetalLB's words. */
export function objection({ ledger, access }: Market, wish: Wish, address: Address): string | undefined {
  const space = ledger.spaceOf(address);
  if (space === undefined) return `${quoted([address])} is not allowed in config`;
  if (!access.admits(space, wish.service)) return `pool ${space.pool.name} not compatible for ip assignment`;
  return ledger.conflict(wish.claim, address);
}

/** Each family at most once, and of the Service's own. */
function familyObjection({ shape }: Wish, kept: readonly Address[], address: Address): string | undefined {
  const family = familyOf(address);
  const wanted = !shape.ok || familiesOf(shape.value).includes(family);
  const taken = kept.some((other) => familyOf(other) === family);
  return wanted && !taken ? undefined : `${quoted([address])} does not match the ipFamily of the service`;
}

const hasRepeatedFamily = (addresses: readonly Address[]): boolean =>
  new Set(addresses.map(familyOf)).size < addresses.length;

const strangeFamilies = (texts: readonly string[]): Note => ({
  type: "Warning",
  reason: eventReasons.noLoadBalancerIPsFamily,
  message: `Failed to retrieve LBIPs IPFamily for ${quoted(texts)}: not one address of each family`,
});

const cleared = (key: string, cause: string): Note => ({
  type: "Normal",
  reason: eventReasons.clearAssignment,
  message: `current IP for "${key}" not allowed by config, will attempt for new IP assignment: ${cause}`,
});
