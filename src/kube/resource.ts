import type { ConfigMap, Endpoint, EndpointSlice, Namespace, Node, Secret, Service } from "../api/core.ts";
import { apiVersionOf, type Kind, type ObjectOf } from "../api/kind.ts";
import { type ServiceBgpStatus, serviceBgpStatus } from "../api/kinds/service-bgp-status.ts";
import { basicAuthType, bgpExtrasKey, labelServiceName } from "../api/names.ts";
import type { KubeObject, ObjectMeta } from "../api/object.ts";

/** Where the API server keeps a kind, and what of its objects we keep. */
export interface Resource<T extends KubeObject = KubeObject> {
  readonly apiVersion: string;
  readonly kind: string;
  readonly plural: string;
  readonly namespaced: boolean;
  /** The part that somebody reads; absent: all of it. A cluster's unread bytes are most of its bytes. */
  keep?(object: T): T;
}

/** The resource of a kind of `metallb.io`. */
export const resourceOf = <K extends Kind>(kind: K): Resource<ObjectOf<K>> => ({
  apiVersion: apiVersionOf(kind),
  kind: kind.kind,
  plural: kind.plural,
  namespaced: true,
});

export const services: Resource<Service> = core("Service", "services");

/** What a speaker reads of Services: ports, selectors and annotations, which are most of them, are the controller's to read. */
export const announcedServices: Resource<Service> = {
  ...services,
  keep: ({ apiVersion, kind, metadata, spec, status }) => ({
    apiVersion,
    kind,
    metadata: identity(metadata),
    spec: pick(spec, ["type", "loadBalancerClass", "externalTrafficPolicy"]),
    ...(status?.loadBalancer?.ingress !== undefined && {
      status: { loadBalancer: { ingress: status.loadBalancer.ingress.map((one) => pick(one, ["ip", "hostname"])) } },
    }),
  }),
};

/** Of this node's statuses, what is compared with what they should say. */
export const bgpStatuses: Resource<ServiceBgpStatus> = {
  ...resourceOf(serviceBgpStatus),
  keep: ({ apiVersion, kind, metadata, status }) => ({
    apiVersion,
    kind,
    metadata: identity(metadata),
    ...(status !== undefined && { status }),
  }),
};

export const namespaces: Resource<Namespace> = {
  ...core("Namespace", "namespaces", false),
  keep: ({ apiVersion, kind, metadata }) => ({ apiVersion, kind, metadata }),
};

/** Without the images, addresses and heartbeats of its status, which change by the minute. */
export const nodes: Resource<Node> = {
  ...core("Node", "nodes", false),
  keep: ({ apiVersion, kind, metadata, status }) => ({
    apiVersion,
    kind,
    metadata,
    status: { conditions: (status?.conditions ?? []).map(({ type, status }) => ({ type, status })) },
  }),
};

/** With everything that the kubelet says. */
export const wholeNodes: Resource<Node> = core("Node", "nodes", false);

/** Of endpoints that differ in their addresses only, one: nobody asks for more than whether there is one, and where. */
export const endpointSlices: Resource<EndpointSlice> = {
  apiVersion: "discovery.k8s.io/v1",
  kind: "EndpointSlice",
  plural: "endpointslices",
  namespaced: true,
  keep: ({ apiVersion, kind, metadata, addressType, endpoints }) => ({
    apiVersion,
    kind,
    metadata: { ...identity(metadata), labels: pick(metadata.labels ?? {}, [labelServiceName]) },
    addressType,
    endpoints: different(endpoints ?? []),
  }),
};

/** Data only of what may hold a peer's password: Helm's releases alone can be megabytes. */
export const secrets: Resource<Secret> = {
  ...core<Secret>("Secret", "secrets"),
  keep: ({ apiVersion, kind, metadata, type, data }) => ({
    apiVersion,
    kind,
    metadata,
    ...(type !== undefined && { type }),
    ...(type === basicAuthType && data !== undefined && { data }),
  }),
};

export const configMaps: Resource<ConfigMap> = core("ConfigMap", "configmaps");

/** For `bgpextras`, without what its owner puts beside. */
export const extrasConfigMaps: Resource<ConfigMap> = {
  ...configMaps,
  keep: ({ apiVersion, kind, metadata, data }) => ({
    apiVersion,
    kind,
    metadata,
    data: data?.[bgpExtrasKey] === undefined ? {} : { [bgpExtrasKey]: data[bgpExtrasKey] },
  }),
};

export const pods: Resource = core("Pod", "pods");

/** Whether it is there, and stays, is all that anybody reads. */
export const daemonSets: Resource = {
  apiVersion: "apps/v1",
  kind: "DaemonSet",
  plural: "daemonsets",
  namespaced: true,
  keep: ({ apiVersion, kind, metadata }) => ({ apiVersion, kind, metadata }),
};

/** Which object it is, in which version, and what selects it. */
const identity = (metadata: ObjectMeta): ObjectMeta =>
  pick(metadata, ["name", "namespace", "uid", "resourceVersion", "labels"]);

/** The fields of those names, as far as they are there. */
function pick<T extends object, K extends keyof T>(from: T, names: readonly K[]): Pick<T, K> {
  const picked: Partial<Pick<T, K>> = {};
  for (const name of names) if (Object.hasOwn(from, name)) picked[name] = from[name];
  return picked as Pick<T, K>;
}

function different(endpoints: readonly Endpoint[]): readonly Endpoint[] {
  const seen = new Map<string, Endpoint>();
  for (const { addresses, nodeName, conditions } of endpoints) {
    const key = JSON.stringify([addresses.length > 0, nodeName, conditions]);
    if (seen.has(key)) continue;
    seen.set(key, {
      addresses: addresses.slice(0, 1),
      ...(nodeName !== undefined && { nodeName }),
      ...(conditions !== undefined && { conditions }),
    });
  }
  return [...seen.values()];
}

function core<T extends KubeObject>(kind: string, plural: string, namespaced = true): Resource<T> {
  return { apiVersion: "v1", kind, plural, namespaced };
}
