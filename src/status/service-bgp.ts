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
import { compareText, sortedBy } from "../std/order.ts";
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
 * prefixes.
 *
 * Differs: a peer is listed when its Adj-RIB-Out holds a prefix of the Service, asked from the router; MetalLB lists the
 * peers that it means to tell. The name follows from node and Service, so that no race makes two.
 *
 * @see MetalLB internal/k8s/controllers/bgp_status_controller.go
 */
export function serviceBgpWrites(input: ServiceBgpInput): Write[] {
  const wanted = wantedStatuses(input);
  const kept = new Set<string>();
  const writes: Write[] = [];
  for (const object of sortedBy(input.existing, ({ metadata }) => metadata.name)) {
    const key = serviceOf(object);
    const status = wanted.get(key);
    if (status === undefined || kept.has(key)) {
      writes.push({ kind: "delete", object: refOf(object) });
      continue;
    }
    kept.add(key);
    if (!deepEqual(object.status, status)) {
      writes.push({ kind: "patch-status", object: refOf(object), body: { status } });
    }
  }
  const missing = [...wanted].filter(([key]) => !kept.has(key));
  return [...writes, ...missing.map(([, status]) => creation(input, status))];
}

/** `namespace/name` of the Service that a status object is for; its status may not have been written yet. */
export const serviceOf = ({ metadata: { labels = {} } }: ServiceBgpStatus): string =>
  `${labels[labelStatusServiceNamespace] ?? ""}/${labels[labelStatusServiceName] ?? ""}`;

function wantedStatuses({ node, peers, announcements, observed }: ServiceBgpInput): Map<string, Wanted> {
  const told = toldTo(peers, observed);
  const wanted = new Map<string, Wanted>();
  for (const { key, service, decision } of announcements) {
    if (decision.kind !== "announced") continue;
    const names = decision.offers.flatMap((offer) =>
      offer.kind === "offered" && offer.prefixes.some((prefix) => told.get(offer.peer)?.has(prefix))
        ? [offer.peer]
        : [],
    );
    if (names.length === 0) continue;
    const serviceNamespace = service.namespace ?? "";
    wanted.set(key, { node, serviceName: service.name, serviceNamespace, peers: names.sort(compareText) });
  }
  return wanted;
}

/** What each peer really has been sent. */
function toldTo(peers: readonly Peer[], { sessions }: BgpObserved): Map<string, ReadonlySet<Prefix>> {
  const sent = new Map(sessions.map((session) => [`${session.vrf} ${session.neighbor}`, new Set(session.sent)]));
  return new Map(peers.map((peer) => [peer.name, sent.get(`${peer.vrf} ${neighborOf(peer)}`) ?? new Set()]));
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
