import { compareText } from "../../../src/std/order.ts";
import type { ApiObject, ResourceId } from "../types.ts";
import { type Change, History } from "./history.ts";
import { Durable } from "./sqlite.ts";

/** Revisions a restart skips: a killed server may have handed out some that never reached the disk. */
const RESTART_GAP = 10_000;

/** The object is not as the writer last saw it (or exists, or is gone). */
export class StaleWrite extends Error {
  override readonly name = "StaleWrite";
}

/**
 * Every object of the cluster, in its storage version, frozen.
 *
 * One integer counts the commits of the whole store, as in etcd; an object's resourceVersion is the revision of its last commit, in decimal.
 * A commit is synchronous, and listeners hear of it before it returns, in the order of commits.
 */
export class Store {
  readonly #durable: Durable;
  readonly #resources = new Map<string, Map<string, ApiObject>>();
  readonly #history: History;
  readonly #listeners = new Set<(change: Change) => void>();
  readonly #now: () => number;
  #revision: number;

  constructor(options: { file: string; now: () => number; history?: { count: number; ageMs: number } }) {
    this.#durable = new Durable(options.file);
    this.#now = options.now;
    const { revision, objects } = this.#durable.read();
    for (const [key, object] of objects) this.#place(key, deepFreeze(object));
    this.#revision = revision === 0 ? 1 : revision + RESTART_GAP;
    this.#history = new History(this.#revision, options.history ?? { count: 10_000, ageMs: 600_000 });
  }

  get revision(): number {
    return this.#revision;
  }

  get(id: ResourceId, namespace: string | undefined, name: string): ApiObject | undefined {
    return this.#resources.get(idKey(id))?.get(itemKey(namespace, name));
  }

  /** Sorted by namespace, then name. */
  list(id: ResourceId, namespace?: string): ApiObject[] {
    return sorted(this.#resources.get(idKey(id))?.values().toArray() ?? [], namespace);
  }

  /** The list as it was at `revision`; undefined when that is too long ago. */
  listAt(id: ResourceId, revision: number, namespace?: string): ApiObject[] | undefined {
    const changes = this.#history.after(revision);
    if (!changes) return undefined;
    const items = new Map(this.#resources.get(idKey(id)) ?? []);
    for (const change of changes.filter((each) => sameId(each.id, id)).toReversed()) {
      const key = itemKey(change.now.metadata.namespace, change.now.metadata.name);
      if (change.old) items.set(key, change.old);
      else items.delete(key);
    }
    return sorted([...items.values()], namespace);
  }

  /**
   * Stores `object` with the next revision and returns what was stored.
   *
   * @param expected the resourceVersion that it replaces; undefined: it must not exist
   * @throws StaleWrite when the store holds something else
   */
  commit(id: ResourceId, object: ApiObject, expected: string | undefined): ApiObject {
    const { namespace, name } = object.metadata;
    const old = this.#expect(id, namespace, name, expected);
    const revision = ++this.#revision;
    const metadata = { ...object.metadata, resourceVersion: String(revision) };
    const now = deepFreeze(structuredClone({ ...object, metadata }));
    this.#place(objectKey(id, namespace, name), now);
    this.#durable.write(objectKey(id, namespace, name), now, revision);
    this.#tell({ revision, at: this.#now(), id, type: old ? "MODIFIED" : "ADDED", old, now });
    return now;
  }

  /** Removes an object; returns it with the revision of its removal. @throws StaleWrite as `commit` */
  remove(id: ResourceId, namespace: string | undefined, name: string, expected: string): ApiObject {
    const old = this.#expect(id, namespace, name, expected);
    if (!old) throw new StaleWrite("gone");
    const revision = ++this.#revision;
    const now = deepFreeze({ ...old, metadata: { ...old.metadata, resourceVersion: String(revision) } });
    this.#resources.get(idKey(id))?.delete(itemKey(namespace, name));
    this.#durable.write(objectKey(id, namespace, name), undefined, revision);
    this.#tell({ revision, at: this.#now(), id, type: "DELETED", old, now });
    return now;
  }

  /** Commits of one resource after `revision`; undefined when some are no longer known. */
  changesAfter(id: ResourceId, revision: number): Change[] | undefined {
    return this.#history.after(revision)?.filter((change) => sameId(change.id, id));
  }

  /** Calls back at each commit until the returned function is called. The listener must not throw. */
  subscribe(listener: (change: Change) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Forgets history up to now: watches from before answer 410. */
  compact(): void {
    this.#history.compact(this.#revision);
  }

  /** A named secret kept beside the objects (keys, certificates), made by `create` the first time. */
  async setting(name: string, create: () => string | Promise<string>): Promise<string> {
    const known = this.#durable.setting(name);
    if (known !== undefined) return known;
    const value = await create();
    this.#durable.setSetting(name, value);
    return value;
  }

  close(): void {
    this.#listeners.clear();
    this.#durable.close();
  }

  #expect(id: ResourceId, namespace: string | undefined, name: string, expected: string | undefined) {
    const old = this.get(id, namespace, name);
    if (old?.metadata.resourceVersion !== expected) throw new StaleWrite(`${idKey(id)} ${itemKey(namespace, name)}`);
    return old;
  }

  #place(key: string, object: ApiObject): void {
    const [, group = "", resource = ""] = key.split("/");
    const byName = this.#resources.get(`${group}/${resource}`) ?? new Map<string, ApiObject>();
    byName.set(itemKey(object.metadata.namespace, object.metadata.name), object);
    this.#resources.set(`${group}/${resource}`, byName);
  }

  #tell(change: Change): void {
    this.#history.append(change);
    for (const listener of this.#listeners.values().toArray()) listener(change);
  }
}

const idKey = (id: ResourceId): string => `${id.group}/${id.resource}`;
const itemKey = (namespace: string | undefined, name: string): string => `${namespace ?? ""}/${name}`;
const objectKey = (id: ResourceId, namespace: string | undefined, name: string): string =>
  `/${idKey(id)}/${itemKey(namespace, name)}`;

export const sameId = (a: ResourceId, b: ResourceId): boolean => a.group === b.group && a.resource === b.resource;

const sorted = (items: ApiObject[], namespace: string | undefined): ApiObject[] =>
  items
    .filter((item) => namespace === undefined || item.metadata.namespace === namespace)
    .sort(
      (a, b) =>
        compareText(a.metadata.namespace ?? "", b.metadata.namespace ?? "") ||
        compareText(a.metadata.name, b.metadata.name),
    );

function deepFreeze<T>(value: T): T {
  if (typeof value === "object" && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const member of Object.values(value)) deepFreeze(member);
  }
  return value;
}
