import type { Service } from "../api/core.ts";
import { annotationAllocatedFromPool, eventReasons } from "../api/names.ts";
import { keyOf } from "../api/object.ts";
import type { Config } from "../config/config.ts";
import type { Address } from "../net/address.ts";
import { sortedBy } from "../std/order.ts";
import { type Entry, isLoadBalancer, keep, onItsWay, reserveNamed } from "./keep.ts";
import { type Market, openMarket } from "./market.ts";
import type { AllocationResult, AssignmentState, Memory, Note, Outcome, Refusal, Remembered } from "./outcome.ts";
import { serve } from "./serve.ts";
import { type Lingering, lingeringStandIns, refusedStandIns } from "./stand-ins.ts";
import { deprecatedAnnotations, ownAddresses, quoted, readWish, type Wish } from "./wish.ts";

interface AllocationInput {
  readonly config: Pick<Config, "pools" | "refusedPools">;
  readonly services: readonly Service[];
  /** The class that we serve; empty: Services without a class. */
  readonly lbClass: string;
  /** `memory` of the pass before; absent after a start. */
  readonly memory?: Memory;
  /** Absent: none. */
  readonly lingering?: Lingering;
}

/**
 * Assigns addresses to all Services: one full pass over the world as it is.
 *
 * First every Service keeps what its status names and the rules still allow; then those that ask for something else, or
 * have nothing, are served. The order of the input plays no part. An address that one gives up is free for others in a
 * later pass, once the status that names it is written; a pass over a result that gave nothing up changes nothing.
 *
 * Differs: what a Service of another class has of our pools, as its mark says, nobody else gets: the class that we serve may
 * have been another before. For MetalLB such addresses are free.
 *
 * @see MetalLB controller/service.go, convergeBalancer; internal/allocator/allocator.go
 */
export function allocate({
  config,
  services,
  lbClass,
  memory = new Map(),
  lingering = new Map(),
}: AllocationInput): AllocationResult {
  const handled = services.filter((service) => isHandled(service, lbClass)).map((each) => wishOf(each, memory));
  const wishes = sortedBy(handled, ({ key }) => key);
  const market = openMarket(config.pools, {
    refused: refusedStandIns(config, wishes),
    lingering: lingeringStandIns(lingering),
  });
  const entries = wishes.map((wish) => enter(market, wish, memory));
  keep(market, entries);
  const others = services.filter((service) => !isHandled(service, lbClass) && isMarked(service));
  for (const service of sortedBy(others, keyOf)) reserveNamed(market, enter(market, wishOf(service, memory), memory));
  serve(market, entries.filter(isLoadBalancer));
  const decided = entries.map((entry) => decide(market, entry));
  return {
    outcomes: decided.map(({ outcome }) => outcome),
    pools: market.ledger.usage(new Set(config.pools)),
    memory: new Map(decided.map(({ outcome, remembered }) => [outcome.key, remembered])),
  };
}

/**
 * Differs: a Service that is no longer of type LoadBalancer has lost its class, but bears our mark. MetalLB with a class
 * of its own keeps the address until the Service is deleted.
 */
function isHandled(service: Service, lbClass: string): boolean {
  const { spec } = service;
  if (spec.type !== "LoadBalancer" && isMarked(service)) return true;
  return (spec.loadBalancerClass ?? "") === lbClass;
}

function wishOf(service: Service, memory: Memory): Wish {
  const wish = memory.get(keyOf(service))?.wish;
  return wish?.service === service ? wish : readWish(service);
}

function enter(market: Market, wish: Wish, memory: Memory): Entry {
  const { service } = wish;
  const remembered = memory.get(wish.key);
  const own = ownAddresses(wish, (address) => market.ledger.covers(address));
  return {
    wish,
    before: own.map(({ text }) => text),
    named: own.flatMap(({ address }) => address ?? []),
    // A Service deleted and made again under its name is another one.
    remembered: remembered?.wish.service.metadata.uid === service.metadata.uid ? remembered : undefined,
    notes: [],
  };
}

function decide(market: Market, entry: Entry): { readonly outcome: Outcome; readonly remembered: Remembered } {
  const { wish, before } = entry;
  const state = stateOf(market, entry);
  const said = notesOf(entry, state);
  const already = entry.remembered?.said ?? [];
  const events = said.filter(({ message }) => !already.some((note) => note.message === message));
  const given = state.kind === "assigned" ? state.addresses : [];
  return {
    outcome: { key: wish.key, service: wish.service, before, state, events },
    remembered: {
      wish,
      addresses: given.length > 0 ? given : lastOf(entry),
      isAssigned: given.length > 0,
      onItsWay: union(onItsWay(entry), given),
      said,
    },
  };
}

/** Those and the others that are not among them; in most passes there are none. */
const union = (those: readonly Address[], others: readonly Address[]): readonly Address[] =>
  others.every((address) => those.includes(address)) ? those : [...new Set([...those, ...others])];

/** What a Service without addresses last had. */
const lastOf = ({ remembered, named }: Entry): readonly Address[] => remembered?.addresses ?? named;

function stateOf({ ledger }: Market, entry: Entry): AssignmentState {
  const { wish, refusal } = entry;
  if (!isLoadBalancer(entry)) return { kind: "not-load-balancer" };
  const addresses = ledger.heldBy(wish.key);
  if (addresses.length > 0) {
    const pools = addresses.map((address) => ledger.spaceOf(address)?.pool.name ?? "");
    return { kind: "assigned", addresses, pools, ...(refusal && { unmet: refusal }) };
  }
  if (refusal === undefined) throw new Error(`bug: ${wish.key} has neither addresses nor a reason`);
  return { kind: "waiting", refusal };
}

/** All that the pass has to say about a Service. Nothing is said on release, as in MetalLB. */
function notesOf(entry: Entry, state: AssignmentState): readonly Note[] {
  switch (state.kind) {
    case "not-load-balancer":
      return [];
    case "waiting":
      return [...entry.notes, refused(entry, state.refusal, [])];
    case "assigned": {
      const changes = changed(entry, state.addresses);
      // As in MetalLB, when the object is written.
      const isWritten = changes.length > 0 || !isMarked(entry.wish.service);
      const deprecated = isWritten ? deprecatedAnnotations(entry.wish.service).map(deprecation) : [];
      const unmet = state.unmet ? [refused(entry, state.unmet, state.addresses)] : [];
      return [...entry.notes, ...changes, ...unmet, ...deprecated];
    }
  }
}

const isMarked = ({ metadata }: Service): boolean => metadata.annotations?.[annotationAllocatedFromPool] !== undefined;

function changed({ named }: Entry, addresses: readonly Address[]): Note[] {
  const added = addresses.filter((address) => !named.includes(address));
  const [first] = added;
  if (first === undefined) return [];
  const isAdditional = added.length < addresses.length;
  const message = isAdditional ? `Assigned additional IP "${first}"` : `Assigned IP ${quoted(addresses)}`;
  return [normal(eventReasons.ipAllocated, message)];
}

/** A wish that is not granted, as the event that MetalLB emits for it. */
function refused({ wish }: Entry, { kind, message }: Refusal, kept: readonly Address[]): Note {
  const stays = kept.length > 0 ? `; it keeps ${quoted(kept)}` : "";
  const failed = warning(eventReasons.allocationFailed, `Failed to allocate IP for "${wish.key}": ${message}${stays}`);
  switch (kind) {
    case "not-enough-cluster-ips":
      return warning(eventReasons.notEnoughClusterIPs, message);
    case "undeterminable":
      return kept.length > 0 ? warning(eventReasons.noClusterIPsFamily, message + stays) : failed;
    case "invalid-request":
      return kept.length > 0 ? warning(eventReasons.loadBalancerFailed, message + stays) : failed;
    case "no-second-family":
      return normal(eventReasons.additionalAssignFailed, `cannot assign additional IP in PreferDualStack: ${message}`);
    case "no-cluster-ip":
    case "not-granted":
      return failed;
  }
}

const deprecation = (key: string): Note =>
  warning(eventReasons.deprecatedAnnotation, `Service uses deprecated annotation ${key}`);

const normal = (reason: string, message: string): Note => ({ type: "Normal", reason, message });
const warning = (reason: string, message: string): Note => ({ type: "Warning", reason, message });
