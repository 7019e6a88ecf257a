import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ApiStatusError } from "../types.ts";
import { applyJsonPatch } from "./json.ts";

const codeOf = (doc: unknown, ops: unknown): number | undefined => {
  try {
    applyJsonPatch(doc, ops);
    return undefined;
  } catch (error) {
    return error instanceof ApiStatusError ? error.code : -1;
  }
};

describe("RFC 6902 appendix A", () => {
  it.each<[string, unknown, unknown, unknown]>([
    ["A.1 adds a member", { foo: "bar" }, [{ op: "add", path: "/baz", value: "qux" }], { baz: "qux", foo: "bar" }],
    [
      "A.2 adds an element",
      { foo: ["bar", "baz"] },
      [{ op: "add", path: "/foo/1", value: "qux" }],
      { foo: ["bar", "qux", "baz"] },
    ],
    ["A.3 removes a member", { baz: "qux", foo: "bar" }, [{ op: "remove", path: "/baz" }], { foo: "bar" }],
    [
      "A.4 removes an element",
      { foo: ["bar", "qux", "baz"] },
      [{ op: "remove", path: "/foo/1" }],
      { foo: ["bar", "baz"] },
    ],
    [
      "A.5 replaces",
      { baz: "qux", foo: "bar" },
      [{ op: "replace", path: "/baz", value: "boo" }],
      { baz: "boo", foo: "bar" },
    ],
    [
      "A.6 moves a value",
      { foo: { bar: "baz", waldo: "fred" }, qux: { corge: "grault" } },
      [{ op: "move", from: "/foo/waldo", path: "/qux/thud" }],
      { foo: { bar: "baz" }, qux: { corge: "grault", thud: "fred" } },
    ],
    [
      "A.7 moves an element",
      { foo: ["all", "grass", "cows", "eat"] },
      [{ op: "move", from: "/foo/1", path: "/foo/3" }],
      { foo: ["all", "cows", "eat", "grass"] },
    ],
    [
      "A.8 tests",
      { baz: "qux", foo: ["a", 2, "c"] },
      [
        { op: "test", path: "/baz", value: "qux" },
        { op: "test", path: "/foo/1", value: 2 },
      ],
      { baz: "qux", foo: ["a", 2, "c"] },
    ],
    [
      "A.10 adds a nested object",
      { foo: "bar" },
      [{ op: "add", path: "/child", value: { grandchild: {} } }],
      { foo: "bar", child: { grandchild: {} } },
    ],
    [
      "A.11 ignores unknown members",
      { foo: "bar" },
      [{ op: "add", path: "/baz", value: "qux", xyz: 123 }],
      { foo: "bar", baz: "qux" },
    ],
    ["A.14 unescapes ~", { "/": 9, "~1": 10 }, [{ op: "test", path: "/~01", value: 10 }], { "/": 9, "~1": 10 }],
    [
      "A.16 adds an array value",
      { foo: ["bar"] },
      [{ op: "add", path: "/foo/-", value: ["abc", "def"] }],
      { foo: ["bar", ["abc", "def"]] },
    ],
    ["copies", { a: { b: 1 } }, [{ op: "copy", from: "/a", path: "/c" }], { a: { b: 1 }, c: { b: 1 } }],
    ["sets null", { a: 1 }, [{ op: "replace", path: "/a", value: null }], { a: null }],
    ["replaces the whole", { a: 1 }, [{ op: "replace", path: "", value: { b: 2 } }], { b: 2 }],
  ])("%s", (_, doc, ops, expected) => {
    expect(applyJsonPatch(doc, ops)).toEqual(expected);
  });

  it.each<[string, unknown, unknown, number]>([
    ["A.9 a failing test", { baz: "qux" }, [{ op: "test", path: "/baz", value: "bar" }], 422],
    ["A.12 a missing parent", { foo: "bar" }, [{ op: "add", path: "/baz/bat", value: "qux" }], 422],
    ["A.15 a number is no string", { "/": 9, "~1": 10 }, [{ op: "test", path: "/~01", value: "10" }], 422],
    ["removing what is not there", {}, [{ op: "remove", path: "/a" }], 422],
    ["replacing what is not there", {}, [{ op: "replace", path: "/a", value: 1 }], 422],
    ["an index beyond the end", { a: [1] }, [{ op: "add", path: "/a/2", value: 1 }], 422],
    ["an index with a leading zero", { a: [1, 2] }, [{ op: "remove", path: "/a/01" }], 422],
    ["a move into itself", { a: { b: 1 } }, [{ op: "move", from: "/a", path: "/a/b" }], 422],
    ["an unknown operation", {}, [{ op: "merge", path: "/a", value: 1 }], 400],
    ["a missing value", {}, [{ op: "add", path: "/a" }], 400],
    ["a path that is no pointer", {}, [{ op: "add", path: "a", value: 1 }], 400],
    ["no list", {}, { op: "add" }, 400],
  ])("refuses %s", (_, doc, ops, code) => {
    expect(codeOf(doc, ops)).toBe(code);
  });
});

it("never changes the document, nor any prototype", () => {
  const doc = Object.freeze({ a: Object.freeze([1]) });
  applyJsonPatch(doc, [
    { op: "add", path: "/a/-", value: 2 },
    { op: "add", path: "/__proto__", value: { polluted: true } },
  ]);
  expect(doc).toEqual({ a: [1] });
  expect("polluted" in {}).toBe(false);
});

it("adding and removing again gives the document back", () => {
  const token = fc.stringMatching(/^[a-z~/]{1,5}$/);
  const property = fc.property(fc.dictionary(token, fc.jsonValue()), token, fc.jsonValue(), (doc, key, value) => {
    fc.pre(!Object.hasOwn(doc, key));
    const path = `/${key.replaceAll("~", "~0").replaceAll("/", "~1")}`;
    const added = applyJsonPatch(doc, [{ op: "add", path, value }]);
    expect(
      applyJsonPatch(added, [
        { op: "test", path, value },
        { op: "remove", path },
      ]),
    ).toEqual(doc);
  });
  fc.assert(property, { numRuns: 200 });
});
