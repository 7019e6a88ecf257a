/** One line of the table: a measured value, and what it is held against. */
export interface Row {
  readonly what: string;
  readonly value: number;
  readonly unit: string;
  /** Measured in the same run, in the same unit. */
  readonly baseline?: { readonly what: string; readonly value: number };
  /** The value must not be greater. */
  readonly budget?: number;
}

/** What a module of this folder exports as `rows`. */
export type Rows = () => readonly Row[] | Promise<readonly Row[]>;

/**
 * The shortest of several runs in milliseconds, after some that let the compiler settle. What else the machine does can
 * only add to a run.
 */
export function leastMs(run: () => unknown, { runs = 20, warmUp = 3 } = {}): number {
  for (let i = 0; i < warmUp; i++) run();
  const times = Array.from({ length: runs }, () => {
    const start = performance.now();
    run();
    return performance.now() - start;
  });
  return Math.min(...times);
}
