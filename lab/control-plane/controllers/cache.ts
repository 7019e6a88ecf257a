import type { ApiObject, LocalApi, ResourceId, WatchEvent } from "../types.ts";
import { joinKey, keyOf } from "./objects.ts";

/** What an index files an object under; an object may have several values, or none. */
type Index<T> = (object: T) => readonly string[];

interface Options<T extends ApiObject, Name extends string> {
  readonly api: LocalApi;
  readonly id: ResourceId;
  readonly indexes?: Record<Name, Index<T>>;
}

type Listener<T> = (now: T | undefined, before: T | undefined) => void;

/**
 * One resource's objects by key and by index, following a watch. Writes made through it are visible in it at once, so a
 * controller never acts on a world older than its own last write (what client-go needs "expectations" for).
 */
export class Cache<T extends ApiObject, Name extends string = never> {
  readonly #api: LocalApi;
  readonly #id: ResourceId;
  readonly #objects = new Map<string, T>();
  readonly #indexes: Record<string, Index<T>>;
  readonly #filed = new Map<string, Set<string>>();
  readonly #listeners: Listener<T>[] = [];

  constructor({ api, id, indexes }: Options<T, Name>, signal: AbortSignal) {
    this.#api = api;
    this.#id = id;
    this.#indexes = indexes ?? {};
    for (const object of api.list(id)) this.#store(keyOf(object), object as T);
    api.watch(id, (event) => this.#receive(event), signal);
  }

  get(key: string): T | undefined {
    return this.#objects.get(key);
  }

  list(): T[] {
    return [...this.#objects.values()];
  }

  keys(): string[] {
    return [...this.#objects.keys()];
  }

  /** The objects that the index files under `value`. */
  by(index: Name, value: string): T[] {
    const keys = this.#filed.get(`${index}\0${value}`) ?? [];
    return [...keys].flatMap((key) => this.#objects.get(key) ?? []);
  }

  /** Called after each change; not for what existed at the start. */
  onChange(listener: Listener<T>): void {
    this.#listeners.push(listener);
  }

  async create(object: ApiObject): Promise<T> {
    const made = await this.#api.create(this.#id, object);
    this.#refresh(made.metadata.namespace, made.metadata.name);
    return made as T;
  }

  /** Replaces; conflicts when the cache was stale, and the next turn sees the newer object. */
  async update(object: T): Promise<void> {
    await this.#api.update(this.#id, object);
    this.#refresh(object.metadata.namespace, object.metadata.name);
  }

  async patch(object: T, patch: object): Promise<void> {
    const { namespace, name } = object.metadata;
    await this.#api.patch(this.#id, namespace, name, patch);
    this.#refresh(namespace, name);
  }

  async patchStatus(object: T, status: object): Promise<void> {
    const { namespace, name } = object.metadata;
    await this.#api.patch(this.#id, namespace, name, { status }, { subresource: "status" });
    this.#refresh(namespace, name);
  }

  /** Deletes this very object (by uid), in the background; one that is already gone is fine. */
  async delete(object: T, options: { gracePeriodSeconds?: number } = {}): Promise<void> {
    const { namespace, name, uid } = object.metadata;
    await ignoreGone(
      this.#api.delete(this.#id, namespace, name, {
        propagationPolicy: "Background",
        ...options,
        ...(uid !== undefined && { uid }),
      }),
    );
    this.#refresh(namespace, name);
  }

  #receive({ type, object }: WatchEvent): void {
    const key = keyOf(object);
    const before = this.#objects.get(key);
    if (before && revision(before) >= revision(object)) return;
    if (type !== "DELETED") this.#change(key, object as T);
    else if (before) this.#change(key, undefined);
  }

  /** Reads the truth: the answer of a write may already be older than the store. */
  #refresh(namespace: string | undefined, name: string): void {
    const now = this.#api.get(this.#id, namespace, name);
    const before = this.#objects.get(joinKey(namespace, name));
    if (now && before && revision(now) === revision(before)) return;
    if (now ?? before) this.#change(joinKey(namespace, name), now as T | undefined);
  }

  #change(key: string, now: T | undefined): void {
    const before = this.#objects.get(key);
    if (now) this.#store(key, now);
    else this.#remove(key);
    for (const listener of this.#listeners) listener(now, before);
  }

  #store(key: string, object: T): void {
    this.#remove(key);
    this.#objects.set(key, object);
    for (const place of this.#places(object)) {
      const keys = this.#filed.get(place);
      if (keys) keys.add(key);
      else this.#filed.set(place, new Set([key]));
    }
  }

  #remove(key: string): void {
    const object = this.#objects.get(key);
    if (!object) return;
    this.#objects.delete(key);
    for (const place of this.#places(object)) {
      const keys = this.#filed.get(place);
      keys?.delete(key);
      if (keys?.size === 0) this.#filed.delete(place);
    }
  }

  #places(object: T): string[] {
    return Object.entries(this.#indexes).flatMap(([name, index]) => index(object).map((value) => `${name}\0${value}`));
  }
}

const revision = (object: ApiObject): number => Number(object.metadata.resourceVersion ?? 0);

/** Waits for a delete; NotFound, and Conflict about a uid that is gone, mean that the work is done. */
async function ignoreGone(deletion: Promise<void>): Promise<void> {
  try {
    await deletion;
  } catch (error) {
    const code = (error as { code?: unknown }).code;
    if (code !== 404 && code !== 409) throw error;
  }
}
