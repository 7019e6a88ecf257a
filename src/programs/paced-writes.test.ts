import { beforeEach, expect, test } from "vitest";
import type { Pace, PacedWrite } from "../status/bgp-session.ts";
import { PacedWrites } from "./paced-writes.ts";

let now: number;
let wakes: number[];
let paced: PacedWrites;

beforeEach(() => {
  now = 0;
  wakes = [];
  paced = new PacedWrites({ wakeIn: (ms) => wakes.push(now + ms) }, () => now);
});

const write = (name: string, pace: Pace): PacedWrite => ({
  pace,
  write: {
    kind: "patch-status",
    object: { apiVersion: "metallb.io/v1beta1", kind: "BGPSessionStatus", name },
    body: {},
  },
});
const made = (...writes: readonly PacedWrite[]): number => paced.due(writes).length;

test("a thousand new counts within a second are two writes, and the loop is woken for the second", () => {
  let count = 0;
  for (now = 0; now < 1_000; now++) count += made(write("a", "counts"));
  expect(count).toBe(1);
  expect(wakes).toEqual([1_000]);
  now = 1_000;
  expect(made(write("a", "counts"))).toBe(1);
});

test("a session that goes down is told at once, whatever was written a moment ago", () => {
  expect(made(write("a", "counts"))).toBe(1);
  now = 1;
  expect(made(write("a", "at-once"), write("b", "counts"))).toBe(2);
});

test("a session that is tried in vain is told twice a minute at most", () => {
  let count = 0;
  for (now = 0; now < 300_000; now += 500) count += made(write("a", "trying"));
  expect(count).toBe(10);
});

test("an earlier wake-up is not put off by a later one", () => {
  made(write("a", "at-once"), write("b", "at-once"));
  now = 10;
  made(write("a", "trying"));
  made(write("b", "counts"));
  expect(wakes).toEqual([30_000, 1_000]);
});
