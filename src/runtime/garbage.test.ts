import { constants, PerformanceObserver } from "node:perf_hooks";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from "vitest";
import { collectGarbage, IdleCollector } from "./garbage.ts";

/** When collections began that somebody asked for; V8's own do not count. */
const forced: number[] = [];
const observer = new PerformanceObserver((list) => {
  for (const { detail, startTime } of list.getEntries() as (PerformanceEntry & { detail: { flags: number } })[])
    if ((detail.flags & constants.NODE_PERFORMANCE_GC_FLAGS_FORCED) !== 0) forced.push(startTime);
});
beforeAll(() => observer.observe({ entryTypes: ["gc"] }));
afterAll(() => observer.disconnect());
beforeEach(() => void vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] }));
afterEach(() => void vi.useRealTimers());

/** What outlives a few small collections: 8 MiB or more. */
function litter(): void {
  const kept = Array.from({ length: 200_000 }, (_, i) => ({ i }));
  if (kept.length === 0) throw new Error("nothing is kept");
}

const forcedWithin = async (ms: number, act: () => void): Promise<number> => {
  const begin = performance.now();
  act();
  vi.advanceTimersByTime(ms);
  const end = performance.now();
  // The observer hears late, but in order: of all before this one, once it has heard of this one.
  collectGarbage();
  while ((forced.at(-1) ?? 0) < end) await new Promise((resolve) => setImmediate(resolve));
  return forced.filter((at) => at >= begin && at < end).length;
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
