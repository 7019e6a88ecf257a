import { expect, test } from "vitest";
import { Wake } from "./wake.ts";

test("many wake-ups in a window are one turn", async () => {
  const stop = new AbortController();
  const wake = new Wake(5, stop.signal);
  for (let i = 0; i < 100; i++) wake.wake();
  let turns = 0;
  wake.wakeIn(60);
  for await (const _ of wake) if (++turns === 2) stop.abort();
  expect(turns).toBe(2);
});

test("a wake-up during a turn causes another", async () => {
  const stop = new AbortController();
  const wake = new Wake(1, stop.signal);
  wake.wake();
  let turns = 0;
  for await (const _ of wake) {
    turns++;
    if (turns < 3) wake.wake();
    else stop.abort();
  }
  expect(turns).toBe(3);
});

test("the end is at once, while idle and within a window, and leaves no timer", async () => {
  for (const windowMs of [1, 60_000]) {
    const stop = new AbortController();
    const wake = new Wake(windowMs, stop.signal);
    if (windowMs > 1) wake.wake();
    wake.wakeIn(60_000);
    const loop = (async () => {
      let turns = 0;
      for await (const _ of wake) turns++;
      return turns;
    })();
    setImmediate(() => stop.abort());
    expect(await loop).toBe(0);
  }
});

test("a loop that starts after the end does nothing", async () => {
  const wake = new Wake(1, AbortSignal.abort());
  wake.wake();
  wake.wakeIn(1);
  for await (const _ of wake) expect.unreachable();
});
