import { createHash } from "node:crypto";
import type { Announcement, Offer } from "../announce/announcement.ts";
import type { BgpObserved } from "../announce/desired.ts";
import { apiVersionOf } from "../api/kind.ts";
import { type ServiceBgpStatus, serviceBgpStatus } from "../api/kinds/service-bgp-status.ts";
import { bgpStatusNamePrefix, labelNode, labelStatusServiceName, labelStatusServiceNamespace } from "../api/names.ts";
import { type OwnerReference, refOf } from "../api/object.ts";
import type { Peer } from "../config/config.ts";
import type { Prefix } from "../net/prefix.ts";
import { ordered } from "../std/order.ts";
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
  const { node, announcements } = input;
  const told = toldTo(input.peers, input.observed);
  const places = placesOf(announcements);
  const hasObject = new Uint8Array(announcements.length);
  for (const object of ordered(input.existing, ({ metadata }) => metadata.name)) {
    const place = places.get(serviceOf(object));
    // Of two objects for one Service only the first stays.
    const announcement = place === undefined || hasObject[place] ? undefined : announcements[place];
    if (place !== undefined) hasObject[place] = 1;
    if (announcement && isRight(object.status, node, announcement, told)) continue;
    const status = announcement && wantedStatus(node, announcement, told);
    if (status === undefined) yield { kind: "delete", object: refOf(object) };
    else yield { kind: "patch-status", object: refOf(object), body: { status } };
  }
  for (const [place, announcement] of announcements.entries()) {
    const status = hasObject[place] ? undefined : wantedStatus(node, announcement, told);
    if (status) yield creation(input, status);
  }
}

/** Whether an object says what `wantedStatus` would. Ten thousand are compared in a turn, and nothing is built for that. */
function isRight(
  status: ServiceBgpStatus["status"],
  node: string,
  { service, decision }: Announcement,
  told: ToldTo,
): boolean {
  if (decision.kind !== "announced" || status?.node !== node) return false;
  if (status.serviceName !== service.name || status.serviceNamespace !== (service.namespace ?? "")) return false;
  const { peers = [] } = status;
  let count = 0;
  for (const offer of decision.offers) if (isTold(offer, told) && offer.peer !== peers[count++]) return false;
  return count > 0 && count === peers.length;
}

/** Where each Service's announcement is. A list of announcements mostly is the one of the turn before. */
function placesOf(announcements: readonly Announcement[]): ReadonlyMap<string, number> {
  const known = places.get(announcements) ?? new Map(announcements.map(({ key }, place) => [key, place]));
  places.set(announcements, known);
  return known;
}

const places = new WeakMap<readonly Announcement[], ReadonlyMap<string, number>>();

/** `namespace/name` of the Service that a status object is for; its status may not have been written yet. */
export const serviceOf = ({ metadata: { labels = {} } }: ServiceBgpStatus): string =>
  `${labels[labelStatusServiceNamespace] ?? ""}/${labels[labelStatusServiceName] ?? ""}`;

type ToldTo = ReadonlyMap<string, ReadonlySet<Prefix>>;

function wantedStatus(node: string, { service, decision }: Announcement, told: ToldTo): Wanted | undefined {
  if (decision.kind !== "announced") return undefined;
  // Offers are sorted by peer.
  const peers = decision.offers.filter((offer) => isTold(offer, told)).map(({ peer }) => peer);
  if (peers.length === 0) return undefined;
  const { name: serviceName, namespace: serviceNamespace = "" } = service;
  return { node, serviceName, serviceNamespace, peers };
}

function isTold(offer: Offer, told: ToldTo): boolean {
  const sent = offer.kind === "offered" ? told.get(offer.peer) : undefined;
  return offer.kind === "offered" && sent !== undefined && offer.prefixes.some((prefix) => sent.has(prefix));
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
