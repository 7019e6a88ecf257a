import { expect, test } from "vitest";
import { Attempts } from "./attempts.ts";

const limits = { minMs: 1_000, maxMs: 60_000 };

test("a failure makes its key wait, ever longer, and no other", () => {
  const attempts = new Attempts(limits);
  const [first, second] = [attempts.failed("a"), attempts.failed("a")];
  expect(first).toBeGreaterThanOrEqual(1_000);
  expect(second).toBeGreaterThanOrEqual(2_000);
  expect([attempts.mayTry("a"), attempts.mayTry("b")]).toEqual([false, true]);
});

test("a success ends the wait", () => {
  const attempts = new Attempts(limits);
  attempts.failed("a");
  expect(attempts.succeeded("a")).toBe(0);
  expect(attempts.mayTry("a")).toBe(true);
});

test("work that somebody keeps undoing is slowed down", () => {
  const attempts = new Attempts(limits);
  const waits = Array.from({ length: 7 }, () => attempts.succeeded("a"));
  expect(waits.slice(0, 5)).toEqual([0, 0, 0, 0, 0]);
  expect(waits[5]).toBeGreaterThanOrEqual(1_000);
  expect(waits[6]).toBeGreaterThanOrEqual(2_000);
});
