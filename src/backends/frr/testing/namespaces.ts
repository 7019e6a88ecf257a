import { execFileSync } from "node:child_process";
import { setTimeout as wait } from "node:timers/promises";

/** The program of iproute2. */
export const ip = (...args: readonly string[]): void =>
  void execFileSync("ip", args, { stdio: ["ignore", "ignore", "inherit"] });

/** Waits until `holds` is true; how long it took, in milliseconds. */
export async function eventually(
  what: string,
  holds: () => boolean | Promise<boolean>,
  limitMs = 60_000,
): Promise<number> {
  const start = performance.now();
  while (!(await holds())) {
    if (performance.now() - start > limitMs) throw new Error(`not within ${limitMs} ms: ${what}`);
    await wait(1);
  }
  return performance.now() - start;
}
