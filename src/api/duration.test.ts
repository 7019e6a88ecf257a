import { expect, test } from "vitest";
import { parseDuration } from "./duration.ts";

test.each([
  ["90s", 90_000],
  ["1m30s", 90_000],
  ["1.5h", 5_400_000],
  ["500ms", 500],
  ["0", 0],
  ["0s", 0],
  [".5s", 500],
  ["1µs", 0.001],
  ["1.1h", 3_960_000],
  ["+90s", 90_000],
])("%s is %d ms", (text, ms) => expect(parseDuration(text)).toBe(ms));

test.each(["", "90", "-1s", "+", "+-1s", "s", "1d", "1s ", " 1s", "1s\n", "1,5s", "1e3s"])(
  "%j is no duration",
  (text) => expect(parseDuration(text)).toBeUndefined(),
);
