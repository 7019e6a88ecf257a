import { expect, test } from "vitest";
import { frrRoot } from "./frr.ts";

test("the machine's own FRR is what nobody asks for by name", () => {
  expect(frrRoot()).toEqual({});
  expect(frrRoot("8")).toEqual({});
});

test("another release is no wish that can be granted", () => {
  expect(() => frrRoot("9")).toThrow(`FRR="9": 8 (the machine's own) or 10`);
});
