/**
 * Decodes the protobuf bodies that kubectl ≥ 1.32 sends for `create …`, `auth …`, `drain` and `delete` by typed clients.
 *
 * Only requests: every client accepts JSON answers. Field numbers are those of the `generated.proto` files of k8s.io/api and
 * k8s.io/apimachinery.
 */
import { type ApiObject, ApiStatusError } from "../types.ts";

/**
 * One message in a line: `NUMBER NAME TYPE`. No type: string; `:b` bool, `:i` integer, `:bytes` (base64 in JSON), `:MESSAGE`; `[]`
 * repeated, `{}` a map. `*` marks Go pointers, which are on the wire only when they are set; everything else is there always, and its
 * zero value means absent, as `omitempty` has it.
 */
const text = `
ObjectMeta: 1 name, 2 generateName, 3 namespace, 4 selfLink, 5 uid, 6 resourceVersion, 7 generation:i, 8 creationTimestamp:Time, 9 deletionTimestamp:Time, 10 deletionGracePeriodSeconds:i*, 11 labels{}, 12 annotations{}, 13 ownerReferences[]:OwnerReference, 14 finalizers[], 17 managedFields[]:ManagedFieldsEntry
OwnerReference: 1 kind, 3 name, 4 uid, 5 apiVersion, 6 controller:b*, 7 blockOwnerDeletion:b*
LabelSelector: 1 matchLabels{}, 2 matchExpressions[]:LabelSelectorRequirement
LabelSelectorRequirement: 1 key, 2 operator, 3 values[]
Preconditions: 1 uid*, 2 resourceVersion*
DeleteOptions: 1 gracePeriodSeconds:i*, 2 preconditions:Preconditions, 3 orphanDependents:b*, 4 propagationPolicy*, 5 dryRun[]
Namespace: 1 metadata:ObjectMeta, 2 spec:NamespaceSpec, 3 status:NamespaceStatus
NamespaceSpec: 1 finalizers[]
NamespaceStatus: 1 phase
ConfigMap: 1 metadata:ObjectMeta, 4 immutable:b*, 2 data{}, 3 binaryData{}:bytes
Secret: 1 metadata:ObjectMeta, 5 immutable:b*, 2 data{}:bytes, 4 stringData{}, 3 type
ServiceAccount: 1 metadata:ObjectMeta, 2 secrets[]:ObjectReference, 3 imagePullSecrets[]:LocalObjectReference, 4 automountServiceAccountToken:b*
LocalObjectReference: 1 name
ObjectReference: 1 kind, 2 namespace, 3 name, 4 uid, 5 apiVersion, 6 resourceVersion, 7 fieldPath
Service: 1 metadata:ObjectMeta, 2 spec:ServiceSpec, 3 status:ServiceStatus
ServiceSpec: 1 ports[]:ServicePort, 2 selector{}, 3 clusterIP, 18 clusterIPs[], 4 type, 5 externalIPs[], 7 sessionAffinity, 8 loadBalancerIP, 9 loadBalancerSourceRanges[], 10 externalName, 11 externalTrafficPolicy, 12 healthCheckNodePort:i, 13 publishNotReadyAddresses:b, 14 sessionAffinityConfig:SessionAffinityConfig, 19 ipFamilies[], 17 ipFamilyPolicy*, 20 allocateLoadBalancerNodePorts:b*, 21 loadBalancerClass*, 22 internalTrafficPolicy*, 23 trafficDistribution*
SessionAffinityConfig: 1 clientIP:ClientIPConfig
ClientIPConfig: 1 timeoutSeconds:i*
ServicePort: 1 name, 2 protocol, 6 appProtocol*, 3 port:i, 4 targetPort:IntOrString, 5 nodePort:i
ServiceStatus: 1 loadBalancer:LoadBalancerStatus
PodTemplateSpec: 1 metadata:ObjectMeta, 2 spec:PodSpec
PodSpec: 1 volumes[]:Volume, 20 initContainers[]:Container, 2 containers[]:Container, 3 restartPolicy, 4 terminationGracePeriodSeconds:i*, 5 activeDeadlineSeconds:i*, 6 dnsPolicy, 7 nodeSelector{}, 8 serviceAccountName, 9 serviceAccount, 21 automountServiceAccountToken:b*, 10 nodeName, 11 hostNetwork:b, 12 hostPID:b, 13 hostIPC:b, 27 shareProcessNamespace:b*, 14 securityContext:PodSecurityContext, 15 imagePullSecrets[]:LocalObjectReference, 16 hostname, 17 subdomain, 18 affinity:Affinity, 19 schedulerName, 22 tolerations[]:Toleration, 24 priorityClassName, 25 priority:i*, 29 runtimeClassName*, 30 enableServiceLinks:b*, 31 preemptionPolicy*, 32 overhead{}:Quantity, 35 setHostnameAsFQDN:b*, 37 hostUsers:b*, 40 resources:ResourceRequirements, 41 hostnameOverride*
Toleration: 1 key, 2 operator, 3 value, 4 effect, 5 tolerationSeconds:i*
ResourceRequirements: 1 limits{}:Quantity, 2 requests{}:Quantity
Container: 1 name, 2 image, 3 command[], 4 args[], 5 workingDir, 6 ports[]:ContainerPort, 7 env[]:EnvVar, 8 resources:ResourceRequirements, 24 restartPolicy*, 9 volumeMounts[]:VolumeMount, 10 livenessProbe:Probe, 11 readinessProbe:Probe, 22 startupProbe:Probe, 12 lifecycle:Lifecycle, 13 terminationMessagePath, 20 terminationMessagePolicy, 14 imagePullPolicy, 15 securityContext:SecurityContext, 16 stdin:b, 17 stdinOnce:b, 18 tty:b
ContainerPort: 1 name, 2 hostPort:i, 3 containerPort:i, 4 protocol, 5 hostIP
EnvVar: 1 name, 2 value, 3 valueFrom:EnvVarSource
Deployment: 1 metadata:ObjectMeta, 2 spec:DeploymentSpec, 3 status:DeploymentStatus
DeploymentSpec: 1 replicas:i*, 2 selector:LabelSelector, 3 template:PodTemplateSpec, 4 strategy:DeploymentStrategy, 5 minReadySeconds:i, 6 revisionHistoryLimit:i*, 7 paused:b, 9 progressDeadlineSeconds:i*
DeploymentStrategy: 1 type, 2 rollingUpdate:RollingUpdateDeployment
RollingUpdateDeployment: 1 maxUnavailable:IntOrString*, 2 maxSurge:IntOrString*
DeploymentStatus: 1 observedGeneration:i, 2 replicas:i, 3 updatedReplicas:i, 4 availableReplicas:i, 5 unavailableReplicas:i, 7 readyReplicas:i
Role: 1 metadata:ObjectMeta, 2 rules[]:PolicyRule
ClusterRole: 1 metadata:ObjectMeta, 2 rules[]:PolicyRule, 3 aggregationRule:AggregationRule
AggregationRule: 1 clusterRoleSelectors[]:LabelSelector
PolicyRule: 1 verbs[], 2 apiGroups[], 3 resources[], 4 resourceNames[], 5 nonResourceURLs[]
RoleBinding: 1 metadata:ObjectMeta, 2 subjects[]:Subject, 3 roleRef:RoleRef
ClusterRoleBinding: 1 metadata:ObjectMeta, 2 subjects[]:Subject, 3 roleRef:RoleRef
RoleRef: 1 apiGroup, 2 kind, 3 name
Subject: 1 kind, 2 apiGroup, 3 name, 4 namespace
SelfSubjectAccessReview: 1 metadata:ObjectMeta, 2 spec:SelfSubjectAccessReviewSpec, 3 status:SubjectAccessReviewStatus
SelfSubjectAccessReviewSpec: 1 resourceAttributes:ResourceAttributes, 2 nonResourceAttributes:NonResourceAttributes
SubjectAccessReviewStatus: 1 allowed:b, 2 reason, 3 evaluationError, 4 denied:b
ResourceAttributes: 1 namespace, 2 verb, 3 group, 4 version, 5 resource, 6 subresource, 7 name
NonResourceAttributes: 1 path, 2 verb
SelfSubjectRulesReview: 1 metadata:ObjectMeta, 2 spec:SelfSubjectRulesReviewSpec, 3 status:SubjectRulesReviewStatus
SelfSubjectRulesReviewSpec: 1 namespace
SubjectRulesReviewStatus: 3 incomplete:b, 4 evaluationError
TokenRequest: 1 metadata:ObjectMeta, 2 spec:TokenRequestSpec, 3 status:TokenRequestStatus
TokenRequestSpec: 1 audiences[], 4 expirationSeconds:i*, 3 boundObjectRef:BoundObjectReference
TokenRequestStatus: 1 token, 2 expirationTimestamp:Time
BoundObjectReference: 1 kind, 2 apiVersion, 3 name, 4 uid
SelfSubjectReview: 1 metadata:ObjectMeta, 2 status:SelfSubjectReviewStatus
SelfSubjectReviewStatus: 1 userInfo:UserInfo
UserInfo: 1 username, 2 uid, 3 groups[]
Eviction: 1 metadata:ObjectMeta, 2 deleteOptions:DeleteOptions
`;

/** Kinds that may be a request's body. */
const roots: ReadonlySet<string> = new Set(
  "Namespace ConfigMap Secret ServiceAccount Service Deployment Role ClusterRole RoleBinding ClusterRoleBinding SelfSubjectAccessReview SelfSubjectRulesReview TokenRequest SelfSubjectReview Eviction DeleteOptions".split(
    " ",
  ),
);

interface Field {
  readonly name: string;
  readonly type: string;
  readonly repeated: boolean;
  readonly map: boolean;
  readonly pointer: boolean;
}

const messages: ReadonlyMap<string, ReadonlyMap<number, Field>> = new Map(
  text
    .trim()
    .split("\n")
    .map((line) => {
      const [message = "", fields = ""] = line.split(": ", 2);
      return [message, new Map(fields.split(", ").map(parseField))];
    }),
);

function parseField(field: string): [number, Field] {
  const match = /^(\d+) (\w+)(\[\])?(\{\})?(?::(\w+))?(\*)?$/.exec(field);
  if (match === null) throw new Error(`bug: protobuf field ${field}`);
  const [, number, name = "", list, map, type = "string", pointer] = match;
  const flags = { repeated: list !== undefined, map: map !== undefined, pointer: pointer !== undefined };
  return [Number(number), { name, type, ...flags }];
}

const magic = Buffer.from("k8s\0", "latin1");

/**
 * Decodes `k8s\0` and a runtime.Unknown into the object it holds.
 *
 * @throws ApiStatusError 400 when the bytes are no such message, 415 naming the kind when it (or a field that is set) is not known here:
 * nothing is dropped silently
 */
export function decodeProtobuf(bytes: Uint8Array): ApiObject {
  if (!magic.equals(bytes.subarray(0, 4))) throw malformed("it lacks the prefix of Kubernetes' protobuf");
  const unknown = fieldsOf(bytes.subarray(4));
  const typeMeta = fieldsOf(bytesOf(unknown.findLast((one) => one.number === 1)));
  const apiVersion = utf8(bytesOf(typeMeta.findLast((one) => one.number === 1)));
  const kind = utf8(bytesOf(typeMeta.findLast((one) => one.number === 2)));
  if (!roots.has(kind)) throw unsupported(kind, apiVersion);
  const object = decodeMessage({ kind, apiVersion }, kind, bytesOf(unknown.findLast((one) => one.number === 2)));
  return { ...object, apiVersion, kind, metadata: (object["metadata"] ?? {}) as ApiObject["metadata"] };
}

interface Root {
  readonly kind: string;
  readonly apiVersion: string;
}

function decodeMessage(root: Root, message: string, bytes: Uint8Array): Record<string, unknown> {
  const fields = messages.get(message);
  const object: Record<string, unknown> = {};
  for (const wire of fieldsOf(bytes)) {
    const field = fields?.get(wire.number);
    if (field === undefined) {
      if (isEmpty(wire)) continue;
      throw unsupported(root.kind, root.apiVersion, `${message}, field ${wire.number}`);
    }
    if (field.map) {
      const map = (object[field.name] ??= {}) as Record<string, unknown>;
      const entry = fieldsOf(bytesOf(wire));
      const key = utf8(bytesOf(entry.find((one) => one.number === 1)));
      const value = entry.find((one) => one.number === 2) ?? { number: 2, value: new Uint8Array() };
      Object.defineProperty(map, key, {
        value: decodeValue(root, field, value),
        enumerable: true,
        writable: true,
        configurable: true,
      });
    } else if (field.repeated) {
      ((object[field.name] ??= []) as unknown[]).push(decodeValue(root, field, wire));
    } else {
      const value = decodeValue(root, field, wire);
      if (field.pointer || !isZero(value)) object[field.name] = value;
    }
  }
  return object;
}

/** What Go's `omitempty` and defaulting take for absent. */
const isZero = (value: unknown): boolean =>
  value === undefined ||
  value === "" ||
  value === 0 ||
  value === false ||
  (typeof value === "object" && value !== null && Object.keys(value).length === 0);

function decodeValue(root: Root, field: Field, wire: WireField): unknown {
  switch (field.type) {
    case "b":
      return numberOf(wire) !== 0;
    case "i":
      return numberOf(wire);
    case "string":
      return utf8(bytesOf(wire));
    case "bytes":
      return Buffer.from(bytesOf(wire)).toString("base64");
    case "Time":
      return decodeTime(bytesOf(wire));
    case "IntOrString":
      return decodeIntOrString(bytesOf(wire));
    case "Quantity":
      return utf8(bytesOf(fieldsOf(bytesOf(wire)).find((one) => one.number === 1)));
    default:
      return decodeMessage(root, field.type, bytesOf(wire));
  }
}

/** 1 seconds, 2 nanos. The zero time is an empty message. */
function decodeTime(bytes: Uint8Array): string | undefined {
  const seconds = fieldsOf(bytes).find((one) => one.number === 1);
  return seconds === undefined ? undefined : new Date(numberOf(seconds) * 1000).toISOString().replace(".000Z", "Z");
}

/** 1 type (0 int, 1 string), 2 intVal, 3 strVal. */
function decodeIntOrString(bytes: Uint8Array): number | string {
  const fields = new Map(fieldsOf(bytes).map((one) => [one.number, one]));
  const number = fields.get(2);
  const isText = numberOf(fields.get(1) ?? { number: 1, value: 0n }) === 1;
  if (isText) return utf8(bytesOf(fields.get(3)));
  return number === undefined ? 0 : numberOf(number);
}

interface WireField {
  readonly number: number;
  /** Varints as numbers, everything else as its bytes. */
  readonly value: bigint | Uint8Array;
}

const isEmpty = ({ value }: WireField): boolean => (typeof value === "bigint" ? value === 0n : value.length === 0);

function bytesOf(field: WireField | undefined): Uint8Array {
  if (field === undefined) return new Uint8Array();
  if (typeof field.value === "bigint") throw malformed(`field ${field.number} is a number`);
  return field.value;
}

function numberOf(field: WireField): number {
  if (typeof field.value !== "bigint") throw malformed(`field ${field.number} is no number`);
  return Number(BigInt.asIntN(64, field.value));
}

const utf8 = (bytes: Uint8Array): string => Buffer.from(bytes).toString("utf8");

/** @see protobuf.dev/programming-guides/encoding */
function fieldsOf(bytes: Uint8Array): WireField[] {
  const fields: WireField[] = [];
  let at = 0;
  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = bytes[at++];
      if (byte === undefined) throw malformed("it ends within a number");
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    throw malformed("a number has more than ten bytes");
  };
  const take = (length: number): Uint8Array => {
    if (at + length > bytes.length) throw malformed("it ends within a field");
    at += length;
    return bytes.subarray(at - length, at);
  };
  while (at < bytes.length) {
    const tag = Number(varint());
    const number = tag >>> 3;
    fields.push({ number, value: readValue(tag & 7, varint, take) });
  }
  return fields;
}

function readValue(wireType: number, varint: () => bigint, take: (length: number) => Uint8Array): bigint | Uint8Array {
  switch (wireType) {
    case 0:
      return varint();
    case 1:
      return take(8);
    case 2:
      return take(Number(varint()));
    case 5:
      return take(4);
    default:
      throw malformed(`wire type ${wireType} is not known`);
  }
}

const malformed = (why: string): ApiStatusError =>
  new ApiStatusError(400, "BadRequest", `the body of the request is malformed protobuf: ${why}`);

const unsupported = (kind: string, apiVersion: string, where?: string): ApiStatusError =>
  new ApiStatusError(
    415,
    "UnsupportedMediaType",
    `protobuf is not supported for ${JSON.stringify(kind)} in version ${JSON.stringify(apiVersion)}${where === undefined ? "" : ` (${where})`}: send JSON`,
  );
