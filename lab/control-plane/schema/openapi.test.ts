import { describe, expect, it } from "vitest";
import { at } from "../registry/fields.ts";
import { kindFromCrd } from "../registry/crd.ts";
import { builtinKinds } from "../registry/kinds.ts";
import type { Components, Kind } from "../types.ts";
import { builtinComponents } from "./builtin.ts";
import { openApiDocument, openApiV2Protobuf } from "./openapi.ts";

const widgets = kindFromCrd({
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "CustomResourceDefinition",
  metadata: { name: "widgets.example.com" },
  spec: {
    group: "example.com",
    scope: "Namespaced",
    names: { plural: "widgets", kind: "Widget" },
    versions: [
      {
        name: "v1",
        served: true,
        storage: true,
        schema: {
          openAPIV3Schema: { type: "object", description: "A widget.", properties: { spec: { type: "object" } } },
        },
      },
    ],
  },
});

const core = (): object => openApiDocument({ group: "", version: "v1" }, ofGroup(""), builtinComponents());
const ofGroup = (group: string): Kind[] => builtinKinds().filter((kind) => kind.group === group);

describe("OpenAPI v3", () => {
  it("offers strategic merge for built-in kinds and not for custom ones", () => {
    const custom = openApiDocument({ group: "example.com", version: "v1" }, [widgets], builtinComponents());
    const types = (document: object, path: string): string[] =>
      Object.keys(at(document, "paths", path, "patch", "requestBody", "content") ?? {});
    expect(types(core(), "/api/v1/namespaces/{namespace}/services/{name}")).toContain(
      "application/strategic-merge-patch+json",
    );
    expect(types(custom, "/apis/example.com/v1/namespaces/{namespace}/widgets/{name}")).toEqual([
      "application/apply-patch+yaml",
      "application/json-patch+json",
      "application/merge-patch+json",
    ]);
  });

  it("says on writes that the server validates fields", () => {
    for (const [path, operation] of [
      ["/api/v1/nodes/{name}", "patch"],
      ["/api/v1/nodes", "post"],
      ["/api/v1/nodes/{name}", "put"],
    ] as const) {
      const found = at(core(), "paths", path, operation);
      expect(at(found, "parameters")).toContainEqual(expect.objectContaining({ name: "fieldValidation", in: "query" }));
      expect(at(found, "x-kubernetes-group-version-kind")).toEqual({ group: "", version: "v1", kind: "Node" });
    }
  });

  it("publishes merge keys, and references in allOf", () => {
    const spec = at(core(), "components", "schemas", "io.k8s.api.core.v1.ServiceSpec");
    expect(at(spec, "properties", "ports")).toMatchObject({
      "x-kubernetes-patch-merge-key": "port",
      "x-kubernetes-patch-strategy": "merge",
      items: { $ref: "#/components/schemas/io.k8s.api.core.v1.ServicePort" },
    });
  });

  it("names custom kinds as kubectl explain prints them, with what every object has", () => {
    const document = openApiDocument({ group: "example.com", version: "v1" }, [widgets], builtinComponents());
    expect(at(document, "components", "schemas", "com.example.v1.Widget")).toMatchObject({
      description: "A widget.",
      properties: { metadata: { $ref: "#/components/schemas/io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta" } },
      "x-kubernetes-group-version-kind": [{ group: "example.com", version: "v1", kind: "Widget" }],
    });
  });

  it("has every schema that it refers to, in every group", () => {
    for (const group of new Set(builtinKinds().map((kind) => kind.group))) {
      const document = openApiDocument({ group, version: "v1" }, ofGroup(group), builtinComponents());
      const schemas = at(document, "components", "schemas") as Components;
      const references = JSON.stringify(document).matchAll(/"#\/components\/schemas\/([^"]+)"/g);
      expect(Array.from(references, (match) => match[1]).filter((name) => !((name ?? "") in schemas))).toEqual([]);
    }
  });
});

it("OpenAPI v2 is a few bytes of valid protobuf", () => {
  expect(Buffer.from(openApiV2Protobuf).toString("latin1")).toBe("\n\x032.0\x12\x14\n\nKubernetes\x12\x06v1.0.0B\0J\0");
});
