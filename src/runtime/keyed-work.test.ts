import { expect, test } from "vitest";
import { KeyedWork } from "./keyed-work.ts";
import { Wake } from "./wake.ts";

function setUp() {
  const stop = new AbortController();
  const wake = new Wake(1, stop.signal);
  const failures: string[] = [];
  const work = new KeyedWork({ wake, failed: (key) => void failures.push(key) }, stop.signal);
  return { stop, wake, work, failures };
}

test("a key that fails is tried again after its wait; the others are not held up", async () => {
  const { stop, wake, work, failures } = setUp();
  const done: string[] = [];
  let broken = 2;
  wake.wake();
  for await (const _ of wake) {
    const missing = ["a", "b", "c"].filter((key) => !done.includes(key));
    if (missing.length === 0) stop.abort();
    work.want(
      new Map(
        missing.map((key) => [
          key,
          async () => {
            if (key === "a" && broken-- > 0) throw new Error("refused");
            done.push(key);
          },
        ]),
      ),
    );
  }
  expect(done).toEqual(["b", "c", "a"]);
  expect(failures).toEqual(["a", "a"]);
});

test("work that hangs holds up its own key only, and is never doubled", async () => {
  const { stop, work } = setUp();
  let started = 0;
  const hang = (signal: AbortSignal) =>
    new Promise<void>((resolve) => {
      started++;
      signal.addEventListener("abort", () => resolve());
    });
  const done: string[] = [];
  work.want(new Map([["a", hang]]));
  work.want(
    new Map([
      ["a", hang],
      ["b", async () => void done.push("b")],
    ]),
  );
  expect(work.isRunning("a")).toBe(true);
  await expect.poll(() => done).toEqual(["b"]);
  expect(started).toBe(1);
  stop.abort();
  await work.settled();
  expect(work.isRunning("a")).toBe(false);
});

test("more than can run at once all get done", async () => {
  const { stop, work } = setUp();
  const done = new Set<number>();
  const pieces = Array.from({ length: 100 }, (_, i) => [String(i), async () => void done.add(i)] as const);
  work.want(new Map(pieces));
  await expect.poll(() => done.size).toBe(100);
  stop.abort();
});

test("what is wanted lazily is made as there is room, and what ended meanwhile is not done again before the next turn", async () => {
  const { stop, work } = setUp();
  let made = 0;
  const ends: (() => void)[] = [];
  function* wanted() {
    for (const key of ["a", ...Array.from({ length: 100 }, (_, i) => `b${i}`), "a"]) {
      made++;
      yield [key, () => new Promise<void>((resolve) => void ends.push(resolve))] as const;
    }
  }
  work.want(wanted());
  expect(made).toBe(16);
  while (ends.length > 0) {
    ends.shift()?.();
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(made).toBe(102);
  expect(work.isRunning("a")).toBe(false);
  stop.abort();
});
