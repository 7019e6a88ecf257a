/** An item that is another than before; without `after` it is gone, without `before` it is new. */
export interface Difference<T> {
  readonly before: T | undefined;
  readonly after: T | undefined;
}

/** What tells two lists apart. Both are sorted as `compare` has it, nothing twice; what is the same object has not changed. */
export function differences<T>(
  before: readonly T[],
  after: readonly T[],
  compare: (a: T, b: T) => number,
): readonly Difference<T>[] {
  const found: Difference<T>[] = [];
  if (before === after) return found;
  let [i, j] = [0, 0];
  while (i < before.length || j < after.length) {
    const [old, next] = [before[i], after[j]];
    const order = old === undefined ? 1 : next === undefined ? -1 : old === next ? 0 : compare(old, next);
    if (order <= 0) i++;
    if (order >= 0) j++;
    if (old !== next) found.push({ before: order <= 0 ? old : undefined, after: order >= 0 ? next : undefined });
  }
  return found;
}
