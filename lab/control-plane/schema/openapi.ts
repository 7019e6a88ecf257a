/** OpenAPI documents, with what kubectl and Helm read of them: paths and their media types, schemas with merge keys. */
import type { Components, Kind, KindVersion, Schema } from "../types.ts";

interface GroupVersion {
  readonly group: string;
  readonly version: string;
}

type Json = Record<string, unknown>;

/**
 * The OpenAPI v3 document of one group version.
 *
 * kubectl decides by it: `fieldValidation` on an operation leaves validation to the server, and a patch operation that takes
 * `application/strategic-merge-patch+json` gets such patches, so custom kinds must not offer it.
 */
export function openApiDocument(groupVersion: GroupVersion, kinds: readonly Kind[], components: Components): object {
  const served = kinds.flatMap((kind) => {
    const version = kind.versions.find((one) => one.name === groupVersion.version && one.served);
    return version === undefined ? [] : [{ kind, version, name: componentName(groupVersion, kind, version) }];
  });
  const schemas: Json = {};
  for (const { kind, version, name } of served) {
    if (version.schema.$ref === undefined) {
      schemas[name] = {
        ...emit(version.schema, "custom"),
        "x-kubernetes-group-version-kind": [{ ...groupVersion, kind: kind.kind }],
      };
    }
    schemas[listName(name, kind)] = listSchema(groupVersion, kind, name);
    addReferenced(schemas, components, version.schema);
  }
  for (const name of [listMeta, deleteOptions]) addReferenced(schemas, components, { $ref: name });
  schemas[intOrString] = { oneOf: [{ type: "integer" }, { type: "string" }], format: "int-or-string" };
  return {
    openapi: "3.0.0",
    info: { title: "Kubernetes", version: groupVersion.version },
    paths: Object.fromEntries(served.flatMap((one) => pathsOf(groupVersion, one))),
    components: { schemas: sorted(schemas) },
  };
}

/**
 * The OpenAPI v2 document in protobuf, as empty as clients accept: `swagger: "2.0"`, an `info`, no paths, no definitions.
 *
 * kubectl up to 1.28 asks for it before it applies anything.
 */
export const openApiV2Protobuf: Uint8Array = Buffer.concat([
  Buffer.from([0x0a, 3]),
  Buffer.from("2.0"),
  Buffer.from([0x12, 20, 0x0a, 10]),
  Buffer.from("Kubernetes"),
  Buffer.from([0x12, 6]),
  Buffer.from("v1.0.0"),
  Buffer.from([0x42, 0, 0x4a, 0]),
]);

const meta = "io.k8s.apimachinery.pkg.apis.meta.v1";
const listMeta = `${meta}.ListMeta`;
const deleteOptions = `${meta}.DeleteOptions`;
const intOrString = "io.k8s.apimachinery.pkg.util.intstr.IntOrString";

interface Served {
  readonly kind: Kind;
  readonly version: KindVersion;
  /** Its component. */
  readonly name: string;
}

/** `metallb.io/v1beta1 IPAddressPool` → `io.metallb.v1beta1.IPAddressPool`. */
const componentName = ({ group, version }: GroupVersion, kind: Kind, served: KindVersion): string =>
  served.schema.$ref ?? `${group.split(".").reverse().join(".")}.${version}.${kind.kind}`;

const listName = (name: string, kind: Kind): string => `${name.slice(0, name.lastIndexOf("."))}.${kind.listKind}`;

const reference = (name: string): Json => ({ $ref: `#/components/schemas/${name}` });

function listSchema(groupVersion: GroupVersion, kind: Kind, item: string): Json {
  return {
    type: "object",
    description: `${kind.listKind} is a list of ${kind.kind}`,
    required: ["items"],
    properties: {
      apiVersion: { type: "string" },
      kind: { type: "string" },
      metadata: { allOf: [reference(listMeta)] },
      items: { type: "array", items: { allOf: [reference(item)] } },
    },
    "x-kubernetes-group-version-kind": [{ ...groupVersion, kind: kind.listKind }],
  };
}

/** Adds the components that a schema refers to, and those that they refer to. */
function addReferenced(schemas: Json, components: Components, schema: Schema): void {
  const name = schema.$ref;
  if (name !== undefined && !(name in schemas)) {
    const component = components[name];
    if (component === undefined) throw new Error(`bug: no schema component ${name}`);
    schemas[name] = emit(component, "builtin");
    addReferenced(schemas, components, component);
  }
  for (const inner of innerSchemas(schema)) addReferenced(schemas, components, inner);
}

function innerSchemas(schema: Schema): Schema[] {
  const inner = Object.values(schema.properties ?? {});
  if (schema.items !== undefined) inner.push(schema.items);
  if (typeof schema.additionalProperties === "object") inner.push(schema.additionalProperties);
  return inner;
}

/** A schema as OpenAPI writes it: a reference that says more than its target stands in `allOf`. */
function emit(schema: Schema, origin: "builtin" | "custom"): Json {
  const { $ref, properties, items, additionalProperties, ...rest } = schema;
  const own: Json = { ...rest };
  if (origin === "builtin" && own["x-kubernetes-int-or-string"] === true) {
    delete own["x-kubernetes-int-or-string"];
    return { ...own, allOf: [reference(intOrString)] };
  }
  if ($ref !== undefined) return Object.keys(own).length === 0 ? reference($ref) : { ...own, allOf: [reference($ref)] };
  if (properties !== undefined) {
    own["properties"] = Object.fromEntries(Object.entries(properties).map(([name, one]) => [name, emit(one, origin)]));
  }
  if (items !== undefined) own["items"] = emit(items, origin);
  if (typeof additionalProperties === "object") own["additionalProperties"] = emit(additionalProperties, origin);
  else if (additionalProperties !== undefined) own["additionalProperties"] = additionalProperties;
  return own;
}

function pathsOf(groupVersion: GroupVersion, served: Served): [string, Json][] {
  const { group, version } = groupVersion;
  const { kind } = served;
  const root = group === "" ? `/api/${version}` : `/apis/${group}/${version}`;
  const collection = `${root}${kind.namespaced ? "/namespaces/{namespace}" : ""}/${kind.resource}`;
  const path = new PathWriter(groupVersion, served);
  const subresources = kind.subresources
    .filter((one) => one === "status")
    .map((one): [string, Json] => [`${collection}/{name}/${one}`, path.item("/status")]);
  return [[collection, path.collection()], [`${collection}/{name}`, path.item("")], ...subresources];
}

/** Writes the operations of one kind. */
class PathWriter {
  readonly #served: Served;
  readonly #groupVersion: GroupVersion;

  constructor(groupVersion: GroupVersion, served: Served) {
    this.#groupVersion = groupVersion;
    this.#served = served;
  }

  collection(): Json {
    const { kind, name } = this.#served;
    const operations: Json = { parameters: this.#parameters(false) };
    if (this.#may("list")) operations["get"] = this.#operation("list", "", { answer: listName(name, kind) });
    if (this.#may("create")) operations["post"] = this.#operation("create", "", { body: ["application/json"] });
    if (this.#may("deletecollection")) {
      operations["delete"] = this.#operation("deletecollection", "", { answer: `${meta}.Status` });
    }
    return operations;
  }

  item(suffix: "" | "/status"): Json {
    const operations: Json = { parameters: this.#parameters(true) };
    if (this.#may("get")) operations["get"] = this.#operation("get", suffix, {});
    if (this.#may("update")) operations["put"] = this.#operation("update", suffix, { body: ["application/json"] });
    if (this.#may("patch")) operations["patch"] = this.#operation("patch", suffix, { body: this.#patchTypes() });
    if (this.#may("delete") && suffix === "") operations["delete"] = this.#operation("delete", suffix, {});
    return operations;
  }

  #may(verb: string): boolean {
    return this.#served.kind.verbs.includes(verb);
  }

  #patchTypes(): string[] {
    const common = ["application/apply-patch+yaml", "application/json-patch+json", "application/merge-patch+json"];
    return this.#served.kind.custom ? common : [...common, "application/strategic-merge-patch+json"];
  }

  #parameters(named: boolean): Json[] {
    const inPath = (name: string): Json => ({ name, in: "path", required: true, schema: { type: "string" } });
    return [...(this.#served.kind.namespaced ? [inPath("namespace")] : []), ...(named ? [inPath("name")] : [])];
  }

  #operation(action: string, suffix: string, { body, answer }: { body?: string[]; answer?: string }): Json {
    const { kind, name } = this.#served;
    const { group, version } = this.#groupVersion;
    const schema = action === "patch" ? { type: "object" } : reference(name);
    return {
      operationId: `${action}${kind.namespaced ? "Namespaced" : ""}${kind.kind}${suffix === "" ? "" : "Status"}`,
      "x-kubernetes-action": action === "create" ? "post" : action === "update" ? "put" : action,
      "x-kubernetes-group-version-kind": { group, version, kind: kind.kind },
      ...(body !== undefined && {
        parameters: writeParameters,
        requestBody: { required: true, content: Object.fromEntries(body.map((type) => [type, { schema }])) },
      }),
      responses: {
        "200": {
          description: "OK",
          content: {
            "application/json": { schema: answer?.startsWith(meta) === true ? {} : reference(answer ?? name) },
          },
        },
      },
    };
  }
}

const writeParameters = ["dryRun", "fieldManager", "fieldValidation", "force"].map((name) => ({
  name,
  in: "query",
  schema: { type: name === "force" ? "boolean" : "string" },
}));

const sorted = (object: Json): Json => Object.fromEntries(Object.entries(object).sort(([a], [b]) => (a < b ? -1 : 1)));
