import { deepEqual } from "../../../src/std/equal.ts";
import type { ApiObject, Cause, Kind } from "../types.ts";
import { at, fill, items, type Node, text, without } from "./fields.ts";
import { admitPodSpec, defaultPodSpec } from "./pod-defaults.ts";

type Rules = Pick<Kind, "prepare" | "validate">;

const spec = (object: ApiObject): Node => (object["spec"] ??= {}) as Node;

const cause = (reason: Cause["reason"], field: string, message: string): Cause => ({ reason, field, message });
const required = (field: string, why = ""): Cause =>
  cause("FieldValueRequired", field, why === "" ? "Required value" : `Required value: ${why}`);
const wrong = (field: string, value: unknown, why: string): Cause =>
  cause("FieldValueInvalid", field, `Invalid value: ${JSON.stringify(value) ?? "null"}: ${why}`);
const immutable = (field: string, value: unknown, old: unknown): Cause[] =>
  deepEqual(value, old) ? [] : [wrong(field, value, "field is immutable")];
const unsupported = (field: string, value: unknown, supported: readonly string[]): Cause =>
  cause(
    "FieldValueNotSupported",
    field,
    `Unsupported value: ${JSON.stringify(value)}: supported values: ${supported.map((each) => `"${each}"`).join(", ")}`,
  );

/** @see kubernetes/pkg/apis/core/v1/defaults.go SetDefaults_Service */
function prepareService(service: ApiObject): void {
  const s = spec(service);
  fill(s, { type: "ClusterIP", sessionAffinity: "None" });
  const external = s["type"] === "NodePort" || s["type"] === "LoadBalancer";
  if (s["sessionAffinity"] === "ClientIP") {
    s["sessionAffinityConfig"] ??= { clientIP: { timeoutSeconds: 10_800 } };
  } else delete s["sessionAffinityConfig"];
  if (s["type"] !== "ExternalName") fill(s, { internalTrafficPolicy: "Cluster" });
  if (external) fill(s, { externalTrafficPolicy: "Cluster" });
  else if (items(s["externalIPs"]).length === 0) delete s["externalTrafficPolicy"];
  if (s["type"] === "LoadBalancer") fill(s, { allocateLoadBalancerNodePorts: true });
  else for (const field of ["allocateLoadBalancerNodePorts", "loadBalancerClass"]) delete s[field];
  for (const port of items(s["ports"])) {
    fill(port, { protocol: "TCP" });
    if (port["targetPort"] === undefined || port["targetPort"] === "" || port["targetPort"] === 0) {
      port["targetPort"] = port["port"];
    }
  }
  if (s["type"] !== "LoadBalancer") service["status"] = { ...(at(service, "status") as object), loadBalancer: {} };
  fill(service, { status: { loadBalancer: {} } });
}

function validateService(service: ApiObject, old: ApiObject | undefined): Cause[] {
  const s = spec(service);
  const causes: Cause[] = [];
  const types = ["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"];
  if (!types.includes(text(s["type"]))) causes.push(unsupported("spec.type", s["type"], types));
  const ports = items(s["ports"]);
  if (ports.length === 0 && s["type"] !== "ExternalName" && s["clusterIP"] !== "None")
    causes.push(required("spec.ports"));
  if (s["type"] === "ExternalName" && !s["externalName"]) causes.push(required("spec.externalName"));
  ports.forEach((port, index) => causes.push(...validatePort(port, `spec.ports[${index}]`, ports, index)));
  for (const [field, supported] of Object.entries({
    externalTrafficPolicy: ["Cluster", "Local"],
    internalTrafficPolicy: ["Cluster", "Local"],
    sessionAffinity: ["ClientIP", "None"],
  })) {
    if (s[field] !== undefined && !supported.includes(text(s[field]))) {
      causes.push(unsupported(`spec.${field}`, s[field], supported));
    }
  }
  const oldClass = at(old, "spec", "loadBalancerClass");
  if (
    at(old, "spec", "type") === "LoadBalancer" &&
    s["type"] === "LoadBalancer" &&
    oldClass !== s["loadBalancerClass"]
  ) {
    causes.push(wrong("spec.loadBalancerClass", s["loadBalancerClass"], "may not change once set"));
  }
  return causes;
}

function validatePort(port: Node, field: string, all: readonly Node[], index: number): Cause[] {
  const causes: Cause[] = [];
  const earlier = all.slice(0, index);
  const number = Number(port["port"]);
  if (!port["name"] && all.length > 1) causes.push(required(`${field}.name`));
  if (port["name"] && earlier.some((each) => each["name"] === port["name"])) {
    causes.push(cause("FieldValueDuplicate", `${field}.name`, `Duplicate value: ${JSON.stringify(port["name"])}`));
  }
  if (!(number >= 1 && number <= 65_535)) {
    causes.push(wrong(`${field}.port`, port["port"], "must be between 1 and 65535, inclusive"));
  }
  if (earlier.some((each) => each["port"] === port["port"] && each["protocol"] === port["protocol"])) {
    const value = { port: port["port"], protocol: port["protocol"] };
    causes.push(cause("FieldValueDuplicate", field, `Duplicate value: ${JSON.stringify(value)}`));
  }
  const protocols = ["SCTP", "TCP", "UDP"];
  if (!protocols.includes(text(port["protocol"]))) {
    causes.push(unsupported(`${field}.protocol`, port["protocol"], protocols));
  }
  return causes;
}

function preparePod(pod: ApiObject, old: ApiObject | undefined): void {
  defaultPodSpec(spec(pod));
  if (!old) admitPodSpec(spec(pod));
  fill(pod, { status: {} });
  if (!old) fill(pod["status"] as Node, { phase: "Pending", qosClass: qualityOfService(spec(pod)) });
}

/** @see kubernetes/pkg/apis/core/helper/qos ComputePodQOS */
function qualityOfService(podSpec: Node): "BestEffort" | "Burstable" | "Guaranteed" {
  const all = [...items(podSpec["containers"]), ...items(podSpec["initContainers"])];
  const asked = (container: Node, kind: "requests" | "limits") => (at(container, "resources", kind) ?? {}) as Node;
  if (all.every((each) => Object.keys({ ...asked(each, "requests"), ...asked(each, "limits") }).length === 0)) {
    return "BestEffort";
  }
  const bounded = (container: Node): boolean =>
    ["cpu", "memory"].every((resource) => {
      const limit = asked(container, "limits")[resource];
      return limit !== undefined && (asked(container, "requests")[resource] ?? limit) === limit;
    });
  return all.every(bounded) ? "Guaranteed" : "Burstable";
}

function validatePodSpec(podSpec: Node, path: string): Cause[] {
  const causes: Cause[] = [];
  const containers = items(podSpec["containers"]);
  if (containers.length === 0) causes.push(required(`${path}.containers`));
  const volumes = new Set(items(podSpec["volumes"]).map((volume) => volume["name"]));
  const seen = new Set<unknown>();
  for (const list of ["initContainers", "containers"]) {
    items(podSpec[list]).forEach((container, index) => {
      const field = `${path}.${list}[${index}]`;
      if (!container["image"]) causes.push(required(`${field}.image`));
      if (seen.has(container["name"])) {
        causes.push(
          cause("FieldValueDuplicate", `${field}.name`, `Duplicate value: ${JSON.stringify(container["name"])}`),
        );
      }
      seen.add(container["name"]);
      causes.push(...validateMounts(container, field, volumes));
    });
  }
  return causes;
}

const validateMounts = (container: Node, field: string, volumes: ReadonlySet<unknown>): Cause[] =>
  items(container["volumeMounts"]).flatMap((mount, index) =>
    volumes.has(mount["name"])
      ? []
      : [
          cause(
            "FieldValueInvalid",
            `${field}.volumeMounts[${index}].name`,
            `Not found: ${JSON.stringify(mount["name"])}`,
          ),
        ],
  );

/** A Pod's spec stays as it was, but for the fields that Kubernetes lets change in place. */
function validatePod(pod: ApiObject, old: ApiObject | undefined): Cause[] {
  const causes = validatePodSpec(spec(pod), "spec");
  if (!old) return causes;
  if (deepEqual(fixedPart(pod), fixedPart(old))) return causes;
  const why =
    "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)";
  return [...causes, cause("FieldValueForbidden", "spec", `Forbidden: ${why}`)];
}

function fixedPart(pod: ApiObject): Node {
  const rest = without(
    spec(pod),
    "tolerations",
    "activeDeadlineSeconds",
    "terminationGracePeriodSeconds",
    "nodeName",
    "schedulingGates",
  );
  const images = (list: unknown) => items(list).map((container) => without(container, "image"));
  return { ...rest, containers: images(rest["containers"]), initContainers: images(rest["initContainers"]) };
}

/** Deployments, ReplicaSets and DaemonSets. @see kubernetes/pkg/apis/apps/v1/defaults.go */
const workload = (defaults: Record<string, unknown>, rolling: { field: string; values: Node } | undefined): Rules => ({
  prepare(object) {
    const s = spec(object);
    fill(s, defaults);
    if (rolling) defaultStrategy(s, rolling.field, rolling.values);
    const template = at(s, "template", "spec");
    if (template) defaultPodSpec(template as Node);
    const meta = at(s, "template", "metadata");
    if (at(s, "template")) fill(s["template"] as Node, { metadata: meta ?? {} });
    fill(object, { status: {} });
  },
  validate: (object, old) => [
    ...validatePodSpec((at(object, "spec", "template", "spec") ?? {}) as Node, "spec.template.spec"),
    ...validateSelector(object),
    ...(old ? immutable("spec.selector", at(object, "spec", "selector"), at(old, "spec", "selector")) : []),
  ],
});

function defaultStrategy(s: Node, field: string, values: Node): void {
  fill(s, { [field]: {} });
  const strategy = s[field] as Node;
  fill(strategy, { type: "RollingUpdate" });
  if (strategy["type"] !== "RollingUpdate") return;
  fill(strategy, { rollingUpdate: {} });
  fill(strategy["rollingUpdate"] as Node, values);
}

function validateSelector(object: ApiObject): Cause[] {
  const selector = at(object, "spec", "selector");
  const wanted = (at(selector, "matchLabels") ?? {}) as Record<string, string>;
  if (Object.keys(wanted).length === 0 && items(at(selector, "matchExpressions")).length === 0) {
    return [wrong("spec.selector", selector, `empty selector is invalid for ${object.kind.toLowerCase()}`)];
  }
  const labels = (at(object, "spec", "template", "metadata", "labels") ?? {}) as Record<string, string>;
  const matches = Object.entries(wanted).every(([key, value]) => labels[key] === value);
  return matches ? [] : [wrong("spec.template.metadata.labels", labels, "`selector` does not match template `labels`")];
}

function prepareNamespace(namespace: ApiObject, old: ApiObject | undefined): void {
  namespace.metadata.labels = { ...namespace.metadata.labels, "kubernetes.io/metadata.name": namespace.metadata.name };
  if (!old) spec(namespace)["finalizers"] = ["kubernetes"];
  fill(namespace, { status: {} });
  fill(namespace["status"] as Node, { phase: "Active" });
}

function prepareSecret(secret: ApiObject): void {
  fill(secret, { type: "Opaque" });
  const plain = secret["stringData"] as Record<string, string> | undefined;
  if (!plain) return;
  const encoded = Object.entries(plain).map(([key, value]) => [key, Buffer.from(value).toString("base64")]);
  secret["data"] = { ...(secret["data"] as object | undefined), ...Object.fromEntries(encoded) };
  delete secret["stringData"];
}

/** ConfigMaps and Secrets that say `immutable` keep their content. */
function validateImmutable(object: ApiObject, old: ApiObject | undefined): Cause[] {
  if (old?.["immutable"] !== true) return [];
  const fields = ["data", "binaryData"].filter((field) => !deepEqual(object[field], old[field]));
  return fields.map((field) =>
    cause("FieldValueForbidden", field, "Forbidden: field is immutable when `immutable` is set"),
  );
}

const validateSecret = (secret: ApiObject, old: ApiObject | undefined): Cause[] => [
  ...validateImmutable(secret, old),
  ...(old ? immutable("type", secret["type"], old["type"]) : []),
];

function prepareBinding(binding: ApiObject): void {
  const group = "rbac.authorization.k8s.io";
  if (binding["roleRef"]) fill(binding["roleRef"] as Node, { apiGroup: group });
  for (const subject of items(binding["subjects"])) {
    if (subject["kind"] !== "ServiceAccount") fill(subject, { apiGroup: group });
    else if (!subject["namespace"] && binding.metadata.namespace) subject["namespace"] = binding.metadata.namespace;
  }
}

const validateBinding = (binding: ApiObject, old: ApiObject | undefined): Cause[] =>
  old && !deepEqual(binding["roleRef"], old["roleRef"])
    ? [wrong("roleRef", binding["roleRef"], "cannot change roleRef")]
    : [];

const prepareWebhooks = (extra: Node) => (configuration: ApiObject) => {
  for (const webhook of items(configuration["webhooks"])) {
    fill(webhook, {
      failurePolicy: "Fail",
      matchPolicy: "Equivalent",
      namespaceSelector: {},
      objectSelector: {},
      timeoutSeconds: 10,
      ...extra,
    });
    const service = at(webhook, "clientConfig", "service");
    if (service) fill(service as Node, { port: 443 });
    for (const rule of items(webhook["rules"])) fill(rule, { scope: "*" });
  }
};

function prepareSlice(slice: ApiObject): void {
  slice["endpoints"] ??= [];
  for (const port of items(slice["ports"])) fill(port, { name: "", protocol: "TCP" });
}

function preparePolicy(policy: ApiObject): void {
  const s = spec(policy);
  fill(s, { podSelector: {} });
  fill(s, { policyTypes: s["egress"] ? ["Ingress", "Egress"] : ["Ingress"] });
}

const rules: Record<string, Rules> = {
  "/services": { prepare: prepareService, validate: validateService },
  "/pods": { prepare: preparePod, validate: validatePod },
  "/namespaces": { prepare: prepareNamespace },
  "/secrets": { prepare: prepareSecret, validate: validateSecret },
  "/configmaps": { validate: validateImmutable },
  "apps/deployments": workload(
    { replicas: 1, revisionHistoryLimit: 10, progressDeadlineSeconds: 600 },
    { field: "strategy", values: { maxUnavailable: "25%", maxSurge: "25%" } },
  ),
  "apps/replicasets": workload({ replicas: 1 }, undefined),
  "apps/daemonsets": workload(
    { revisionHistoryLimit: 10 },
    { field: "updateStrategy", values: { maxUnavailable: 1, maxSurge: 0 } },
  ),
  "discovery.k8s.io/endpointslices": { prepare: prepareSlice },
  "networking.k8s.io/networkpolicies": { prepare: preparePolicy },
  "rbac.authorization.k8s.io/rolebindings": { prepare: prepareBinding, validate: validateBinding },
  "rbac.authorization.k8s.io/clusterrolebindings": { prepare: prepareBinding, validate: validateBinding },
  "admissionregistration.k8s.io/validatingwebhookconfigurations": { prepare: prepareWebhooks({}) },
  "admissionregistration.k8s.io/mutatingwebhookconfigurations": {
    prepare: prepareWebhooks({ reinvocationPolicy: "Never" }),
  },
};

/** Kubernetes' own defaults and checks for a built-in kind, beyond its schema. */
export const rulesFor = (group: string, resource: string): Rules => rules[`${group}/${resource}`] ?? {};
