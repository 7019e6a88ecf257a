/**
 * What the generated schemas of built-in kinds lack: list types, merge keys, defaults and enums, by component.
 *
 * Kubernetes keeps these in Go struct tags (`+listType`, `patchStrategy`, `+enum`) and in its SetDefaults functions
 * (pkg/apis/{core,apps,…}/v1/defaults.go). Defaults that depend on other fields (targetPort, rollingUpdate, imagePullPolicy) are no
 * facts of a schema; the kinds' own code sets them.
 */
import type { Schema } from "../types.ts";

/** Additions to one component's properties. */
type Facts = Readonly<Record<string, Partial<Schema>>>;

const core = "io.k8s.api.core.v1";
const apps = "io.k8s.api.apps.v1";
const rbac = "io.k8s.api.rbac.v1";
const admission = "io.k8s.api.admissionregistration.v1";
const discovery = "io.k8s.api.discovery.v1";
const networking = "io.k8s.api.networking.v1";
const policy = "io.k8s.api.policy.v1";
const extensions = "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1";
const meta = "io.k8s.apimachinery.pkg.apis.meta.v1";

/** A list whose items are told apart by `keys`; strategic merge knows the first only. */
const byKey = (...keys: [string, ...string[]]): Partial<Schema> => ({
  "x-kubernetes-list-type": "map",
  "x-kubernetes-list-map-keys": keys,
  "x-kubernetes-patch-merge-key": keys[0],
  "x-kubernetes-patch-strategy": "merge",
});
/** A set of plain values. */
const set: Partial<Schema> = { "x-kubernetes-list-type": "set", "x-kubernetes-patch-strategy": "merge" };
/** Keyed for server-side apply, replaced as a whole by strategic merge. */
const byKeyForApply = (...keys: string[]): Partial<Schema> => ({
  "x-kubernetes-list-type": "map",
  "x-kubernetes-list-map-keys": keys,
});
const conditions = { conditions: byKey("type") };
const atomicMap: Partial<Schema> = { "x-kubernetes-map-type": "atomic" };
const defaultsTo = (value: unknown): Partial<Schema> => ({ default: value });
const oneOf = (...values: string[]): Partial<Schema> => ({ enum: values });

const protocol = oneOf("SCTP", "TCP", "UDP");
const container: Facts = {
  ports: byKey("containerPort", "protocol"),
  env: byKey("name"),
  volumeMounts: byKey("mountPath"),
  volumeDevices: byKey("devicePath"),
  resources: defaultsTo({}),
  terminationMessagePath: defaultsTo("/dev/termination-log"),
  terminationMessagePolicy: { ...defaultsTo("File"), ...oneOf("FallbackToLogsOnError", "File") },
  imagePullPolicy: oneOf("Always", "IfNotPresent", "Never"),
};
const webhook: Facts = {
  matchConditions: byKey("name"),
  failurePolicy: { ...defaultsTo("Fail"), ...oneOf("Fail", "Ignore") },
  matchPolicy: { ...defaultsTo("Equivalent"), ...oneOf("Equivalent", "Exact") },
  namespaceSelector: defaultsTo({}),
  objectSelector: defaultsTo({}),
  timeoutSeconds: defaultsTo(10),
};

/** Facts about the fields of a component. */
export const fieldFacts: Readonly<Record<string, Facts>> = {
  [`${meta}.ObjectMeta`]: { ownerReferences: byKey("uid"), finalizers: set },
  [`${core}.ServiceSpec`]: {
    ports: {
      "x-kubernetes-list-type": "map",
      "x-kubernetes-list-map-keys": ["port", "protocol"],
      "x-kubernetes-patch-merge-key": "port",
      "x-kubernetes-patch-strategy": "merge",
    },
    selector: atomicMap,
    type: { ...defaultsTo("ClusterIP"), ...oneOf("ClusterIP", "ExternalName", "LoadBalancer", "NodePort") },
    sessionAffinity: { ...defaultsTo("None"), ...oneOf("ClientIP", "None") },
    internalTrafficPolicy: oneOf("Cluster", "Local"),
    externalTrafficPolicy: oneOf("Cluster", "Local"),
    ipFamilyPolicy: oneOf("PreferDualStack", "RequireDualStack", "SingleStack"),
  },
  [`${core}.ServicePort`]: { protocol: { ...defaultsTo("TCP"), ...protocol } },
  [`${core}.ServiceStatus`]: conditions,
  [`${core}.ClientIPConfig`]: { timeoutSeconds: defaultsTo(10800) },
  [`${core}.EndpointPort`]: { protocol: { ...defaultsTo("TCP"), ...protocol } },
  [`${core}.NamespaceStatus`]: conditions,
  [`${core}.NodeSpec`]: { podCIDRs: set },
  [`${core}.NodeStatus`]: { ...conditions, addresses: byKey("type") },
  [`${core}.PodSpec`]: {
    containers: byKey("name"),
    initContainers: byKey("name"),
    ephemeralContainers: byKey("name"),
    imagePullSecrets: byKey("name"),
    schedulingGates: byKey("name"),
    resourceClaims: { ...byKey("name"), "x-kubernetes-patch-strategy": "merge,retainKeys" },
    volumes: { ...byKey("name"), "x-kubernetes-patch-strategy": "merge,retainKeys" },
    hostAliases: byKey("ip"),
    topologySpreadConstraints: byKey("topologyKey", "whenUnsatisfiable"),
    nodeSelector: atomicMap,
    restartPolicy: { ...defaultsTo("Always"), ...oneOf("Always", "Never", "OnFailure") },
    dnsPolicy: {
      ...defaultsTo("ClusterFirst"),
      ...oneOf("ClusterFirst", "ClusterFirstWithHostNet", "Default", "None"),
    },
    terminationGracePeriodSeconds: defaultsTo(30),
    securityContext: defaultsTo({}),
    schedulerName: defaultsTo("default-scheduler"),
  },
  [`${core}.PodStatus`]: {
    ...conditions,
    podIPs: byKey("ip"),
    hostIPs: { "x-kubernetes-patch-merge-key": "ip", "x-kubernetes-patch-strategy": "merge" },
  },
  [`${core}.Container`]: container,
  [`${core}.EphemeralContainer`]: container,
  [`${core}.ContainerPort`]: { protocol: { ...defaultsTo("TCP"), ...protocol } },
  [`${core}.Probe`]: {
    timeoutSeconds: defaultsTo(1),
    periodSeconds: defaultsTo(10),
    successThreshold: defaultsTo(1),
    failureThreshold: defaultsTo(3),
  },
  [`${core}.HTTPGetAction`]: { path: defaultsTo("/"), scheme: { ...defaultsTo("HTTP"), ...oneOf("HTTP", "HTTPS") } },
  [`${core}.GRPCAction`]: { service: defaultsTo("") },
  [`${core}.ObjectFieldSelector`]: { apiVersion: defaultsTo("v1") },
  [`${core}.SecretVolumeSource`]: { defaultMode: defaultsTo(420) },
  [`${core}.ConfigMapVolumeSource`]: { defaultMode: defaultsTo(420) },
  [`${core}.DownwardAPIVolumeSource`]: { defaultMode: defaultsTo(420) },
  [`${core}.ProjectedVolumeSource`]: { defaultMode: defaultsTo(420) },
  [`${core}.ServiceAccountTokenProjection`]: { expirationSeconds: defaultsTo(3600) },
  [`${core}.HostPathVolumeSource`]: {
    type: {
      ...defaultsTo(""),
      ...oneOf("", "BlockDevice", "CharDevice", "Directory", "DirectoryOrCreate", "File", "FileOrCreate", "Socket"),
    },
  },
  [`${core}.TopologySpreadConstraint`]: { whenUnsatisfiable: oneOf("DoNotSchedule", "ScheduleAnyway") },
  [`${core}.Toleration`]: {
    operator: oneOf("Equal", "Exists"),
    effect: oneOf("NoExecute", "NoSchedule", "PreferNoSchedule"),
  },
  [`${core}.Taint`]: { effect: oneOf("NoExecute", "NoSchedule", "PreferNoSchedule") },
  [`${core}.Secret`]: { type: defaultsTo("Opaque") },
  [`${core}.ServiceAccount`]: { secrets: byKey("name") },
  [`${apps}.DaemonSetSpec`]: {
    revisionHistoryLimit: defaultsTo(10),
    updateStrategy: defaultsTo({ type: "RollingUpdate", rollingUpdate: { maxUnavailable: 1, maxSurge: 0 } }),
  },
  [`${apps}.DaemonSetUpdateStrategy`]: {
    type: { ...defaultsTo("RollingUpdate"), ...oneOf("OnDelete", "RollingUpdate") },
  },
  [`${apps}.RollingUpdateDaemonSet`]: { maxUnavailable: defaultsTo(1), maxSurge: defaultsTo(0) },
  [`${apps}.DaemonSetStatus`]: conditions,
  [`${apps}.DeploymentSpec`]: {
    replicas: defaultsTo(1),
    revisionHistoryLimit: defaultsTo(10),
    progressDeadlineSeconds: defaultsTo(600),
    strategy: {
      ...defaultsTo({ type: "RollingUpdate", rollingUpdate: { maxUnavailable: "25%", maxSurge: "25%" } }),
      "x-kubernetes-patch-strategy": "retainKeys",
    },
  },
  [`${apps}.DeploymentStrategy`]: { type: { ...defaultsTo("RollingUpdate"), ...oneOf("Recreate", "RollingUpdate") } },
  [`${apps}.RollingUpdateDeployment`]: { maxUnavailable: defaultsTo("25%"), maxSurge: defaultsTo("25%") },
  [`${apps}.DeploymentStatus`]: conditions,
  [`${apps}.ReplicaSetSpec`]: { replicas: defaultsTo(1) },
  [`${apps}.ReplicaSetStatus`]: conditions,
  [`${discovery}.EndpointSlice`]: { addressType: oneOf("FQDN", "IPv4", "IPv6") },
  [`${discovery}.Endpoint`]: { addresses: { "x-kubernetes-list-type": "set" } },
  [`${discovery}.EndpointPort`]: { name: defaultsTo(""), protocol: { ...defaultsTo("TCP"), ...protocol } },
  [`${networking}.NetworkPolicyPort`]: { protocol: { ...defaultsTo("TCP"), ...protocol } },
  [`${policy}.PodDisruptionBudgetSpec`]: { selector: { "x-kubernetes-patch-strategy": "replace" } },
  [`${policy}.PodDisruptionBudgetStatus`]: conditions,
  [`${admission}.ValidatingWebhookConfiguration`]: { webhooks: byKey("name") },
  [`${admission}.MutatingWebhookConfiguration`]: { webhooks: byKey("name") },
  [`${admission}.ValidatingWebhook`]: webhook,
  [`${admission}.MutatingWebhook`]: {
    ...webhook,
    reinvocationPolicy: { ...defaultsTo("Never"), ...oneOf("IfNeeded", "Never") },
  },
  [`${admission}.RuleWithOperations`]: { scope: { ...defaultsTo("*"), ...oneOf("*", "Cluster", "Namespaced") } },
  [`${admission}.ServiceReference`]: { port: defaultsTo(443) },
  [`${extensions}.CustomResourceDefinitionSpec`]: {
    conversion: defaultsTo({ strategy: "None" }),
    scope: oneOf("Cluster", "Namespaced"),
  },
  [`${extensions}.CustomResourceConversion`]: { strategy: oneOf("None", "Webhook") },
  [`${extensions}.ServiceReference`]: { port: defaultsTo(443) },
  [`${extensions}.CustomResourceDefinitionStatus`]: { conditions: byKeyForApply("type") },
  [`${extensions}.JSONSchemaProps`]: {
    "x-kubernetes-validations": { ...byKey("rule") },
  },
};

/** Components that apply and conflict as a whole (`+structType=atomic`). */
export const atomicComponents: readonly string[] = [
  `${meta}.LabelSelector`,
  `${core}.LocalObjectReference`,
  `${core}.ObjectReference`,
  `${core}.ObjectFieldSelector`,
  `${core}.ResourceFieldSelector`,
  `${core}.ConfigMapKeySelector`,
  `${core}.SecretKeySelector`,
  `${core}.NodeSelector`,
  `${core}.NodeSelectorTerm`,
  `${core}.TypedLocalObjectReference`,
  `${rbac}.RoleRef`,
  `${rbac}.Subject`,
];

/** `component.field`s that hold resource quantities, alone or as a map's values. */
export const quantities: readonly string[] = [
  `${core}.ResourceRequirements.limits`,
  `${core}.ResourceRequirements.requests`,
  `${core}.ContainerStatus.allocatedResources`,
  `${core}.NodeStatus.capacity`,
  `${core}.NodeStatus.allocatable`,
  `${core}.PodSpec.overhead`,
  `${core}.EmptyDirVolumeSource.sizeLimit`,
  `${core}.ResourceFieldSelector.divisor`,
  `${core}.VolumeResourceRequirements.limits`,
  `${core}.VolumeResourceRequirements.requests`,
];

/** Components whose published `required` list holds fields that kube-apiserver does not insist on: Go reads an absent one as zero. */
export const leniently: RegExp =
  /Status$|Condition$|\.(NodeSystemInfo|DaemonEndpoint|ContainerImage|AttachedVolume|ContainerState\w*|ManagedFieldsEntry|JSONSchemaProps|LeaseSpec|EndpointSlice|Event|Eviction)$/;
