import type { Service } from "../api/core.ts";
import { keyOf, refOf } from "../api/object.ts";
import { selectsAny } from "../api/selector.ts";
import type { Snapshot } from "../api/snapshot.ts";
import { disagree } from "../config/announcement-rules.ts";
import type { BgpPolicy, Config, Pool } from "../config/config.ts";
import { type Address, bitsOf, familyOf, parseAddress } from "../net/address.ts";
import type { Range } from "../net/range.ts";
import { RangeMap } from "../net/range-map.ts";
import { sortedBy } from "../std/order.ts";
import type { Announced, Announcement, Withheld } from "./announcement.ts";
import type { BgpDesired } from "./desired.ts";
import { endpointObstacle, nodeObstacle, withheld } from "./obstacles.ts";
import { Offers, type Reach } from "./offers.ts";

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
export function decide(input: DecideInput): Decision {
  const view = viewOf(input);
  const handled = input.snapshot.services.filter(({ spec }) => (spec.loadBalancerClass ?? "") === input.lbClass);
  const announcements = sortedBy(handled, keyOf).map((service) => ({
    key: keyOf(service),
    service: refOf(service),
    decision: decideOne(view, service),
  }));
  return { desired: { routers: view.offers.routers(), bfdProfiles: input.config.bfdProfiles }, announcements };
}

/** What is the same for all Services. */
interface View {
  readonly input: DecideInput;
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

function viewOf(input: DecideInput): View {
  const { config, snapshot, node, ignoreExcludeLB } = input;
  return {
    input,
    grounds: new RangeMap(config.pools.flatMap((pool) => groundsOf(pool, config, node))),
    nodeObstacle: nodeObstacle(
      snapshot.nodes.find(({ metadata }) => metadata.name === node),
      ignoreExcludeLB,
    ),
    offers: new Offers(config),
  };
}

function groundsOf(pool: Pool, { bgpAdvertisements }: Config, node: string): Ground[] {
  const policies = bgpAdvertisements.filter(({ pools, nodes }) => pools.includes(pool.name) && nodes.includes(node));
  const isSelective = policies.some(({ serviceSelectors }) => serviceSelectors.length > 0);
  const sorted = sortedBy(policies, ({ name }) => name);
  return pool.entries.map(({ range }) => ({ ...range, pool, policies: sorted, isSelective }));
}

/** The checks come in MetalLB's order, so that the reason is the one it would give. */
function decideOne(view: View, service: Service): Announced | Withheld {
  const addresses = assignedAddresses(service);
  if ("reason" in addresses) return addresses;
  const found = addresses.map((address) => ({ address, reach: reachOf(view, service, address) }));
  const reaches = found.flatMap(({ reach }) => ("reason" in reach ? [] : [reach]));
  const refused = found.flatMap(({ address, reach }) =>
    "reason" in reach ? [{ address, reason: reach.reason, message: reach.message }] : [],
  );
  const [first] = refused;
  if (reaches.length === 0 && first) return withheld(first.reason, first.message);
  const { snapshot, node } = view.input;
  const key = keyOf(service);
  const obstacle = view.nodeObstacle ?? endpointObstacle(service, snapshot.endpointSlices.get(key) ?? [], node);
  if (obstacle) return obstacle;
  return {
    kind: "announced",
    addresses: reaches.map(({ address }) => address),
    withheld: refused,
    offers: view.offers.add(key, reaches),
  };
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
