import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Attempts } from "./attempts.ts";

const limits = { minMs: 1_000, maxMs: 60_000 };

beforeEach(() => void vi.useFakeTimers({ toFake: ["performance"] }));
afterEach(() => void vi.useRealTimers());

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
  const waits = Array.from({ length: 7 }, () => {
    attempts.mayTry("a");
    return attempts.succeeded("a");
  });
  expect(waits.slice(0, 5)).toEqual([0, 0, 0, 0, 0]);
  expect(waits[5]).toBeGreaterThanOrEqual(1_000);
  expect(waits[6]).toBeGreaterThanOrEqual(2_000);
});

test("work that comes again after a while is not, however often it does", () => {
  const attempts = new Attempts(limits);
  const waits = Array.from({ length: 20 }, () => {
    vi.advanceTimersByTime(1_500);
    attempts.mayTry("a");
    return attempts.succeeded("a");
  });
  expect(waits).toEqual(Array(20).fill(0));
});

test("after a wait that nobody minded, it is as before", () => {
  const attempts = new Attempts(limits);
  for (let i = 0; i < 8; i++) {
    attempts.mayTry("a");
    attempts.succeeded("a");
  }
  vi.advanceTimersByTime(90_000);
  expect(attempts.mayTry("a")).toBe(true);
  expect(attempts.succeeded("a")).toBe(0);
});
