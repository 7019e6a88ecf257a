import { describe, expect, it } from "vitest";
import { builtinComponents, componentFor } from "../schema/builtin.ts";
import type { JsonObject } from "../schema/schema.ts";
import { applyStrategicPatch } from "./strategic.ts";

const components = builtinComponents();
const patched = (group: string, kind: string, doc: JsonObject, patch: JsonObject): JsonObject =>
  applyStrategicPatch({ $ref: componentFor(group, "v1", kind) ?? "" }, components, doc, patch);

const deployment = (...containers: JsonObject[]): JsonObject => ({ spec: { template: { spec: { containers } } } });

describe("lists with a merge key", () => {
  it("merges a container by name and leaves the others", () => {
    const before = deployment(
      { name: "a", image: "a:1", env: [{ name: "X", value: "1" }] },
      { name: "b", image: "b:1" },
    );
    const patch = deployment({ name: "a", image: "a:2", env: [{ name: "Y", value: "2" }] });
    expect(patched("apps", "Deployment", before, patch)).toEqual(
      deployment(
        {
          name: "a",
          image: "a:2",
          env: [
            { name: "X", value: "1" },
            { name: "Y", value: "2" },
          ],
        },
        { name: "b", image: "b:1" },
      ),
    );
  });

  it("deletes, adds and orders, as kubectl apply asks for", () => {
    const before = deployment({ name: "a" }, { name: "b" }, { name: "injected" });
    const patch = {
      spec: {
        template: {
          spec: {
            "$setElementOrder/containers": [{ name: "c" }, { name: "a" }],
            containers: [
              { name: "c", image: "c:1" },
              { $patch: "delete", name: "b" },
            ],
          },
        },
      },
    };
    expect(patched("apps", "Deployment", before, patch)).toEqual(
      deployment({ name: "injected" }, { name: "c", image: "c:1" }, { name: "a" }),
    );
  });

  it("merges a Service's ports by port number", () => {
    const before = {
      spec: {
        ports: [
          { port: 80, nodePort: 30080, protocol: "TCP" },
          { port: 443, protocol: "TCP" },
        ],
      },
    };
    const patch = {
      spec: { "$setElementOrder/ports": [{ port: 80 }, { port: 443 }], ports: [{ port: 80, targetPort: 8080 }] },
    };
    expect(patched("", "Service", before, patch)).toEqual({
      spec: {
        ports: [
          { port: 80, nodePort: 30080, protocol: "TCP", targetPort: 8080 },
          { port: 443, protocol: "TCP" },
        ],
      },
    });
  });

  it("replaces the list where told to", () => {
    const patch = deployment({ $patch: "replace" }, { name: "z" });
    expect(patched("apps", "Deployment", deployment({ name: "a" }, { name: "b" }), patch)).toEqual(
      deployment({ name: "z" }),
    );
  });

  it("refuses items without their key", () => {
    expect(() => patched("", "Service", {}, { spec: { ports: [{ name: "x" }] } })).toThrow(
      "does not contain declared merge key: port",
    );
  });
});

describe("other lists", () => {
  it("adds to sets of plain values and deletes from them", () => {
    const before = { metadata: { finalizers: ["a", "b"] } };
    expect(patched("", "Service", before, { metadata: { finalizers: ["b", "c"] } })).toEqual({
      metadata: { finalizers: ["a", "b", "c"] },
    });
    const removal = {
      metadata: { "$deleteFromPrimitiveList/finalizers": ["a"], "$setElementOrder/finalizers": ["b"] },
    };
    expect(patched("", "Service", before, removal)).toEqual({ metadata: { finalizers: ["b"] } });
  });

  it("replaces atomic ones: kubectl taint and cordon send all taints", () => {
    const before = { spec: { taints: [{ key: "a", effect: "NoSchedule" }], podCIDR: "10.0.0.0/24" } };
    const after = { spec: { taints: [{ key: "b", effect: "NoSchedule" }], unschedulable: true } };
    expect(patched("", "Node", before, after)).toEqual({ spec: { ...before.spec, ...after.spec } });
  });
});

describe("objects", () => {
  it("merges, and removes on null", () => {
    const before = { metadata: { labels: { a: "1", b: "2" } }, spec: { selector: { app: "x" } } };
    expect(patched("", "Service", before, { metadata: { labels: { a: null, c: "3" } } })).toEqual({
      metadata: { labels: { b: "2", c: "3" } },
      spec: { selector: { app: "x" } },
    });
  });

  it("keeps only the retained members of a union", () => {
    const before = { spec: { strategy: { type: "RollingUpdate", rollingUpdate: { maxSurge: 1 } } } };
    const patch = { spec: { strategy: { $retainKeys: ["type"], type: "Recreate" } } };
    expect(patched("apps", "Deployment", before, patch)).toEqual({ spec: { strategy: { type: "Recreate" } } });
  });

  it("replaces and deletes as a whole where told to", () => {
    const before = { metadata: { labels: { a: "1" } } };
    expect(patched("", "Service", before, { metadata: { labels: { $patch: "replace", b: "2" } } })).toEqual({
      metadata: { labels: { b: "2" } },
    });
    expect(patched("", "Service", before, { metadata: { labels: { $patch: "delete" } } })).toEqual({
      metadata: { labels: {} },
    });
  });

  it("leaves directives and nulls out of what is new", () => {
    const patch = deployment({
      name: "a",
      env: [
        { name: "X", value: null },
        { $patch: "delete", name: "Y" },
      ],
    });
    expect(patched("apps", "Deployment", {}, patch)).toEqual(deployment({ name: "a", env: [{ name: "X" }] }));
  });
});
