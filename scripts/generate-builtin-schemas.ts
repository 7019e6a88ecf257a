/**
 * Writes lab/control-plane/schema/generated/builtin.json: the schemas of the built-in kinds that the embedded control plane serves.
 *
 * The facts come from the model files of the npm package @kubernetes/client-node, which is not a dependency of the project:
 *
 *     npm install --prefix DIR @kubernetes/client-node@1.4.0
 *     node scripts/generate-builtin-schemas.ts DIR/node_modules/@kubernetes/client-node
 *
 * A model's `attributeTypeMap` gives names, types and formats; its `.d.ts` gives descriptions and what is optional. What neither
 * knows (list types, merge keys, defaults, enums) is in lab/control-plane/schema/facts.ts.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { Components, Schema } from "../lab/control-plane/types.ts";

interface Attribute {
  /** The member's name in TypeScript, such as `_continue`. */
  readonly name: string;
  /** The field's name in JSON, such as `continue`. */
  readonly baseName: string;
  readonly type: string;
  readonly format: string;
}

interface Package {
  readonly prefix: string;
  readonly group: string;
  /** Model classes of the kinds that the control plane serves. */
  readonly kinds: readonly string[];
}

/** In this order: a type that several packages use belongs to the first, so core owns PodTemplateSpec and all below it. */
const packages: readonly Package[] = [
  {
    prefix: "io.k8s.api.core.v1",
    group: "",
    kinds: [
      "V1Pod",
      "V1PodTemplate",
      "V1Node",
      "V1Namespace",
      "V1Service",
      "V1Endpoints",
      "V1Secret",
      "V1ConfigMap",
      "V1ServiceAccount",
      "CoreV1Event",
    ],
  },
  {
    prefix: "io.k8s.api.apps.v1",
    group: "apps",
    kinds: ["V1DaemonSet", "V1Deployment", "V1ReplicaSet", "V1ControllerRevision"],
  },
  { prefix: "io.k8s.api.autoscaling.v1", group: "autoscaling", kinds: ["V1Scale"] },
  { prefix: "io.k8s.api.coordination.v1", group: "coordination.k8s.io", kinds: ["V1Lease"] },
  { prefix: "io.k8s.api.discovery.v1", group: "discovery.k8s.io", kinds: ["V1EndpointSlice"] },
  { prefix: "io.k8s.api.events.v1", group: "events.k8s.io", kinds: ["EventsV1Event"] },
  { prefix: "io.k8s.api.networking.v1", group: "networking.k8s.io", kinds: ["V1NetworkPolicy"] },
  { prefix: "io.k8s.api.policy.v1", group: "policy", kinds: ["V1PodDisruptionBudget", "V1Eviction"] },
  {
    prefix: "io.k8s.api.rbac.v1",
    group: "rbac.authorization.k8s.io",
    kinds: ["V1Role", "V1RoleBinding", "V1ClusterRole", "V1ClusterRoleBinding"],
  },
  {
    prefix: "io.k8s.api.admissionregistration.v1",
    group: "admissionregistration.k8s.io",
    kinds: ["V1ValidatingWebhookConfiguration", "V1MutatingWebhookConfiguration"],
  },
  {
    prefix: "io.k8s.api.authentication.v1",
    group: "authentication.k8s.io",
    kinds: ["V1TokenReview", "AuthenticationV1TokenRequest", "V1SelfSubjectReview"],
  },
  {
    prefix: "io.k8s.api.authorization.v1",
    group: "authorization.k8s.io",
    kinds: [
      "V1SelfSubjectAccessReview",
      "V1SubjectAccessReview",
      "V1LocalSubjectAccessReview",
      "V1SelfSubjectRulesReview",
    ],
  },
  {
    prefix: "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1",
    group: "apiextensions.k8s.io",
    kinds: ["V1CustomResourceDefinition"],
  },
];

const metaPrefix = "io.k8s.apimachinery.pkg.apis.meta.v1";
const metaTypes = new Set([
  "ObjectMeta",
  "ListMeta",
  "LabelSelector",
  "LabelSelectorRequirement",
  "FieldSelectorRequirement",
  "OwnerReference",
  "ManagedFieldsEntry",
  "Condition",
  "DeleteOptions",
  "Preconditions",
  "Status",
  "StatusDetails",
  "StatusCause",
]);

const library = process.argv[2];
if (library === undefined) throw new Error("usage: generate-builtin-schemas.ts PATH/OF/@kubernetes/client-node");
const models = join(library, "dist/gen/models");

const components: Components = {};
/** Model class → component key, for what has been reached. */
const keys = new Map<string, string>();

for (const { prefix, group, kinds } of packages) {
  for (const model of kinds) {
    const component = components[await reach(model, prefix)];
    if (component === undefined) throw new Error(`bug: ${model} was not generated`);
    component["x-kubernetes-group-version-kind"] = [{ group, version: "v1", kind: shortName(model) }];
  }
}
for (const model of ["V1Status", "V1DeleteOptions"]) {
  const component = components[await reach(model, metaPrefix)];
  if (component !== undefined)
    component["x-kubernetes-group-version-kind"] = [{ group: "", version: "v1", kind: shortName(model) }];
}

const sorted = Object.fromEntries(Object.entries(components).sort(([a], [b]) => (a < b ? -1 : 1)));
writeFileSync(
  join(import.meta.dirname, "../lab/control-plane/schema/generated/builtin.json"),
  `${JSON.stringify(sorted, null, 1)}\n`,
);

/** `AuthenticationV1TokenRequest` → `TokenRequest`. */
function shortName(model: string): string {
  return model.replace(/^[A-Za-z]*?V\d+((alpha|beta)\d+)?(?=[A-Z])/, "");
}

async function reach(model: string, prefix: string): Promise<string> {
  const known = keys.get(model);
  if (known !== undefined) return known;
  const key = `${metaTypes.has(shortName(model)) ? metaPrefix : prefix}.${shortName(model)}`;
  if (key in components) throw new Error(`two models claim ${key}`);
  keys.set(model, key);
  // Claimed before its members are read: JSONSchemaProps contains itself.
  const schema: Schema = { type: "object" };
  components[key] = schema;
  await fill(schema, model, prefix);
  return key;
}

async function fill(schema: Schema, model: string, prefix: string): Promise<void> {
  const module = (await import(pathToFileURL(join(models, `${model}.js`)).href)) as Record<
    string,
    { readonly attributeTypeMap: readonly Attribute[] }
  >;
  const declared = declarations(readFileSync(join(models, `${model}.d.ts`), "utf8"));
  if (declared.description !== "") schema.description = declared.description;
  schema.properties = {};
  const required: string[] = [];
  for (const attribute of module[model]?.attributeTypeMap ?? []) {
    const name = attribute.baseName;
    const member = declared.members.get(attribute.name) ?? { description: "", optional: true };
    const described = member.description === "" ? {} : { description: member.description };
    schema.properties[name] = { ...described, ...(await typeOf(attribute.type, attribute.format, prefix)) };
    if (!member.optional) required.push(name);
  }
  if (required.length > 0) schema.required = required.sort();
}

async function typeOf(type: string, format: string, prefix: string): Promise<Schema> {
  const list = /^(?:Array|Set)<(.*)>$/.exec(type)?.[1];
  if (list !== undefined) return { type: "array", items: await typeOf(list, format, prefix) };
  const map = /^\{ \[key: string\]: (.*); \}$/.exec(type)?.[1];
  if (map !== undefined) return { type: "object", additionalProperties: await typeOf(map, format, prefix) };
  switch (type) {
    case "string":
      return { type: "string", ...(format !== "" && { format }) };
    case "boolean":
      return { type: "boolean" };
    case "number":
      return format === "double"
        ? { type: "number", format }
        : { type: "integer", format: format === "" ? "int64" : format };
    case "Date":
      return { type: "string", format: "date-time" };
    case "V1MicroTime":
      return { type: "string", format: "date-time" };
    case "IntOrString":
      return { "x-kubernetes-int-or-string": true };
    case "any":
    case "object":
      return { "x-kubernetes-preserve-unknown-fields": true };
    default:
      return { $ref: await reach(type, prefix) };
  }
}

/** What a model's `.d.ts` says: the class's description, and each member's description and optionality. */
function declarations(text: string): {
  readonly description: string;
  readonly members: ReadonlyMap<string, { readonly description: string; readonly optional: boolean }>;
} {
  const body = text.slice(text.lastIndexOf("/**", text.indexOf("export declare class")));
  const description = /^\/\*\*\s*\* ([\s\S]*?)\s*\*\/\s*export declare class/.exec(body)?.[1] ?? "";
  const members = new Map<string, { description: string; optional: boolean }>();
  for (const match of body.matchAll(/(?:\/\*\*\s*\* ([^\n]*)\s*\*\/\s*)?\n {4}'([^']+)'(\??): /g)) {
    members.set(match[2] ?? "", { description: unescape(match[1] ?? ""), optional: match[3] === "?" });
  }
  return { description: unescape(description), members };
}

function unescape(text: string): string {
  return text.replaceAll("\\'", "'").replaceAll('\\"', '"').replaceAll("*\\/", "*/").trim();
}
