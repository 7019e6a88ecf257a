import { expect, test, vi } from "vitest";
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

test("after a pause the first wake-up does not wait for others; the next ones do, for the window", async () => {
  vi.useFakeTimers({ toFake: ["performance", "setTimeout", "clearTimeout"] });
  try {
    const stop = new AbortController();
    const wake = new Wake(1000, stop.signal);
    const turns: number[] = [];
    const begin = performance.now();
    const loop = async () => {
      for await (const _ of wake) {
        turns.push(performance.now() - begin);
        for (const ms of turns.length === 1 ? [1, 20, 40] : []) wake.wakeIn(ms);
      }
    };
    wake.wake();
    const ended = loop();
    await vi.advanceTimersByTimeAsync(5_000);
    stop.abort();
    await ended;
    expect(turns.map(Math.floor)).toEqual([0, 1000]);
  } finally {
    vi.useRealTimers();
  }
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
  for (const within of [false, true]) {
    const stop = new AbortController();
    const wake = new Wake(60_000, stop.signal);
    wake.wake();
    wake.wakeIn(60_000);
    let turns = 0;
    for await (const _ of wake) {
      turns++;
      if (within) wake.wake();
      setImmediate(() => stop.abort());
    }
    expect(turns).toBe(1);
  }
});

test("a loop that starts after the end does nothing", async () => {
  const wake = new Wake(1, AbortSignal.abort());
  wake.wake();
  wake.wakeIn(1);
  for await (const _ of wake) expect.unreachable();
});
