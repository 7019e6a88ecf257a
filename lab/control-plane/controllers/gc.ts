import type { ApiObject, LocalApi, OwnerRef, ResourceId, WatchEvent } from "../types.ts";
import { type ControllerOptions, startLoop } from "./loop.ts";
import { isDeleting } from "./objects.ts";
import { CRDS, type ServedKind, servedKinds } from "./served-kinds.ts";

const FOREGROUND = "foregroundDeletion";
const ORPHAN = "orphan";

/** What the collector remembers of an object. */
interface Item {
  readonly id: ResourceId;
  readonly object: ApiObject;
}

/**
 * Deletes objects whose owners are all gone, and finishes foreground and orphaning deletions. It knows the owners' graph from watches
 * of every kind, those of CustomResourceDefinitions included.
 */
export function startGarbageCollector({ api, log, signal }: ControllerOptions): Promise<void> {
  const graph = new Graph();
  const watched = new Map<string, AbortController>();

  const turn = async (uid: string) => {
    const item = graph.get(uid);
    if (!item) return;
    const current = api.get(item.id, item.object.metadata.namespace, item.object.metadata.name);
    if (current?.metadata.uid !== uid) return;
    if (isDeleting(current)) await finish({ id: item.id, object: current });
    else if (isAbandoned(current)) await remove(item.id, current, "Background");
  };

  /**
   * The finalizers that a deletion with a propagation policy leaves for us. Dependents are looked up in the store, not in the graph, which
   * may not have heard of the latest: this is rare, and a finalizer is dropped only once.
   */
  const finish = async ({ id, object }: Item) => {
    const uid = object.metadata.uid ?? "";
    const dependents = storedDependents(api, uid);
    if (object.metadata.finalizers?.includes(ORPHAN)) {
      for (const dependent of dependents) await disown(dependent, uid);
      await dropFinalizer(id, object, ORPHAN);
    } else if (object.metadata.finalizers?.includes(FOREGROUND)) {
      for (const dependent of dependents) await removeDependent(dependent);
      const blocking = storedDependents(api, uid).filter((dependent) => blocks(dependent, uid));
      if (blocking.length === 0) await dropFinalizer(id, object, FOREGROUND);
    }
  };

  const removeDependent = async ({ id, object }: Item) => {
    const current = api.get(id, object.metadata.namespace, object.metadata.name);
    if (!current || isDeleting(current) || current.metadata.uid !== object.metadata.uid) return;
    await remove(id, current, graph.dependents(object.metadata.uid ?? "").length > 0 ? "Foreground" : "Background");
  };

  const disown = async ({ id, object }: Item, owner: string) => {
    const { namespace, name } = object.metadata;
    const current = api.get(id, namespace, name);
    const ownerReferences = (current?.metadata.ownerReferences ?? []).filter((ref) => ref.uid !== owner);
    if (current) await api.patch(id, namespace, name, { metadata: { ownerReferences } });
  };

  const dropFinalizer = async (id: ResourceId, object: ApiObject, finalizer: string) => {
    const { namespace, name, resourceVersion } = object.metadata;
    const finalizers = (object.metadata.finalizers ?? []).filter((each) => each !== finalizer);
    await api.patch(id, namespace, name, { metadata: { finalizers, resourceVersion } });
  };

  const remove = (id: ResourceId, { metadata }: ApiObject, propagationPolicy: "Background" | "Foreground") =>
    deleteIfThere(api, id, metadata, propagationPolicy);

  /** No owner exists any more, under the same uid. */
  const isAbandoned = (object: ApiObject): boolean => {
    const owners = object.metadata.ownerReferences ?? [];
    return owners.length > 0 && !owners.some((owner) => ownerExists(owner, object.metadata.namespace));
  };

  const ownerExists = (owner: OwnerRef, namespace: string | undefined): boolean => {
    const kind = servedKinds(api).find((each) => each.kind === owner.kind && each.group === groupOf(owner.apiVersion));
    // An owner of a kind that is not served may come back with its definition: Kubernetes does not collect either.
    if (!kind) return true;
    const id = { group: kind.group, resource: kind.resource };
    return api.get(id, kind.namespaced ? namespace : undefined, owner.name)?.metadata.uid === owner.uid;
  };

  const receive = (id: ResourceId, { type, object }: WatchEvent) => {
    const uid = object.metadata.uid ?? "";
    if (type === "DELETED") graph.remove(uid);
    else graph.set(uid, { id, object });
    loop.wake(uid);
    if (type === "DELETED")
      for (const dependent of graph.dependents(uid)) loop.wake(dependent.object.metadata.uid ?? "");
    // An owner that waits for its dependents to go.
    if (type === "DELETED") for (const owner of object.metadata.ownerReferences ?? []) loop.wake(owner.uid);
  };

  const watchAll = () => {
    const served = new Map(
      servedKinds(api)
        .filter(isCollected)
        .map((kind) => [`${kind.group}/${kind.resource}`, kind]),
    );
    for (const [name, stop] of watched) {
      if (served.has(name)) continue;
      stop.abort();
      watched.delete(name);
    }
    for (const [name, { group, resource }] of served) {
      if (watched.has(name)) continue;
      const stop = new AbortController();
      watched.set(name, stop);
      api.watch(
        { group, resource },
        (event) => receive({ group, resource }, event),
        AbortSignal.any([signal, stop.signal]),
      );
    }
  };

  const loop = startLoop({ name: "gc", log, turn }, signal);
  watchAll();
  api.watch(CRDS, watchAll, signal);
  return loop.ended;
}

/** Objects by uid, and who depends on whom. */
class Graph {
  readonly #items = new Map<string, Item>();
  readonly #dependents = new Map<string, Set<string>>();

  get(uid: string): Item | undefined {
    return this.#items.get(uid);
  }

  set(uid: string, item: Item): void {
    this.remove(uid);
    this.#items.set(uid, item);
    for (const owner of item.object.metadata.ownerReferences ?? []) {
      const uids = this.#dependents.get(owner.uid);
      if (uids) uids.add(uid);
      else this.#dependents.set(owner.uid, new Set([uid]));
    }
  }

  remove(uid: string): void {
    const item = this.#items.get(uid);
    this.#items.delete(uid);
    for (const owner of item?.object.metadata.ownerReferences ?? []) {
      const uids = this.#dependents.get(owner.uid);
      uids?.delete(uid);
      if (uids?.size === 0) this.#dependents.delete(owner.uid);
    }
  }

  dependents(uid: string): Item[] {
    return [...(this.#dependents.get(uid) ?? [])].flatMap((each) => this.#items.get(each) ?? []);
  }
}

const storedDependents = (api: LocalApi, owner: string): Item[] =>
  servedKinds(api)
    .filter(isCollected)
    .flatMap(({ group, resource }) =>
      api
        .list({ group, resource })
        .filter((object) => object.metadata.ownerReferences?.some((ref) => ref.uid === owner))
        .map((object) => ({ id: { group, resource }, object })),
    );

const blocks = ({ object }: Item, owner: string): boolean =>
  (object.metadata.ownerReferences ?? []).some((ref) => ref.uid === owner && ref.blockOwnerDeletion === true);

/** Events own nothing and are owned by nobody. */
const isCollected = (kind: ServedKind): boolean => kind.resource !== "events";

const groupOf = (apiVersion: string): string =>
  apiVersion.includes("/") ? apiVersion.slice(0, apiVersion.indexOf("/")) : "";

async function deleteIfThere(
  api: LocalApi,
  id: ResourceId,
  { namespace, name, uid }: ApiObject["metadata"],
  propagationPolicy: "Background" | "Foreground",
): Promise<void> {
  try {
    await api.delete(id, namespace, name, { propagationPolicy, ...(uid !== undefined && { uid }) });
  } catch (error) {
    const code = (error as { code?: unknown }).code;
    if (code !== 404 && code !== 409) throw error;
  }
}
