/**
 * Maps and sets that never change, and of which the next version costs what is other in it: both share the rest.
 *
 * Any `ReadonlyMap` is a first version, provided that nobody changes it any more.
 */

/** A version with some entries set, and those without a value removed. What stays keeps its place. */
export function edited<K, V extends {}>(
  map: ReadonlyMap<K, V>,
  changes: Iterable<readonly [K, V | undefined]>,
): ReadonlyMap<K, V> {
  const { base, edits: before } = layersOf(map);
  const edits = new Map(before);
  for (const [key, value] of changes) {
    if (base.get(key) === value) edits.delete(key);
    else edits.set(key, value);
  }
  if (edits.size === 0) return base;
  const next = new Edited(base, edits);
  return edits.size > mostEdits(base.size) ? new Map(next) : next;
}

/** Keys whose values are not the same one in both. */
export function changedKeys<K, V>(a: ReadonlyMap<K, V>, b: ReadonlyMap<K, V>): ReadonlySet<K> {
  if (a === b) return new Set();
  const [old, next] = [layersOf(a), layersOf(b)];
  const isShared = old.base === next.base;
  const changed = new Set<K>();
  for (const key of isShared ? old.edits.keys() : a.keys()) if (a.get(key) !== b.get(key)) changed.add(key);
  for (const key of isShared ? next.edits.keys() : b.keys()) if (a.get(key) !== b.get(key)) changed.add(key);
  return changed;
}

/** More would have to be copied for each next version. */
const mostEdits = (size: number): number => 64 + size / 64;

interface Layers<K, V> {
  readonly base: ReadonlyMap<K, V>;
  /** What stands in its place; `undefined`: is not there. */
  readonly edits: ReadonlyMap<K, V | undefined>;
}

const noEdits = new Map<unknown, never>();

const layersOf = <K, V>(map: ReadonlyMap<K, V>): Layers<K, V> =>
  map instanceof Edited ? (map as Edited<K, V>) : { base: map, edits: noEdits as ReadonlyMap<K, never> };

class Edited<K, V> implements ReadonlyMap<K, V>, Layers<K, V> {
  readonly base: ReadonlyMap<K, V>;
  readonly edits: ReadonlyMap<K, V | undefined>;
  readonly size: number;

  constructor(base: ReadonlyMap<K, V>, edits: ReadonlyMap<K, V | undefined>) {
    this.base = base;
    this.edits = edits;
    let { size } = base;
    for (const [key, value] of edits) size += Number(value !== undefined) - Number(base.has(key));
    this.size = size;
  }

  get(key: K): V | undefined {
    const value = this.edits.get(key);
    return value !== undefined || this.edits.has(key) ? value : this.base.get(key);
  }

  has(key: K): boolean {
    return this.get(key) !== undefined;
  }

  *entries(): Generator<[K, V], undefined> {
    for (const [key, old] of this.base) {
      const value = this.edits.has(key) ? this.edits.get(key) : old;
      if (value !== undefined) yield [key, value];
    }
    for (const [key, value] of this.edits) if (value !== undefined && !this.base.has(key)) yield [key, value];
    return undefined;
  }

  *keys(): Generator<K, undefined> {
    for (const [key] of this.entries()) yield key;
    return undefined;
  }

  *values(): Generator<V, undefined> {
    for (const [, value] of this.entries()) yield value;
    return undefined;
  }

  [Symbol.iterator](): Generator<[K, V], undefined> {
    return this.entries();
  }

  forEach(call: (value: V, key: K, map: ReadonlyMap<K, V>) => void): void {
    for (const [key, value] of this) call(value, key, this);
  }
}

/** What a reader of a set asks of it. */
export interface Members<T> extends Iterable<T> {
  readonly size: number;
  has(item: T): boolean;
}

/** A set that shares what stays with the one it was made of. */
export class PersistentSet<T> implements Members<T> {
  readonly #members: ReadonlyMap<T, true>;

  private constructor(members: ReadonlyMap<T, true>) {
    this.#members = members;
  }

  static of<T>(items: Iterable<T>): PersistentSet<T> {
    const members = new Map<T, true>();
    for (const item of items) members.set(item, true);
    return new PersistentSet(members);
  }

  get size(): number {
    return this.#members.size;
  }

  has(item: T): boolean {
    return this.#members.has(item);
  }

  [Symbol.iterator](): Iterator<T> {
    return this.#members.keys();
  }

  /** With some items in it, or no longer. */
  with(changes: Iterable<readonly [T, boolean]>): PersistentSet<T> {
    return new PersistentSet(
      edited(
        this.#members,
        Array.from(changes, ([item, isMember]) => [item, isMember || undefined] as const),
      ),
    );
  }

  /** What is in one of the two only. */
  static difference<T>(a: Members<T>, b: Members<T>): ReadonlySet<T> {
    if (a instanceof PersistentSet && b instanceof PersistentSet) {
      return changedKeys((a as PersistentSet<T>).#members, (b as PersistentSet<T>).#members);
    }
    const found = new Set<T>();
    if (a === b) return found;
    for (const item of a) if (!b.has(item)) found.add(item);
    for (const item of b) if (!a.has(item)) found.add(item);
    return found;
  }
}
