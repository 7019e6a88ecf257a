/** CustomResourceDefinitions: the kind that one describes. What makes one acceptable is in crd-validation.ts. */
import type { ApiObject, Column, Kind, KindVersion, Schema, Subresource } from "../types.ts";
import { at, items, type Node, text, texts } from "./fields.ts";
import { compileJsonPath } from "./jsonpath.ts";

export { validateCrd } from "./crd-validation.ts";

const objectMeta = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta";

/**
 * The kind that a valid CustomResourceDefinition describes, all its versions included.
 *
 * `metadata` of its objects refers to the built-in ObjectMeta, so the built-in components must be at hand wherever its schemas are used.
 */
export function kindFromCrd(crd: ApiObject): Kind {
  const spec = at(crd, "spec");
  const names = at(spec, "names");
  const kind = text(at(names, "kind"));
  const versions = items(at(spec, "versions"));
  const group = text(at(spec, "group"));
  return {
    group,
    kind,
    resource: text(at(names, "plural")),
    singular: text(at(names, "singular"), kind.toLowerCase()),
    listKind: text(at(names, "listKind"), `${kind}List`),
    shortNames: texts(at(names, "shortNames")),
    categories: texts(at(names, "categories")),
    namespaced: at(spec, "scope") === "Namespaced",
    verbs: ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"],
    subresources: subresourcesOf(versions),
    versions: versions.map((version) => versionOf(version, { group, kind })),
    fieldLabels: fieldLabelsOf(versions),
    custom: true,
    generation: true,
  };
}

function versionOf(version: Node, { group, kind }: { readonly group: string; readonly kind: string }): KindVersion {
  const name = text(version["name"]);
  const deprecated = version["deprecated"] === true;
  const warning = text(version["deprecationWarning"], `${group}/${name} ${kind} is deprecated`);
  return {
    name,
    served: version["served"] === true,
    storage: version["storage"] === true,
    ...(deprecated && { deprecated, deprecationWarning: warning }),
    schema: objectSchema(at(version, "schema", "openAPIV3Schema") as Schema | undefined),
    columns: columnsOf(version),
  };
}

/** The declared schema, with the members that every object has. */
function objectSchema(declared: Schema = { type: "object" }): Schema {
  const schema = structuredClone(declared);
  const described = (name: string, type: Schema): Schema => {
    const description = schema.properties?.[name]?.description;
    return description === undefined ? type : { description, ...type };
  };
  return {
    ...schema,
    properties: {
      ...schema.properties,
      apiVersion: described("apiVersion", { type: "string" }),
      kind: described("kind", { type: "string" }),
      metadata: described("metadata", { $ref: objectMeta }),
    },
  };
}

/** Subresources of any version: Kubernetes lets versions differ, but nobody does. */
function subresourcesOf(versions: readonly Node[]): Subresource[] {
  const has = (name: string): boolean => versions.some((version) => at(version, "subresources", name) !== undefined);
  return (["status", "scale"] as const).filter(has);
}

function fieldLabelsOf(versions: readonly Node[]): Kind["fieldLabels"] {
  const paths = versions
    .flatMap((version) => items(version["selectableFields"]))
    .map((field) => text(field["jsonPath"]));
  return Object.fromEntries(
    paths.map((path) => {
      const find = compileJsonPath(path);
      return [path.replace(/^\./, ""), (object: ApiObject) => text(find(object)[0])];
    }),
  );
}

const name: Column = {
  name: "Name",
  type: "string",
  format: "name",
  description: "Name must be unique within a namespace. Is required when creating resources.",
  priority: 0,
  value: (object) => object.metadata.name,
};

const age: Node = { name: "Age", type: "date", jsonPath: ".metadata.creationTimestamp" };

function columnsOf(version: Node): Column[] {
  const declared = items(version["additionalPrinterColumns"]);
  return [name, ...(declared.length === 0 ? [age] : declared).map(columnOf)];
}

function columnOf(column: Node): Column {
  const type = text(column["type"]);
  const find = compileJsonPath(text(column["jsonPath"]));
  const [format, description] = [text(column["format"]), text(column["description"])];
  return {
    name: text(column["name"]),
    type,
    ...(format !== "" && { format }),
    ...(description !== "" && { description }),
    priority: Number(column["priority"] ?? 0),
    value: (object) => cell(type, find(object)[0]),
  };
}

/** @see k8s.io/apiextensions-apiserver/pkg/registry/customresource/tableconvertor, cellForJSONValue */
function cell(type: string, value: unknown): string | number | boolean | null {
  if (value === undefined || value === null) return null;
  switch (type) {
    case "integer":
      return typeof value === "number" ? Math.trunc(value) : null;
    case "number":
      return typeof value === "number" ? value : null;
    case "boolean":
      return typeof value === "boolean" ? value : null;
    case "date":
      return typeof value === "string" ? value : null;
    default:
      return typeof value === "object" ? JSON.stringify(value) : text(value);
  }
}
