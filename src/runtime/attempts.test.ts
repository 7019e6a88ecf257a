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

/** Waits of work that is wanted again as soon as its wait is over. */
function rewritten(attempts: Attempts, times: number): number[] {
  return Array.from({ length: times }, () => {
    attempts.mayTry("a");
    const wait = attempts.succeeded("a");
    vi.advanceTimersByTime(wait);
    return wait;
  });
}

test("what a person or a script edits in quick succession is through within half a second, for half a minute", () => {
  const waits = rewritten(new Attempts(limits), 65);
  expect(waits.slice(0, 5)).toEqual([0, 0, 0, 0, 0]);
  expect(Math.min(...waits.slice(5))).toBeGreaterThan(0);
  expect(Math.max(...waits)).toBe(500);
});

test("work that somebody keeps undoing is slowed down", () => {
  const attempts = new Attempts({ minMs: 100, maxMs: 900 });
  const waits = rewritten(attempts, 80);
  expect(waits.slice(65, 67).every((wait) => wait >= 100 && wait <= 400)).toBe(true);
  expect(waits.at(-1)).toBe(900);
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
  rewritten(attempts, 70);
  vi.advanceTimersByTime(90_000);
  expect(attempts.mayTry("a")).toBe(true);
  expect(attempts.succeeded("a")).toBe(0);
});
