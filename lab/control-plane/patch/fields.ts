/**
 * Sets of field paths, and how values are told apart by them: the algebra under server-side apply.
 *
 * A path is a list of elements in the notation of FieldsV1: `f:NAME` a member, `k:{"name":"x"}` an item of a map list, `v:"x"` an item
 * of a set. @see sigs.k8s.io/structured-merge-diff
 */
import { deepEqual } from "../../../src/std/equal.ts";
import { compareText } from "../../../src/std/order.ts";
import { isObject, type JsonObject, listKeyOf, memberOf, resolve } from "../schema/schema.ts";
import type { Components, Schema } from "../types.ts";

export type Path = readonly string[];
/** Paths by their joined text. */
export type FieldSet = ReadonlyMap<string, Path>;

const textOf = (path: Path): string => path.join("\0");

export const setOf = (paths: Iterable<Path>): FieldSet => new Map(Array.from(paths, (path) => [textOf(path), path]));

export const union = (a: FieldSet, b: FieldSet): FieldSet => new Map([...a, ...b]);
export const difference = (a: FieldSet, b: FieldSet): FieldSet => new Map([...a].filter(([text]) => !b.has(text)));
export const intersection = (a: FieldSet, b: FieldSet): FieldSet => new Map([...a].filter(([text]) => b.has(text)));
export const equalSets = (a: FieldSet, b: FieldSet): boolean => a.size === b.size && difference(a, b).size === 0;

export const startsWith = (path: Path, prefix: Path): boolean => prefix.every((element, i) => path[i] === element);

/** Nodes of FieldsV1: member elements, and `.` where the node itself belongs to the set although it has members. */
interface Node {
  [element: string]: Node;
}

/** The set as `managedFields` stores it. Equal sets give equal text. */
export function toFieldsV1(set: FieldSet): Record<string, unknown> {
  const root: Node = {};
  for (const path of [...set.values()].sort((a, b) => compareText(textOf(a), textOf(b)))) {
    let node = root;
    for (const element of path) node = node[element] ??= {};
    node["."] = {};
  }
  return tidy(root);
}

/** A leaf says by its emptiness what `.` would. */
function tidy(node: Node): Node {
  const members = Object.entries(node).sort(([a], [b]) => compareText(a, b));
  if (members.length === 1 && members[0]?.[0] === ".") return {};
  return Object.fromEntries(members.map(([element, member]) => [element, tidy(member)]));
}

export function fromFieldsV1(fields: Record<string, unknown>): FieldSet {
  return setOf(pathsOf(fields, []));
}

function* pathsOf(node: unknown, path: Path): Iterable<Path> {
  if (!isObject(node)) return;
  if (path.length > 0 && (Object.keys(node).length === 0 || "." in node)) yield path;
  for (const [element, member] of Object.entries(node)) {
    if (element !== ".") yield* pathsOf(member, [...path, element]);
  }
}

/** As messages name a path: `.spec.ports[port=80,protocol="TCP"].targetPort`. */
export function printPath(path: Path): string {
  return path.map(printElement).join("");
}

function printElement(element: string): string {
  const content = element.slice(2);
  if (element.startsWith("f:")) return `.${content}`;
  if (element.startsWith("v:")) return `[=${content}]`;
  const key = JSON.parse(content) as JsonObject;
  return `[${Object.entries(key)
    .map(([name, value]) => `${name}=${JSON.stringify(value)}`)
    .join(",")}]`;
}

/** One member of a value: the element that leads to it, its schema and itself. */
interface Child {
  readonly element: string;
  readonly schema: Schema;
  readonly value: unknown;
  /** A declared field, as against an entry of a map or an item of a list. */
  readonly declared: boolean;
}

/** The schema of what nothing is known about: objects are maps, lists are atomic. */
const untyped: Schema = { "x-kubernetes-preserve-unknown-fields": true };

/**
 * The members that a value's fields are owned by one by one; undefined where it is owned as a whole: plain values, atomic lists and
 * maps, and lists whose items cannot be told apart.
 */
export function childrenOf(declared: Schema, components: Components, value: unknown): readonly Child[] | undefined {
  const schema = resolve(declared, components);
  if (isObject(value)) return schema["x-kubernetes-map-type"] === "atomic" ? undefined : membersOf(schema, value);
  if (!Array.isArray(value)) return undefined;
  const elements = value.map((item) => itemElement(schema, components, item));
  if (elements.includes(undefined) || new Set(elements).size < elements.length) return undefined;
  const type = schema["x-kubernetes-list-type"];
  if (type !== "map" && type !== "set") return undefined;
  const items = schema.items ?? untyped;
  return value.map((item, i) => ({ element: elements[i] ?? "", schema: items, value: item, declared: false }));
}

function membersOf(schema: Schema, value: JsonObject): Child[] {
  return Object.entries(value).map(([name, member]) => ({
    element: `f:${name}`,
    schema: memberOf(schema, name) ?? untyped,
    value: member,
    declared: schema.properties !== undefined && Object.hasOwn(schema.properties, name),
  }));
}

function itemElement(list: Schema, components: Components, item: unknown): string | undefined {
  if (list["x-kubernetes-list-type"] === "set") return `v:${JSON.stringify(item)}`;
  if (list["x-kubernetes-list-type"] !== "map") return undefined;
  const key = listKeyOf(list, components, item);
  if (key === undefined) return undefined;
  return `k:${JSON.stringify(Object.fromEntries(Object.entries(key).sort(([a], [b]) => compareText(a, b))))}`;
}

/** The fields that an applied configuration names. @see structured-merge-diff typed/tofieldset.go */
export function fieldsOf(schema: Schema, components: Components, value: unknown): FieldSet {
  return setOf(namedFields(schema, components, value, []));
}

function* namedFields(schema: Schema, components: Components, value: unknown, path: Path): Iterable<Path> {
  const children = childrenOf(schema, components, value);
  if (children === undefined) {
    if (path.length > 0) yield path;
    return;
  }
  for (const child of children) {
    const at = [...path, child.element];
    const empty = child.value === null || (isObject(child.value) && Object.keys(child.value).length === 0);
    if (empty || !child.declared) yield at;
    yield* namedFields(child.schema, components, child.value, at);
  }
}

export interface Comparison {
  readonly changed: FieldSet;
  readonly removed: FieldSet;
}

/** What differs between two values: paths added or modified, and paths gone. @see structured-merge-diff typed/compare.go */
export function compare(schema: Schema, components: Components, before: unknown, after: unknown): Comparison {
  const changed: Path[] = [];
  const removed: Path[] = [];
  collect({ components, changed, removed }, { schema, before, after, path: [] });
  return { changed: setOf(changed), removed: setOf(removed) };
}

interface Collector {
  readonly components: Components;
  readonly changed: Path[];
  readonly removed: Path[];
}

interface Pair {
  readonly schema: Schema;
  /** Undefined: absent on that side. */
  readonly before: unknown;
  readonly after: unknown;
  readonly path: Path;
}

function collect(into: Collector, pair: Pair): void {
  const { before, after, path, schema } = pair;
  if (deepEqual(before, after)) return;
  if (path.length > 0 && before === undefined) into.changed.push(path);
  if (path.length > 0 && after === undefined) into.removed.push(path);
  const old = before === undefined ? [] : childrenOf(schema, into.components, before);
  const now = after === undefined ? [] : childrenOf(schema, into.components, after);
  if (old === undefined || now === undefined) {
    if (before !== undefined && after !== undefined) into.changed.push(path);
    return;
  }
  const elements = new Map<string, { schema: Schema; before?: unknown; after?: unknown }>();
  for (const child of old) elements.set(child.element, { schema: child.schema, before: child.value });
  for (const child of now) {
    elements.set(child.element, { ...elements.get(child.element), schema: child.schema, after: child.value });
  }
  for (const [element, child] of elements) {
    collect(into, { schema: child.schema, before: child.before, after: child.after, path: [...path, element] });
  }
}
