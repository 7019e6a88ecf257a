/** Deep equality of plain JSON-like values (objects, arrays, primitives, bigint); `undefined` members count as absent. */
export function deepEqual(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  if (Array.isArray(a) !== Array.isArray(b)) return false;
  if (Array.isArray(a) && Array.isArray(b)) {
    return a.length === b.length && a.every((item, i) => deepEqual(item, b[i]));
  }
  const left = present(a);
  const right = present(b);
  return (
    left.length === right.length &&
    left.every(([key, value]) => Object.hasOwn(b, key) && deepEqual(value, (b as Record<string, unknown>)[key]))
  );
}

const present = (value: object): [string, unknown][] => Object.entries(value).filter(([, v]) => v !== undefined);

/** Whether two lists hold the very same items. */
export const sameItems = (a: readonly unknown[], b: readonly unknown[]): boolean =>
  a.length === b.length && a.every((item, i) => item === b[i]);
