import fc from "fast-check";
import { expect, test } from "vitest";
import { backoffMs } from "./backoff.ts";

const limits = { minMs: 800, maxMs: 30_000 };

test("doubles from the minimum to the maximum", () => {
  const waits = [1, 2, 3, 6, 50].map((failures) => backoffMs(failures, limits, () => 0));
  expect(waits).toEqual([800, 1600, 3200, 25_600, 30_000]);
});

test("jitter stays within the limits", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 2000 }), fc.double({ min: 0, max: 0.999, noNaN: true }), (failures, r) => {
      const wait = backoffMs(failures, limits, () => r);
      expect(wait).toBeGreaterThanOrEqual(800);
      expect(wait).toBeLessThanOrEqual(30_000);
    }),
  );
});
