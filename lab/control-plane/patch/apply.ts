/**
 * Server-side apply, and who owns which field.
 *
 * @see sigs.k8s.io/structured-merge-diff merge/update.go, k8s.io/apimachinery/pkg/util/managedfields
 */
import { compareText } from "../../../src/std/order.ts";
import { isObject, type JsonObject, resolve } from "../schema/schema.ts";
import { type ApiObject, ApiStatusError, type Components, type ManagedFieldsEntry, type Schema } from "../types.ts";
import {
  childrenOf,
  compare,
  type Comparison,
  difference,
  equalSets,
  type FieldSet,
  fieldsOf,
  fromFieldsV1,
  intersection,
  type Path,
  printPath,
  setOf,
  startsWith,
  toFieldsV1,
  union,
} from "./fields.ts";

/** Who writes, to what, when. */
interface Write {
  readonly schema: Schema;
  readonly components: Components;
  readonly manager: string;
  /** Of the written version, such as `apps/v1`. */
  readonly apiVersion: string;
  readonly subresource?: string;
  /** RFC 3339, as `managedFields[].time` shows it. */
  readonly now: string;
}

interface Apply extends Write {
  /** Undefined: the object does not exist yet. */
  readonly live: ApiObject | undefined;
  /** The configuration: the fields that the manager wants to own, no others. */
  readonly applied: ApiObject;
  /** Takes fields from other managers instead of failing. */
  readonly force: boolean;
}

interface Update extends Write {
  readonly before: ApiObject | undefined;
  readonly after: ApiObject;
  readonly operation: "Update";
}

/**
 * The object after a manager has applied its configuration, with `metadata.managedFields` brought up to date.
 *
 * Fields that the manager applied before and leaves out now are removed, unless another manager owns them. When nothing changes the
 * result equals `live`.
 *
 * @throws ApiStatusError 409 with `details.causes` when fields that would change belong to others
 */
export function serverSideApply(options: Apply): ApiObject {
  const { schema, components, live, force } = options;
  const applied = withoutNulls(stripManaged(options.applied)) as ApiObject;
  const before = live === undefined ? undefined : stripManaged(live);
  const managers = managersOf(options, live);
  const key = managerKey(entryOf(options, "Apply"));
  const last = managers.get(key)?.fields ?? setOf([]);
  const fields = owned(fieldsOf(schema, components, applied));
  const entry = { ...managers.get(key)?.entry, ...entryOf(options, "Apply") };
  managers.set(key, { entry, fields, touched: !equalSets(last, fields) });
  const merged = before === undefined ? applied : mergeValues(options, schema, before, applied);
  const kept = [...managers.values()].reduce<FieldSet>((all, manager) => union(all, manager.fields), setOf([]));
  const after = withoutFields(options, merged as ApiObject, difference(last, kept), kept);
  const changes = comparison(options, before, after);
  const conflicts = conflictsOf(managers, key, changes);
  if (conflicts.length > 0 && !force) throw conflictError(conflicts);
  release(managers, key, changes);
  return withManagedFields(after, entriesOf(managers, options.now));
}

/**
 * The `managedFields` after a write that was not an apply: the manager owns what it added or changed; other managers lose that, and
 * what is gone.
 *
 * A write to the main resource may set `metadata.managedFields` itself (kubectl does when it moves an object to server-side apply); an
 * empty list there means that the old ones stay.
 */
export function trackUpdate(options: Update): ManagedFieldsEntry[] {
  const { before, after } = options;
  const declared = after.metadata.managedFields ?? [];
  const source = options.subresource === undefined && declared.length > 0 ? after : before;
  const managers = managersFrom(source?.metadata.managedFields ?? []);
  const entry = entryOf(options, "Update");
  const key = managerKey(entry);
  const changes = comparison(options, before && stripManaged(before), stripManaged(after));
  release(managers, key, changes);
  const last = managers.get(key)?.fields ?? setOf([]);
  const fields = owned(union(difference(last, changes.removed), changes.changed));
  if (!equalSets(last, fields)) managers.set(key, { entry, fields, touched: true });
  return entriesOf(managers, options.now);
}

interface Manager {
  readonly entry: ManagedFieldsEntry;
  readonly fields: FieldSet;
  /** Whether the set changed now, so that the entry's time is this write's. */
  readonly touched: boolean;
}

type Managers = Map<string, Manager>;

const entryOf = (write: Write, operation: ManagedFieldsEntry["operation"]): ManagedFieldsEntry => ({
  manager: write.manager,
  operation,
  apiVersion: write.apiVersion,
  fieldsType: "FieldsV1",
  fieldsV1: {},
  ...(write.subresource !== undefined && { subresource: write.subresource }),
});

/** An applier is the same whatever version it applies; an updater is another one for each version. */
const managerKey = (entry: ManagedFieldsEntry): string =>
  JSON.stringify([
    entry.operation,
    entry.manager,
    entry.operation === "Apply" ? "" : entry.apiVersion,
    entry.subresource ?? "",
  ]);

function managersFrom(entries: readonly ManagedFieldsEntry[]): Managers {
  const decoded = entries.map((entry): [string, Manager] => [
    managerKey(entry),
    { entry, fields: fromFieldsV1(entry.fieldsV1), touched: false },
  ]);
  return new Map(decoded);
}

/** An object from before fields were tracked belongs to nobody: its fields go to a manager of that name, so that conflicts show. */
function managersOf(options: Apply, live: ApiObject | undefined): Managers {
  const entries = live?.metadata.managedFields ?? [];
  if (live === undefined || entries.length > 0) return managersFrom(entries);
  const entry: ManagedFieldsEntry = {
    manager: "before-first-apply",
    operation: "Update",
    apiVersion: live.apiVersion,
    fieldsType: "FieldsV1",
    fieldsV1: {},
  };
  const fields = owned(fieldsOf(options.schema, options.components, stripManaged(live)));
  return new Map([[managerKey(entry), { entry, fields, touched: true }]]);
}

/** Sorted as kube-apiserver does: appliers first, then by time, then by name. */
function entriesOf(managers: Managers, now: string): ManagedFieldsEntry[] {
  return [...managers.values()]
    .filter((manager) => manager.fields.size > 0)
    .map(({ entry, fields, touched }) => ({
      ...entry,
      ...(touched && { time: now }),
      fieldsV1: toFieldsV1(fields),
    }))
    .sort(
      (a, b) =>
        compareText(a.operation, b.operation) ||
        compareText(a.time ?? "", b.time ?? "") ||
        compareText(a.manager, b.manager) ||
        compareText(a.apiVersion, b.apiVersion),
    );
}

/** Fields that no manager owns: identity, and what the server keeps. @see managedfields/internal/stripmeta.go */
const unowned: ReadonlySet<string> = new Set([
  "f:apiVersion",
  "f:kind",
  "f:metadata",
  ...[
    "name",
    "namespace",
    "creationTimestamp",
    "selfLink",
    "uid",
    "generation",
    "managedFields",
    "resourceVersion",
  ].map((field) => `f:metadata\0f:${field}`),
]);

const owned = (fields: FieldSet): FieldSet => new Map([...fields].filter(([text]) => !unowned.has(text)));

function comparison(write: Write, before: ApiObject | undefined, after: ApiObject): Comparison {
  const { changed, removed } = compare(write.schema, write.components, before ?? {}, after);
  return { changed: owned(changed), removed: owned(removed) };
}

/** What changed belongs to `winner` from now on, and what is gone to nobody. */
function release(managers: Managers, winner: string, { changed, removed }: Comparison): void {
  for (const [key, manager] of managers) {
    if (key === winner) continue;
    managers.set(key, { ...manager, fields: difference(difference(manager.fields, changed), removed) });
  }
}

interface Conflict {
  readonly manager: ManagedFieldsEntry;
  readonly path: Path;
}

function conflictsOf(managers: Managers, applier: string, { changed }: Comparison): Conflict[] {
  return [...managers]
    .filter(([key]) => key !== applier)
    .flatMap(([, manager]) =>
      [...intersection(manager.fields, changed).values()].map((path) => ({ manager: manager.entry, path })),
    )
    .sort(
      (a, b) =>
        compareText(printManager(a.manager), printManager(b.manager)) ||
        compareText(printPath(a.path), printPath(b.path)),
    );
}

/** @see k8s.io/apimachinery/pkg/util/managedfields/internal/conflict.go */
function conflictError(conflicts: readonly Conflict[]): ApiStatusError {
  const causes = conflicts.map(({ manager, path }) => ({
    reason: "FieldManagerConflict",
    message: `conflict with ${printManager(manager)}`,
    field: printPath(path),
  }));
  return new ApiStatusError(409, "Conflict", conflictMessage(conflicts), { causes });
}

function conflictMessage(conflicts: readonly Conflict[]): string {
  const [only, ...more] = conflicts;
  if (only !== undefined && more.length === 0) {
    return `Apply failed with 1 conflict: conflict with ${printManager(only.manager)}: ${printPath(only.path)}`;
  }
  const groups = Map.groupBy(conflicts, ({ manager }) => printManager(manager));
  const lines = [...groups].flatMap(([manager, its]) => [
    `conflicts with ${manager}:`,
    ...its.map(({ path }) => `- ${printPath(path)}`),
  ]);
  return `Apply failed with ${conflicts.length} conflicts: ${lines.join("\n")}`;
}

function printManager(entry: ManagedFieldsEntry): string {
  const subresource = entry.subresource === undefined ? "" : ` with subresource ${JSON.stringify(entry.subresource)}`;
  const version = entry.operation === "Update" ? ` using ${entry.apiVersion}` : "";
  return `${JSON.stringify(entry.manager)}${subresource}${version}`;
}

/** The applied value over the live one: maps and keyed lists merge, everything else is the applied one's. */
function mergeValues(write: Write, schema: Schema, live: unknown, applied: unknown): unknown {
  const [old, wanted] = [childrenOf(schema, write.components, live), childrenOf(schema, write.components, applied)];
  if (old === undefined || wanted === undefined || Array.isArray(live) !== Array.isArray(applied)) return applied;
  const before = new Map(old.map((child) => [child.element, child]));
  const after = wanted.map((child) => {
    const there = before.get(child.element);
    return [
      child.element,
      there === undefined ? child.value : mergeValues(write, child.schema, there.value, child.value),
    ] as const;
  });
  if (Array.isArray(applied))
    return interleaved(
      old.map((child) => [child.element, child.value]),
      after,
    );
  const members = new Map<string, unknown>([...old.map((child) => [child.element, child.value] as const), ...after]);
  return Object.fromEntries([...members].map(([element, value]) => [element.slice(2), value]));
}

type Item = readonly [element: string, value: unknown];

/** Shared items in the applied order; items that only the live list has keep their places between them. */
function interleaved(live: readonly Item[], applied: readonly Item[]): unknown[] {
  const places = new Map(applied.map(([element], i) => [element, i]));
  const result: unknown[] = [];
  let next = 0;
  for (const [element, value] of live) {
    const place = places.get(element);
    if (place === undefined) result.push(value);
    for (; place !== undefined && next <= place; next++) result.push(applied[next]?.[1]);
  }
  return [...result, ...applied.slice(next).map(([, value]) => value)];
}

/** The object without given fields, and without containers that became empty by it; what `kept` names or leads into stays. */
function withoutFields(write: Write, object: ApiObject, gone: FieldSet, kept: FieldSet): ApiObject {
  if (gone.size === 0) return object;
  const removal: Removal = { write, gone, kept: [...kept.values()] };
  return (pruned(removal, write.schema, object, []) ?? object) as ApiObject;
}

interface Removal {
  readonly write: Write;
  readonly gone: FieldSet;
  readonly kept: readonly Path[];
}

/** Undefined when nothing of the value remains. `keys` are the members by which a list knows this value: they stay as long as it does. */
function pruned(removal: Removal, schema: Schema, value: unknown, path: Path, keys: readonly string[] = []): unknown {
  const { components } = removal.write;
  const children = childrenOf(schema, components, value);
  if (children === undefined || ![...removal.gone.values()].some((one) => startsWith(one, path))) return value;
  const itemKeys = resolve(schema, components)["x-kubernetes-list-map-keys"] ?? [];
  const left = children.flatMap((child): Item[] => {
    const at = [...path, child.element];
    if (keys.includes(child.element.slice(2))) return [[child.element, child.value]];
    const wanted = removal.kept.some((one) => startsWith(one, at));
    if (removal.gone.has(at.join("\0")) && !wanted) return [];
    const inner = pruned(removal, child.schema, child.value, at, itemKeys);
    if (inner !== undefined) return [[child.element, inner]];
    return wanted ? [[child.element, Array.isArray(child.value) ? [] : {}]] : [];
  });
  if (left.length === 0 && children.length > 0) return undefined;
  if (Array.isArray(value)) return left.map(([, item]) => item);
  return Object.fromEntries(left.map(([element, member]) => [element.slice(2), member]));
}

function stripManaged(object: ApiObject): ApiObject {
  const { managedFields: _, ...metadata } = object.metadata ?? {};
  return { ...object, metadata };
}

function withManagedFields(object: ApiObject, managedFields: ManagedFieldsEntry[]): ApiObject {
  return { ...object, metadata: { ...object.metadata, managedFields } };
}

/** A null in a configuration asks for nothing. */
function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (!isObject(value)) return value;
  const members = Object.entries(value).filter(([, member]) => member !== null);
  return Object.fromEntries(members.map(([name, member]) => [name, withoutNulls(member)])) satisfies JsonObject;
}
