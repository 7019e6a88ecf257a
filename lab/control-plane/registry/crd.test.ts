import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { parseAllDocuments } from "yaml";
import { builtinComponents } from "../schema/builtin.ts";
import { defaultObject, pruneObject, validateObject } from "../schema/walk.ts";
import type { ApiObject } from "../types.ts";
import { kindFromCrd, validateCrd } from "./crd.ts";

const metallb = parseAllDocuments(
  readFileSync(join(import.meta.dirname, "../../../manifests/metallb-crds.yaml"), "utf8"),
)
  .map((document) => document.toJS() as ApiObject | null)
  .filter((crd) => crd !== null);

const crdOf = (name: string): ApiObject => {
  const crd = metallb.find((one) => one.metadata.name === `${name}.metallb.io`);
  if (crd === undefined) throw new Error(`no CRD ${name}`);
  return crd;
};

const widget = (version: object, spec: object = {}): ApiObject => ({
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "CustomResourceDefinition",
  metadata: { name: "widgets.example.com" },
  spec: {
    group: "example.com",
    scope: "Namespaced",
    names: { plural: "widgets", kind: "Widget" },
    versions: [
      { name: "v1", served: true, storage: true, schema: { openAPIV3Schema: { type: "object" } }, ...version },
    ],
    ...spec,
  },
});

const schema = (properties: object): object => ({ schema: { openAPIV3Schema: { type: "object", properties } } });

describe("a kind from a CRD", () => {
  it("has Kubernetes' derived names and verbs", () => {
    expect(kindFromCrd(widget({ subresources: { status: {} } }))).toMatchObject({
      group: "example.com",
      resource: "widgets",
      singular: "widget",
      listKind: "WidgetList",
      namespaced: true,
      custom: true,
      subresources: ["status"],
    });
  });

  it("prints columns as kube-apiserver does", () => {
    const additionalPrinterColumns = [
      { name: "Addresses", type: "string", jsonPath: ".spec.addresses" },
      { name: "Auto", type: "boolean", jsonPath: ".spec.auto" },
      { name: "Count", type: "integer", jsonPath: ".spec.count" },
      { name: "Ready", type: "string", jsonPath: '.status.conditions[?(@.type=="Ready")].status', priority: 1 },
      { name: "Since", type: "date", jsonPath: ".metadata.creationTimestamp" },
      { name: "Absent", type: "string", jsonPath: ".spec.absent" },
      { name: "Wrong", type: "integer", jsonPath: ".spec.addresses" },
    ];
    const columns = kindFromCrd(widget({ additionalPrinterColumns })).versions[0]?.columns ?? [];
    const object: ApiObject = {
      apiVersion: "example.com/v1",
      kind: "Widget",
      metadata: { name: "w", creationTimestamp: "2026-01-01T00:00:00Z" },
      spec: { addresses: ["10.0.0.0/24"], auto: true, count: 3 },
      status: { conditions: [{ type: "Ready", status: "True" }] },
    };
    expect(columns.map((column) => [column.name, column.priority, column.value(object)])).toEqual([
      ["Name", 0, "w"],
      ["Addresses", 0, '["10.0.0.0/24"]'],
      ["Auto", 0, true],
      ["Count", 0, 3],
      ["Ready", 1, "True"],
      ["Since", 0, "2026-01-01T00:00:00Z"],
      ["Absent", 0, null],
      ["Wrong", 0, null],
    ]);
  });

  it("prints the age where no column is declared", () => {
    expect(kindFromCrd(widget({})).versions[0]?.columns.map((column) => column.name)).toEqual(["Name", "Age"]);
  });

  it("selects by declared fields", () => {
    const { fieldLabels } = kindFromCrd(widget({ selectableFields: [{ jsonPath: ".spec.color" }] }));
    const object: ApiObject = {
      apiVersion: "example.com/v1",
      kind: "Widget",
      metadata: { name: "w" },
      spec: { color: "red" },
    };
    expect(fieldLabels["spec.color"]?.(object)).toBe("red");
  });

  it("warns of deprecated versions", () => {
    const [version] = kindFromCrd(widget({ deprecated: true })).versions;
    expect(version?.deprecationWarning).toBe("example.com/v1 Widget is deprecated");
  });
});

describe("CRD validation", () => {
  const causes = (crd: ApiObject): string[] => validateCrd(crd).map((cause) => `${cause.field}: ${cause.message}`);

  it.each(metallb.map((crd) => [crd.metadata.name, crd] as const))("accepts %s", (_, crd) => {
    expect(causes(crd)).toEqual([]);
  });

  const at = "spec.versions[0].schema.openAPIV3Schema";
  it.each<[string, ApiObject, string[]]>([
    [
      "a name that does not follow",
      { ...widget({}), metadata: { name: "x" } },
      ['metadata.name: Invalid value: "x": must be spec.names.plural+"."+spec.group'],
    ],
    [
      "no storage version",
      widget({ storage: false }),
      ['spec.versions: Invalid value: ["v1"]: must have exactly one version marked as storage version'],
    ],
    ["a version without schema", widget({ schema: {} }), [`${at}: Required value: schemas are required`]],
    [
      "a root that is no object",
      widget({ schema: { openAPIV3Schema: { type: "string" } } }),
      [`${at}.type: Invalid value: "string": must be object at the root`],
    ],
    [
      "a field without type",
      widget(schema({ spec: {} })),
      [`${at}.properties[spec].type: Required value: must not be empty for specified object fields`],
    ],
    [
      "a list without items",
      widget(schema({ spec: { type: "array" } })),
      [`${at}.properties[spec].items: Required value: must be specified`],
    ],
    [
      "properties beside additionalProperties",
      widget(schema({ spec: { type: "object", properties: {}, additionalProperties: { type: "string" } } })),
      [
        `${at}.properties[spec].additionalProperties: Forbidden: additionalProperties and properties are mutual exclusive`,
      ],
    ],
    [
      "structure inside anyOf",
      widget(schema({ spec: { type: "string", anyOf: [{ type: "string" }] } })),
      [`${at}.properties[spec].anyOf[0].type: Forbidden: must be empty to be structural`],
    ],
    [
      "a rule that does not compile",
      widget(schema({ spec: { type: "string", "x-kubernetes-validations": [{ rule: "self.size(" }] } })),
      [
        `${at}.properties[spec].x-kubernetes-validations[0].rule: Invalid value: "self.size(": compilation failed: unexpected token: EOF`,
      ],
    ],
    [
      "a default that breaks its schema",
      widget(schema({ spec: { type: "integer", minimum: 1, default: 0 } })),
      [`${at}.properties[spec].default: Invalid value: 0:  in body should be greater than or equal to 1`],
    ],
    [
      "a map list whose key may be missing",
      widget(
        schema({
          spec: {
            type: "array",
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["name"],
            items: { type: "object", properties: { name: { type: "string" } } },
          },
        }),
      ),
      [
        `${at}.properties[spec].items.properties[name].default: Required value: this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property`,
      ],
    ],
    [
      "a conversion webhook without client",
      widget({}, { conversion: { strategy: "Webhook" } }),
      ["spec.conversion.webhook: Required value: required when strategy is set to Webhook"],
    ],
  ])("refuses %s", (_, crd, expected) => {
    expect(causes(crd)).toEqual(expected);
  });
});

describe("MetalLB's rules", () => {
  const check = (name: string, spec: object, old?: object): string[] => {
    const kind = kindFromCrd(crdOf(name));
    const version = kind.versions.find((one) => one.storage);
    if (version === undefined) throw new Error("no storage version");
    const object = (content: object): unknown => {
      const value = {
        apiVersion: `${kind.group}/${version.name}`,
        kind: kind.kind,
        metadata: { name: "x", namespace: "m" },
        spec: content,
      };
      expect(pruneObject(version.schema, builtinComponents(), value)).toEqual([]);
      defaultObject(version.schema, builtinComponents(), value);
      return value;
    };
    const causes = validateObject(
      version.schema,
      builtinComponents(),
      object(spec),
      old === undefined ? undefined : object(old),
    );
    return causes.map((cause) => `${cause.field}: ${cause.message}`);
  };
  const peer = { myASN: 64500, peerASN: 64501, peerAddress: "192.0.2.1" };

  it.each(["1s", "90s", "65535s", "18h12m15s"])("a connect time of %s passes", (connectTime) => {
    expect(check("bgppeers", { ...peer, connectTime })).toEqual([]);
  });

  it.each([
    ["0s", "connect time should be between 1 seconds to 65535"],
    ["65536s", "connect time should be between 1 seconds to 65535"],
    ["1500ms", "connect time should contain a whole number of seconds"],
  ])("a connect time of %s is refused", (connectTime, words) => {
    expect(check("bgppeers", { ...peer, connectTime })).toEqual([
      `spec.connectTime: Invalid value: "string": ${words}`,
    ]);
  });

  it("graceful restart cannot be changed, but may be added", () => {
    const graceful = (enableGracefulRestart: boolean): object => ({ ...peer, enableGracefulRestart });
    expect(check("bgppeers", graceful(true), peer)).toEqual([]);
    expect(check("bgppeers", graceful(true), graceful(true))).toEqual([]);
    expect(check("bgppeers", graceful(false), graceful(true))).toHaveLength(1);
  });

  it("service selectors exclude aggregation", () => {
    const serviceSelectors = [{ matchLabels: { a: "b" } }];
    expect(check("bgpadvertisements", { serviceSelectors })).toEqual([]);
    expect(check("bgpadvertisements", { aggregationLength: 24 })).toEqual([]);
    expect(check("bgpadvertisements", { serviceSelectors, aggregationLength: 24 })).toHaveLength(1);
  });

  it("types and bounds are Kubernetes' words", () => {
    expect(check("bgppeers", { ...peer, myASN: "x" })).toEqual([
      'spec.myASN: Invalid value: "string": spec.myASN in body must be of type integer: "string"',
      expect.stringContaining("some validation rules were not checked") as string,
    ]);
    expect(check("ipaddresspools", {})).toContain("spec.addresses: Required value");
  });
});
