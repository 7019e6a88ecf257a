import type { LabelSelector } from "../../../src/api/object.ts";
import type { ApiObject, ResourceId } from "../types.ts";

/** The lab's slices of Kubernetes' kinds: the fields that the controllers and the service proxy read or write. */

export const NAMESPACES: ResourceId = { group: "", resource: "namespaces" };
export const NODES: ResourceId = { group: "", resource: "nodes" };
export const PODS: ResourceId = { group: "", resource: "pods" };
export const SERVICES: ResourceId = { group: "", resource: "services" };
export const ENDPOINTS: ResourceId = { group: "", resource: "endpoints" };
export const EVENTS: ResourceId = { group: "", resource: "events" };
export const CONFIG_MAPS: ResourceId = { group: "", resource: "configmaps" };
export const SERVICE_ACCOUNTS: ResourceId = { group: "", resource: "serviceaccounts" };
export const ENDPOINT_SLICES: ResourceId = { group: "discovery.k8s.io", resource: "endpointslices" };
export const LEASES: ResourceId = { group: "coordination.k8s.io", resource: "leases" };
export const DEPLOYMENTS: ResourceId = { group: "apps", resource: "deployments" };
export const REPLICA_SETS: ResourceId = { group: "apps", resource: "replicasets" };
export const DAEMON_SETS: ResourceId = { group: "apps", resource: "daemonsets" };

/** A condition as Pods, Nodes and Deployments carry it; which times it has depends on the kind. */
export interface StatusCondition {
  type: string;
  status: "True" | "False" | "Unknown";
  reason?: string;
  message?: string;
  lastTransitionTime?: string;
  lastUpdateTime?: string;
  lastHeartbeatTime?: string;
}

export interface Taint {
  key: string;
  value?: string;
  effect: string;
  timeAdded?: string;
}

export interface Toleration {
  key?: string;
  operator?: string;
  value?: string;
  effect?: string;
  tolerationSeconds?: number;
}

export interface NodeObject extends ApiObject {
  spec?: { podCIDR?: string; podCIDRs?: string[]; taints?: Taint[]; unschedulable?: boolean };
  status?: { conditions?: StatusCondition[]; addresses?: { type: string; address: string }[] };
}

interface NodeRequirement {
  key: string;
  operator: string;
  values?: string[];
}

export interface NodeSelectorTerm {
  matchExpressions?: NodeRequirement[];
  matchFields?: NodeRequirement[];
}

interface PodAffinityTerm {
  labelSelector?: LabelSelector;
  topologyKey: string;
}

export interface PodSpec {
  nodeName?: string;
  hostNetwork?: boolean;
  nodeSelector?: Record<string, string>;
  tolerations?: Toleration[];
  affinity?: {
    nodeAffinity?: { requiredDuringSchedulingIgnoredDuringExecution?: { nodeSelectorTerms: NodeSelectorTerm[] } };
    podAntiAffinity?: {
      requiredDuringSchedulingIgnoredDuringExecution?: PodAffinityTerm[];
      preferredDuringSchedulingIgnoredDuringExecution?: { weight: number; podAffinityTerm: PodAffinityTerm }[];
    };
  };
  containers: { name: string; ports?: { name?: string; containerPort: number; protocol?: string }[] }[];
  [field: string]: unknown;
}

export interface Pod extends ApiObject {
  spec: PodSpec;
  status?: { phase?: string; podIP?: string; podIPs?: { ip: string }[]; conditions?: StatusCondition[] };
}

export interface PodTemplate {
  metadata?: { labels?: Record<string, string>; annotations?: Record<string, string> };
  spec: PodSpec;
}

export interface ReplicaSet extends ApiObject {
  spec: { replicas?: number; minReadySeconds?: number; selector: LabelSelector; template: PodTemplate };
  status?: {
    replicas?: number;
    fullyLabeledReplicas?: number;
    readyReplicas?: number;
    availableReplicas?: number;
    observedGeneration?: number;
  };
}

export interface Deployment extends ApiObject {
  spec: {
    replicas?: number;
    minReadySeconds?: number;
    revisionHistoryLimit?: number;
    progressDeadlineSeconds?: number;
    paused?: boolean;
    selector: LabelSelector;
    template: PodTemplate;
    strategy?: { type?: string; rollingUpdate?: { maxSurge?: number | string; maxUnavailable?: number | string } };
  };
  status?: DeploymentStatus;
}

export interface DeploymentStatus {
  observedGeneration?: number;
  replicas?: number;
  updatedReplicas?: number;
  readyReplicas?: number;
  availableReplicas?: number;
  unavailableReplicas?: number;
  conditions?: StatusCondition[];
}

export interface DaemonSet extends ApiObject {
  spec: {
    minReadySeconds?: number;
    selector: LabelSelector;
    template: PodTemplate;
    updateStrategy?: { type?: string; rollingUpdate?: { maxUnavailable?: number | string } };
  };
  status?: Record<string, unknown>;
}

export interface ServicePort {
  name?: string;
  protocol?: string;
  port: number;
  targetPort?: number | string;
  nodePort?: number;
  appProtocol?: string;
}

export interface ServiceObject extends ApiObject {
  spec: {
    type?: string;
    clusterIP?: string;
    clusterIPs?: string[];
    externalIPs?: string[];
    ipFamilies?: string[];
    ipFamilyPolicy?: string;
    selector?: Record<string, string>;
    ports?: ServicePort[];
    publishNotReadyAddresses?: boolean;
    sessionAffinity?: string;
    sessionAffinityConfig?: { clientIP?: { timeoutSeconds?: number } };
    externalTrafficPolicy?: string;
    internalTrafficPolicy?: string;
    allocateLoadBalancerNodePorts?: boolean;
    healthCheckNodePort?: number;
    loadBalancerSourceRanges?: string[];
  };
  status?: { loadBalancer?: { ingress?: { ip?: string; ipMode?: string }[] } };
}

export interface SliceEndpoint {
  addresses: string[];
  conditions?: { ready?: boolean; serving?: boolean; terminating?: boolean };
  nodeName?: string;
  targetRef?: { kind: string; namespace?: string; name: string; uid?: string };
}

export interface SlicePort {
  name?: string;
  protocol?: string;
  port?: number;
  appProtocol?: string;
}

export interface EndpointSliceObject extends ApiObject {
  addressType: string;
  endpoints: SliceEndpoint[];
  ports?: SlicePort[];
}

/** `namespace/name`, or the name alone of a cluster-scoped object. */
export const keyOf = (object: ApiObject): string => joinKey(object.metadata.namespace, object.metadata.name);

export const joinKey = (namespace: string | undefined, name: string): string =>
  namespace === undefined ? name : `${namespace}/${name}`;

export const isDeleting = (object: ApiObject): boolean => object.metadata.deletionTimestamp !== undefined;

/** The uid of the managing owner; "" when there is none. */
export const controllerUid = (object: ApiObject): string =>
  object.metadata.ownerReferences?.find((owner) => owner.controller === true)?.uid ?? "";

/** An ownerReference that makes `owner` the managing owner. */
export const controlledBy = (owner: ApiObject) => ({
  apiVersion: owner.apiVersion,
  kind: owner.kind,
  name: owner.metadata.name,
  uid: owner.metadata.uid ?? "",
  controller: true,
  blockOwnerDeletion: true,
});

const condition = (pod: Pod, type: string) => pod.status?.conditions?.find((c) => c.type === type);

export const isReady = (pod: Pod): boolean => condition(pod, "Ready")?.status === "True";

/** Neither ended nor being deleted: it counts towards the replicas. */
export const isActive = (pod: Pod): boolean => !isDeleting(pod) && !isEnded(pod);

export const isEnded = (pod: Pod): boolean => pod.status?.phase === "Succeeded" || pod.status?.phase === "Failed";

/** Milliseconds until a ready Pod counts as available (0: it does; Infinity: it is not ready). */
export function untilAvailable(pod: Pod, minReadySeconds: number, now: number): number {
  if (!isReady(pod)) return Number.POSITIVE_INFINITY;
  const since = Date.parse(condition(pod, "Ready")?.lastTransitionTime ?? "") || 0;
  return minReadySeconds === 0 ? 0 : Math.max(0, since + minReadySeconds * 1000 - now);
}

/** Kubernetes' time format (RFC 3339, whole seconds). */
export const timestamp = (now: number): string => new Date(now).toISOString().replace(/\.\d+Z$/, "Z");
