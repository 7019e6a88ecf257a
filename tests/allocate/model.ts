import type { Service } from "../../src/api/core.ts";
import { pool } from "../../src/allocate/testing/world.ts";
import type { Pool } from "../../src/config/config.ts";
import { type Address, addressFrom, bitsOf, type Family, familyOf, parseAddress } from "../../src/net/address.ts";

/**
 * The rules of assignment, written as plainly as possible: lists that are searched from their start, nothing indexed,
 * nothing shared with `src/allocate`. What it comes to is what the allocator must come to.
 */

/** What a pass comes to for one Service. */
export interface Verdict {
  readonly kind: "assigned" | "waiting" | "not-load-balancer";
  readonly addresses: readonly Address[];
  /** Why it has not all that it asks for. */
  readonly refused: string | undefined;
}

interface Memo {
  readonly uid: string | undefined;
  readonly last: readonly Address[];
  readonly isAssigned: boolean;
  readonly terms: string;
  readonly version: string | undefined;
  /** All that was given while the Service had this version: a write that says so may still arrive. */
  readonly onItsWay: readonly Address[];
}

/** A Service with what it may, wants and has. */
interface Person {
  readonly service: Service;
  readonly key: string;
  readonly isLoadBalancer: boolean;
  readonly born: string;
  readonly sharing: string;
  readonly ports: readonly string[];
  readonly terms: string;
  readonly families: readonly Family[];
  readonly primary: Family;
  readonly isRequired: boolean;
  /** Why `families` is not known. */
  readonly trouble: string | undefined;
  readonly requested: readonly Address[] | "invalid";
  readonly wantsPool: string | undefined;
  readonly memo: Memo | undefined;
  /** Addresses of ours in its status. */
  readonly named: readonly Address[];
  held: readonly Address[];
  /** Not its own any more, but not yet anybody else's. */
  closed: readonly Address[];
  refused: string | undefined;
}

const mark = "metallb.io/ip-allocated-from-pool";

export class Model {
  #memory = new Map<string, Memo>();
  #pools: readonly Pool[] = [];
  #refused: readonly string[] = [];
  #people: readonly Person[] = [];

  /** What a restarted controller knows. */
  forget(): void {
    this.#memory = new Map();
  }

  /** `refused`: pools that exist and are wrong. */
  pass(pools: readonly Pool[], services: readonly Service[], refused: readonly string[]): Map<string, Verdict> {
    this.#refused = refused;
    this.#pools = [...pools, ...remainders(pools, services, refused)].sort((a, b) => order(a.name, b.name));
    this.#people = services.filter(isOurs).map((service) => this.#person(service));
    const all = [...this.#people].sort(byAge);
    const steady = [...all.filter((p) => p.memo?.terms === p.terms), ...all.filter((p) => p.memo?.terms !== p.terms)];
    for (const p of steady) if (mayKeep(p) && p.memo?.isAssigned) p.held = this.#firstAllowed(p, p.memo.last);
    for (const p of steady) if (mayKeep(p)) p.held = this.#firstAllowed(p, [...p.held, ...p.named]);
    for (const p of steady) this.#close(p);
    for (const p of steady) if (p.isLoadBalancer) this.#takeBack(p);
    const asksForOne = (p: Person) => p.requested === "invalid" || p.requested.length > 0;
    for (const p of [...all.filter(asksForOne), ...all.filter((one) => !asksForOne(one))]) {
      if (p.isLoadBalancer) this.#serve(p);
    }
    this.#memory = new Map(this.#people.map((p) => [p.key, memoOf(p)]));
    return new Map(this.#people.map((p) => [p.key, verdictOf(p)]));
  }

  /** How many addresses of a pool and family nobody new can have, after the last pass. */
  used(name: string, family: Family): number {
    const all = new Set(this.#people.flatMap((p) => [...p.held, ...p.closed]));
    return [...all].filter((address) => familyOf(address) === family && this.#poolOf(address)?.name === name).length;
  }

  #person(service: Service): Person {
    const key = keyOf(service);
    const memo = this.#memory.get(key);
    const { families, trouble } = familiesOf(service);
    const sharing = sharingOf(service);
    const ports = (service.spec.ports ?? []).map(({ protocol = "TCP", port }) => `${protocol}/${port}`).sort();
    return {
      service,
      key,
      isLoadBalancer: service.spec.type === "LoadBalancer",
      born: service.metadata.creationTimestamp ?? "",
      sharing,
      ports,
      terms: JSON.stringify([sharing, ports]),
      families,
      trouble,
      primary: service.spec.ipFamilies?.[0] === "IPv6" ? "ipv6" : "ipv4",
      isRequired: service.spec.ipFamilyPolicy === "RequireDualStack",
      requested: requestOf(service),
      wantsPool: service.metadata.annotations?.["metallb.io/address-pool"] || undefined,
      memo: memo?.uid === service.metadata.uid ? memo : undefined,
      named: this.#namedBy(service),
      held: [],
      closed: [],
      refused: undefined,
    };
  }

  /** With our mark all that a status names, without it what lies in a pool. */
  #namedBy(service: Service): Address[] {
    const isMarked = service.metadata.annotations?.[mark] !== undefined;
    const inAnyRange = (address: Address) =>
      this.#pools.some(({ entries }) => entries.some(({ range }) => isWithin(range, address)));
    return (service.status?.loadBalancer?.ingress ?? [])
      .flatMap(({ ip }) => parseAddress(ip ?? "") ?? [])
      .filter((address) => isMarked || inAnyRange(address));
  }

  #firstAllowed(p: Person, addresses: readonly Address[]): Address[] {
    const kept: Address[] = [];
    for (const address of addresses) {
      const family = familyOf(address);
      const fits = p.trouble !== undefined || p.families.includes(family);
      if (fits && !kept.some((other) => familyOf(other) === family) && this.#isAllowed(p, address)) kept.push(address);
    }
    return kept;
  }

  #close(p: Person): void {
    const given = p.memo?.isAssigned ? p.memo.last : [];
    for (const address of [...p.named, ...given, ...onItsWay(p)]) {
      const has = p.held.includes(address) || p.closed.includes(address);
      if (!has && this.#poolOf(address) && this.#isFreeFor(p, address)) p.closed = [...p.closed, address];
    }
  }

  /** What a Service last had and lost, it gets before newcomers, if it might have it as a newcomer. */
  #takeBack(p: Person): void {
    if (p.memo === undefined || p.trouble !== undefined) return;
    const lost = p.memo.last.filter((address) => !p.held.includes(address) && this.#couldChoose(p, address));
    const now = this.#firstAllowed(p, [...p.held, ...lost]);
    if (now.length > p.held.length) hold(p, now);
  }

  #couldChoose(p: Person, address: Address): boolean {
    const pool = this.#poolOf(address);
    if (p.requested === "invalid" || pool === undefined) return false;
    if (p.requested.length > 0) return p.requested.includes(address);
    return p.wantsPool === undefined ? pool.autoAssign : pool.name === p.wantsPool;
  }

  #serve(p: Person): void {
    const found = this.#find(p);
    if (typeof found === "string") {
      p.refused = found;
      return;
    }
    hold(p, [...p.held.filter((one) => found.includes(one)), ...found.filter((one) => !p.held.includes(one))]);
    const missing = p.families.find((family) => !p.held.some((one) => familyOf(one) === family));
    if (missing === undefined) return;
    const second = this.#firstOf(p, this.#poolsForSecond(p), missing);
    if (second !== undefined) hold(p, [...p.held, second]);
    else p.refused = p.isRequired || p.families.length < 2 ? "not-granted" : "no-second-family";
  }

  /** The addresses that it should have, or why not. */
  #find(p: Person): readonly Address[] | string {
    if (p.trouble !== undefined) return p.trouble;
    if (p.requested === "invalid") return "invalid-request";
    if (p.requested.length > 0) return this.#isGranted(p, p.requested) ? p.requested : "not-granted";
    if (p.wantsPool !== undefined) return this.#findIn(p, p.wantsPool) ?? "not-granted";
    if (p.held.length > 0) return p.held;
    const [pinned, general] = [this.#pinnedFor(p), this.#general()];
    const both = () => (p.families.length === 2 ? this.#each(p, [...pinned, ...general]) : undefined);
    return this.#choose(p, pinned) ?? this.#choose(p, general) ?? both() ?? "not-granted";
  }

  #isGranted(p: Person, requested: readonly Address[]): boolean {
    const families = new Set(requested.map(familyOf));
    if (families.size !== p.families.length || !p.families.every((family) => families.has(family))) return false;
    return requested.every(
      (address) =>
        this.#isAllowed(p, address) && (p.wantsPool === undefined || this.#poolOf(address)?.name === p.wantsPool),
    );
  }

  #findIn(p: Person, name: string): readonly Address[] | undefined {
    const pool = this.#pools.find((one) => one.name === name);
    if (pool === undefined || !isFor(pool, p.service)) return undefined;
    const isThere = p.held.length > 0 && p.held.every((address) => this.#poolOf(address) === pool);
    if (isThere) return p.held;
    return this.#refused.includes(name) ? undefined : this.#choose(p, [pool]);
  }

  #pinnedFor(p: Person): Pool[] {
    const rank = (pool: Pool) => pool.allocation?.priority || Infinity;
    const pinned = this.#pools.filter((pool) => pool.autoAssign && pool.allocation && isFor(pool, p.service));
    return pinned.sort((a, b) => (rank(a) === rank(b) ? order(a.name, b.name) : rank(a) - rank(b)));
  }

  #general(): Pool[] {
    return this.#pools.filter((pool) => pool.autoAssign && !pool.allocation);
  }

  #poolsForSecond(p: Person): Pool[] {
    const own = p.held.flatMap((address) => this.#poolOf(address) ?? []);
    if (p.wantsPool !== undefined) return own.filter(({ name }) => name === p.wantsPool);
    return [...own, ...this.#pinnedFor(p), ...this.#general()];
  }

  #choose(p: Person, pools: readonly Pool[]): readonly Address[] | undefined {
    const [only, second] = p.families;
    if (only !== undefined && second === undefined) return listOf(this.#firstOf(p, pools, only));
    for (const pool of pools) {
      const both = this.#each(p, [pool]);
      if (both) return both;
    }
    const both = this.#each(p, pools);
    if (both || p.isRequired) return both;
    const other = p.primary === "ipv4" ? "ipv6" : "ipv4";
    return listOf(this.#firstOf(p, pools, p.primary) ?? this.#firstOf(p, pools, other));
  }

  /** One address of each family, whichever pools they are from. */
  #each(p: Person, pools: readonly Pool[]): readonly Address[] | undefined {
    const [v4, v6] = [this.#firstOf(p, pools, "ipv4"), this.#firstOf(p, pools, "ipv6")];
    return v4 && v6 && [v4, v6];
  }

  #firstOf(p: Person, pools: readonly Pool[], family: Family): Address | undefined {
    for (const pool of pools) {
      const mine = [...p.held, ...p.closed].find(
        (address) => familyOf(address) === family && this.#poolOf(address) === pool && this.#isFreeFor(p, address),
      );
      const found = mine ?? this.#scan(p, pool, family);
      if (found) return found;
    }
    return undefined;
  }

  /** From the first entry's first address on, until one is free or may be shared. */
  #scan(p: Person, pool: Pool, family: Family): Address | undefined {
    for (const { range } of pool.entries) {
      if (range.family !== family) continue;
      for (let bits = range.first; bits <= range.last; bits++) {
        const address = addressFrom(family, bits);
        if (!isExcluded(pool, address) && this.#isFreeFor(p, address)) return address;
      }
    }
    return undefined;
  }

  #poolOf(address: Address): Pool | undefined {
    return this.#pools.find((pool) => isIn(pool, address));
  }

  #isAllowed(p: Person, address: Address): boolean {
    const pool = this.#poolOf(address);
    return pool !== undefined && isFor(pool, p.service) && this.#isFreeFor(p, address);
  }

  #isFreeFor(p: Person, address: Address): boolean {
    const others = this.#people.filter((q) => q !== p && (q.held.includes(address) || q.closed.includes(address)));
    return others.every((other) => mayShare(p.service, other.service));
  }
}

/** Whether two Services may have one address: the same key, no port in common, and the same pods if they ask for Local. */
export function mayShare(a: Service, b: Service): boolean {
  if (sharingOf(a) === "" || sharingOf(a) !== sharingOf(b)) return false;
  const ports = (service: Service) => (service.spec.ports ?? []).map((one) => `${one.protocol ?? "TCP"} ${one.port}`);
  return !ports(a).some((port) => ports(b).includes(port));
}

/** Whether a pool has an address to give. */
export const isIn = (pool: Pool, address: Address): boolean =>
  pool.entries.some(({ range }) => isWithin(range, address)) && !isExcluded(pool, address);

/** Whether a pool is for a Service. */
export function isFor({ allocation }: Pool, { metadata }: Service): boolean {
  if (allocation?.namespaces && !allocation.namespaces.includes(metadata.namespace ?? "")) return false;
  const selectors = allocation?.serviceSelectors ?? [];
  const matches = (labels: Readonly<Record<string, string>> = {}) =>
    Object.entries(labels).every(([name, value]) => metadata.labels?.[name] === value);
  return selectors.length === 0 || selectors.some(({ matchLabels }) => matches(matchLabels));
}

function isWithin(range: Pool["entries"][number]["range"], address: Address): boolean {
  const bits = bitsOf(address);
  return familyOf(address) === range.family && range.first <= bits && bits <= range.last;
}

/** What is left of a pool that is wrong: the addresses that statuses with its mark name, and that no other pool has. */
export function remainders(pools: readonly Pool[], services: readonly Service[], refused: readonly string[]): Pool[] {
  const left = refused.map((name) => pool(name, [], { autoAssign: false }));
  for (const service of services.filter(isOurs).sort((a, b) => order(keyOf(a), keyOf(b)))) {
    const marks = service.metadata.annotations?.[mark]?.split(",") ?? [];
    const own = left.findIndex(({ name }) => name === marks.find((one) => refused.includes(one)));
    const found = left[own];
    if (found === undefined) continue;
    for (const { ip = "" } of service.status?.loadBalancer?.ingress ?? []) {
      const address = parseAddress(ip);
      const has = ({ entries }: Pool) => entries.some(({ range }) => address && isWithin(range, address));
      if (address === undefined || [...pools, ...left].some(has)) continue;
      const text = `${address}/${familyOf(address) === "ipv4" ? 32 : 128}`;
      left[own] = pool(found.name, [...(left[own]?.entries ?? []).map((entry) => entry.text), text], {
        autoAssign: false,
      });
    }
  }
  return left;
}

const keyOf = ({ metadata }: Service): string => `${metadata.namespace}/${metadata.name}`;

const isExcluded = ({ avoidBuggyIPs }: Pool, address: Address): boolean =>
  avoidBuggyIPs && /^\d+\.\d+\.\d+\.(0|255)$/.test(address);

/** Without clusterIPs for what it wants, it may keep nothing. */
const mayKeep = ({ isLoadBalancer, trouble }: Person): boolean =>
  isLoadBalancer && (trouble === undefined || trouble === "undeterminable");

const order = (a: string, b: string): number => (a === b ? 0 : a < b ? -1 : 1);
const byAge = (a: Person, b: Person): number => order(a.born, b.born) || order(a.key, b.key);
const listOf = (address: Address | undefined): readonly Address[] | undefined => address && [address];

/** No class, or of another type by now and still marked as ours. */
const isOurs = ({ spec, metadata }: Service): boolean =>
  (spec.loadBalancerClass ?? "") === "" || (spec.type !== "LoadBalancer" && metadata.annotations?.[mark] !== undefined);

function sharingOf({ metadata, spec }: Service): string {
  const key = metadata.annotations?.["metallb.io/allow-shared-ip"] ?? "";
  if (key === "") return "";
  const pods = Object.entries(spec.selector ?? {}).map(([name, value]) => `${name}=${value}`);
  return spec.externalTrafficPolicy === "Local" ? [key, ...pods.sort()].join("\n") : key;
}

function familiesOf({ spec }: Service): { readonly families: readonly Family[]; readonly trouble: string | undefined } {
  const trouble = (text: string) => ({ families: [], trouble: text });
  const addresses = spec.clusterIPs ?? [];
  if (addresses.length === 0) return trouble("no-cluster-ip");
  if (addresses.length === 1 && spec.ipFamilyPolicy === "RequireDualStack") return trouble("not-enough-cluster-ips");
  const families = new Set(addresses.map((text): Family => (text.includes(":") ? "ipv6" : "ipv4")));
  if (families.size < addresses.length) return trouble("undeterminable");
  if (families.size === 2 && (spec.ipFamilyPolicy ?? "SingleStack") === "SingleStack") return trouble("undeterminable");
  return { families: (["ipv4", "ipv6"] as const).filter((family) => families.has(family)), trouble: undefined };
}

function requestOf({ metadata, spec }: Service): readonly Address[] | "invalid" {
  const list = metadata.annotations?.["metallb.io/loadBalancerIPs"] ?? "";
  const single = spec.loadBalancerIP ?? "";
  if (list !== "" && single !== "") return "invalid";
  const texts = `${list}${single}` === "" ? [] : `${list}${single}`.split(",");
  const addresses = texts.flatMap((text) => parseAddress(text.trim()) ?? []);
  const families = new Set(addresses.map(familyOf));
  if (addresses.length < texts.length || families.size < addresses.length) return "invalid";
  return addresses.sort((a, b) => (familyOf(a) < familyOf(b) ? -1 : 1));
}

function hold(p: Person, addresses: readonly Address[]): void {
  p.closed = [...p.held, ...p.closed].filter((one) => !addresses.includes(one));
  p.held = addresses;
}

/** A write that names an older version of the Service fails, so that of what was given on one only the status counts. */
function onItsWay({ service, memo }: Person): readonly Address[] {
  return memo?.version === service.metadata.resourceVersion ? (memo?.onItsWay ?? []) : [];
}

function memoOf(p: Person): Memo {
  return {
    uid: p.service.metadata.uid,
    last: p.held.length > 0 ? p.held : (p.memo?.last ?? p.named),
    isAssigned: p.held.length > 0,
    terms: p.terms,
    version: p.service.metadata.resourceVersion,
    onItsWay: [...onItsWay(p).filter((one) => !p.held.includes(one)), ...p.held],
  };
}

function verdictOf(p: Person): Verdict {
  if (!p.isLoadBalancer) return { kind: "not-load-balancer", addresses: [], refused: undefined };
  return { kind: p.held.length > 0 ? "assigned" : "waiting", addresses: p.held, refused: p.refused };
}
