import { createHash } from "node:crypto";
import type { Announcement } from "../announce/announcement.ts";
import type { BgpObserved } from "../announce/desired.ts";
import { apiVersionOf } from "../api/kind.ts";
import { type ServiceBgpStatus, serviceBgpStatus } from "../api/kinds/service-bgp-status.ts";
import { bgpStatusNamePrefix, labelNode, labelStatusServiceName, labelStatusServiceNamespace } from "../api/names.ts";
import { type OwnerReference, refOf } from "../api/object.ts";
import type { Peer } from "../config/config.ts";
import type { Prefix } from "../net/prefix.ts";
import { deepEqual } from "../std/equal.ts";
import { compareText, ordered } from "../std/order.ts";
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
  /** Those of this node (label `metallb.io/node`). */
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
 * prefixes. One after the other, as they are asked for: after a start there is one for each Service.
 *
 * Differs: a peer is listed when its Adj-RIB-Out holds a prefix of the Service, asked from the router; MetalLB lists the
 * peers that it means to tell. The name follows from node and Service, so that no race makes two.
 *
 * @see MetalLB internal/k8s/controllers/bgp_status_controller.go
 */
export function* serviceBgpWrites(input: ServiceBgpInput): Generator<Write, void> {
  const told = toldTo(input.peers, input.observed);
  const missing = new Map(input.announcements.map((announcement) => [announcement.key, announcement]));
  for (const object of ordered(input.existing, ({ metadata }) => metadata.name)) {
    const key = serviceOf(object);
    const announcement = missing.get(key);
    const status = announcement && wantedStatus(input.node, announcement, told);
    // Deleted from the map, too, so that of two objects for one Service only the first stays.
    missing.delete(key);
    if (status === undefined) yield { kind: "delete", object: refOf(object) };
    else if (!isSame(object.status, status)) {
      yield { kind: "patch-status", object: refOf(object), body: { status } };
    }
  }
  for (const announcement of missing.values()) {
    const status = wantedStatus(input.node, announcement, told);
    if (status) yield creation(input, status);
  }
}

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

type ToldTo = ReadonlyMap<string, ReadonlySet<Prefix>>;

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
  const sent = new Map(sessions.map((session) => [`${session.vrf} ${session.neighbor}`, setOf(session.sent)]));
  return new Map(peers.map((peer) => [peer.name, sent.get(`${peer.vrf} ${neighborOf(peer)}`) ?? new Set()]));
}

/** Sets of lists, which mostly are the same from one look to the next. */
const sets = new WeakMap<readonly Prefix[], ReadonlySet<Prefix>>();

function setOf(sent: readonly Prefix[]): ReadonlySet<Prefix> {
  const known = sets.get(sent) ?? new Set(sent);
  sets.set(sent, known);
  return known;
}

/** A peer as the router names it. */
export const neighborOf = ({ endpoint }: Peer): string =>
  endpoint.kind === "address" ? endpoint.address : endpoint.interface;

function creation({ node, namespace, owner }: ServiceBgpInput, status: Wanted): Write {
  const { serviceName, serviceNamespace } = status;
  const digest = createHash("sha256").update(`${node}/${serviceNamespace}/${serviceName}`).digest("hex");
  return {
    kind: "create",
    object: {
      apiVersion: apiVersionOf(serviceBgpStatus),
      kind: serviceBgpStatus.kind,
      metadata: {
        name: `${bgpStatusNamePrefix}${digest.slice(0, 12)}`,
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
