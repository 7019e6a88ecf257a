import { describe, expect, it } from "vitest";
import { compileJsonPath } from "./jsonpath.ts";

const object = {
  metadata: { annotations: { "a.b/c": "x" } },
  spec: { addresses: ["10.0.0.0/24", "10.1.0.0/24"] },
  status: {
    conditions: [
      { type: "Ready", status: "True", n: 2 },
      { type: "Synced", status: "False", n: 5 },
    ],
  },
};

describe("JSONPath", () => {
  it.each<[string, unknown[]]>([
    [".spec.addresses", [["10.0.0.0/24", "10.1.0.0/24"]]],
    [".spec.addresses[0]", ["10.0.0.0/24"]],
    [".spec.addresses[-1]", ["10.1.0.0/24"]],
    [".spec.addresses[*]", ["10.0.0.0/24", "10.1.0.0/24"]],
    [".spec.missing.deeper", []],
    ["{.spec.addresses[1]}", ["10.1.0.0/24"]],
    [".metadata.annotations.a\\.b/c", ["x"]],
    [".metadata.annotations['a.b/c']", ["x"]],
    ['.status.conditions[?(@.type=="Ready")].status', ["True"]],
    [".status.conditions[?(@.type == 'Synced')].status", ["False"]],
    [".status.conditions[?(@.n > 3)].type", ["Synced"]],
    [".status.conditions[?(@.missing)].type", []],
    [".toString", []],
  ])("%s", (path, expected) => {
    expect(compileJsonPath(path)(object)).toEqual(expected);
  });

  it.each(["spec.x", ".a[", ".a[?(x)]"])("refuses %s", (path) => {
    expect(() => compileJsonPath(path)).toThrow(SyntaxError);
  });
});
