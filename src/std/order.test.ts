import fc from "fast-check";
import { expect, test } from "vitest";
import { exhaustive } from "./exhaustive.ts";
import { omit } from "./omit.ts";
import { compareText, placeIn, sortedBy, sortedText, withItems } from "./order.ts";

test("texts are ordered by code unit, whatever the language", () => {
  expect(sortedText(["b", "a", "B", "ä", "10", "9"])).toEqual(["10", "9", "B", "a", "b", "ä"]);
});

test("the order is total", () => {
  fc.assert(
    fc.property(fc.string(), fc.string(), (a, b) => {
      expect(Math.sign(compareText(a, b)) + Math.sign(compareText(b, a))).toBe(0);
      expect(compareText(a, b) === 0).toBe(a === b);
    }),
  );
});

test("equal keys keep their order, and nothing is changed in place", () => {
  const items = [
    { k: "b", n: 1 },
    { k: "a", n: 2 },
    { k: "b", n: 3 },
  ];
  expect(sortedBy(items, ({ k }) => k).map(({ n }) => n)).toEqual([2, 1, 3]);
  expect(items.map(({ n }) => n)).toEqual([1, 2, 3]);
});

test("the place of what is there, and of what is not", () => {
  const items = ["b", "d", "f"];
  expect(["a", "b", "c", "d", "f", "g"].map((text) => placeIn(items, (item) => item < text))).toEqual([
    0, 0, 1, 1, 2, 3,
  ]);
  expect(placeIn([], () => true)).toBe(0);
});

test("a sorted list with items put in, taken out and others in their stead is what a sort would make of them", () => {
  const entries = fc.array(fc.tuple(fc.nat(20), fc.option(fc.nat(3), { nil: undefined })), { maxLength: 12 });
  fc.assert(
    fc.property(fc.uniqueArray(fc.nat(20)), entries, (keys, changes) => {
      const items = keys.map((key) => ({ key, value: 9 })).sort((a, b) => a.key - b.key);
      const copy = [...items];
      const plain = new Map(items.map((item) => [item.key, item]));
      for (const [key, value] of changes) {
        if (value === undefined) plain.delete(key);
        else plain.set(key, { key, value });
      }
      const placed = changes.map(([key, value]) => ({
        order: (item: { readonly key: number }) => item.key - key,
        next: value === undefined ? undefined : { key, value },
      }));
      expect(withItems(items, placed)).toEqual([...plain.values()].sort((a, b) => a.key - b.key));
      expect(items).toEqual(copy);
    }),
  );
});

test("omit leaves the others and the original alone", () => {
  const whole = { a: 1, b: 2 };
  expect(omit(whole, ["a"])).toEqual({ b: 2 });
  expect(whole).toEqual({ a: 1, b: 2 });
});

test("an unhandled variant is called a bug", () => {
  expect(() => exhaustive({ kind: "new" } as never)).toThrow('bug: unhandled variant {"kind":"new"}');
});
