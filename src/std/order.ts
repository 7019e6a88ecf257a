/** Compares by code unit, the same on every machine (never `localeCompare`). */
export const compareText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** A sorted copy, by text. */
export const sortedText = <T extends string>(items: Iterable<T>): T[] => [...items].sort(compareText);

/** A sorted copy by the text `key` gives; equal keys keep their order. */
export const sortedBy = <T>(items: Iterable<T>, key: (item: T) => string): T[] =>
  [...items].sort((a, b) => compareText(key(a), key(b)));
