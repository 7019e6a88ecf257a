import fc from "fast-check";
import { expect, test } from "vitest";
import { node } from "../../tests/objects.ts";
import type { LabelSelector } from "../api/object.ts";
import { selectsAny } from "../api/selector.ts";
import { NodeIndex } from "./node-index.ts";

const key = fc.constantFrom("rack", "gpu", "toString");
const value = fc.constantFrom("a", "b", "");
const nodes = fc
  .array(fc.dictionary(key, value), { maxLength: 6 })
  .map((all) => all.map((labels, i) => node(`n${i}`, labels)));
const selector: fc.Arbitrary<LabelSelector> = fc.record(
  {
    matchLabels: fc.dictionary(key, value),
    matchExpressions: fc.array(
      fc.record({
        key,
        operator: fc.constantFrom("In", "NotIn", "Exists", "DoesNotExist"),
        values: fc.array(value, { maxLength: 2 }),
      }),
      { maxLength: 2 },
    ),
  },
  { requiredKeys: [] },
);

test("finds whom asking each node finds", () => {
  fc.assert(
    fc.property(nodes, fc.array(selector, { maxLength: 3 }), (all, selectors) => {
      const index = new NodeIndex(all);
      const wanted = all.filter(({ metadata }) => selectsAny(selectors, metadata.labels));
      const selected = index.selected(selectors);
      expect(all.filter((one) => selected.has(one))).toEqual(wanted);
      expect(selected.size).toBe(wanted.length);
      expect(index.hasSelected(selectors)).toBe(wanted.length > 0);
    }),
    { numRuns: 500 },
  );
});
