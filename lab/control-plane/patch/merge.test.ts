import fc from "fast-check";
import { expect, it } from "vitest";
import { applyMergePatch } from "./merge.ts";

it.each<[unknown, unknown, unknown]>([
  [{ a: "b" }, { a: "c" }, { a: "c" }],
  [{ a: "b" }, { b: "c" }, { a: "b", b: "c" }],
  [{ a: "b" }, { a: null }, {}],
  [{ a: "b", b: "c" }, { a: null }, { b: "c" }],
  [{ a: ["b"] }, { a: "c" }, { a: "c" }],
  [{ a: "c" }, { a: ["b"] }, { a: ["b"] }],
  [{ a: { b: "c" } }, { a: { b: "d", c: null } }, { a: { b: "d" } }],
  [{ a: [{ b: "c" }] }, { a: [1] }, { a: [1] }],
  [
    ["a", "b"],
    ["c", "d"],
    ["c", "d"],
  ],
  [{ a: "b" }, ["c"], ["c"]],
  [{ a: "foo" }, null, null],
  [{ a: "foo" }, "bar", "bar"],
  [{ e: null }, { a: 1 }, { e: null, a: 1 }],
  [[1, 2], { a: "b", c: null }, { a: "b" }],
  [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
])("RFC 7396 appendix A: %j with %j gives %j", (doc, patch, expected) => {
  expect(applyMergePatch(doc, patch)).toEqual(expected);
});

it("a patch applied twice is the same as once, and changes no input", () => {
  const property = fc.property(fc.jsonValue(), fc.jsonValue(), (doc, patch) => {
    const [docText, patchText] = [JSON.stringify(doc), JSON.stringify(patch)];
    const once = applyMergePatch(doc, patch);
    expect(applyMergePatch(once, patch)).toEqual(once);
    expect([JSON.stringify(doc), JSON.stringify(patch)]).toEqual([docText, patchText]);
  });
  fc.assert(property, { numRuns: 300 });
});
