import { describe, expect, it } from "vitest";
import type { Schema } from "../types.ts";
import { builtinComponents, componentFor } from "./builtin.ts";
import { defaultObject, pruneObject, validateObject } from "./walk.ts";

const components = builtinComponents();
const service: Schema = { $ref: componentFor("", "v1", "Service") ?? "" };

const causes = (schema: Schema, value: unknown, old?: unknown): string[] =>
  validateObject(schema, components, value, old).map((cause) => `${cause.field}: ${cause.message}`);

const at = (schema: Schema): Schema => ({ type: "object", properties: { spec: schema } });

describe("defaults", () => {
  it("fills in a Service's type and its ports' protocol", () => {
    const value = { spec: { ports: [{ port: 80 }, { port: 53, protocol: "UDP" }] } };
    defaultObject(service, components, value);
    expect(value.spec).toMatchObject({
      type: "ClusterIP",
      sessionAffinity: "None",
      ports: [
        { port: 80, protocol: "TCP" },
        { port: 53, protocol: "UDP" },
      ],
    });
  });

  it("fills in what a default itself leaves open, but never makes a parent that is absent", () => {
    const inner: Schema = { type: "object", properties: { port: { type: "integer", default: 179 } } };
    const schema = at({ type: "object", properties: { a: { ...inner, default: {} }, b: inner } });
    const value = { spec: {} };
    defaultObject(schema, components, value);
    expect(value).toEqual({ spec: { a: { port: 179 } } });
  });

  it("takes a null as absent unless the schema is nullable", () => {
    const schema = at({
      type: "object",
      properties: {
        a: { type: "string", default: "x" },
        b: { type: "string", nullable: true, default: "x" },
        c: { type: "string" },
      },
    });
    const value = { spec: { a: null, b: null, c: null } };
    defaultObject(schema, components, value);
    expect(value).toEqual({ spec: { a: "x", b: null } });
  });

  it("gives each object a default of its own", () => {
    const schema = at({ type: "object", properties: { list: { type: "array", default: [] } } });
    const [a, b] = [{ spec: {} as { list?: unknown[] } }, { spec: {} as { list?: unknown[] } }];
    defaultObject(schema, components, a);
    defaultObject(schema, components, b);
    a.spec.list?.push(1);
    expect(b.spec.list).toEqual([]);
  });
});

describe("pruning", () => {
  it("names and removes what the schema does not know, keeping identity and maps", () => {
    const value = {
      apiVersion: "v1",
      kind: "Service",
      metadata: { name: "a", labels: { any: "thing" }, color: "red" },
      spec: { x: 1, ports: [{ port: 80, y: { deep: 1 } }] },
    };
    expect(pruneObject(service, components, value)).toEqual(["metadata.color", "spec.x", "spec.ports[0].y"]);
    expect(value).toEqual({
      apiVersion: "v1",
      kind: "Service",
      metadata: { name: "a", labels: { any: "thing" } },
      spec: { ports: [{ port: 80 }] },
    });
  });

  it("keeps unknown fields where told to, and still prunes below declared ones", () => {
    const schema = at({
      type: "object",
      "x-kubernetes-preserve-unknown-fields": true,
      properties: { known: { type: "object", properties: { a: { type: "string" } } } },
    });
    const value = { spec: { free: { x: 1 }, known: { a: "1", b: "2" } } };
    expect(pruneObject(schema, components, value)).toEqual(["spec.known.b"]);
    expect(value.spec.free).toEqual({ x: 1 });
  });

  it("knows the identity of embedded resources", () => {
    const schema = at({ type: "object", "x-kubernetes-embedded-resource": true });
    const value = { kind: "X", spec: { apiVersion: "v1", kind: "Pod", metadata: { name: "a" }, spec: {} } };
    expect(pruneObject(schema, components, value)).toEqual(["spec.spec"]);
  });

  it("is not misled by names that every JavaScript object has", () => {
    const value: unknown = JSON.parse('{"spec":{"__proto__":{"a":1},"constructor":1}}');
    expect(pruneObject(service, components, value)).toEqual(["spec.__proto__", "spec.constructor"]);
  });
});

describe("validation", () => {
  const field = (schema: Schema, x: unknown): string[] =>
    causes(at({ type: "object", properties: { x: schema } }), { spec: { x } });

  it.each<[string, Schema, unknown, string[]]>([
    [
      "a type",
      { type: "string" },
      5,
      ['spec.x: Invalid value: "integer": spec.x in body must be of type string: "integer"'],
    ],
    [
      "a fraction for an integer",
      { type: "integer" },
      1.5,
      ['spec.x: Invalid value: "number": spec.x in body must be of type integer: "number"'],
    ],
    ["an integer for a number", { type: "number" }, 1, []],
    [
      "null",
      { type: "string" },
      null,
      ['spec.x: Invalid value: "null": spec.x in body must be of type string: "null"'],
    ],
    ["null where allowed", { type: "string", nullable: true }, null, []],
    ["int-or-string", { "x-kubernetes-int-or-string": true }, "80%", []],
    [
      "a bool for int-or-string",
      { "x-kubernetes-int-or-string": true },
      true,
      ['spec.x: Invalid value: "boolean": spec.x in body must be of type integer,string: "boolean"'],
    ],
    [
      "a minimum",
      { type: "integer", minimum: 1 },
      0,
      ["spec.x: Invalid value: 0: spec.x in body should be greater than or equal to 1"],
    ],
    [
      "a maximum",
      { type: "integer", maximum: 128 },
      200,
      ["spec.x: Invalid value: 200: spec.x in body should be less than or equal to 128"],
    ],
    [
      "an enumeration",
      { type: "string", enum: ["a", "b"] },
      "c",
      ['spec.x: Unsupported value: "c": supported values: "a", "b"'],
    ],
    [
      "a pattern",
      { type: "string", pattern: "^a$" },
      "b",
      ["spec.x: Invalid value: \"b\": spec.x in body should match '^a$'"],
    ],
    ["a length", { type: "string", maxLength: 1 }, "ab", ["spec.x: Too long: may not be more than 1 bytes"]],
    [
      "a format",
      { type: "string", format: "date-time" },
      "now",
      ['spec.x: Invalid value: "now": spec.x in body must be of type date-time: "now"'],
    ],
    [
      "too many items",
      { type: "array", maxItems: 1, items: { type: "string" } },
      ["a", "b"],
      ["spec.x: Too many: 2: must have at most 1 items"],
    ],
    [
      "too few items",
      { type: "array", minItems: 1, items: { type: "string" } },
      [],
      ["spec.x: Invalid value: 0: spec.x in body should have at least 1 items"],
    ],
    [
      "a duplicate in a set",
      { type: "array", "x-kubernetes-list-type": "set", items: { type: "string" } },
      ["a", "a"],
      ['spec.x[1]: Duplicate value: "a"'],
    ],
    [
      "a duplicate in a map list",
      {
        type: "array",
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["name"],
        items: { type: "object", properties: { name: { type: "string" } } },
      },
      [{ name: "a" }, { name: "a" }],
      ['spec.x[1]: Duplicate value: {"name":"a"}'],
    ],
    [
      "anyOf",
      { anyOf: [{ type: "string" }, { type: "integer" }] },
      true,
      ['<nil>: Invalid value: "": "spec.x" must validate at least one schema (anyOf)'],
    ],
    [
      "an item of the wrong type",
      { type: "array", items: { type: "string" } },
      ["a", 1],
      ['spec.x[1]: Invalid value: "integer": spec.x[1] in body must be of type string: "integer"'],
    ],
  ])("reports %s in Kubernetes' words", (_, schema, value, expected) => {
    expect(field(schema, value)).toEqual(expected);
  });

  it("reports what is required, in list items too", () => {
    expect(causes(service, { spec: { ports: [{ name: "http" }] } })).toEqual(["spec.ports[0].port: Required value"]);
  });

  it("does not blame an update for what it leaves as it was", () => {
    const schema = at({
      type: "object",
      properties: { x: { type: "string", maxLength: 1 }, y: { type: "string", maxLength: 1 } },
    });
    expect(causes(schema, { spec: { x: "old", y: "new" } }, { spec: { x: "old", y: "y" } })).toEqual([
      "spec.y: Too long: may not be more than 1 bytes",
    ]);
  });
});

describe("rules", () => {
  const rule = (text: string, message?: string): Schema["x-kubernetes-validations"] => [
    { rule: text, ...(message !== undefined && { message }) },
  ];
  const duration: Schema = {
    type: "string",
    "x-kubernetes-validations": [
      {
        rule: "duration(self).getSeconds() >= 1 && duration(self).getSeconds() <= 65535",
        message: "connect time should be between 1 seconds to 65535",
      },
      {
        rule: "duration(self).getMilliseconds() % 1000 == 0",
        message: "connect time should contain a whole number of seconds",
      },
    ],
  };

  it.each<[string, string[]]>([
    ["1s", []],
    ["65535s", []],
    ["1m30s", []],
    [
      "999ms",
      [
        'spec.connectTime: Invalid value: "string": connect time should be between 1 seconds to 65535',
        'spec.connectTime: Invalid value: "string": connect time should contain a whole number of seconds',
      ],
    ],
    ["65536s", ['spec.connectTime: Invalid value: "string": connect time should be between 1 seconds to 65535']],
    ["1500ms", ['spec.connectTime: Invalid value: "string": connect time should contain a whole number of seconds']],
  ])("bounds a BGPPeer's connect time %s", (connectTime, expected) => {
    expect(causes(at({ type: "object", properties: { connectTime: duration } }), { spec: { connectTime } })).toEqual(
      expected,
    );
  });

  it("blames a rule that cannot be evaluated", () => {
    const schema = at({ type: "object", properties: { connectTime: duration } });
    const [first] = causes(schema, { spec: { connectTime: "soon" } });
    expect(first).toContain("evaluating rule: connect time should be between 1 seconds to 65535");
  });

  it("runs transition rules on updates alone, where there is an old value", () => {
    const schema = at({
      type: "object",
      properties: {
        graceful: { type: "boolean", "x-kubernetes-validations": rule("self == oldSelf", "is immutable") ?? [] },
      },
    });
    const of = (graceful?: boolean): object => ({ spec: graceful === undefined ? {} : { graceful } });
    expect(causes(schema, of(true))).toEqual([]);
    expect(causes(schema, of(true), of())).toEqual([]);
    expect(causes(schema, of(), of(true))).toEqual([]);
    expect(causes(schema, of(false), of(true))).toEqual(['spec.graceful: Invalid value: "boolean": is immutable']);
  });

  it("sees integers as int and absent fields as absent", () => {
    const schema = at({
      type: "object",
      properties: { length: { type: "integer" }, selectors: { type: "array", items: { type: "object" } } },
      "x-kubernetes-validations":
        rule("!has(self.selectors) || !has(self.length) || self.length == 32", "exclusive") ?? [],
    });
    expect(causes(schema, { spec: { length: 24 } })).toEqual([]);
    expect(causes(schema, { spec: { length: 32, selectors: [{}] } })).toEqual([]);
    expect(causes(schema, { spec: { length: 24, selectors: [{}] } })).toEqual([
      'spec: Invalid value: "object": exclusive',
    ]);
  });

  it("follows the items of a map list by key, and of no other list", () => {
    const items: Schema = {
      type: "object",
      properties: {
        name: { type: "string" },
        v: { type: "integer", "x-kubernetes-validations": rule("self >= oldSelf", "only grows") ?? [] },
      },
    };
    const keyed = at({ type: "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"], items });
    const before = {
      spec: [
        { name: "a", v: 5 },
        { name: "b", v: 1 },
      ],
    };
    const after = {
      spec: [
        { name: "b", v: 2 },
        { name: "a", v: 4 },
      ],
    };
    expect(causes(keyed, after, before)).toEqual(['spec[1].v: Invalid value: "integer": only grows']);
    expect(causes(at({ type: "array", items }), after, before)).toEqual([]);
  });

  it("are not run on values of a wrong shape, and says so", () => {
    const schema = at({
      type: "object",
      required: ["a"],
      properties: { a: { type: "string" } },
      "x-kubernetes-validations": rule("self.a == 'x'") ?? [],
    });
    expect(causes(schema, { spec: {} })).toEqual([
      "spec.a: Required value",
      '<nil>: Invalid value: "null": some validation rules were not checked because the object was invalid; correct the existing errors to complete validation',
    ]);
  });

  it("uses messageExpression, reason and fieldPath", () => {
    const schema = at({
      type: "object",
      properties: { n: { type: "integer" } },
      "x-kubernetes-validations": [
        {
          rule: "self.n < 3",
          messageExpression: "'at most 2, got ' + string(self.n)",
          reason: "FieldValueForbidden",
          fieldPath: ".n",
        },
      ],
    });
    expect(causes(schema, { spec: { n: 7 } })).toEqual(["spec.n: Forbidden: at most 2, got 7"]);
  });
});
