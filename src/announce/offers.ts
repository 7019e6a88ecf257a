import type { BgpPolicy, Config, Peer } from "../config/config.ts";
import { type Address, bitsOf, type Family, familyOf } from "../net/address.ts";
import { compareCommunities, type LargeCommunity, type StandardCommunity } from "../net/community.ts";
import { type Prefix, prefixAddress, prefixLength, prefixOf } from "../net/prefix.ts";
import { compareText, sortedText } from "../std/order.ts";
import type { Offer } from "./announcement.ts";
import type { Path, PathAttributes, Router, RouterPeer } from "./desired.ts";

/** What a Service's address is announced by: policies that agree with each other. */
export interface Reach {
  readonly address: Address;
  readonly policies: readonly BgpPolicy[];
}

/** What one path is made of. */
interface Contribution {
  policies: readonly BgpPolicy[];
  readonly services: string[];
}

interface PeerOffers {
  readonly peer: Peer;
  readonly families: readonly Family[];
  readonly paths: Map<Prefix, Contribution>;
}

/**
 * Families that a session carries: its own, or both when unnumbered or with `dualStackAddressFamily`.
 *
 * @see MetalLB internal/bgp/frr/templates
 */
const carriedFamilies = ({ endpoint, dualStackAddressFamily }: Peer): readonly Family[] =>
  endpoint.kind === "interface" || dualStackAddressFamily ? ["ipv4", "ipv6"] : [familyOf(endpoint.address)];

/** Collects, for each peer of the node, the paths that Services contribute to. */
export class Offers {
  readonly #peers: readonly PeerOffers[];
  readonly #attributes = new Map<string, PathAttributes>();
  readonly #sortKeys = new Map<Prefix, string>();

  constructor({ peers }: Config) {
    this.#peers = peers
      .map((peer) => ({ peer, families: carriedFamilies(peer), paths: new Map<Prefix, Contribution>() }))
      .sort((a, b) => compareText(a.peer.name, b.peer.name));
  }

  /** Offers a Service to every peer that its policies name; says for each peer what it is offered, or why nothing. */
  add(service: string, reaches: readonly Reach[]): readonly Offer[] {
    return this.#peers.map((to) => offerTo(to, service, reaches));
  }

  /** One router for each VRF. Peers with nothing to be told are there too. */
  routers(): readonly Router[] {
    const vrfs = sortedText(new Set(this.#peers.map(({ peer }) => peer.vrf)));
    return vrfs.map((vrf) => this.#router(vrf));
  }

  /** Validation sees to it that the peers of one VRF agree on `myASN` and `routerID`. */
  #router(vrf: string): Router {
    const members = this.#peers.filter(({ peer }) => peer.vrf === vrf);
    const [first] = members;
    if (first === undefined) throw new Error(`bug: VRF "${vrf}" has no peer`);
    const routerID = members.find(({ peer }) => peer.routerID !== undefined)?.peer.routerID;
    return {
      vrf,
      myASN: first.peer.myASN,
      ...(routerID !== undefined && { routerID }),
      peers: members.map((member) => this.#routerPeer(member)),
    };
  }

  #routerPeer({ peer, paths }: PeerOffers): RouterPeer {
    const sorted = [...paths].sort(([a], [b]) => compareText(this.#sortKey(a), this.#sortKey(b)));
    return { peer, paths: sorted.map(([prefix, contribution]) => this.#path(prefix, contribution)) };
  }

  #path(prefix: Prefix, { policies, services }: Contribution): Path {
    return { prefix, attributes: this.#merged(policies), services };
  }

  /** Paths of equal policies get one and the same value. */
  #merged(policies: readonly BgpPolicy[]): PathAttributes {
    const key = sortedText(policies.map(({ name }) => name)).join(" ");
    const known = this.#attributes.get(key) ?? mergeAttributes(policies);
    this.#attributes.set(key, known);
    return known;
  }

  /** Text that sorts as `comparePrefixes` does, made once for each prefix: reading addresses in a sort is slow. */
  #sortKey(prefix: Prefix): string {
    const known = this.#sortKeys.get(prefix);
    if (known !== undefined) return known;
    const address = prefixAddress(prefix);
    const bits = bitsOf(address).toString(16).padStart(32, "0");
    const key = `${familyOf(address)} ${bits} ${String(prefixLength(prefix)).padStart(3, "0")}`;
    this.#sortKeys.set(prefix, key);
    return key;
  }
}

function offerTo(to: PeerOffers, service: string, reaches: readonly Reach[]): Offer {
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
      contribute(to.paths, prefix, policy, service);
      if (!prefixes.includes(prefix)) prefixes.push(prefix);
    }
  }
  if (prefixes.length > 0) return { peer: name, kind: "offered", prefixes };
  if (isNamed) return { peer: name, kind: "family-not-carried", families: reaches.map((one) => familyOf(one.address)) };
  const policies = new Set(reaches.flatMap((reach) => reach.policies.map((policy) => policy.name)));
  return { peer: name, kind: "not-named", policies: sortedText(policies) };
}

function contribute(paths: Map<Prefix, Contribution>, prefix: Prefix, policy: BgpPolicy, service: string): void {
  const path = paths.get(prefix);
  if (path === undefined) {
    paths.set(prefix, { policies: [policy], services: [service] });
    return;
  }
  if (!path.policies.includes(policy)) path.policies = [...path.policies, policy];
  if (path.services.at(-1) !== service) path.services.push(service);
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
