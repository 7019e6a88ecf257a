import type { Pool } from "../config/config.ts";
import { type Address, bitsOf, type Family, familyOf } from "../net/address.ts";
import { RangeMap } from "../net/range-map.ts";
import { sortedBy, sortedText } from "../std/order.ts";
import { Commons } from "./commons.ts";
import { PoolSpace, type Stretch } from "./space.ts";

/** What decides whether a Service may share an address with others. */
export interface Claim {
  /** `namespace/name` of the Service. */
  readonly key: string;
  /** Sharing key and backend together; empty: shares with nobody. */
  readonly sharing: string;
  /** `TCP/80`, sorted. */
  readonly ports: readonly string[];
}

/** Counters of one pool; a shared address counts once. */
export interface PoolUsage {
  readonly pool: string;
  readonly total: { readonly [family in Family]: bigint };
  readonly assigned: { readonly [family in Family]: bigint };
}

interface Place {
  readonly space: PoolSpace;
  readonly slot: bigint;
}

/** An address of a pool, and who has it. */
interface Spot {
  readonly place: Place;
  use: Use | undefined;
}

/** One address in use. */
interface Use {
  readonly first: Claim;
  /** Absent for a holder that shares with nobody. */
  readonly crowd: Crowd | undefined;
}

/** The holders of a shared address, who all have the same sharing text, and whose each port is. */
interface Crowd {
  readonly holders: Set<string>;
  readonly ports: Map<string, string>;
}

/** What one Service has: `addresses` are its assignment; `reserved` ones are kept from others all the same. */
interface Account {
  readonly addresses: readonly Address[];
  readonly reserved: readonly Address[];
}

const empty: Account = { addresses: [], reserved: [] };

/**
 * Who holds which address, in one pass.
 *
 * It knows the pools and the sharing rules, not which pool suits which Service. One address costs O(log n) in the
 * addresses in use, of whichever family and pool size. Nothing gets free: what a Service gives up stays reserved for it,
 * because its status still says otherwise, and writing that may fail.
 */
export class Ledger {
  /** In the order of the pools given, which is their rank. */
  readonly spaces: readonly PoolSpace[];
  readonly #index: RangeMap<Stretch>;
  /** Addresses that were asked for before: reading an IPv6 address costs more than all the rest. */
  readonly #spots = new Map<Address, Spot | undefined>();
  #inUse = 0;
  /** Addresses held with a sharing text. */
  readonly #shared = new Map<string, { readonly [family in Family]: Commons }>();
  readonly #accounts = new Map<string, Account>();

  constructor(pools: readonly Pool[]) {
    this.spaces = pools.map((pool, rank) => new PoolSpace(pool, rank));
    this.#index = new RangeMap(this.spaces.flatMap((space) => [...space.lines.ipv4, ...space.lines.ipv6]));
  }

  /** Whether an address lies in some pool, be it one that avoidBuggyIPs excludes. */
  covers(address: Address): boolean {
    return this.#index.find(familyOf(address), bitsOf(address)) !== undefined;
  }

  /** The pool that can give out `address`. */
  spaceOf(address: Address): PoolSpace | undefined {
    return this.#spotOf(address)?.place.space;
  }

  /** What a Service holds, in its order; empty when nothing. */
  heldBy(key: string): readonly Address[] {
    return this.#accountOf(key).addresses;
  }

  /**
   * Why `claim` can't have `address`, in MetalLB's words; `undefined` when it can.
   *
   * @see MetalLB internal/allocator/allocator.go, checkSharing
   */
  conflict(claim: Claim, address: Address): string | undefined {
    const use = this.#spotOf(address)?.use;
    if (use === undefined) return undefined;
    const { first, crowd } = use;
    if (first.key === claim.key && (crowd === undefined || crowd.holders.size === 1)) return undefined;
    if (crowd === undefined || first.sharing !== claim.sharing) {
      const others = nameSome(crowd?.holders ?? new Set([first.key]));
      return `can't change sharing key for "${claim.key}", address also in use by ${others}`;
    }
    const port = claim.ports.find((each) => (crowd.ports.get(each) ?? claim.key) !== claim.key);
    return port === undefined ? undefined : `port ${port} is already in use on "${address}"`;
  }

  /**
   * The address that `claim` gets from a pool: one that it has there or that is reserved for it, or the lowest that is
   * free, or that it may share if that comes before.
   */
  lowest(space: PoolSpace, family: Family, claim: Claim): Address | undefined {
    return (
      this.#own(family, claim).find(({ place }) => place.space === space)?.address ?? this.#next(space, family, claim)
    );
  }

  /** The pools that offer `claim` an address of a family that it has, or that is reserved for it. */
  ownSpaces(family: Family, claim: Claim): readonly PoolSpace[] {
    return this.#own(family, claim).map(({ place }) => place.space);
  }

  /** The first pool from a rank on that offers `claim` an address of a family to share with others; O(log n). */
  sharedSpace(family: Family, claim: Claim, rank: number): PoolSpace | undefined {
    const place = this.#shared.get(claim.sharing)?.[family].firstFor(claim.ports, placeNumber(rank, 0n));
    return place === undefined ? undefined : this.spaces[Number(place >> slotBits)];
  }

  #own(family: Family, claim: Claim): readonly { readonly address: Address; readonly place: Place }[] {
    const { addresses, reserved } = this.#accountOf(claim.key);
    return [...addresses, ...reserved].flatMap((address) => {
      const place = familyOf(address) === family ? this.#spotOf(address)?.place : undefined;
      return place === undefined || this.conflict(claim, address) !== undefined ? [] : [{ address, place }];
    });
  }

  #next(space: PoolSpace, family: Family, claim: Claim): Address | undefined {
    const free = space.lowestFree(family);
    const first = placeNumber(space.rank, 0n);
    const shared = this.#shared.get(claim.sharing)?.[family].firstFor(claim.ports, first);
    const end = placeNumber(space.rank, free ?? space.total[family]);
    const slot = shared !== undefined && shared < end ? shared - first : free;
    return slot === undefined ? undefined : this.#addressAt({ space, slot }, family);
  }

  #addressAt(place: Place, family: Family): Address {
    const address = place.space.addressAt(family, place.slot);
    if (!this.#spots.has(address)) this.#spots.set(address, { place, use: undefined });
    return address;
  }

  /** Assigns `addresses`, which must be free of conflict, to `claim`; what it had before stays reserved. */
  hold(claim: Claim, addresses: readonly Address[]): void {
    const before = this.#accountOf(claim.key);
    const had = [...before.addresses, ...before.reserved];
    for (const address of addresses) if (!had.includes(address)) this.#take(claim, address);
    this.#accounts.set(claim.key, { addresses, reserved: had.filter((address) => !addresses.includes(address)) });
  }

  /** Keeps an address, which must be free of conflict, from all others. */
  reserve(claim: Claim, address: Address): void {
    const { addresses, reserved } = this.#accountOf(claim.key);
    if (addresses.includes(address) || reserved.includes(address)) return;
    this.#take(claim, address);
    this.#accounts.set(claim.key, { addresses, reserved: [...reserved, address] });
  }

  /** How many addresses are in use. */
  get inUse(): number {
    return this.#inUse;
  }

  /** Counters of each of some pools, by name. */
  usage(pools: ReadonlySet<Pool>): PoolUsage[] {
    const spaces = this.spaces.filter(({ pool }) => pools.has(pool));
    return sortedBy(spaces, ({ pool }) => pool.name).map(({ pool, total, taken }) => ({
      pool: pool.name,
      total,
      assigned: { ipv4: taken.ipv4.size, ipv6: taken.ipv6.size },
    }));
  }

  #accountOf(key: string): Account {
    return this.#accounts.get(key) ?? empty;
  }

  #spotOf(address: Address): Spot | undefined {
    const known = this.#spots.get(address);
    if (known !== undefined || this.#spots.has(address)) return known;
    const found = this.#find(address);
    this.#spots.set(address, found);
    return found;
  }

  #find(address: Address): Spot | undefined {
    const bits = bitsOf(address);
    const stretch = this.#index.find(familyOf(address), bits);
    const slot = stretch?.space.slotOf(stretch, bits);
    return stretch === undefined || slot === undefined
      ? undefined
      : { place: { space: stretch.space, slot }, use: undefined };
  }

  #take(claim: Claim, address: Address): void {
    const spot = this.#spotOf(address);
    if (spot === undefined) throw new Error(`bug: ${address} is in no pool`);
    const { place } = spot;
    const { crowd } = (spot.use ??= this.#open(claim, address, place));
    if (crowd === undefined) return;
    crowd.holders.add(claim.key);
    for (const port of claim.ports) crowd.ports.set(port, claim.key);
    this.#sharedBy(claim.sharing)[familyOf(address)].add(placeNumber(place.space.rank, place.slot), claim.ports);
  }

  #sharedBy(sharing: string): { readonly [family in Family]: Commons } {
    const found = this.#shared.get(sharing);
    if (found) return found;
    const made = { ipv4: new Commons(), ipv6: new Commons() };
    this.#shared.set(sharing, made);
    return made;
  }

  #open(claim: Claim, address: Address, { space, slot }: Place): Use {
    space.taken[familyOf(address)].add(slot);
    this.#inUse++;
    const crowd = claim.sharing === "" ? undefined : { holders: new Set<string>(), ports: new Map<string, string>() };
    return { first: claim, crowd };
  }
}

/** A crowd may be thousands; who came first is enough to find the others, and stays the same while more come. */
function nameSome(holders: ReadonlySet<string>): string {
  const some = sortedText(holders.values().take(5)).join(",");
  return holders.size > 5 ? `${some} and others` : some;
}

/** No pool has more slots than IPv6 has addresses. */
const slotBits = 128n;

/** Places of all pools in one line: by rank, then by slot. */
const placeNumber = (rank: number, slot: bigint): bigint => (BigInt(rank) << slotBits) + slot;
