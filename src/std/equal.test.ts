import { isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import { expect, test } from "vitest";
import { deepEqual } from "./equal.ts";

const value = fc.anything({ withBigInt: true, withNullPrototype: false, maxDepth: 3 });

test("agrees with Node's own on values without undefined members", () => {
  const json = fc.jsonValue();
  fc.assert(fc.property(json, json, (a, b) => deepEqual(a, b) === isDeepStrictEqual(a, b)));
});

test("every value equals its copy", () => {
  fc.assert(fc.property(value, (a) => deepEqual(a, structuredClone(a))));
});

test("a member that is undefined is as good as absent, an item is not", () => {
  expect(deepEqual({ a: 1, b: undefined }, { a: 1 })).toBe(true);
  expect(deepEqual({ a: undefined }, { b: undefined })).toBe(true);
  expect(deepEqual([undefined], [])).toBe(false);
  expect(deepEqual({ a: 1 }, { b: 1 })).toBe(false);
});

test.each([
  [1n, 1n, true],
  [1n, 2n, false],
  [Number.NaN, Number.NaN, true],
  [null, {}, false],
  [[], {}, false],
  [{ length: 0 }, [], false],
])("%s and %s: %s", (a, b, expected) => expect(deepEqual(a, b)).toBe(expected));
