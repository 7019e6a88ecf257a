/** Compares by code unit, the same on every machine (never `localeCompare`). */
export const compareText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** A sorted copy, by text. */
export const sortedText = <T extends string>(items: Iterable<T>): T[] => [...items].sort(compareText);

/** A sorted copy by the text `key` gives, asked once for each item; equal keys keep their order. */
export const sortedBy = <T>(items: Iterable<T>, key: (item: T) => string): T[] =>
  Array.from(items, (item) => ({ item, key: key(item) }))
    .sort((a, b) => compareText(a.key, b.key))
    .map(({ item }) => item);

/** The items sorted by the text `key` gives: the same list when it is in order already. */
export function ordered<T>(items: readonly T[], key: (item: T) => string): readonly T[] {
  let before = "";
  for (const item of items) {
    const now = key(item);
    if (now < before) return sortedBy(items, key);
    before = now;
  }
  return items;
}
