import type { ApiObject, Column } from "../types.ts";
import { at, items, type Node, text, texts } from "./fields.ts";

type Cell = ReturnType<Column["value"]>;

/** A column that is always shown; `priority` 1 makes it one of `-o wide`. Types follow the values: `date` cells hold a time and print as an age. */
const column = (name: string, value: Column["value"], priority = 0, type = "string"): Column => ({
  name,
  type,
  priority,
  value,
  ...(name === "Name" ? { format: "name", description: NAME_DOC } : {}),
});

const NAME_DOC = "Name must be unique within a namespace. Is required when creating resources.";

const nameColumn = column("Name", (object) => object.metadata.name);
const ageColumn = column("Age", (object) => object.metadata.creationTimestamp ?? null, 0, "date");
const wide = (name: string, value: Column["value"]): Column => column(name, value, 1);

const count = (value: unknown): number => (typeof value === "number" ? value : 0);
const size = (value: unknown): number => Object.keys(value ?? {}).length;
const joined = (values: readonly string[], absent = "<none>"): string =>
  values.length === 0 ? absent : values.join(",");

/** At most three entries, as kubectl abbreviates long lists. */
const firstThree = (values: readonly string[]): string =>
  values.length <= 3 ? joined(values, "<unset>") : `${values.slice(0, 3).join(",")} + ${values.length - 3} more...`;

/** A label selector as kubectl prints it. */
function selectorText(selector: unknown): string {
  const equal = Object.entries((at(selector, "matchLabels") ?? {}) as Node).map(
    ([key, value]) => `${key}=${text(value)}`,
  );
  const expressions = items(at(selector, "matchExpressions")).map((each) => {
    const values = texts(each["values"]).join(",");
    const key = text(each["key"]);
    if (each["operator"] === "Exists") return key;
    return each["operator"] === "DoesNotExist"
      ? `!${key}`
      : `${key} ${text(each["operator"]).toLowerCase()} (${values})`;
  });
  return joined([...equal, ...expressions]);
}

const plainSelector = (selector: unknown): string =>
  joined(Object.entries((selector ?? {}) as Node).map(([key, value]) => `${key}=${text(value)}`));

const containers = (object: ApiObject): Node[] => items(at(object, "spec", "template", "spec", "containers"));
const templateColumns: Column[] = [
  wide("Containers", (object) => joined(containers(object).map((each) => text(each["name"])))),
  wide("Images", (object) => joined(containers(object).map((each) => text(each["image"])))),
  wide("Selector", (object) => selectorText(at(object, "spec", "selector"))),
];

/** How long ago, in kubectl's short form (k8s.io/apimachinery/pkg/util/duration HumanDuration). */
export function humanDuration(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  if (seconds < -1) return "<invalid>";
  if (seconds < 0) return "0s";
  if (seconds < 120) return `${seconds}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 10) return seconds % 60 === 0 ? `${minutes}m` : `${minutes}m${seconds % 60}s`;
  if (minutes < 180) return `${minutes}m`;
  const hours = Math.floor(minutes / 60);
  if (hours < 8) return minutes % 60 === 0 ? `${hours}h` : `${hours}h${minutes % 60}m`;
  if (hours < 48) return `${hours}h`;
  const days = Math.floor(hours / 24);
  if (hours < 192) return hours % 24 === 0 ? `${days}d` : `${days}d${hours % 24}h`;
  if (days < 365 * 2) return `${days}d`;
  const years = Math.floor(days / 365);
  if (days < 365 * 8) return days % 365 === 0 ? `${years}y` : `${years}y${days % 365}d`;
  return `${years}y`;
}

const since = (time: unknown): string => {
  const from = Date.parse(text(time));
  return Number.isNaN(from) ? "<unknown>" : humanDuration(Date.now() - from);
};

/** The STATUS of a Pod, with the reason that explains it best. @see kubernetes/pkg/printers/internalversion printPod */
function podStatus(pod: ApiObject): { ready: string; status: string; restarts: string } {
  const statuses = items(at(pod, "status", "containerStatuses"));
  const total = items(at(pod, "spec", "containers")).length;
  const ready = statuses.filter((each) => each["ready"] === true && at(each, "state", "running") !== undefined).length;
  const inits = items(at(pod, "status", "initContainerStatuses"));
  const initCount = items(at(pod, "spec", "initContainers")).length;
  const blocked = inits.findIndex((each) => !initDone(each));
  const status = blocked >= 0 ? initReason(inits[blocked] ?? {}, blocked, initCount) : mainReason(pod, statuses);
  return { ready: `${ready}/${total}`, status: deleted(pod) ? "Terminating" : status, restarts: restarts(statuses) };
}

const deleted = (pod: ApiObject): boolean => pod.metadata.deletionTimestamp !== undefined;
const initDone = (status: Node): boolean =>
  at(status, "state", "terminated", "exitCode") === 0 || status["started"] === true;

function initReason(status: Node, index: number, total: number): string {
  const ended = at(status, "state", "terminated") as Node | undefined;
  if (ended) return `Init:${text(ended["reason"], `ExitCode:${text(ended["exitCode"])}`)}`;
  const waiting = text(at(status, "state", "waiting", "reason"));
  return waiting !== "" && waiting !== "PodInitializing" ? `Init:${waiting}` : `Init:${index}/${total}`;
}

function mainReason(pod: ApiObject, statuses: readonly Node[]): string {
  const phase = text(at(pod, "status", "reason")) || text(at(pod, "status", "phase"), "Unknown");
  const reasons = statuses.map((each) => {
    const ended = at(each, "state", "terminated") as Node | undefined;
    const waiting = text(at(each, "state", "waiting", "reason"));
    if (waiting !== "") return waiting;
    return ended
      ? text(
          ended["reason"],
          ended["signal"] ? `Signal:${text(ended["signal"])}` : `ExitCode:${text(ended["exitCode"])}`,
        )
      : "";
  });
  const reason = reasons.find((each) => each !== "") ?? phase;
  const runs = statuses.some((each) => each["ready"] === true && at(each, "state", "running") !== undefined);
  if (reason !== "Completed" || !runs) return reason;
  const ready = items(at(pod, "status", "conditions")).some(
    (each) => each["type"] === "Ready" && each["status"] === "True",
  );
  return ready ? "Running" : "NotReady";
}

function restarts(statuses: readonly Node[]): string {
  const total = statuses.reduce((sum, each) => sum + count(each["restartCount"]), 0);
  const ends = statuses
    .map((each) => text(at(each, "lastState", "terminated", "finishedAt")))
    .filter((time) => time !== "");
  const last = ends.sort().at(-1);
  return total > 0 && last !== undefined ? `${total} (${since(last)} ago)` : String(total);
}

function externalIp(service: ApiObject): string {
  const type = at(service, "spec", "type");
  const external = texts(at(service, "spec", "externalIPs"));
  const ingress = items(at(service, "status", "loadBalancer", "ingress")).map((each) =>
    text(each["ip"] ?? each["hostname"]),
  );
  if (type === "ExternalName") return text(at(service, "spec", "externalName"));
  if (type !== "LoadBalancer") return joined(external);
  const all = [...ingress, ...external];
  return all.length === 0 ? "<pending>" : all.join(",");
}

const servicePorts = (service: ApiObject): string =>
  joined(
    items(at(service, "spec", "ports")).map(
      (port) =>
        `${text(port["port"])}${port["nodePort"] ? `:${text(port["nodePort"])}` : ""}/${text(port["protocol"], "TCP")}`,
    ),
  );

function nodeStatus(node: ApiObject): string {
  const ready = items(at(node, "status", "conditions")).find((each) => each["type"] === "Ready");
  const word = ready === undefined ? "Unknown" : ready["status"] === "True" ? "Ready" : "NotReady";
  return at(node, "spec", "unschedulable") === true ? `${word},SchedulingDisabled` : word;
}

const nodeRoles = (node: ApiObject): string =>
  joined(
    Object.keys(node.metadata.labels ?? {})
      .filter((label) => label.startsWith("node-role.kubernetes.io/"))
      .map((label) => label.slice("node-role.kubernetes.io/".length))
      .sort(),
  );

const nodeAddress = (node: ApiObject, type: string): string =>
  text(items(at(node, "status", "addresses")).find((each) => each["type"] === type)?.["address"], "<none>");

const eventObject = (event: ApiObject): string =>
  `${text(at(event, "involvedObject", "kind")).toLowerCase()}/${text(at(event, "involvedObject", "name"))}`;

const lastSeen = (event: ApiObject): string =>
  since(
    at(event, "series", "lastObservedTime") ?? event["lastTimestamp"] ?? event["eventTime"] ?? event["firstTimestamp"],
  );

const subject = (binding: ApiObject, kind: string): string =>
  items(binding["subjects"])
    .filter((each) => each["kind"] === kind)
    .map((each) =>
      kind === "ServiceAccount" ? `${text(each["namespace"])}/${text(each["name"])}` : text(each["name"]),
    )
    .join(", ");

const roleColumns: Column[] = [nameColumn, column("Created At", (object) => object.metadata.creationTimestamp ?? null)];
const bindingColumns: Column[] = [
  nameColumn,
  column("Role", (object) => `${text(at(object, "roleRef", "kind"))}/${text(at(object, "roleRef", "name"))}`),
  ageColumn,
  wide("Users", (object) => subject(object, "User")),
  wide("Groups", (object) => subject(object, "Group")),
  wide("ServiceAccounts", (object) => subject(object, "ServiceAccount")),
];

const endpointAddresses = (slice: ApiObject): string[] =>
  items(slice["endpoints"]).flatMap((endpoint) => texts(endpoint["addresses"]));

const endpointsText = (endpoints: ApiObject): string => {
  const all = items(endpoints["subsets"]).flatMap((subset) =>
    items(subset["addresses"]).flatMap((address) =>
      items(subset["ports"]).map((port) => `${text(address["ip"])}:${text(port["port"])}`),
    ),
  );
  if (all.length === 0) return "<none>";
  return all.length <= 3 ? all.join(",") : `${all.slice(0, 3).join(",")} + ${all.length - 3} more...`;
};

const numbers = (pairs: Record<string, string[]>): Column[] =>
  Object.entries(pairs).map(([name, path]) => column(name, (object): Cell => count(at(object, ...path)), 0, "integer"));

/** Columns of the kinds whose tables say more than NAME and AGE; names and order are those of `kubectl get` against a real API server. */
const tables: Record<string, Column[]> = {
  "/pods": [
    nameColumn,
    column("Ready", (pod) => podStatus(pod).ready),
    column("Status", (pod) => podStatus(pod).status),
    column("Restarts", (pod) => podStatus(pod).restarts),
    ageColumn,
    wide("IP", (pod) => text(at(pod, "status", "podIP"), "<none>")),
    wide("Node", (pod) => text(at(pod, "spec", "nodeName"), "<none>")),
    wide("Nominated Node", (pod) => text(at(pod, "status", "nominatedNodeName"), "<none>")),
    wide("Readiness Gates", () => "<none>"),
  ],
  "/services": [
    nameColumn,
    column("Type", (service) => text(at(service, "spec", "type"))),
    column("Cluster-IP", (service) => text(at(service, "spec", "clusterIP"), "<none>")),
    column("External-IP", externalIp),
    column("Port(s)", servicePorts),
    ageColumn,
    wide("Selector", (service) => plainSelector(at(service, "spec", "selector"))),
  ],
  "/nodes": [
    nameColumn,
    column("Status", nodeStatus),
    column("Roles", nodeRoles),
    ageColumn,
    column("Version", (node) => text(at(node, "status", "nodeInfo", "kubeletVersion"))),
    wide("Internal-IP", (node) => nodeAddress(node, "InternalIP")),
    wide("External-IP", (node) => nodeAddress(node, "ExternalIP")),
    wide("OS-Image", (node) => text(at(node, "status", "nodeInfo", "osImage"), "<unknown>")),
    wide("Kernel-Version", (node) => text(at(node, "status", "nodeInfo", "kernelVersion"), "<unknown>")),
    wide("Container-Runtime", (node) => text(at(node, "status", "nodeInfo", "containerRuntimeVersion"), "<unknown>")),
  ],
  "/namespaces": [nameColumn, column("Status", (object) => text(at(object, "status", "phase"))), ageColumn],
  "/configmaps": [
    nameColumn,
    column("Data", (object) => size(object["data"]) + size(object["binaryData"]), 0, "integer"),
    ageColumn,
  ],
  "/secrets": [
    nameColumn,
    column("Type", (object) => text(object["type"])),
    column("Data", (object) => size(object["data"]), 0, "integer"),
    ageColumn,
  ],
  "/serviceaccounts": [
    nameColumn,
    column("Secrets", (object) => items(object["secrets"]).length, 0, "integer"),
    ageColumn,
  ],
  "/endpoints": [nameColumn, column("Endpoints", endpointsText), ageColumn],
  "/events": [
    column("Last Seen", lastSeen),
    column("Type", (event) => text(event["type"])),
    column("Reason", (event) => text(event["reason"])),
    column("Object", eventObject),
    wide("Subobject", (event) => text(at(event, "involvedObject", "fieldPath"))),
    wide("Source", (event) =>
      [text(at(event, "source", "component")) || text(event["reportingComponent"]), text(at(event, "source", "host"))]
        .filter((part) => part !== "")
        .join(", "),
    ),
    column("Message", (event) => text(event["message"]).trim()),
    wide("First Seen", (event) => since(event["firstTimestamp"] ?? event["eventTime"])),
    wide("Count", (event) => text(at(event, "series", "count") ?? event["count"], "1")),
    wide("Name", (event) => event.metadata.name),
  ],
  "apps/deployments": [
    nameColumn,
    column(
      "Ready",
      (object) => `${count(at(object, "status", "readyReplicas"))}/${count(at(object, "spec", "replicas"))}`,
    ),
    ...numbers({ "Up-to-date": ["status", "updatedReplicas"], Available: ["status", "availableReplicas"] }),
    ageColumn,
    ...templateColumns,
  ],
  "apps/replicasets": [
    nameColumn,
    ...numbers({ Desired: ["spec", "replicas"], Current: ["status", "replicas"], Ready: ["status", "readyReplicas"] }),
    ageColumn,
    ...templateColumns,
  ],
  "apps/daemonsets": [
    nameColumn,
    ...numbers({
      Desired: ["status", "desiredNumberScheduled"],
      Current: ["status", "currentNumberScheduled"],
      Ready: ["status", "numberReady"],
      "Up-to-date": ["status", "updatedNumberScheduled"],
      Available: ["status", "numberAvailable"],
    }),
    column("Node Selector", (object) => plainSelector(at(object, "spec", "template", "spec", "nodeSelector"))),
    ageColumn,
    ...templateColumns,
  ],
  "discovery.k8s.io/endpointslices": [
    nameColumn,
    column("AddressType", (slice) => text(slice["addressType"])),
    column("Ports", (slice) => firstThree(items(slice["ports"]).map((port) => text(port["port"])))),
    column("Endpoints", (slice) => firstThree(endpointAddresses(slice))),
    ageColumn,
  ],
  "coordination.k8s.io/leases": [
    nameColumn,
    column("Holder", (lease) => text(at(lease, "spec", "holderIdentity"))),
    ageColumn,
  ],
  "apiextensions.k8s.io/customresourcedefinitions": roleColumns,
  "rbac.authorization.k8s.io/roles": roleColumns,
  "rbac.authorization.k8s.io/clusterroles": roleColumns,
  "rbac.authorization.k8s.io/rolebindings": bindingColumns,
  "rbac.authorization.k8s.io/clusterrolebindings": bindingColumns,
  "networking.k8s.io/networkpolicies": [
    nameColumn,
    column("Pod-Selector", (object) => selectorText(at(object, "spec", "podSelector"))),
    ageColumn,
  ],
  "admissionregistration.k8s.io/validatingwebhookconfigurations": [
    nameColumn,
    column("Webhooks", (object) => items(object["webhooks"]).length, 0, "integer"),
    ageColumn,
  ],
  "admissionregistration.k8s.io/mutatingwebhookconfigurations": [
    nameColumn,
    column("Webhooks", (object) => items(object["webhooks"]).length, 0, "integer"),
    ageColumn,
  ],
};

/** The printed columns of a built-in kind. */
export const columnsFor = (group: string, resource: string): Column[] =>
  tables[`${group}/${resource}`] ?? [nameColumn, ageColumn];
