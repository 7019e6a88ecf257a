import { deepEqual, sameItems } from "../std/equal.ts";
import { placeIn, sortedBy } from "../std/order.ts";
import { keyOf, type KubeObject } from "../api/object.ts";
import type { WatchEvent } from "./client.ts";

/**
 * The objects of one kind as the API server last told, sorted by `namespace/name`.
 *
 * `items` is a new array after a change and the same one otherwise, so whoever derives something from it can compare
 * identities. `changed` is called when something changed that a reader could notice; a heartbeat's new resourceVersion
 * is kept, in silence.
 */
export class Cache<T extends KubeObject> {
  readonly #changed: () => void;
  #items: T[] = [];
  /** Whether someone has read `#items` since the last change: then the next change makes another. */
  #isRead = false;
  #synced = false;
  /** The newest version that the server's own stream has told. */
  #seen = "";

  constructor(changed: () => void) {
    this.#changed = changed;
  }

  get items(): readonly T[] {
    this.#isRead = true;
    return this.#items;
  }

  /** Whether the kind was listed completely, and nothing since has cast doubt on it. */
  get synced(): boolean {
    return this.#synced;
  }

  /** By `namespace/name`, or name for cluster-scoped kinds. */
  get(key: string): T | undefined {
    const at = this.#position(key);
    return at.found ? this.#items[at.index] : undefined;
  }

  /** A complete list takes the place of what was known; what did not change stays the same object. */
  replace(objects: readonly T[], resourceVersion: string): void {
    const next = sortedBy(objects, keyOf).map((object) => this.#kept(object));
    const same = sameItems(next, this.#items);
    const first = !this.#synced;
    if (!same) [this.#items, this.#isRead] = [next, false];
    this.#seen = resourceVersion;
    this.#synced = true;
    if (first || !same) this.#changed();
  }

  /** What is known is not to be relied on until the next list. */
  doubt(): void {
    this.#synced = false;
  }

  /** One event of the watch. */
  receive(event: WatchEvent<T>): void {
    if (event.type === "BOOKMARK") {
      this.#seen = event.resourceVersion;
      return;
    }
    const { object } = event;
    if (isNewer(object.metadata.resourceVersion, this.#seen)) this.#seen = object.metadata.resourceVersion ?? "";
    this.#put(event.type, object);
  }

  /**
   * The answer to a write of our own, known before the watch tells of it: the next turn sees what this one wrote.
   *
   * Ignored when the watch is past it already: the object may be gone by now.
   */
  learn(object: T): void {
    if (this.#synced && isNewer(object.metadata.resourceVersion, this.#seen)) this.#put("MODIFIED", object);
  }

  #put(type: "ADDED" | "MODIFIED" | "DELETED", object: T): void {
    const at = this.#position(keyOf(object));
    const old = at.found ? this.#items[at.index] : undefined;
    // The watch may tell late of what a write's answer told early.
    if (old && isNewer(old.metadata.resourceVersion, object.metadata.resourceVersion)) return;
    if (old && type !== "DELETED" && isSameVersion(old, object)) return;
    if (type === "DELETED") {
      if (!old) return;
      this.#splice(at.index, 1);
    } else {
      this.#splice(at.index, old ? 1 : 0, object);
      if (old && sameToReaders(old, object)) return;
    }
    this.#changed();
  }

  /** In place once there is a list that nobody has read: a storm of events between two turns costs one copy. */
  #splice(at: number, gone: number, ...come: readonly T[]): void {
    if (this.#isRead) [this.#items, this.#isRead] = [this.#items.toSpliced(at, gone, ...come), false];
    else this.#items.splice(at, gone, ...come);
  }

  #kept(object: T): T {
    const old = this.get(keyOf(object));
    return old && isSameVersion(old, object) ? old : object;
  }

  /** Where `key` is, or would be. */
  #position(key: string): { readonly index: number; readonly found: boolean } {
    const index = placeIn(this.#items, (object) => keyOf(object) < key);
    const at = this.#items[index];
    return { index, found: at !== undefined && keyOf(at) === key };
  }
}

/** Resource versions are decimal numbers that grow (Kubernetes KEP-5504); with any other server nothing is newer. */
function isNewer(a: string | undefined, b: string | undefined): boolean {
  if (a === undefined || b === undefined || !/^\d+$/.test(a) || !/^\d+$/.test(b)) return false;
  return a.length === b.length ? a > b : a.length > b.length;
}

const isSameVersion = ({ metadata: a }: KubeObject, { metadata: b }: KubeObject): boolean =>
  a.resourceVersion !== undefined && a.resourceVersion === b.resourceVersion && a.uid === b.uid;

/** Whether two versions of an object say the same: a Node is written every few seconds, to say that it lives. */
export function sameToReaders(a: KubeObject, b: KubeObject): boolean {
  const unversioned = (object: KubeObject) => ({ ...object, metadata: { ...object.metadata, resourceVersion: "" } });
  return deepEqual(unversioned(a), unversioned(b));
}
