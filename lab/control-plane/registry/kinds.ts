import { componentFor } from "../schema/builtin.ts";
import type { ApiObject, Kind, Subresource } from "../types.ts";
import { columnsFor } from "./columns.ts";
import { rulesFor } from "./defaults.ts";
import { coreEvent } from "./events.ts";
import { at, text } from "./fields.ts";

interface Row {
  readonly group: string;
  readonly version?: string;
  readonly kind: string;
  readonly resource: string;
  readonly shortNames?: string[];
  /** Belongs to `kubectl get all`. */
  readonly all?: boolean;
  readonly cluster?: boolean;
  readonly subresources?: Subresource[];
  /** Spec and status are apart, and `metadata.generation` counts changes of the former. */
  readonly generation?: boolean;
  readonly labels?: Record<string, string>;
  /** Answers a question; nothing is stored. */
  readonly review?: boolean;
}

const RBAC = "rbac.authorization.k8s.io";
const ADMISSION = "admissionregistration.k8s.io";

const involved = Object.fromEntries(
  ["kind", "namespace", "name", "uid", "apiVersion", "resourceVersion", "fieldPath"].map((field) => [
    `involvedObject.${field}`,
    `involvedObject.${field}`,
  ]),
);
const eventLabels = {
  ...involved,
  reason: "reason",
  type: "type",
  reportingComponent: "reportingComponent",
  source: "source.component",
};

const rows: Row[] = [
  {
    group: "",
    kind: "Namespace",
    resource: "namespaces",
    shortNames: ["ns"],
    cluster: true,
    subresources: ["status", "finalize"],
    labels: { "status.phase": "status.phase" },
  },
  {
    group: "",
    kind: "Node",
    resource: "nodes",
    shortNames: ["no"],
    cluster: true,
    subresources: ["status"],
    labels: { "spec.unschedulable": "spec.unschedulable" },
  },
  {
    group: "",
    kind: "Service",
    resource: "services",
    shortNames: ["svc"],
    all: true,
    subresources: ["status"],
    labels: { "spec.clusterIP": "spec.clusterIP", "spec.type": "spec.type" },
  },
  { group: "", kind: "Endpoints", resource: "endpoints", shortNames: ["ep"] },
  {
    group: "",
    kind: "Pod",
    resource: "pods",
    shortNames: ["po"],
    all: true,
    generation: true,
    subresources: ["status", "log", "exec", "eviction"],
    labels: Object.fromEntries(
      [
        "spec.nodeName",
        "spec.restartPolicy",
        "spec.schedulerName",
        "spec.serviceAccountName",
        "spec.hostNetwork",
        "status.phase",
        "status.podIP",
        "status.nominatedNodeName",
      ].map((path) => [path, path]),
    ),
  },
  { group: "", kind: "Secret", resource: "secrets", labels: { type: "type" } },
  { group: "", kind: "ConfigMap", resource: "configmaps", shortNames: ["cm"] },
  { group: "", kind: "ServiceAccount", resource: "serviceaccounts", shortNames: ["sa"], subresources: ["token"] },
  { group: "", kind: "Event", resource: "events", shortNames: ["ev"], labels: eventLabels },
  { group: "events.k8s.io", kind: "Event", resource: "events", shortNames: ["ev"], labels: eventLabels },
  { group: "coordination.k8s.io", kind: "Lease", resource: "leases" },
  { group: "discovery.k8s.io", kind: "EndpointSlice", resource: "endpointslices", generation: true },
  {
    group: "apps",
    kind: "DaemonSet",
    resource: "daemonsets",
    shortNames: ["ds"],
    all: true,
    subresources: ["status"],
    generation: true,
  },
  {
    group: "apps",
    kind: "Deployment",
    resource: "deployments",
    shortNames: ["deploy"],
    all: true,
    subresources: ["status", "scale"],
    generation: true,
  },
  {
    group: "apps",
    kind: "ReplicaSet",
    resource: "replicasets",
    shortNames: ["rs"],
    all: true,
    subresources: ["status", "scale"],
    generation: true,
  },
  { group: RBAC, kind: "Role", resource: "roles" },
  { group: RBAC, kind: "RoleBinding", resource: "rolebindings" },
  { group: RBAC, kind: "ClusterRole", resource: "clusterroles", cluster: true },
  { group: RBAC, kind: "ClusterRoleBinding", resource: "clusterrolebindings", cluster: true },
  {
    group: "apiextensions.k8s.io",
    kind: "CustomResourceDefinition",
    resource: "customresourcedefinitions",
    shortNames: ["crd", "crds"],
    cluster: true,
    subresources: ["status"],
    generation: true,
  },
  {
    group: ADMISSION,
    kind: "ValidatingWebhookConfiguration",
    resource: "validatingwebhookconfigurations",
    cluster: true,
    generation: true,
  },
  {
    group: ADMISSION,
    kind: "MutatingWebhookConfiguration",
    resource: "mutatingwebhookconfigurations",
    cluster: true,
    generation: true,
  },
  {
    group: "networking.k8s.io",
    kind: "NetworkPolicy",
    resource: "networkpolicies",
    shortNames: ["netpol"],
    generation: true,
  },
  { group: "authentication.k8s.io", kind: "TokenReview", resource: "tokenreviews", cluster: true, review: true },
  {
    group: "authentication.k8s.io",
    kind: "SelfSubjectReview",
    resource: "selfsubjectreviews",
    cluster: true,
    review: true,
  },
  {
    group: "authorization.k8s.io",
    kind: "SubjectAccessReview",
    resource: "subjectaccessreviews",
    cluster: true,
    review: true,
  },
  {
    group: "authorization.k8s.io",
    kind: "SelfSubjectAccessReview",
    resource: "selfsubjectaccessreviews",
    cluster: true,
    review: true,
  },
];

const STORED_VERBS = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];

function kindFromRow(row: Row): Kind {
  const version = row.version ?? "v1";
  const component = componentFor(row.group, version, row.kind);
  if (component === undefined) throw new Error(`bug: no schema for ${row.group}/${version} ${row.kind}`);
  return {
    group: row.group,
    kind: row.kind,
    resource: row.resource,
    singular: row.kind.toLowerCase(),
    listKind: `${row.kind}List`,
    shortNames: row.shortNames ?? [],
    categories: row.all ? ["all"] : [],
    namespaced: !row.cluster,
    verbs: row.review ? ["create"] : STORED_VERBS,
    subresources: row.subresources ?? [],
    versions: [
      {
        name: version,
        served: true,
        storage: true,
        schema: { $ref: component },
        columns: columnsFor(row.group, row.resource),
      },
    ],
    fieldLabels: Object.fromEntries(Object.entries(row.labels ?? {}).map(([label, path]) => [label, fieldAt(path)])),
    custom: false,
    generation: row.generation ?? false,
    ...rulesFor(row.group, row.resource),
  };
}

/** The second name of events: fields are read as those of the first. */
function modernEvents(kind: Kind): Kind {
  const core =
    <T>(read: (object: ApiObject) => T) =>
    (object: ApiObject) =>
      read(coreEvent(object));
  return {
    ...kind,
    versions: kind.versions.map((version) => ({
      ...version,
      columns: columnsFor("", "events").map((column) => ({ ...column, value: core((event) => column.value(event)) })),
    })),
    fieldLabels: Object.fromEntries(Object.entries(kind.fieldLabels).map(([label, read]) => [label, core(read)])),
  };
}

const fieldAt =
  (path: string) =>
  (object: ApiObject): string =>
    text(at(object, ...path.split(".")));

/** A row for each built-in kind. */
export const builtinKinds = (): Kind[] =>
  rows.map((row) => (row.group === "events.k8s.io" ? modernEvents(kindFromRow(row)) : kindFromRow(row)));
