import type { ApiMeta, ApiObject } from "../control-plane/types.ts";

/** The vocabulary of the node agents: one lab node, its images, and the slices of core/v1 Pod that they read and write. */

/** A node of the lab: a network namespace that stands for a machine. */
export interface LabNode {
  readonly name: string;
  /** Name under /run/netns. */
  readonly netns: string;
  /** InternalIPs, IPv4 and IPv6. */
  readonly addresses: readonly string[];
  /** Where its pods get their addresses, IPv4 and IPv6. */
  readonly podCIDRs: readonly string[];
}

/** What runs for an image's name: a program of this machine, seen from a copy-on-write view of a root. */
export interface Image {
  /** The tree that is the root; the machine's own when absent. */
  readonly root?: string;
  readonly entrypoint: readonly string[];
  readonly cmd?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Paths of the machine that must be visible, read-only, though a pod's view of the root may hide them. */
  readonly mounts?: readonly string[];
  /** Files laid over the root, by absolute path. */
  readonly files?: Readonly<Record<string, string>>;
  /** Symbolic links laid over the root: target by absolute path. */
  readonly links?: Readonly<Record<string, string>>;
  /** uid when the pod names none; 0 when absent. */
  readonly user?: number;
}

/** Images by their last path component, without registry, tag and digest. */
export type ImageTable = Readonly<Record<string, Image>>;

/** How a pod reaches the API server. */
export interface ApiServerAddress {
  readonly host: string;
  readonly port: number;
  readonly caPem: string;
}

/** What a pod needs from the cluster while it runs. */
export interface PodSources {
  readonly apiServer: ApiServerAddress;
  configMap(namespace: string, name: string): ApiObject | undefined;
  secret(namespace: string, name: string): ApiObject | undefined;
  /** A bearer token of the service account. */
  issueToken(namespace: string, serviceAccount: string): string;
}

/** An event about a pod; `container` is absent when it is about the pod as a whole. */
export interface PodEvent {
  readonly type: "Normal" | "Warning";
  readonly reason: string;
  readonly message: string;
  readonly container?: string;
}

export interface Pod extends ApiObject {
  metadata: ApiMeta;
  spec: PodSpec;
  status?: PodStatus;
}

export interface PodSpec {
  nodeName?: string;
  containers: Container[];
  initContainers?: Container[];
  volumes?: Volume[];
  restartPolicy?: RestartPolicy;
  terminationGracePeriodSeconds?: number;
  hostNetwork?: boolean;
  hostPID?: boolean;
  shareProcessNamespace?: boolean;
  hostname?: string;
  hostAliases?: { ip: string; hostnames?: string[] }[];
  serviceAccountName?: string;
  automountServiceAccountToken?: boolean;
  securityContext?: PodSecurityContext;
}

export type RestartPolicy = "Always" | "OnFailure" | "Never";

interface PodSecurityContext {
  runAsUser?: number;
  runAsGroup?: number;
  runAsNonRoot?: boolean;
  fsGroup?: number;
  supplementalGroups?: number[];
  sysctls?: { name: string; value: string }[];
}

export interface SecurityContext {
  runAsUser?: number;
  runAsGroup?: number;
  runAsNonRoot?: boolean;
  privileged?: boolean;
  allowPrivilegeEscalation?: boolean;
  readOnlyRootFilesystem?: boolean;
  capabilities?: { add?: string[]; drop?: string[] };
}

export interface Container {
  name: string;
  image: string;
  command?: string[];
  args?: string[];
  workingDir?: string;
  imagePullPolicy?: string;
  ports?: { name?: string; containerPort: number; protocol?: string }[];
  env?: EnvVar[];
  envFrom?: EnvFrom[];
  resources?: { limits?: Record<string, string>; requests?: Record<string, string> };
  volumeMounts?: VolumeMount[];
  livenessProbe?: Probe;
  readinessProbe?: Probe;
  startupProbe?: Probe;
  lifecycle?: { preStop?: Handler; postStart?: Handler };
  securityContext?: SecurityContext;
  /** On init containers only: "Always" makes a sidecar. */
  restartPolicy?: "Always";
}

export interface EnvVar {
  name: string;
  value?: string;
  valueFrom?: {
    fieldRef?: { fieldPath: string };
    configMapKeyRef?: KeyRef;
    secretKeyRef?: KeyRef;
    resourceFieldRef?: { resource: string; containerName?: string };
  };
}

export interface KeyRef {
  name: string;
  key: string;
  optional?: boolean;
}

export interface EnvFrom {
  prefix?: string;
  configMapRef?: { name: string; optional?: boolean };
  secretRef?: { name: string; optional?: boolean };
}

export interface VolumeMount {
  name: string;
  mountPath: string;
  readOnly?: boolean;
  subPath?: string;
  mountPropagation?: string;
}

export interface KeyToPath {
  key: string;
  path: string;
  mode?: number;
}

export interface DownwardItem {
  path: string;
  mode?: number;
  fieldRef?: { fieldPath: string };
}

export interface ConfigMapSource {
  name: string;
  items?: KeyToPath[];
  optional?: boolean;
}

export type ProjectedSource =
  | { configMap: ConfigMapSource }
  | { secret: ConfigMapSource }
  | { downwardAPI: { items?: DownwardItem[] } }
  | { serviceAccountToken: { path: string } };

export interface Volume {
  name: string;
  emptyDir?: { medium?: string; sizeLimit?: string };
  hostPath?: { path: string; type?: string };
  configMap?: ConfigMapSource & { defaultMode?: number };
  secret?: { secretName: string; items?: KeyToPath[]; optional?: boolean; defaultMode?: number };
  downwardAPI?: { items?: DownwardItem[]; defaultMode?: number };
  projected?: { sources?: ProjectedSource[]; defaultMode?: number };
}

export interface HttpGet {
  path?: string;
  port: number | string;
  host?: string;
  scheme?: "HTTP" | "HTTPS";
  httpHeaders?: { name: string; value: string }[];
}

export interface Handler {
  exec?: { command?: string[] };
  httpGet?: HttpGet;
  tcpSocket?: { port: number | string; host?: string };
  sleep?: { seconds: number };
}

export interface Probe extends Handler {
  initialDelaySeconds?: number;
  periodSeconds?: number;
  timeoutSeconds?: number;
  successThreshold?: number;
  failureThreshold?: number;
  terminationGracePeriodSeconds?: number;
}

export interface PodStatus {
  phase?: PodPhase;
  conditions?: PodCondition[];
  podIP?: string;
  podIPs?: { ip: string }[];
  hostIP?: string;
  hostIPs?: { ip: string }[];
  startTime?: string;
  message?: string | null;
  reason?: string | null;
  containerStatuses?: ContainerStatus[];
  initContainerStatuses?: ContainerStatus[];
  qosClass?: string;
}

export type PodPhase = "Pending" | "Running" | "Succeeded" | "Failed";

export interface PodCondition {
  type: string;
  status: "True" | "False";
  lastProbeTime: null;
  lastTransitionTime: string;
  reason?: string;
  message?: string;
}

interface Waiting {
  reason: string;
  message?: string;
}

interface Running {
  startedAt: string;
}

export interface Terminated {
  exitCode: number;
  signal?: number;
  reason: string;
  message?: string;
  startedAt: string;
  finishedAt: string;
  containerID: string;
}

export type ContainerState = { waiting: Waiting } | { running: Running } | { terminated: Terminated };

export interface ContainerStatus {
  name: string;
  image: string;
  imageID: string;
  containerID?: string;
  ready: boolean;
  started: boolean;
  restartCount: number;
  state: ContainerState;
  lastState: ContainerState | Record<string, never>;
}

/** Constant message, variable fields. */
export type AgentLog = (message: string, fields: Readonly<Record<string, unknown>>) => void;
