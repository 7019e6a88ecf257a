/** The schemas of the built-in kinds: generated ones, completed by the facts of facts.ts. */
import type { Components, Schema } from "../types.ts";
import { atomicComponents, fieldFacts, leniently, quantities } from "./facts.ts";
import generated from "./generated/builtin.json" with { type: "json" };

const quantity = "io.k8s.apimachinery.pkg.api.resource.Quantity";

/**
 * All built-in components, by name such as `io.k8s.api.core.v1.ServicePort`. The same frozen value each time.
 *
 * Custom kinds need them too: their `metadata` refers to ObjectMeta.
 */
export function builtinComponents(): Components {
  return components;
}

/** The component of a built-in kind, or undefined when there is none. */
export function componentFor(group: string, version: string, kind: string): string | undefined {
  return byKind.get(`${group}/${version}/${kind}`);
}

const components: Components = complete(structuredClone(generated) as Components);

const byKind: ReadonlyMap<string, string> = new Map(
  Object.entries(components).flatMap(([name, schema]) =>
    (schema["x-kubernetes-group-version-kind"] ?? []).map(
      (gvk) => [`${gvk.group}/${gvk.version}/${gvk.kind}`, name] as const,
    ),
  ),
);

function complete(bare: Components): Components {
  for (const [name, facts] of Object.entries(fieldFacts)) {
    for (const [field, fact] of Object.entries(facts)) Object.assign(fieldOf(bare, name, field), fact);
  }
  for (const name of atomicComponents) componentOf(bare, name)["x-kubernetes-map-type"] = "atomic";
  for (const path of quantities) asQuantity(bare, path);
  for (const [name, schema] of Object.entries(bare)) {
    if (leniently.test(name)) delete schema.required;
  }
  bare[quantity] = {
    description: "A fixed-point number, such as 100m or 1Gi.",
    anyOf: [{ type: "string" }, { type: "number" }],
  };
  return deepFreeze(bare);
}

function asQuantity(bare: Components, path: string): void {
  const dot = path.lastIndexOf(".");
  const field = fieldOf(bare, path.slice(0, dot), path.slice(dot + 1));
  if (field.type === "object") field.additionalProperties = { $ref: quantity };
  else {
    delete field.type;
    field.$ref = quantity;
  }
}

function fieldOf(bare: Components, component: string, field: string): Schema {
  const schema = componentOf(bare, component).properties?.[field];
  if (schema === undefined) throw new Error(`bug: no field ${field} in ${component}`);
  return schema;
}

function componentOf(bare: Components, name: string): Schema {
  const schema = bare[name];
  if (schema === undefined) throw new Error(`bug: no component ${name}`);
  return schema;
}

function deepFreeze<T extends object>(value: T): T {
  for (const member of Object.values(value))
    if (typeof member === "object" && member !== null) deepFreeze(member as object);
  return Object.freeze(value);
}
