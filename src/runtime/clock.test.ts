import { expect, test } from "vitest";
import { sleep, TimeLimit } from "./clock.ts";

const never = new AbortController().signal;

test("a limit aborts when its time is over, as a TimeoutError", async () => {
  using limit = new TimeLimit(5, never);
  await expect.poll(() => limit.signal.aborted).toBe(true);
  expect(limit.signal.reason).toMatchObject({ name: "TimeoutError" });
});

test("a limit aborts with the signal that it follows, and for the same reason", () => {
  const stop = new AbortController();
  using limit = new TimeLimit(60_000, stop.signal);
  stop.abort("enough");
  expect(limit.signal.reason).toBe("enough");
  using late = new TimeLimit(60_000, stop.signal);
  expect(late.signal.reason).toBe("enough");
});

test("a limit that was disposed of never aborts", async () => {
  const stop = new AbortController();
  const limit = new TimeLimit(1, stop.signal);
  limit[Symbol.dispose]();
  await sleep(10, never);
  stop.abort();
  expect(limit.signal.aborted).toBe(false);
});
