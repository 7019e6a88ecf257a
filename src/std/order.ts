/** Compares by code unit, the same on every machine (never `localeCompare`). */
export const compareText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** Compares by the text that `key` gives. */
export const byText =
  <T>(key: (item: T) => string) =>
  (a: T, b: T): number =>
    compareText(key(a), key(b));

/** A sorted copy, by text. */
export const sortedText = <T extends string>(items: Iterable<T>): T[] => [...items].sort(compareText);

/** A sorted copy by the text `key` gives, asked once for each item; equal keys keep their order. */
export const sortedBy = <T>(items: Iterable<T>, key: (item: T) => string): T[] =>
  Array.from(items, (item) => ({ item, key: key(item) }))
    .sort((a, b) => compareText(a.key, b.key))
    .map(({ item }) => item);

/** Where a sorted list ends to be before something: the place of that, if it is there, or else the place to put it. */
export function placeIn<T>(items: readonly T[], isBefore: (item: T) => boolean): number {
  let [low, high] = [0, items.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (isBefore(items[middle] as T)) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** What stands at a place of a sorted list from now on; without `next` nothing. */
export interface Placed<T> {
  /** Negative for what comes before the place, 0 for what is there. */
  readonly order: (item: T) => number;
  readonly next: T | undefined;
}

/** A sorted list with some items put in, taken out, or others in their stead. */
export function withItems<T>(items: readonly T[], changes: readonly Placed<T>[]): readonly T[] {
  let after: T[] | undefined;
  for (const { order, next } of changes) {
    const now = after ?? items;
    const place = placeIn(now, (item) => order(item) < 0);
    const isThere = place < now.length && order(now[place] as T) === 0;
    const edit = [place, Number(isThere), ...(next === undefined ? [] : [next])] as const;
    // A copy that is made with the first change in it has room for neither more nor less.
    if (after) after.splice(...edit);
    else after = items.toSpliced(...edit);
  }
  return after ?? items;
}
