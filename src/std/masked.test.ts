import { expect, test } from "vitest";
import { masked } from "./masked.ts";

test.each([
  ["neighbor 10.0.0.1 password hush", "neighbor 10.0.0.1 password ****"],
  ["neighbor 10.0.0.1 pass hush hush", "neighbor 10.0.0.1 pass ****"],
  ["neighbor 10.0.0.1 pa hush", "neighbor 10.0.0.1 pa ****"],
  ["neighbor 10.0.0.1 pasword  hush", "neighbor 10.0.0.1 pasword  ****"],
  ["neighbor 10.0.0.1 pssword hush", "neighbor 10.0.0.1 pssword ****"],
  ["password hush", "password ****"],
  ["neighbor 10.0.0.1 passive", "neighbor 10.0.0.1 passive"],
  ["bgp bestpath as-path multipath-relax", "bgp bestpath as-path multipath-relax"],
  ["no neighbor 10.0.0.1 password", "no neighbor 10.0.0.1 password"],
])("%s", (line, shown) => {
  expect(masked(line)).toBe(shown);
});
