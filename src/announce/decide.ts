import type { EndpointSlice, Service } from "../api/core.ts";
import { keyOf, refOf } from "../api/object.ts";
import { selectsAny } from "../api/selector.ts";
import type { Snapshot } from "../api/snapshot.ts";
import { disagree } from "../config/announcement-rules.ts";
import type { BgpPolicy, Config, Pool } from "../config/config.ts";
import { type Address, bitsOf, familyOf, parseAddress } from "../net/address.ts";
import type { Range } from "../net/range.ts";
import { RangeMap } from "../net/range-map.ts";
import { deepEqual, sameItems } from "../std/equal.ts";
import { ordered, sortedBy } from "../std/order.ts";
import type { Announced, Announcement, Withheld } from "./announcement.ts";
import type { BgpDesired } from "./desired.ts";
import { endpointObstacle, nodeObstacle, withheld } from "./obstacles.ts";
import { Offers, type Reach, type ServiceOffers } from "./offers.ts";

export interface DecideInput {
  /** This node's configuration. */
  readonly config: Config;
  readonly snapshot: Snapshot;
  readonly node: string;
  /** MetalLB's flag: the label that excludes a node does not count. */
  readonly ignoreExcludeLB: boolean;
  /** The class that we serve; empty: Services without a class. */
  readonly lbClass: string;
}

export interface Decision {
  readonly desired: BgpDesired;
  /** One for each Service of our class, sorted by key. */
  readonly announcements: readonly Announcement[];
}

/**
 * What this node announces: for each Service × peer the path with its attributes, or the reason for "no".
 *
 * @see MetalLB speaker/main.go, handleService; speaker/bgp_controller.go, ShouldAnnounce
 */
export const decide = (input: DecideInput): Decision => new Decider().decide(input);

/**
 * The same answers as `decide`, from what the last one was made of: objects never change, so a Service whose objects are the
 * same ones is not looked at again, and what follows from it is the same object as before.
 */
export class Decider {
  #view: View | undefined;
  /** In the snapshot's order. */
  #entries: readonly Entry[] = [];
  #slices: DecideInput["snapshot"]["endpointSlices"] | undefined;
  #last: Decision | undefined;

  decide(input: DecideInput): Decision {
    const view = this.#viewFor(input);
    const services = input.snapshot.services.filter(({ spec }) => (spec.loadBalancerClass ?? "") === input.lbClass);
    const before = matching(this.#entries, services);
    const isSameMap = this.#slices === input.snapshot.endpointSlices;
    this.#slices = input.snapshot.endpointSlices;
    const entries = services.map((service, i) => {
      const known = before.take(service, i);
      if (known && (isSameMap || isCurrent(known, input))) return known;
      if (known?.offered) view.offers.remove(known.offered);
      return entryOf(view, service, input);
    });
    for (const { offered } of before.rest()) if (offered) view.offers.remove(offered);
    this.#entries = entries;
    this.#last = decisionOf(view, entries, this.#last);
    return this.#last;
  }

  /** Another configuration, or a node in another state, is a new beginning. */
  #viewFor(input: DecideInput): View {
    const next = nodeObstacleIn(input);
    const { input: old, nodeObstacle: obstacle } = this.#view ?? {};
    if (this.#view && old?.config === input.config && old.node === input.node && deepEqual(obstacle, next)) {
      return this.#view;
    }
    this.#entries = [];
    this.#view = viewOf(input, next);
    return this.#view;
  }
}

/** What was decided for one Service, and from what. */
interface Entry {
  readonly service: Service;
  readonly key: string;
  readonly slices: readonly EndpointSlice[];
  readonly announcement: Announcement;
  readonly offered: ServiceOffers | undefined;
}

/** Hands out the entries of Services that are still there: by place as far as the two lists begin and end alike, which is mostly. */
function matching(entries: readonly Entry[], services: readonly Service[]) {
  const shift = entries.length - services.length;
  const most = Math.min(entries.length, services.length);
  let start = 0;
  while (start < most && entries[start]?.service === services[start]) start++;
  let end = services.length;
  while (end > start && end + shift > start && entries[end + shift - 1]?.service === services[end - 1]) end--;
  const middle = new Map(entries.slice(start, end + shift).map((entry) => [entry.service, entry]));
  return {
    take: (service: Service, i: number): Entry | undefined => {
      if (i < start) return entries[i];
      if (i >= end) return entries[i + shift];
      const found = middle.get(service);
      middle.delete(service);
      return found;
    },
    rest: () => middle.values(),
  };
}

const noSlices: readonly EndpointSlice[] = [];

const slicesOf = (key: string, { snapshot }: DecideInput): readonly EndpointSlice[] =>
  snapshot.endpointSlices.get(key) ?? noSlices;

const isCurrent = (entry: Entry, input: DecideInput): boolean => entry.slices === slicesOf(entry.key, input);

function entryOf(view: View, service: Service, input: DecideInput): Entry {
  const key = keyOf(service);
  const slices = slicesOf(key, input);
  const { decision, offered } = decideOne(view, service, slices);
  return { service, key, slices, announcement: { key, service: refOf(service), decision }, offered };
}

function decisionOf({ offers, input }: View, entries: readonly Entry[], last: Decision | undefined): Decision {
  const { bfdProfiles, extras: { text: extras } = {} } = input.config;
  const inOrder = ordered(entries, ({ key }) => key).map(({ announcement }) => announcement);
  const routers = offers.routers();
  const { desired } = last ?? {};
  return {
    desired:
      desired?.routers === routers && desired.bfdProfiles === bfdProfiles && desired.extras === extras
        ? desired
        : { routers, bfdProfiles, ...(extras !== undefined && { extras }) },
    announcements: last && sameItems(inOrder, last.announcements) ? last.announcements : inOrder,
  };
}

/** What is the same for all Services. */
interface View {
  readonly input: Pick<DecideInput, "config" | "node">;
  readonly grounds: RangeMap<Ground>;
  readonly nodeObstacle: Withheld | undefined;
  readonly offers: Offers;
}

/** A stretch of a pool, with the policies that announce the pool from this node. */
interface Ground extends Range {
  readonly pool: Pool;
  /** Sorted by name. */
  readonly policies: readonly BgpPolicy[];
  /** Whether some policy looks at a Service's labels. */
  readonly isSelective: boolean;
}

function viewOf({ config, node }: DecideInput, obstacle: Withheld | undefined): View {
  return {
    input: { config, node },
    grounds: new RangeMap(config.pools.flatMap((pool) => groundsOf(pool, config, node))),
    nodeObstacle: obstacle,
    offers: new Offers(config),
  };
}

function nodeObstacleIn({ snapshot, node, ignoreExcludeLB }: DecideInput): Withheld | undefined {
  const own = snapshot.nodes.find(({ metadata }) => metadata.name === node);
  return nodeObstacle(own, ignoreExcludeLB);
}

function groundsOf(pool: Pool, { bgpAdvertisements }: Config, node: string): Ground[] {
  const policies = bgpAdvertisements.filter(({ pools, nodes }) => pools.includes(pool.name) && nodes.includes(node));
  const isSelective = policies.some(({ serviceSelectors }) => serviceSelectors.length > 0);
  const sorted = sortedBy(policies, ({ name }) => name);
  return pool.entries.map(({ range }) => ({ ...range, pool, policies: sorted, isSelective }));
}

interface Decided {
  readonly decision: Announced | Withheld;
  readonly offered: ServiceOffers | undefined;
}

/** The checks come in MetalLB's order, so that the reason is the one it would give. */
function decideOne(view: View, service: Service, slices: readonly EndpointSlice[]): Decided {
  const no = (decision: Withheld): Decided => ({ decision, offered: undefined });
  const addresses = assignedAddresses(service);
  if ("reason" in addresses) return no(addresses);
  const found = addresses.map((address) => ({ address, reach: reachOf(view, service, address) }));
  const reaches = found.flatMap(({ reach }) => ("reason" in reach ? [] : [reach]));
  const refused = found.flatMap(({ address, reach }) =>
    "reason" in reach ? [{ address, reason: reach.reason, message: reach.message }] : [],
  );
  const [first] = refused;
  if (reaches.length === 0 && first) return no(withheld(first.reason, first.message));
  const obstacle = view.nodeObstacle ?? endpointObstacle(service, slices, view.input.node);
  if (obstacle) return no(obstacle);
  const offered = view.offers.add(keyOf(service), reaches);
  const announced = reaches.map(({ address }) => address);
  return { decision: { kind: "announced", addresses: announced, withheld: refused, offers: offered.offers }, offered };
}

/**
 * The speaker trusts the status only.
 *
 * Differs: entries without an address (another implementation's hostname) are passed over when others have one; MetalLB
 * then announces nothing.
 */
function assignedAddresses({ spec, status }: Service): readonly Address[] | Withheld {
  if (spec.type !== "LoadBalancer") {
    return withheld("notLoadBalancer", `the Service is of type ${spec.type ?? "ClusterIP"}, not LoadBalancer`);
  }
  const ingress = status?.loadBalancer?.ingress ?? [];
  if (ingress.length === 0) return withheld("noIPAllocated", "no address is assigned to the Service yet");
  const addresses = ingress.flatMap(({ ip = "" }) => parseAddress(ip) ?? []);
  if (addresses.length > 0) return addresses;
  const texts = ingress.map(({ ip, hostname }) => ip ?? hostname ?? "").join(", ");
  return withheld("invalidIP", `the Service's status names no IP address, but "${texts}"`);
}

/**
 * What an address is announced by.
 *
 * Differs: each address is judged by its own pool, since two may come from two pools; MetalLB wants one pool for all.
 */
function reachOf(view: View, service: Service, address: Address): Reach | Withheld {
  const ground = view.grounds.find(familyOf(address), bitsOf(address));
  if (!ground) return withheld("ipNotAllowed", `${address} lies in no IPAddressPool`);
  const { pool, isSelective } = ground;
  if (ground.policies.length === 0) {
    return withheld("notOwner", `no BGPAdvertisement announces pool "${pool.name}" from node "${view.input.node}"`);
  }
  const matches = ({ serviceSelectors }: BgpPolicy) => selectsAny(serviceSelectors, service.metadata.labels);
  const policies = isSelective ? ground.policies.filter(matches) : ground.policies;
  if (policies.length === 0) {
    return withheld(
      "noMatchingAdvertisement",
      `no BGPAdvertisement of pool "${pool.name}" on node "${view.input.node}" selects the Service's labels`,
    );
  }
  return conflictAmong(policies, pool) ?? { address, policies };
}

/** Validation has compared the policies without serviceSelectors already. */
function conflictAmong(policies: readonly BgpPolicy[], pool: Pool): Withheld | undefined {
  for (const a of policies) {
    if (a.serviceSelectors.length === 0) continue;
    const b = policies.find((other) => disagree(a, other, pool));
    if (b === undefined) continue;
    const [x, y] = sortedBy([a, b], ({ name }) => name).map(({ name, localPref }) => `"${name}" ${localPref}`);
    return withheld(
      "conflictingAdvertisements",
      `the localPref of two BGPAdvertisements for the Service differs: ${x}, ${y}`,
    );
  }
  return undefined;
}
