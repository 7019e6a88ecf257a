import type { BgpPolicy, Config, Peer } from "../config/config.ts";
import { type Address, bitsOf, type Family, familyOf } from "../net/address.ts";
import { compareCommunities, type LargeCommunity, type StandardCommunity } from "../net/community.ts";
import { comparePrefixes, type Prefix, prefixAddress, prefixLength, prefixOf } from "../net/prefix.ts";
import { deepEqual } from "../std/equal.ts";
import { fitted } from "../std/fitted.ts";
import { placeIn, sortedBy, sortedText, withItems } from "../std/order.ts";
import type { Offer } from "./announcement.ts";
import type { Path, PathAttributes, Router, RouterPeer } from "./desired.ts";

/** What a Service's address is announced by: policies that agree with each other. */
export interface Reach {
  readonly address: Address;
  readonly policies: readonly BgpPolicy[];
}

/** One address of a Service under one policy, as a part of a path. */
interface Contribution {
  readonly to: PeerOffers;
  readonly prefix: Prefix;
  readonly service: string;
  readonly policy: BgpPolicy;
}

/** What a Service was offered under: for the peers as an answer, and for `Offers` to take it back. */
export interface ServiceOffers {
  /** For each peer what it is offered, or why nothing. */
  readonly offers: readonly Offer[];
  readonly contributions: readonly Contribution[];
}

/**
 * Families that a session carries: its own, or both when unnumbered or with `dualStackAddressFamily`.
 *
 * @see MetalLB internal/bgp/frr/templates
 */
const carriedFamilies = ({ endpoint, dualStackAddressFamily }: Peer): readonly Family[] =>
  endpoint.kind === "interface" || dualStackAddressFamily ? ["ipv4", "ipv6"] : [familyOf(endpoint.address)];

/**
 * Collects, for each peer of the node, the paths that Services contribute to.
 *
 * Services come and go between two calls of `routers`, and only their paths are made anew: whatever stays the same is the same
 * object.
 */
export class Offers {
  readonly #peers: readonly PeerOffers[];
  readonly #attributes = new Map<string, PathAttributes>();
  #routers: readonly Router[];

  constructor({ peers }: Config) {
    this.#peers = sortedBy(peers, ({ name }) => name).map((peer) => new PeerOffers(peer));
    const vrfs = sortedText(new Set(peers.map(({ vrf }) => vrf)));
    this.#routers = vrfs.map((vrf) => routerOf(vrf, this.#peers));
  }

  /** Offers a Service to every peer that its policies name. */
  add(service: string, reaches: readonly Reach[]): ServiceOffers {
    const contributions: Contribution[] = [];
    const offers = this.#peers.map((to) => offerTo(to, service, reaches, contributions));
    for (const contribution of contributions) contribution.to.add(contribution);
    return { offers, contributions: fitted(contributions) };
  }

  /** Takes back what `add` has offered. */
  remove({ contributions }: ServiceOffers): void {
    for (const contribution of contributions) contribution.to.remove(contribution);
  }

  /** One router for each VRF. Peers with nothing to be told are there too. */
  routers(): readonly Router[] {
    const changed = this.#peers.filter((peer) => peer.update((policies) => this.#merged(policies)));
    if (changed.length === 0) return this.#routers;
    this.#routers = this.#routers.map((router) =>
      changed.some(({ peer }) => peer.vrf === router.vrf) ? routerOf(router.vrf, this.#peers) : router,
    );
    return this.#routers;
  }

  /** Paths of equal policies get one and the same value. */
  #merged(policies: readonly BgpPolicy[]): PathAttributes {
    const key = sortedText(policies.map(({ name }) => name)).join(" ");
    const known = this.#attributes.get(key) ?? mergeAttributes(policies);
    this.#attributes.set(key, known);
    return known;
  }
}

/** Validation sees to it that the peers of one VRF agree on `myASN` and `routerID`. */
function routerOf(vrf: string, peers: readonly PeerOffers[]): Router {
  const members = peers.filter(({ peer }) => peer.vrf === vrf);
  const [first] = members;
  if (first === undefined) throw new Error(`bug: VRF "${vrf}" has no peer`);
  const routerID = members.find(({ peer }) => peer.routerID !== undefined)?.peer.routerID;
  return {
    vrf,
    myASN: first.peer.myASN,
    ...(routerID !== undefined && { routerID }),
    peers: members.map(({ offered }) => offered),
  };
}

type Merge = (policies: readonly BgpPolicy[]) => PathAttributes;

/** One peer's paths, and what each is made of. */
class PeerOffers {
  readonly peer: Peer;
  readonly families: readonly Family[];
  readonly #contributions = new Map<Prefix, readonly Contribution[]>();
  readonly #touched = new Set<Prefix>();
  /** As of the last `update`. */
  offered: RouterPeer;

  constructor(peer: Peer) {
    this.peer = peer;
    this.families = carriedFamilies(peer);
    this.offered = { peer, paths: [] };
  }

  add(contribution: Contribution): void {
    const { prefix } = contribution;
    const known = this.#contributions.get(prefix);
    this.#contributions.set(prefix, known === undefined ? [contribution] : [...known, contribution]);
    this.#touched.add(prefix);
  }

  remove(contribution: Contribution): void {
    const { prefix } = contribution;
    const others = this.#contributions.get(prefix)?.filter((one) => one !== contribution) ?? [];
    if (others.length > 0) this.#contributions.set(prefix, others);
    else this.#contributions.delete(prefix);
    this.#touched.add(prefix);
  }

  /** Makes the touched paths anew. Whether any is another than before. */
  update(merge: Merge): boolean {
    const { paths } = this.offered;
    const touched = [...this.#touched].map((prefix) => ({
      prefix,
      old: pathAt(paths, prefix),
      next: this.#path(prefix, merge),
    }));
    this.#touched.clear();
    const changed = touched.filter(({ old, next }) => !samePath(old, next));
    if (changed.length === 0) return false;
    this.offered = { peer: this.peer, paths: changed.length > few ? resorted(paths, changed) : edited(paths, changed) };
    return true;
  }

  #path(prefix: Prefix, merge: Merge): Path | undefined {
    const parts = this.#contributions.get(prefix);
    if (parts === undefined) return undefined;
    const services = sortedText(new Set(parts.map(({ service }) => service)));
    return { prefix, attributes: merge([...new Set(parts.map(({ policy }) => policy))]), services };
  }
}

/** By a search in a list that is sorted as `RouterPeer.paths` is. */
export function pathAt(paths: readonly Path[], prefix: Prefix): Path | undefined {
  const found = paths[placeIn(paths, (path) => comparePrefixes(path.prefix, prefix) < 0)];
  return found?.prefix === prefix ? found : undefined;
}

/** Equal attributes are one value, see `Offers`. */
const samePath = (a: Path | undefined, b: Path | undefined): boolean =>
  a?.attributes === b?.attributes && deepEqual(a?.services, b?.services);

/** A few paths are put into their places; many are cheaper sorted with the others. */
const few = 64;

interface Changed {
  readonly prefix: Prefix;
  /** Absent: it is offered no longer. */
  readonly next: Path | undefined;
}

function resorted(paths: readonly Path[], changed: readonly Changed[]): readonly Path[] {
  const stale = new Set(changed.map(({ prefix }) => prefix));
  const kept = paths.filter(({ prefix }) => !stale.has(prefix));
  return sortedBy([...kept, ...changed.flatMap(({ next }) => next ?? [])], ({ prefix }) => sortKey(prefix));
}

function edited(paths: readonly Path[], changed: readonly Changed[]): readonly Path[] {
  const order = (prefix: Prefix) => (path: Path) => comparePrefixes(path.prefix, prefix);
  return withItems(
    paths,
    changed.map(({ prefix, next }) => ({ order: order(prefix), next })),
  );
}

/** Text that sorts as `comparePrefixes` does: reading addresses again for each comparison of a sort is slow. */
function sortKey(prefix: Prefix): string {
  const address = prefixAddress(prefix);
  const bits = bitsOf(address).toString(16).padStart(32, "0");
  return `${familyOf(address)} ${bits} ${String(prefixLength(prefix)).padStart(3, "0")}`;
}

function offerTo(to: PeerOffers, service: string, reaches: readonly Reach[], contributions: Contribution[]): Offer {
  const { name } = to.peer;
  const prefixes: Prefix[] = [];
  let isNamed = false;
  for (const { address, policies } of reaches) {
    const family = familyOf(address);
    for (const policy of policies) {
      if (policy.peers !== undefined && !policy.peers.includes(name)) continue;
      isNamed = true;
      if (!to.families.includes(family)) continue;
      const prefix = prefixOf(address, family === "ipv4" ? policy.aggregationLength : policy.aggregationLengthV6);
      contributions.push({ to, prefix, service, policy });
      if (!prefixes.includes(prefix)) prefixes.push(prefix);
    }
  }
  if (prefixes.length > 0) return { peer: name, kind: "offered", prefixes: fitted(prefixes) };
  if (isNamed) return { peer: name, kind: "family-not-carried", families: reaches.map((one) => familyOf(one.address)) };
  const policies = new Set(reaches.flatMap((reach) => reach.policies.map((policy) => policy.name)));
  return { peer: name, kind: "not-named", policies: sortedText(policies) };
}

/**
 * One path from several policies: the union of their communities, the most prepending, the lowest MED that is set. Their
 * local preferences agree, or one is unset.
 *
 * Differs: should two ever be set, the higher one wins; in MetalLB the one whose text sorts last (50 before 100).
 * @see MetalLB internal/bgp/frr, frr-config.md §4.1
 */
function mergeAttributes(policies: readonly BgpPolicy[]): PathAttributes {
  const meds = policies.flatMap(({ med }) => med ?? []);
  return {
    localPref: Math.max(0, ...policies.map((policy) => policy.localPref)),
    asPathPrepend: Math.max(0, ...policies.map((policy) => policy.asPathPrepend)),
    ...(meds.length > 0 && { med: Math.min(...meds) }),
    communities: union(policies.map((policy) => policy.communities)),
    largeCommunities: union(policies.map((policy) => policy.largeCommunities)),
  };
}

const union = <T extends StandardCommunity | LargeCommunity>(lists: readonly (readonly T[])[]): readonly T[] =>
  [...new Set(lists.flat())].sort(compareCommunities);
