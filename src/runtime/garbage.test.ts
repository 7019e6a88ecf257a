import { constants, PerformanceObserver } from "node:perf_hooks";
import { setTimeout as wait } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { IdleCollector } from "./garbage.ts";

/** Collections that somebody asked for; V8's own do not count. */
let forced = 0;
const observer = new PerformanceObserver((list) => {
  for (const { detail } of list.getEntries() as (PerformanceEntry & { detail: { flags: number } })[])
    if ((detail.flags & constants.NODE_PERFORMANCE_GC_FLAGS_FORCED) !== 0) forced++;
});
beforeAll(() => observer.observe({ entryTypes: ["gc"] }));
afterAll(() => observer.disconnect());

/** What outlives a few small collections: 8 MiB or more. */
function litter(): void {
  const kept = Array.from({ length: 200_000 }, (_, i) => ({ i }));
  if (kept.length === 0) throw new Error("nothing is kept");
}

const forcedWithin = async (ms: number, act: () => void): Promise<number> => {
  await wait(20);
  const before = forced;
  act();
  await wait(ms);
  return forced - before;
};

test("garbage is collected once there was nothing to do for a while and enough of it, and not again for little", async () => {
  const garbage = new IdleCollector();
  litter();
  expect(await forcedWithin(200, () => garbage.release())).toBe(1);
  expect(await forcedWithin(200, () => garbage.release())).toBe(0);
});

test("not while there is work, nor between two pieces of it", async () => {
  const garbage = new IdleCollector();
  litter();
  const busy = () => {
    garbage.release();
    garbage.hold();
  };
  expect(await forcedWithin(200, busy)).toBe(0);
  expect(await forcedWithin(200, () => garbage.release())).toBe(1);
});
