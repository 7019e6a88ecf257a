import type { EndpointSlice, Service } from "../api/core.ts";
import { keyOf, refOf } from "../api/object.ts";
import { selectsAny } from "../api/selector.ts";
import type { Snapshot } from "../api/snapshot.ts";
import { disagree } from "../config/announcement-rules.ts";
import type { BgpPolicy, Config, Pool } from "../config/config.ts";
import { type Address, bitsOf, familyOf, parseAddress } from "../net/address.ts";
import type { Range } from "../net/range.ts";
import { RangeMap } from "../net/range-map.ts";
import { differences } from "../std/differences.ts";
import { deepEqual } from "../std/equal.ts";
import { byText, compareText, sortedBy, withItems } from "../std/order.ts";
import { changedKeys } from "../std/persistent.ts";
import type { Announced, Announcement, Withheld } from "./announcement.ts";
import type { BgpDesired } from "./desired.ts";
import type { FormerPools } from "./former-pools.ts";
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
  /** Newest first; absent: none. */
  readonly former?: readonly FormerPools[];
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
  #of: Pick<DecideInput["snapshot"], "services" | "endpointSlices"> = nothingSeen;
  readonly #entries = new Map<string, Entry>();
  #last: Decision | undefined;

  decide(input: DecideInput): Decision {
    const view = this.#viewFor(input);
    const { services, endpointSlices } = input.snapshot;
    const isSame = services === this.#of.services && endpointSlices === this.#of.endpointSlices;
    if (this.#last && isSame) return this.#last;
    const given = this.#givenAnew(input);
    const touched = new Set([...given.keys(), ...this.#servedAnew(input)]);
    for (const key of touched) {
      const service = given.has(key) ? given.get(key) : this.#entries.get(key)?.service;
      this.#look(view, key, service, input);
    }
    this.#last = this.#decision(view, touched);
    this.#of = { services, endpointSlices };
    return this.#last;
  }

  /** Services that are others than before, by key; `undefined` for those that are gone, or not for us. */
  #givenAnew({ snapshot, lbClass }: DecideInput): ReadonlyMap<string, Service | undefined> {
    const changes = differences(this.#of.services, snapshot.services, byText(keyOf));
    const gone = changes.flatMap(({ before }) => (before ? [[keyOf(before), undefined] as const] : []));
    const come = changes.flatMap(({ after }) => {
      const isOurs = (after?.spec.loadBalancerClass ?? "") === lbClass;
      return after && isOurs ? [[keyOf(after), after] as const] : [];
    });
    return new Map<string, Service | undefined>([...gone, ...come]);
  }

  /** Keys of Services whose EndpointSlices are others than before. */
  #servedAnew(input: DecideInput): string[] {
    const keys = changedKeys(this.#of.endpointSlices, input.snapshot.endpointSlices);
    return [...keys].filter((key) => this.#entries.has(key));
  }

  #look(view: View, key: string, service: Service | undefined, input: DecideInput): void {
    const known = this.#entries.get(key);
    if (known?.offered) view.offers.remove(known.offered);
    this.#entries.delete(key);
    if (service === undefined) return;
    const slices = slicesOf(key, input);
    const { decision, offered } = decideOne(view, service, slices);
    this.#entries.set(key, { service, slices, announcement: { key, service: refOf(service), decision }, offered });
  }

  #decision({ offers, input: { config } }: View, touched: ReadonlySet<string>): Decision {
    const { bfdProfiles, extras: { text: extras } = {} } = config;
    const routers = offers.routers();
    const { desired } = this.#last ?? {};
    return {
      desired:
        desired?.routers === routers && desired.bfdProfiles === bfdProfiles && desired.extras === extras
          ? desired
          : { routers, bfdProfiles, ...(extras !== undefined && { extras }) },
      announcements: this.#announcements(touched),
    };
  }

  #announcements(touched: ReadonlySet<string>): readonly Announcement[] {
    const before = this.#last?.announcements ?? [];
    if (touched.size === 0 && before.length === this.#entries.size) return before;
    if (touched.size > few || this.#of === nothingSeen) {
      return sortedBy(
        Array.from(this.#entries.values(), ({ announcement }) => announcement),
        ({ key }) => key,
      );
    }
    const changes = Array.from(touched, (key) => ({
      order: (announcement: Announcement) => compareText(announcement.key, key),
      next: this.#entries.get(key)?.announcement,
    }));
    return withItems(before, changes);
  }

  /** Another configuration, class, or a node in another state, is a new beginning. */
  #viewFor(input: DecideInput): View {
    const next = nodeObstacleIn(input);
    const { input: old, nodeObstacle: obstacle } = this.#view ?? {};
    const isSame =
      old?.config === input.config &&
      old.node === input.node &&
      old.lbClass === input.lbClass &&
      old.former === input.former;
    if (this.#view && isSame && deepEqual(obstacle, next)) return this.#view;
    this.#entries.clear();
    this.#of = nothingSeen;
    this.#view = viewOf(input, next);
    return this.#view;
  }
}

const nothingSeen = { services: [], endpointSlices: new Map<string, readonly EndpointSlice[]>() };

/** A few are put into their places; many are cheaper sorted with the others. */
const few = 64;

/** What was decided for one Service, and from what. */
interface Entry {
  readonly service: Service;
  readonly slices: readonly EndpointSlice[];
  readonly announcement: Announcement;
  readonly offered: ServiceOffers | undefined;
}

const noSlices: readonly EndpointSlice[] = [];

const slicesOf = (key: string, { snapshot }: DecideInput): readonly EndpointSlice[] =>
  snapshot.endpointSlices.get(key) ?? noSlices;

/** What is the same for all Services. */
interface View {
  readonly input: Pick<DecideInput, "config" | "node" | "lbClass" | "former">;
  readonly grounds: RangeMap<Ground>;
  /** Of pools that were; asked in this order where no pool has an address. */
  readonly formerGrounds: readonly RangeMap<Ground>[];
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

function viewOf({ config, node, lbClass, former }: DecideInput, obstacle: Withheld | undefined): View {
  return {
    input: { config, node, lbClass, ...(former && { former }) },
    grounds: groundsIn(config, node),
    formerGrounds: (former ?? []).map((one) => groundsIn(one.config, node)),
    nodeObstacle: obstacle,
    offers: new Offers(config),
  };
}

function nodeObstacleIn({ snapshot, node, ignoreExcludeLB }: DecideInput): Withheld | undefined {
  const own = snapshot.nodes.find(({ metadata }) => metadata.name === node);
  return nodeObstacle(own, ignoreExcludeLB);
}

const groundsIn = (config: Config, node: string): RangeMap<Ground> =>
  new RangeMap(config.pools.flatMap((pool) => groundsOf(pool, config, node)));

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
  const ground = groundOf(view, address);
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

/** Its new pool's, once something announces that; until then its former pool's, which may be one write ahead. */
function groundOf({ grounds, formerGrounds }: View, address: Address): Ground | undefined {
  const [family, bits] = [familyOf(address), bitsOf(address)];
  const found = [grounds, ...formerGrounds].flatMap((each) => each.find(family, bits) ?? []);
  return found.find(({ policies }) => policies.length > 0) ?? found[0];
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
