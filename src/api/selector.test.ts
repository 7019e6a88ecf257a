import fc from "fast-check";
import { expect, test } from "vitest";
import type { LabelSelector } from "./object.ts";
import { canonicalSelector, selectorProblems, selects, selectsAny } from "./selector.ts";

const rack1 = { rack: "1", zone: "a", empty: "" };

const matching: readonly [string, LabelSelector, boolean][] = [
  ["an empty selector matches everything", {}, true],
  ["an equal label", { matchLabels: { rack: "1" } }, true],
  ["all labels must be equal", { matchLabels: { rack: "1", zone: "b" } }, false],
  ["In", { matchExpressions: [{ key: "rack", operator: "In", values: ["2", "1"] }] }, true],
  ["In without the label", { matchExpressions: [{ key: "row", operator: "In", values: ["1"] }] }, false],
  ["NotIn", { matchExpressions: [{ key: "rack", operator: "NotIn", values: ["1"] }] }, false],
  ["NotIn without the label", { matchExpressions: [{ key: "row", operator: "NotIn", values: ["1"] }] }, true],
  ["Exists, with an empty value", { matchExpressions: [{ key: "empty", operator: "Exists" }] }, true],
  ["DoesNotExist", { matchExpressions: [{ key: "rack", operator: "DoesNotExist" }] }, false],
  ["a name of every object is no label", { matchExpressions: [{ key: "toString", operator: "Exists" }] }, false],
  [
    "labels and requirements together",
    { matchLabels: { rack: "1" }, matchExpressions: [{ key: "zone", operator: "In", values: ["b"] }] },
    false,
  ],
];

test.each(matching)("%s", (_, selector, expected) => expect(selects(selector, rack1)).toBe(expected));

test("no selectors select everything, several what any of them does", () => {
  expect(selectsAny([], rack1)).toBe(true);
  expect(selectsAny([{ matchLabels: { rack: "2" } }, { matchLabels: { zone: "a" } }], rack1)).toBe(true);
  expect(selectsAny([{ matchLabels: { rack: "2" } }], rack1)).toBe(false);
});

const wrong: readonly [string, LabelSelector, string][] = [
  ["In without values", { matchExpressions: [{ key: "a", operator: "In" }] }, "matchExpressions[0].values"],
  [
    "Exists with values",
    { matchExpressions: [{ key: "a", operator: "Exists", values: ["b"] }] },
    "matchExpressions[0].values",
  ],
  [
    "an unknown operator",
    { matchExpressions: [{ key: "a", operator: "Gt", values: ["1"] }] },
    "matchExpressions[0].operator",
  ],
  ["a key with a blank", { matchExpressions: [{ key: "a b", operator: "Exists" }] }, "matchExpressions[0].key"],
  ["a key with two slashes", { matchExpressions: [{ key: "a/b/c", operator: "Exists" }] }, "matchExpressions[0].key"],
  ["a value with a line break", { matchLabels: { a: "b\nc" } }, "matchLabels[a]"],
  ["a value that is too long", { matchLabels: { a: "x".repeat(64) } }, "matchLabels[a]"],
  [
    "a repeated value",
    { matchExpressions: [{ key: "a", operator: "In", values: ["b", "b"] }] },
    "matchExpressions[0].values[1]",
  ],
  [
    "a repeated requirement",
    {
      matchExpressions: [
        { key: "a", operator: "In", values: ["b", "c"] },
        { key: "a", operator: "In", values: ["c", "b"] },
      ],
    },
    "matchExpressions[1]",
  ],
];

test.each(wrong)("refuses %s", (_, selector, field) =>
  expect(selectorProblems(selector).map((problem) => problem.field)).toEqual([field]),
);

test("keys with a prefix and empty values are in order", () => {
  expect(selectorProblems({ matchLabels: { "example.com/rack": "", "kubernetes.io/hostname": "node-1" } })).toEqual([]);
});

const name = fc.constantFrom("a", "b", "c");
const values = fc.array(name, { maxLength: 3 });
const anySelector = fc.record({
  matchLabels: fc.dictionary(name, name),
  matchExpressions: fc.array(fc.record({ key: name, operator: fc.constantFrom("In", "NotIn"), values }), {
    maxLength: 3,
  }),
});

test("selectors of one canonical text match alike", () => {
  fc.assert(
    fc.property(anySelector, fc.dictionary(name, name), (selector, labels) => {
      const turned = {
        matchLabels: Object.fromEntries(Object.entries(selector.matchLabels).reverse()),
        matchExpressions: selector.matchExpressions
          .map((one) => ({ ...one, values: one.values.toReversed() }))
          .toReversed(),
      };
      expect(canonicalSelector(turned)).toBe(canonicalSelector(selector));
      expect(selects(turned, labels)).toBe(selects(selector, labels));
    }),
  );
});
