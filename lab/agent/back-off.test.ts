import fc from "fast-check";
import { expect, test } from "vitest";
import { type BackOff, backOffLeft, durationText, KUBELET_BACK_OFF, raisedBackOff } from "./back-off.ts";

test("the first restart is immediate, then 10 s doubles to 5 min", () => {
  let backOff: BackOff | undefined;
  let now = 1_000_000;
  const waits: number[] = [];
  for (let i = 0; i < 8; i++) {
    const left = backOffLeft(backOff, KUBELET_BACK_OFF, now, now);
    waits.push(left / 1000);
    backOff = raisedBackOff(backOff, KUBELET_BACK_OFF, now, now + left);
    now += left;
  }
  expect(waits).toEqual([0, 10, 20, 40, 80, 160, 300, 300]);
});

test("a run of more than ten minutes starts over", () => {
  const backOff = { delayMs: 300_000, raisedAt: 0 };
  expect(backOffLeft(backOff, KUBELET_BACK_OFF, 600_001, 600_001)).toBe(0);
  expect(raisedBackOff(backOff, KUBELET_BACK_OFF, 600_001, 600_001).delayMs).toBe(10_000);
});

test("nobody waits longer than the maximum, or less than nothing", () => {
  fc.assert(
    fc.property(fc.nat(1e6), fc.nat(1e6), fc.nat(1e6), (delayMs, raisedAt, passed) => {
      const capped = { delayMs: Math.min(delayMs, KUBELET_BACK_OFF.maxMs), raisedAt };
      const left = backOffLeft(capped, KUBELET_BACK_OFF, raisedAt, raisedAt + passed);
      return left >= 0 && left <= KUBELET_BACK_OFF.maxMs;
    }),
  );
});

test.each([
  [10_000, "10s"],
  [160_000, "2m40s"],
  [300_000, "5m0s"],
])("%d ms prints as %s", (ms, text) => expect(durationText(ms)).toBe(text));
