import { createHash } from "node:crypto";
import type { Announcement } from "../announce/announcement.ts";
import { changesBetween } from "../announce/changes.ts";
import type { BgpObserved } from "../announce/desired.ts";
import { apiVersionOf } from "../api/kind.ts";
import { type ServiceBgpStatus, serviceBgpStatus } from "../api/kinds/service-bgp-status.ts";
import { bgpStatusNamePrefix, labelNode, labelStatusServiceName, labelStatusServiceNamespace } from "../api/names.ts";
import { keyOf, type OwnerReference, refOf } from "../api/object.ts";
import type { Peer } from "../config/config.ts";
import type { Prefix } from "../net/prefix.ts";
import { differences } from "../std/differences.ts";
import { deepEqual } from "../std/equal.ts";
import { byText, compareText, placeIn, sortedBy, sortedText } from "../std/order.ts";
import { type Members, PersistentSet } from "../std/persistent.ts";
import type { Write } from "./write.ts";

interface ServiceBgpInput {
  readonly node: string;
  /** MetalLB's namespace. */
  readonly namespace: string;
  /** The speaker's Pod, so that its objects go with it. */
  readonly owner: OwnerReference;
  readonly peers: readonly Peer[];
  readonly announcements: readonly Announcement[];
  readonly observed: BgpObserved;
  /** Those of this node (label `metallb.io/node`), sorted by namespace and name. */
  readonly existing: readonly ServiceBgpStatus[];
}

interface Wanted {
  readonly node: string;
  readonly serviceName: string;
  readonly serviceNamespace: string;
  readonly peers: readonly string[];
}

/**
 * What to write so that each Service has one ServiceBGPStatus for this node, while at least one peer has one of its
 * prefixes.
 *
 * Differs: a peer is listed when its Adj-RIB-Out holds a prefix of the Service, asked from the router; MetalLB lists the
 * peers that it means to tell. The name follows from node and Service, so that no race makes two.
 *
 * @see MetalLB internal/k8s/controllers/bgp_status_controller.go
 */
export const serviceBgpWrites = (input: ServiceBgpInput): readonly Write[] => [
  ...new ServiceBgpBook().writes({ ...input, existing: sortedBy(input.existing, keyOf) }),
];

/**
 * The same answers as `serviceBgpWrites`, from what the last ones were made of: of ten thousand Services only those are looked at
 * again whose decision, object, or prefixes at a peer are others than before.
 */
export class ServiceBgpBook {
  #input: ServiceBgpInput | undefined;
  #told: ToldTo = new Map();
  /** By Service, sorted by name: of two for one Service only the first stays. */
  readonly #objects = new Map<string, readonly ServiceBgpStatus[]>();
  /** Services for which something is to be written. */
  readonly #wrong = new Set<string>();

  /**
   * Sorted by Service, and made one after the other as they are asked for: after a start there is one for each Service.
   */
  writes(input: ServiceBgpInput): Iterable<Write> {
    const told = toldTo(input.peers, input.observed);
    const touched = new Set([...this.#takeObjects(input), ...this.#decided(input), ...this.#heard(input, told)]);
    this.#input = input;
    this.#told = told;
    for (const key of touched) {
      if (this.#look(key, input).length > 0) this.#wrong.add(key);
      else this.#wrong.delete(key);
    }
    return this.#missing(input);
  }

  *#missing(input: ServiceBgpInput): Generator<Write, void> {
    for (const key of sortedText(this.#wrong)) yield* this.#look(key, input);
  }

  #takeObjects({ existing }: ServiceBgpInput): string[] {
    const changes = differences(this.#input?.existing ?? [], existing, byText(keyOf));
    for (const { before } of changes)
      if (before) this.#put(serviceOf(before), (kept) => kept.filter((one) => one !== before));
    for (const { after } of changes) {
      if (after) this.#put(serviceOf(after), (kept) => sortedBy([...kept, after], ({ metadata }) => metadata.name));
    }
    return changes.flatMap((change) => [change.before, change.after].flatMap((one) => (one ? serviceOf(one) : [])));
  }

  #put(key: string, change: (kept: readonly ServiceBgpStatus[]) => readonly ServiceBgpStatus[]): void {
    const objects = change(this.#objects.get(key) ?? []);
    if (objects.length > 0) this.#objects.set(key, objects);
    else this.#objects.delete(key);
  }

  #decided({ announcements }: ServiceBgpInput): string[] {
    const changes = changesBetween(this.#input?.announcements ?? [], announcements);
    return changes.flatMap(({ before, after }) => before?.key ?? after?.key ?? []);
  }

  /** Services with a prefix that a peer hears and did not hear, or the other way round. */
  #heard({ announcements }: ServiceBgpInput, told: ToldTo): string[] {
    const changed = new Map<string, Members<Prefix>>();
    for (const peer of new Set([...told.keys(), ...this.#told.keys()])) {
      const prefixes = PersistentSet.difference(this.#told.get(peer) ?? nothing, told.get(peer) ?? nothing);
      if (prefixes.size > 0) changed.set(peer, prefixes);
    }
    return changed.size === 0 ? [] : announcements.filter((one) => isTouched(one, changed)).map(({ key }) => key);
  }

  #look(key: string, input: ServiceBgpInput): readonly Write[] {
    const announcement = found(input.announcements, key);
    const status = announcement && wantedStatus(input.node, announcement, this.#told);
    const [first, ...others] = this.#objects.get(key) ?? [];
    return [
      ...(status ? [first ? correction(first, status) : creation(input, status)] : []),
      ...(first && !status ? [deletion(first)] : []),
      ...others.map(deletion),
    ].filter((write) => write !== undefined);
  }
}

const nothing: Members<Prefix> = new Set();

/** Loops, as it is asked of all announcements: functions made for each of ten thousand are 1.5 MB of garbage. */
function isTouched({ decision }: Announcement, changed: ToldTo): boolean {
  if (decision.kind !== "announced") return false;
  for (const offer of decision.offers) {
    if (offer.kind !== "offered") continue;
    const prefixes = changed.get(offer.peer);
    for (const prefix of offer.prefixes) if (prefixes?.has(prefix)) return true;
  }
  return false;
}

/** By key, as the list is sorted. */
function found(announcements: readonly Announcement[], key: string): Announcement | undefined {
  const at = announcements[placeIn(announcements, (announcement) => announcement.key < key)];
  return at?.key === key ? at : undefined;
}

const deletion = (object: ServiceBgpStatus): Write => ({ kind: "delete", object: refOf(object) });

const correction = (object: ServiceBgpStatus, status: Wanted): Write | undefined =>
  isSame(object.status, status) ? undefined : { kind: "patch-status", object: refOf(object), body: { status } };

function isSame(status: ServiceBgpStatus["status"], wanted: Wanted): boolean {
  return (
    status?.node === wanted.node &&
    status.serviceName === wanted.serviceName &&
    status.serviceNamespace === wanted.serviceNamespace &&
    deepEqual(status.peers, wanted.peers)
  );
}

/** `namespace/name` of the Service that a status object is for; its status may not have been written yet. */
export const serviceOf = ({ metadata: { labels = {} } }: ServiceBgpStatus): string =>
  `${labels[labelStatusServiceNamespace] ?? ""}/${labels[labelStatusServiceName] ?? ""}`;

type ToldTo = ReadonlyMap<string, Members<Prefix>>;

function wantedStatus(node: string, { service, decision }: Announcement, told: ToldTo): Wanted | undefined {
  if (decision.kind !== "announced") return undefined;
  const peers: string[] = [];
  for (const offer of decision.offers) {
    if (offer.kind !== "offered") continue;
    const sent = told.get(offer.peer);
    if (sent && offer.prefixes.some((prefix) => sent.has(prefix))) peers.push(offer.peer);
  }
  if (peers.length === 0) return undefined;
  const { name: serviceName, namespace: serviceNamespace = "" } = service;
  return { node, serviceName, serviceNamespace, peers: peers.sort(compareText) };
}

/** What each peer really has been sent. */
function toldTo(peers: readonly Peer[], { sessions }: BgpObserved): ToldTo {
  const sent = new Map(sessions.map((session) => [`${session.vrf} ${session.neighbor}`, session.sent]));
  return new Map(peers.map((peer) => [peer.name, sent.get(`${peer.vrf} ${neighborOf(peer)}`) ?? nothing]));
}

/** A peer as the router names it. */
export const neighborOf = ({ endpoint }: Peer): string =>
  endpoint.kind === "address" ? endpoint.address : endpoint.interface;

/** Name of the object for a node and a Service (`namespace/name`). */
export function statusNameOf(node: string, service: string): string {
  const digest = createHash("sha256").update(`${node}/${service}`).digest("hex");
  return `${bgpStatusNamePrefix}${digest.slice(0, 12)}`;
}

function creation({ node, namespace, owner }: ServiceBgpInput, status: Wanted): Write {
  const { serviceName, serviceNamespace } = status;
  return {
    kind: "create",
    object: {
      apiVersion: apiVersionOf(serviceBgpStatus),
      kind: serviceBgpStatus.kind,
      metadata: {
        name: statusNameOf(node, `${serviceNamespace}/${serviceName}`),
        namespace,
        labels: {
          [labelNode]: node,
          [labelStatusServiceName]: serviceName,
          [labelStatusServiceNamespace]: serviceNamespace,
        },
        ownerReferences: [owner],
      },
    },
    status,
  };
}
