/** Strategic merge patch: lists merge by the keys that the schema names. @see k8s.io/apimachinery/pkg/util/strategicpatch */
import { deepEqual } from "../../../src/std/equal.ts";
import { isObject, type JsonObject, memberOf, resolve } from "../schema/schema.ts";
import { ApiStatusError, type Components, type Schema } from "../types.ts";

const setOrder = "$setElementOrder/";
const deleteFrom = "$deleteFromPrimitiveList/";

/**
 * The document with a strategic merge patch applied; both stay as they are.
 *
 * Directives: `$patch` (replace, delete, merge), `$setElementOrder/x`, `$deleteFromPrimitiveList/x`, `$retainKeys`. Fields that the
 * schema does not know merge as in a JSON merge patch.
 *
 * @throws ApiStatusError 400 when a directive is malformed or an item lacks its merge key
 */
export function applyStrategicPatch(
  schema: Schema,
  components: Components,
  doc: JsonObject,
  patch: JsonObject,
): JsonObject {
  return mergeObjects({ components }, schema, doc, patch);
}

interface Context {
  readonly components: Components;
}

function mergeObjects(context: Context, declared: Schema, original: JsonObject, patch: JsonObject): JsonObject {
  const directive = patch["$patch"];
  if (directive === "replace") return plain(without(patch, "$patch")) as JsonObject;
  if (directive === "delete") return {};
  if (directive !== undefined && directive !== "merge")
    throw bad(`Unknown patch type found: ${JSON.stringify(directive)}`);
  const schema = resolve(declared, context.components);
  const members = new Map(Object.entries(retained(original, patch)));
  for (const [name, value] of Object.entries(patch)) {
    if (name.startsWith("$")) continue;
    if (value === null) members.delete(name);
    else members.set(name, mergeMember(context, memberOf(schema, name), members.get(name), value));
  }
  for (const [name, value] of Object.entries(patch))
    applyListDirective(context, schema, { original, members, name, value });
  return Object.fromEntries(members);
}

const without = (object: JsonObject, name: string): JsonObject =>
  Object.fromEntries(Object.entries(object).filter(([key]) => key !== name));

/** `$retainKeys` lists all the members that may remain: those of a union, of which one is set. */
function retained(original: JsonObject, patch: JsonObject): JsonObject {
  const keys = patch["$retainKeys"];
  if (keys === undefined) return original;
  if (!Array.isArray(keys)) throw bad("invalid format of $retainKeys: a list is expected");
  for (const name of Object.keys(patch)) {
    if (!name.startsWith("$") && patch[name] !== null && !keys.includes(name)) {
      throw bad(`$retainKeys does not include ${name}, which the patch sets`);
    }
  }
  return Object.fromEntries(Object.entries(original).filter(([name]) => keys.includes(name)));
}

function mergeMember(context: Context, declared: Schema | undefined, original: unknown, patch: unknown): unknown {
  const schema = declared === undefined ? {} : resolve(declared, context.components);
  const strategy = schema["x-kubernetes-patch-strategy"] ?? "";
  if (isObject(patch)) {
    const replaces = strategy.split(",").includes("replace");
    return mergeObjects(context, schema, isObject(original) && !replaces ? original : {}, patch);
  }
  if (!Array.isArray(patch)) return patch;
  if (!strategy.split(",").includes("merge")) return plain(patch);
  const list = Array.isArray(original) ? original : [];
  const key = schema["x-kubernetes-patch-merge-key"];
  if (key === undefined) return [...list, ...patch.filter((item) => !list.some((one) => deepEqual(one, item)))];
  return mergeItems(context, { items: schema.items ?? {}, key }, list, patch);
}

interface KeyedList {
  readonly items: Schema;
  readonly key: string;
}

function mergeItems(
  context: Context,
  list: KeyedList,
  original: readonly unknown[],
  patch: readonly unknown[],
): unknown[] {
  if (patch.some((item) => isObject(item) && item["$patch"] === "replace")) {
    return plain(patch.filter((item) => !isObject(item) || item["$patch"] !== "replace")) as unknown[];
  }
  return patch.reduce<unknown[]>((merged, item) => mergeItem(context, list, merged, item), [...original]);
}

function mergeItem(context: Context, list: KeyedList, merged: unknown[], item: unknown): unknown[] {
  if (!isObject(item) || item[list.key] === undefined) {
    throw bad(`map: ${JSON.stringify(item)} does not contain declared merge key: ${list.key}`);
  }
  const same = (one: unknown): boolean => isObject(one) && deepEqual(one[list.key], item[list.key]);
  // Every match goes: Services may list one port for two protocols, and the merge key is the port alone.
  if (item["$patch"] === "delete") return merged.filter((one) => !same(one));
  const i = merged.findIndex(same);
  const old = merged[i];
  return isObject(old)
    ? merged.with(i, mergeObjects(context, list.items, old, item))
    : [...merged, mergeObjects(context, list.items, {}, item)];
}

interface ListDirective {
  readonly original: JsonObject;
  readonly members: Map<string, unknown>;
  /** The patch's member, such as `$setElementOrder/ports`. */
  readonly name: string;
  readonly value: unknown;
}

function applyListDirective(context: Context, schema: Schema, directive: ListDirective): void {
  const { original, members, name, value } = directive;
  const order = name.startsWith(setOrder);
  if (!order && !name.startsWith(deleteFrom)) return;
  if (!Array.isArray(value)) throw bad(`invalid format of ${name}: a list is expected`);
  const field = name.slice((order ? setOrder : deleteFrom).length);
  const list = members.get(field);
  if (!Array.isArray(list)) return;
  if (!order) {
    members.set(
      field,
      list.filter((item) => !value.some((one) => deepEqual(one, item))),
    );
    return;
  }
  const key = keyOf(context, schema, field);
  const before = original[field];
  members.set(field, ordered({ list, wanted: value, before: Array.isArray(before) ? before : [], key }));
}

function keyOf(context: Context, schema: Schema, field: string): string | undefined {
  const declared = memberOf(schema, field);
  return declared === undefined ? undefined : resolve(declared, context.components)["x-kubernetes-patch-merge-key"];
}

interface Order {
  readonly list: readonly unknown[];
  /** Keys (or plain values) in the patch's order. */
  readonly wanted: readonly unknown[];
  readonly before: readonly unknown[];
  readonly key: string | undefined;
}

/** Items that the patch orders, in its order, among those that only the server has, which keep their places relative to them. */
function ordered({ list, wanted, before, key }: Order): unknown[] {
  const identity = (item: unknown): unknown => (key !== undefined && isObject(item) ? item[key] : item);
  const positionIn = (items: readonly unknown[], item: unknown): number =>
    items.findIndex((one) => deepEqual(identity(one), identity(item)));
  const mine = list
    .filter((item) => positionIn(wanted, item) >= 0)
    .sort((a, b) => positionIn(wanted, a) - positionIn(wanted, b));
  const theirs = list.filter((item) => positionIn(wanted, item) < 0);
  const result: unknown[] = [];
  while (mine.length > 0 && theirs.length > 0) {
    const place = positionIn(before, mine[0]);
    result.push(place >= 0 && place < positionIn(before, theirs[0]) ? mine.shift() : theirs.shift());
  }
  return [...result, ...mine, ...theirs];
}

/** A value from a patch without directives and nulls, as it is stored where nothing was before. */
function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.filter((item) => !isObject(item) || item["$patch"] !== "delete").map(plain);
  if (!isObject(value)) return value;
  const kept = Object.entries(value).filter(([name, member]) => !name.startsWith("$") && member !== null);
  return Object.fromEntries(kept.map(([name, member]) => [name, plain(member)]));
}

const bad = (message: string): ApiStatusError => new ApiStatusError(400, "BadRequest", message);
