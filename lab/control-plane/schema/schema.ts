/** Small questions about schemas, shared by everything that walks one. */
import type { Components, Schema } from "../types.ts";

export type JsonObject = Record<string, unknown>;

export const isObject = (value: unknown): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** The schema itself, or the component that it refers to together with what the reference adds (default, list type, …). */
export function resolve(schema: Schema, components: Components): Schema {
  if (schema.$ref === undefined) return schema;
  const known = resolved.get(schema);
  if (known !== undefined) return known;
  const target = components[schema.$ref];
  if (target === undefined) throw new Error(`bug: no schema component ${schema.$ref}`);
  const { $ref: _, ...added } = schema;
  const whole = { ...resolve(target, components), ...added };
  resolved.set(schema, whole);
  return whole;
}

/** A schema value belongs to one set of components for life, so what it resolves to is kept. */
const resolved = new WeakMap<Schema, Schema>();

/** The schema of a member of an object: its property's, else that of additional properties, else none. */
export function memberOf(schema: Schema, key: string): Schema | undefined {
  const properties = schema.properties;
  if (properties !== undefined && Object.hasOwn(properties, key)) return properties[key];
  return typeof schema.additionalProperties === "object" ? schema.additionalProperties : undefined;
}

/** `spec` + `x` → `spec.x`; at the root just `x`. */
export const join = (path: string, key: string): string => (path === "" ? key : `${path}.${key}`);

/** What tells an item of a map list from its siblings: its keys' values, defaults filled in. Undefined when a key is missing. */
export function listKeyOf(list: Schema, components: Components, item: unknown): JsonObject | undefined {
  if (!isObject(item)) return undefined;
  const properties = list.items === undefined ? {} : (resolve(list.items, components).properties ?? {});
  const key: JsonObject = {};
  for (const name of list["x-kubernetes-list-map-keys"] ?? []) {
    const value = item[name] ?? properties[name]?.default;
    if (value === undefined) return undefined;
    key[name] = value;
  }
  return key;
}

/** The item of the old list that corresponds to an item of the new one, for map lists; undefined elsewhere. */
export function oldItemOf(list: Schema, components: Components, old: unknown, item: unknown): unknown {
  if (list["x-kubernetes-list-type"] !== "map" || !Array.isArray(old)) return undefined;
  const key = listKeyOf(list, components, item);
  if (key === undefined) return undefined;
  const text = JSON.stringify(key);
  return old.find((candidate) => JSON.stringify(listKeyOf(list, components, candidate)) === text);
}
