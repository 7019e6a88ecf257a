/** What kube-apiserver asks of a CustomResourceDefinition. @see k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/validation */
import { builtinComponents } from "../schema/builtin.ts";
import { ruleProblem } from "../schema/cel.ts";
import { validateObject } from "../schema/walk.ts";
import type { ApiObject, Cause, Schema } from "../types.ts";
import { at, items, type Node, text } from "./fields.ts";
import { compileJsonPath } from "./jsonpath.ts";

/** Everything wrong with a CustomResourceDefinition beyond its own schema: names, versions, structural schemas, rules, conversion. */
export function validateCrd(crd: ApiObject): Cause[] {
  const spec = at(crd, "spec");
  const versions = items(at(spec, "versions"));
  return [
    ...nameCauses(crd),
    ...versionCauses(versions),
    ...versions.flatMap((version, i) => oneVersionCauses(version, `spec.versions[${i}]`)),
    ...conversionCauses(at(spec, "conversion")),
    ...(at(spec, "preserveUnknownFields") === true
      ? [invalid("spec.preserveUnknownFields", true, "must be false in order to use defaults in the schema")]
      : []),
  ];
}

const label = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;
const subdomain = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;

function nameCauses(crd: ApiObject): Cause[] {
  const spec = at(crd, "spec");
  const [group, plural, kind] = [
    text(at(spec, "group")),
    text(at(spec, "names", "plural")),
    text(at(spec, "names", "kind")),
  ];
  const causes: Cause[] = [];
  if (crd.metadata.name !== `${plural}.${group}`) {
    causes.push(invalid("metadata.name", crd.metadata.name, 'must be spec.names.plural+"."+spec.group'));
  }
  if (group === "") causes.push(required("spec.group"));
  else if (!subdomain.test(group)) causes.push(invalid("spec.group", group, subdomainRule));
  else if (!group.includes(".")) causes.push(invalid("spec.group", group, "should be a domain with at least one dot"));
  if (plural === "") causes.push(required("spec.names.plural"));
  else if (!label.test(plural)) causes.push(invalid("spec.names.plural", plural, labelRule));
  if (kind === "") causes.push(required("spec.names.kind"));
  else if (!label.test(kind.toLowerCase())) causes.push(invalid("spec.names.kind", kind, labelRule));
  if (text(at(spec, "scope")) === "") causes.push(required("spec.scope"));
  return causes;
}

const labelRule =
  "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character";
const subdomainRule =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character";

function versionCauses(versions: readonly Node[]): Cause[] {
  const names = versions.map((version) => text(version["name"]));
  const causes: Cause[] = [];
  if (new Set(names).size < names.length)
    causes.push(invalid("spec.versions", names, "must contain unique version names"));
  if (versions.filter((version) => version["storage"] === true).length !== 1) {
    causes.push(invalid("spec.versions", names, "must have exactly one version marked as storage version"));
  }
  return causes;
}

function oneVersionCauses(version: Node, path: string): Cause[] {
  const name = text(version["name"]);
  const schema = at(version, "schema", "openAPIV3Schema") as Schema | undefined;
  const at3 = `${path}.schema.openAPIV3Schema`;
  return [
    ...(label.test(name) ? [] : [invalid(`${path}.name`, name, labelRule)]),
    ...(schema === undefined ? [required(at3, "schemas are required")] : schemaCauses(schema, at3)),
    ...items(version["additionalPrinterColumns"]).flatMap((column, i) =>
      pathCauses(text(column["jsonPath"]), `${path}.additionalPrinterColumns[${i}].jsonPath`),
    ),
    ...items(version["selectableFields"]).flatMap((field, i) =>
      pathCauses(text(field["jsonPath"]), `${path}.selectableFields[${i}].jsonPath`),
    ),
  ];
}

function pathCauses(jsonPath: string, field: string): Cause[] {
  try {
    compileJsonPath(jsonPath);
    return [];
  } catch (error) {
    return [invalid(field, jsonPath, error instanceof Error ? error.message : String(error))];
  }
}

function conversionCauses(conversion: unknown): Cause[] {
  const webhook = at(conversion, "webhook");
  const path = "spec.conversion.webhook";
  if (at(conversion, "strategy") !== "Webhook") {
    return webhook === undefined ? [] : [forbidden(path, "should not be set when strategy is not set to Webhook")];
  }
  if (webhook === undefined) return [required(path, "required when strategy is set to Webhook")];
  const versions = at(webhook, "conversionReviewVersions");
  const client = at(webhook, "clientConfig");
  const known = Array.isArray(versions) && (versions.includes("v1") || versions.includes("v1beta1"));
  return [
    ...(known
      ? []
      : [invalid(`${path}.conversionReviewVersions`, versions ?? [], "must include at least one of v1, v1beta1")]),
    ...((at(client, "url") === undefined) === (at(client, "service") === undefined)
      ? [required(`${path}.clientConfig`, "exactly one of url or service is required")]
      : []),
  ];
}

function schemaCauses(schema: Schema, path: string): Cause[] {
  const root: Cause[] = [];
  if (schema.type === undefined) root.push(required(`${path}.type`, "must not be empty at the root"));
  else if (schema.type !== "object") root.push(invalid(`${path}.type`, schema.type, "must be object at the root"));
  return [...root, ...structuralCauses(schema, path)];
}

/** Parts of JSON schema that structural schemas leave out. */
const left = ["$ref", "definitions", "dependencies", "patternProperties", "additionalItems", "id", "$schema"] as const;

/** @see k8s.io/apiextensions-apiserver/pkg/apiserver/schema/validation.go */
function structuralCauses(schema: Schema, path: string): Cause[] {
  const causes: Cause[] = [];
  for (const name of left) if (name in schema) causes.push(forbidden(`${path}.${name}`, `${name} is not supported`));
  if (schema.uniqueItems === true) {
    causes.push(
      forbidden(
        `${path}.uniqueItems`,
        "uniqueItems cannot be set to true since the runtime complexity becomes quadratic",
      ),
    );
  }
  if (schema.properties !== undefined && schema.additionalProperties !== undefined) {
    causes.push(forbidden(`${path}.additionalProperties`, "additionalProperties and properties are mutual exclusive"));
  }
  if (schema.type === "array" && schema.items === undefined)
    causes.push(required(`${path}.items`, "must be specified"));
  if (Array.isArray(schema.items))
    causes.push(invalid(`${path}.items`, "array", "items must be a schema object and not an array"));
  if (schema.pattern !== undefined) causes.push(...patternCauses(schema.pattern, `${path}.pattern`));
  return [
    ...causes,
    ...listCauses(schema, path),
    ...ruleCauses(schema, path),
    ...defaultCauses(schema, path),
    ...combinationCauses(schema, path),
    ...innerCauses(schema, path),
  ];
}

function innerCauses(schema: Schema, path: string): Cause[] {
  const inner = Object.entries(schema.properties ?? {}).map(([name, one]): [Schema, string, string] => [
    one,
    `${path}.properties[${name}]`,
    "must not be empty for specified object fields",
  ]);
  const { items: list, additionalProperties } = schema;
  if (list !== undefined && !Array.isArray(list))
    inner.push([list, `${path}.items`, "must not be empty for specified array items"]);
  if (typeof additionalProperties === "object") {
    inner.push([additionalProperties, `${path}.additionalProperties`, "must not be empty for specified object fields"]);
  }
  return inner.flatMap(([one, where, why]) => [
    ...(isTyped(one) ? [] : [required(`${where}.type`, why)]),
    ...structuralCauses(one, where),
  ]);
}

const isTyped = (schema: Schema): boolean =>
  schema.type !== undefined ||
  schema["x-kubernetes-int-or-string"] === true ||
  schema["x-kubernetes-preserve-unknown-fields"] === true;

function patternCauses(pattern: string, path: string): Cause[] {
  try {
    void new RegExp(pattern.replace(/^\(\?[ims]+\)/, ""));
    return [];
  } catch {
    return [invalid(path, pattern, "must be a valid regular expression")];
  }
}

function listCauses(schema: Schema, path: string): Cause[] {
  const type = schema["x-kubernetes-list-type"];
  const keys = schema["x-kubernetes-list-map-keys"] ?? [];
  const where = `${path}.x-kubernetes-list-map-keys`;
  if (type !== undefined && schema.type !== "array") {
    return [invalid(`${path}.type`, schema.type ?? "", "must be array if x-kubernetes-list-type is specified")];
  }
  if (type !== "map")
    return keys.length === 0 ? [] : [forbidden(where, "must only be set if x-kubernetes-list-type is map")];
  if (keys.length === 0) return [required(where, "must not be empty if x-kubernetes-list-type is map")];
  const { properties = {}, required: demanded = [] } = schema.items ?? {};
  return keys.flatMap((key, i) => {
    const one = properties[key];
    if (one === undefined) return [invalid(`${where}[${i}]`, key, "entries must all be names of item properties")];
    if (demanded.includes(key) || one.default !== undefined) return [];
    return [
      required(
        `${path}.items.properties[${key}].default`,
        "this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property",
      ),
    ];
  });
}

function ruleCauses(schema: Schema, path: string): Cause[] {
  return (schema["x-kubernetes-validations"] ?? []).flatMap(({ rule, messageExpression }, i) => {
    const where = `${path}.x-kubernetes-validations[${i}]`;
    const problem = ruleProblem(rule);
    const wordsProblem = messageExpression === undefined ? undefined : ruleProblem(messageExpression);
    return [
      ...(rule.trim() === "" ? [required(`${where}.rule`, "rule is not specified")] : []),
      ...(problem === undefined ? [] : [invalid(`${where}.rule`, rule, `compilation failed: ${problem}`)]),
      ...(wordsProblem === undefined
        ? []
        : [invalid(`${where}.messageExpression`, messageExpression, `compilation failed: ${wordsProblem}`)]),
    ];
  });
}

function defaultCauses(schema: Schema, path: string): Cause[] {
  if (schema.default === undefined) return [];
  return validateObject(schema, builtinComponents(), schema.default).map((cause) => ({
    ...cause,
    field: [`${path}.default`, cause.field].filter((part) => part !== "").join("."),
  }));
}

const combined = ["allOf", "anyOf", "oneOf"] as const;
const structureOnly = ["type", "description", "default", "additionalProperties", "nullable"] as const;

/** Inside allOf, anyOf, oneOf and not, values are constrained; structure is declared outside. */
function combinationCauses(schema: Schema, path: string): Cause[] {
  const parts = combined.flatMap((how) =>
    (schema[how] ?? []).map((part, i): [Schema, string] => [part, `${path}.${how}[${i}]`]),
  );
  if (schema.not !== undefined) parts.push([schema.not, `${path}.not`]);
  // int-or-string is written as anyOf of the two types.
  const typesAllowed = schema["x-kubernetes-int-or-string"] === true;
  return parts.flatMap(([part, where]) =>
    structureOnly
      .filter((name) => name in part && !(name === "type" && typesAllowed))
      .map((name) => forbidden(`${where}.${name}`, "must be empty to be structural")),
  );
}

const required = (field: string, detail = ""): Cause => ({
  reason: "FieldValueRequired",
  message: detail === "" ? "Required value" : `Required value: ${detail}`,
  field,
});

const invalid = (field: string, value: unknown, detail: string): Cause => ({
  reason: "FieldValueInvalid",
  message: `Invalid value: ${JSON.stringify(value)}: ${detail}`,
  field,
});

const forbidden = (field: string, detail: string): Cause => ({
  reason: "FieldValueForbidden",
  message: `Forbidden: ${detail}`,
  field,
});
