import { deepEqual } from "../../../src/std/equal.ts";
import { compareText } from "../../../src/std/order.ts";
import { parseAddress, familyOf } from "../../../src/net/address.ts";
import {
  controlledBy,
  type EndpointSliceObject,
  isDeleting,
  isEnded,
  isReady,
  keyOf,
  type Pod,
  type ServiceObject,
  type SliceEndpoint,
  type SlicePort,
} from "./objects.ts";
import { nameSuffix } from "./pods.ts";

/** Kubernetes' default `--max-endpoints-per-slice`. */
const MOST_ENDPOINTS = 100;
const MANAGED_BY = "endpointslice.kubernetes.io/managed-by";
const CONTROLLER = "endpointslice-controller.k8s.io";
export const SERVICE_NAME = "kubernetes.io/service-name";

/** Whether this controller made the slice (others are the user's). */
export const isOurs = (slice: EndpointSliceObject): boolean => slice.metadata.labels?.[MANAGED_BY] === CONTROLLER;

/** What to write so that the slices say what the Pods are. */
export interface SliceChanges {
  readonly create: EndpointSliceObject[];
  readonly update: EndpointSliceObject[];
  readonly remove: EndpointSliceObject[];
}

/**
 * Compares a Service's slices with its Pods. Endpoints stay in the slice where they are, so that one Pod's change is one slice's.
 *
 * `pods` are those that the selector matches. A Service without any has one empty slice of each family, as in Kubernetes.
 */
export function sliceChanges(
  service: ServiceObject,
  pods: readonly Pod[],
  existing: readonly EndpointSliceObject[],
): SliceChanges {
  const groups = endpointGroups(service, pods);
  const changes: SliceChanges = { create: [], update: [], remove: [] };
  const unused = new Set(existing);
  for (const group of groups) {
    const slices = existing.filter(
      (slice) => slice.addressType === group.addressType && deepEqual(shapes(slice.ports), shapes(group.ports)),
    );
    for (const slice of fill(service, group, slices)) {
      const old = slices.find((each) => each.metadata.name === slice.metadata.name);
      if (!old) changes.create.push(slice);
      else {
        unused.delete(old);
        if (!sameSlice(old, slice)) changes.update.push(slice);
      }
    }
  }
  changes.remove.push(...unused);
  return changes;
}

interface Group {
  readonly addressType: "IPv4" | "IPv6";
  readonly ports: SlicePort[];
  readonly endpoints: SliceEndpoint[];
}

/** Endpoints by family and by resolved ports: Pods that name a target port differently cannot share a slice. */
function endpointGroups(service: ServiceObject, pods: readonly Pod[]): Group[] {
  return addressTypes(service).flatMap((addressType) => {
    const byPorts = new Map<string, Group>();
    for (const pod of [...pods].sort((a, b) => compareText(keyOf(a), keyOf(b)))) {
      const address = podAddress(pod, addressType);
      if (address === undefined || isEnded(pod)) continue;
      const ports = portsFor(service, pod);
      const key = JSON.stringify(ports);
      const group = byPorts.get(key) ?? { addressType, ports, endpoints: [] };
      group.endpoints.push(endpointOf(service, pod, address));
      byPorts.set(key, group);
    }
    return byPorts.size > 0 ? [...byPorts.values()] : [{ addressType, ports: [], endpoints: [] }];
  });
}

const addressTypes = (service: ServiceObject): ("IPv4" | "IPv6")[] =>
  (service.spec.ipFamilies ?? ["IPv4"]).filter((family) => family === "IPv4" || family === "IPv6");

/** The Pod's address of one family; `undefined` before it has one. */
function podAddress(pod: Pod, addressType: string): string | undefined {
  const ips = pod.status?.podIPs?.map(({ ip }) => ip) ?? [pod.status?.podIP ?? ""];
  const wanted = addressType === "IPv6" ? "ipv6" : "ipv4";
  return ips.map(parseAddress).find((ip) => ip !== undefined && familyOf(ip) === wanted);
}

/** The Service's ports as numbers of this Pod; a named port that no container has is left out. */
function portsFor(service: ServiceObject, pod: Pod): SlicePort[] {
  return (service.spec.ports ?? []).flatMap(({ name = "", protocol = "TCP", port, targetPort = port, appProtocol }) => {
    const number = typeof targetPort === "number" ? targetPort : namedPort(pod, targetPort, protocol);
    if (number === undefined) return [];
    return [{ name, protocol, port: number, ...(appProtocol !== undefined && { appProtocol }) }];
  });
}

function namedPort(pod: Pod, name: string, protocol: string): number | undefined {
  const ports = pod.spec.containers.flatMap((container) => container.ports ?? []);
  return ports.find((port) => port.name === name && (port.protocol ?? "TCP") === protocol)?.containerPort;
}

function endpointOf(service: ServiceObject, pod: Pod, address: string): SliceEndpoint {
  const serving = isReady(pod);
  const terminating = isDeleting(pod);
  const { name, namespace = "", uid = "" } = pod.metadata;
  return {
    addresses: [address],
    conditions: {
      ready: service.spec.publishNotReadyAddresses === true || (serving && !terminating),
      serving,
      terminating,
    },
    ...(pod.spec.nodeName !== undefined && { nodeName: pod.spec.nodeName }),
    targetRef: { kind: "Pod", namespace, name, uid },
  };
}

/** The group's endpoints in slices: kept where they were, new ones where there is room, then in new slices. */
function fill(service: ServiceObject, group: Group, slices: readonly EndpointSliceObject[]): EndpointSliceObject[] {
  const wanted = new Map(group.endpoints.map((endpoint) => [identity(endpoint), endpoint]));
  const kept = slices.map((slice) => ({ slice, endpoints: take(wanted, slice.endpoints ?? []) }));
  const rest = [...wanted.values()];
  for (const { endpoints } of kept) endpoints.push(...rest.splice(0, MOST_ENDPOINTS - endpoints.length));
  const filled = kept
    .filter(({ endpoints }, i) => endpoints.length > 0 || (i === 0 && group.endpoints.length === 0))
    .map(({ slice, endpoints }) => ({ ...sliceOf(service, group, endpoints), metadata: metadataOf(service, slice) }));
  while (rest.length > 0) filled.push(sliceOf(service, group, rest.splice(0, MOST_ENDPOINTS)));
  return filled.length > 0 ? filled : [sliceOf(service, group, [])];
}

const identity = ({ addresses, targetRef }: SliceEndpoint): string => `${addresses[0]} ${targetRef?.uid ?? ""}`;

/** Takes from `wanted` what was in a slice before, as it is now. */
function take(wanted: Map<string, SliceEndpoint>, before: readonly SliceEndpoint[]): SliceEndpoint[] {
  return before.flatMap((endpoint) => {
    const key = identity(endpoint);
    const now = wanted.get(key);
    wanted.delete(key);
    return now ?? [];
  });
}

const sliceOf = (service: ServiceObject, group: Group, endpoints: SliceEndpoint[]): EndpointSliceObject => ({
  apiVersion: "discovery.k8s.io/v1",
  kind: "EndpointSlice",
  metadata: metadataOf(service, undefined),
  addressType: group.addressType,
  endpoints,
  ports: group.ports,
});

function metadataOf(service: ServiceObject, slice: EndpointSliceObject | undefined): EndpointSliceObject["metadata"] {
  const { name, namespace, labels } = service.metadata;
  const wanted = {
    ...labels,
    [SERVICE_NAME]: name,
    [MANAGED_BY]: CONTROLLER,
    ...(service.spec.clusterIP === "None" && { "service.kubernetes.io/headless": "" }),
  };
  if (slice) return { ...slice.metadata, labels: wanted };
  return {
    name: `${name}-${nameSuffix()}`,
    generateName: `${name}-`,
    ...(namespace !== undefined && { namespace }),
    labels: wanted,
    ownerReferences: [controlledBy(service)],
  };
}

/** Defaulting may have added to a stored port; what identifies it is compared. */
const shapes = (ports: readonly SlicePort[] | undefined) =>
  (ports ?? []).map(({ name = "", protocol = "TCP", port, appProtocol }) => ({ name, protocol, port, appProtocol }));

const sameSlice = (a: EndpointSliceObject, b: EndpointSliceObject): boolean =>
  deepEqual(a.endpoints ?? [], b.endpoints) && deepEqual(a.metadata.labels, b.metadata.labels);

/** The older Endpoints object of the same Pods, in the Service's first family; `undefined` addresses are left out. */
export function endpointsSubsets(service: ServiceObject, pods: readonly Pod[]): object[] {
  const addressType = service.spec.ipFamilies?.[0] ?? "IPv4";
  const subsets = new Map<string, { addresses: object[]; notReadyAddresses: object[]; ports: SlicePort[] }>();
  for (const pod of [...pods].sort((a, b) => compareText(keyOf(a), keyOf(b)))) {
    const ip = podAddress(pod, addressType);
    if (ip === undefined || isEnded(pod) || isDeleting(pod)) continue;
    const ports = portsFor(service, pod);
    const subset = subsets.get(JSON.stringify(ports)) ?? { addresses: [], notReadyAddresses: [], ports };
    subsets.set(JSON.stringify(ports), subset);
    const ready = isReady(pod) || service.spec.publishNotReadyAddresses === true;
    subset[ready ? "addresses" : "notReadyAddresses"].push(endpointsAddress(pod, ip));
  }
  return [...subsets.values()].map(({ addresses, notReadyAddresses, ports }) => ({
    ...(addresses.length > 0 && { addresses }),
    ...(notReadyAddresses.length > 0 && { notReadyAddresses }),
    ports: ports.map(({ name, ...port }) => (name ? { name, ...port } : port)),
  }));
}

const endpointsAddress = (pod: Pod, ip: string): object => ({
  ip,
  ...(pod.spec.nodeName !== undefined && { nodeName: pod.spec.nodeName }),
  targetRef: {
    kind: "Pod",
    namespace: pod.metadata.namespace ?? "",
    name: pod.metadata.name,
    uid: pod.metadata.uid ?? "",
  },
});
