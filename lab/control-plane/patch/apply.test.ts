import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { builtinComponents, componentFor } from "../schema/builtin.ts";
import { type ApiObject, ApiStatusError, type ManagedFieldsEntry, type Schema } from "../types.ts";
import { serverSideApply, trackUpdate } from "./apply.ts";
import { fromFieldsV1, toFieldsV1 } from "./fields.ts";

const components = builtinComponents();
const now = "2026-01-01T00:00:00Z";
const schemas: Readonly<Record<string, Schema>> = {
  Service: { $ref: componentFor("", "v1", "Service") ?? "" },
  ConfigMap: { $ref: componentFor("", "v1", "ConfigMap") ?? "" },
  Deployment: { $ref: componentFor("apps", "v1", "Deployment") ?? "" },
};

type Body = Record<string, unknown>;

const object = (kind: string, body: Body, metadata: Body = {}): ApiObject => ({
  apiVersion: kind === "Deployment" ? "apps/v1" : "v1",
  kind,
  metadata: { name: "x", ...metadata },
  ...body,
});

const apply = (manager: string, live: ApiObject | undefined, applied: ApiObject, force = false): ApiObject =>
  serverSideApply({
    schema: schemas[applied.kind] ?? {},
    components,
    live,
    applied,
    manager,
    force,
    apiVersion: applied.apiVersion,
    now,
  });

/** A write by other means than apply. */
const update = (manager: string, before: ApiObject | undefined, after: ApiObject): ApiObject => {
  const schema = schemas[after.kind] ?? {};
  const options = {
    schema,
    components,
    before,
    after,
    manager,
    operation: "Update" as const,
    apiVersion: after.apiVersion,
    now,
  };
  return { ...after, metadata: { ...after.metadata, managedFields: trackUpdate(options) } };
};

const owners = (of: ApiObject): Record<string, unknown> =>
  Object.fromEntries(
    (of.metadata.managedFields ?? []).map((entry) => [`${entry.manager} ${entry.operation}`, entry.fieldsV1]),
  );

const bare = (of: ApiObject): ApiObject => {
  const { managedFields: _, ...metadata } = of.metadata;
  return { ...of, metadata };
};

const config = (data: Record<string, string>, metadata: Body = {}): ApiObject =>
  object("ConfigMap", { data }, metadata);

const refusal = (run: () => unknown): ApiStatusError => {
  try {
    run();
  } catch (error) {
    if (error instanceof ApiStatusError) return error;
    throw error;
  }
  throw new Error("nothing was refused");
};

describe("apply", () => {
  it("creates, and owns exactly what it names", () => {
    const created = apply(
      "helm",
      undefined,
      object("Service", { spec: { ports: [{ port: 80 }], selector: { app: "a" } } }, { labels: { a: "1" } }),
    );
    expect(owners(created)).toEqual({
      "helm Apply": {
        "f:metadata": { "f:labels": { "f:a": {} } },
        "f:spec": { "f:ports": { 'k:{"port":80,"protocol":"TCP"}': { ".": {}, "f:port": {} } }, "f:selector": {} },
      },
    });
    expect(created.metadata.managedFields?.[0]).toMatchObject({ apiVersion: "v1", fieldsType: "FieldsV1", time: now });
  });

  it("changes nothing, not even times, when it is repeated", () => {
    const first = apply("helm", undefined, config({ a: "1" }));
    const schema = schemas["ConfigMap"] ?? {};
    const again = {
      schema,
      components,
      live: first,
      applied: config({ a: "1" }),
      manager: "helm",
      force: false,
      apiVersion: "v1",
    };
    expect(serverSideApply({ ...again, now: "2027-01-01T00:00:00Z" })).toEqual(first);
  });

  it("removes what it no longer names, unless others own it", () => {
    const mine = apply("helm", undefined, config({ a: "1", b: "2", c: "3" }));
    const shared = apply("kubectl", mine, config({ b: "2" }));
    const later = apply("helm", shared, config({ a: "1" }));
    expect(bare(later)).toEqual(config({ a: "1", b: "2" }));
    expect(owners(later)).toEqual({
      "helm Apply": { "f:data": { "f:a": {} } },
      "kubectl Apply": { "f:data": { "f:b": {} } },
    });
  });

  it("leaves no empty container behind, and no empty manager", () => {
    const labelled = apply("helm", undefined, config({ a: "1" }, { labels: { x: "y" } }));
    const bareOne = apply("helm", labelled, object("ConfigMap", {}));
    expect(bare(bareOne)).toEqual(object("ConfigMap", {}));
    expect(bareOne.metadata.managedFields).toEqual([]);
  });

  it("conflicts over a value that another manager owns, in kube-apiserver's words", () => {
    const live = apply("helm", undefined, config({ a: "1", b: "2" }));
    const error = refusal(() => apply("kubectl", live, config({ a: "9" })));
    expect([error.code, error.reason, error.message]).toEqual([
      409,
      "Conflict",
      'Apply failed with 1 conflict: conflict with "helm": .data.a',
    ]);
    expect(error.details).toEqual({
      causes: [{ reason: "FieldManagerConflict", message: 'conflict with "helm"', field: ".data.a" }],
    });
    const several = refusal(() => apply("kubectl", live, config({ a: "9", b: "9" })));
    expect(several.message).toBe('Apply failed with 2 conflicts: conflicts with "helm":\n- .data.a\n- .data.b');
  });

  it("conflicts with updates too, and says by which version", () => {
    const live = update(
      "kubectl-edit",
      undefined,
      object("Service", { spec: { ports: [{ port: 80, protocol: "TCP", targetPort: 1 }] } }),
    );
    const error = refusal(() =>
      apply("helm", live, object("Service", { spec: { ports: [{ port: 80, targetPort: 2 }] } })),
    );
    expect(error.message).toBe(
      'Apply failed with 1 conflict: conflict with "kubectl-edit" using v1: .spec.ports[port=80,protocol="TCP"].targetPort',
    );
  });

  it("takes fields by force", () => {
    const live = apply("helm", undefined, config({ a: "1", b: "2" }));
    const taken = apply("kubectl", live, config({ a: "9" }), true);
    expect(bare(taken)).toEqual(config({ a: "9", b: "2" }));
    expect(owners(taken)).toEqual({
      "helm Apply": { "f:data": { "f:b": {} } },
      "kubectl Apply": { "f:data": { "f:a": {} } },
    });
  });

  it("shares a field when both want the same value, and one may then leave", () => {
    const both = apply("kubectl", apply("helm", undefined, config({ a: "1" })), config({ a: "1" }));
    expect(Object.keys(owners(both))).toEqual(["helm Apply", "kubectl Apply"]);
    const left = apply("helm", both, object("ConfigMap", {}));
    expect(bare(left)).toEqual(config({ a: "1" }));
    expect(refusal(() => apply("helm", left, config({ a: "2" }))).code).toBe(409);
  });

  it("adds to a set without owning the others' members", () => {
    const live = apply("a", undefined, object("ConfigMap", {}, { finalizers: ["x/a"] }));
    const both = apply("b", live, object("ConfigMap", {}, { finalizers: ["x/b"] }));
    expect(both.metadata.finalizers).toEqual(["x/a", "x/b"]);
    expect(owners(both)["b Apply"]).toEqual({ "f:metadata": { "f:finalizers": { 'v:"x/b"': {} } } });
    expect(apply("a", both, object("ConfigMap", {})).metadata.finalizers).toEqual(["x/b"]);
  });

  it("removes an item of a map list with the defaults that came with it", () => {
    const ports = (...numbers: number[]): ApiObject =>
      object("Service", { spec: { ports: numbers.map((port) => ({ port })) } });
    const created = apply("helm", undefined, ports(80, 443));
    const defaulted = {
      ...created,
      spec: { type: "ClusterIP", ports: [80, 443].map((port) => ({ port, protocol: "TCP", targetPort: port })) },
    };
    expect(bare(apply("helm", defaulted, ports(443)))).toEqual(
      object("Service", { spec: { type: "ClusterIP", ports: [{ port: 443, protocol: "TCP", targetPort: 443 }] } }),
    );
  });

  it("keeps an item that another manager has a field in, with its keys", () => {
    const containers = (...items: Body[]): ApiObject =>
      object("Deployment", { spec: { template: { spec: { containers: items } } } });
    const created = apply("helm", undefined, containers({ name: "a", image: "a:1" }, { name: "b" }));
    const sized = update("scaler", created, {
      ...created,
      ...containers({ name: "a", image: "a:1", tty: true }, { name: "b" }),
    });
    expect(bare(apply("helm", sized, containers({ name: "b" })))).toEqual(
      containers({ name: "a", tty: true }, { name: "b" }),
    );
  });

  it("owns an atomic list as a whole", () => {
    const sources = (...list: string[]): ApiObject => object("Service", { spec: { loadBalancerSourceRanges: list } });
    const live = apply("helm", undefined, sources("10.0.0.0/8"));
    expect(refusal(() => apply("kubectl", live, sources("10.0.0.0/8", "192.0.2.0/24"))).details).toMatchObject({
      causes: [{ field: ".spec.loadBalancerSourceRanges" }],
    });
    expect(bare(apply("helm", live, sources("192.0.2.0/24")))).toEqual(sources("192.0.2.0/24"));
  });

  it("puts shared items in the applied order and leaves foreign ones where they were", () => {
    const names = (...list: string[]): ApiObject =>
      object("Deployment", { spec: { template: { spec: { containers: list.map((name) => ({ name })) } } } });
    const live = apply("injector", apply("helm", undefined, names("a", "b")), names("side"));
    const spec = bare(apply("helm", live, names("b", "a", "c")))["spec"];
    expect(spec).toEqual({ template: { spec: { containers: ["b", "a", "side", "c"].map((name) => ({ name })) } } });
  });

  it("treats an object from before tracking as somebody's", () => {
    expect(refusal(() => apply("helm", config({ a: "1" }), config({ a: "2" }))).message).toBe(
      'Apply failed with 1 conflict: conflict with "before-first-apply" using v1: .data.a',
    );
  });
});

describe("updates", () => {
  it("give the writer what it changed, and take it from others", () => {
    const live = apply("helm", undefined, config({ a: "1", b: "2" }));
    const edited = update("kubectl-edit", live, { ...live, data: { a: "9", b: "2", c: "3" } });
    expect(owners(edited)).toEqual({
      "helm Apply": { "f:data": { "f:b": {} } },
      "kubectl-edit Update": { "f:data": { "f:a": {}, "f:c": {} } },
    });
  });

  it("take removed fields from everybody", () => {
    const live = apply("helm", undefined, config({ a: "1", b: "2" }));
    expect(owners(update("kubectl-edit", live, { ...live, data: { a: "1" } }))).toEqual({
      "helm Apply": { "f:data": { "f:a": {} } },
    });
  });

  it("mark a map that they made as theirs, for its members to be told from it", () => {
    const live = update("kubectl", undefined, config({}, { labels: { a: "1" } }));
    expect(owners(live)["kubectl Update"]).toMatchObject({ "f:metadata": { "f:labels": { ".": {}, "f:a": {} } } });
  });

  it("that change nothing keep times", () => {
    const live = update("kubectl", undefined, config({ a: "1" }));
    const schema = schemas["ConfigMap"] ?? {};
    const write = {
      schema,
      components,
      before: live,
      after: live,
      manager: "kubectl",
      operation: "Update" as const,
      apiVersion: "v1",
    };
    expect(trackUpdate({ ...write, now: "2027-01-01T00:00:00Z" })).toEqual(live.metadata.managedFields);
  });

  it("may rewrite managedFields, as kubectl does when it takes an object over to server-side apply", () => {
    const live = update("kubectl-client-side-apply", undefined, config({ a: "1" }));
    const entries: ManagedFieldsEntry[] = (live.metadata.managedFields ?? []).map((entry) => ({
      ...entry,
      manager: "kubectl",
      operation: "Apply",
    }));
    const rewritten = update("kubectl", live, { ...live, metadata: { ...live.metadata, managedFields: entries } });
    expect(Object.keys(owners(rewritten))).toEqual(["kubectl Apply"]);
  });
});

describe("properties", () => {
  const data = fc.dictionary(fc.constantFrom("a", "b", "c", "d"), fc.constantFrom("1", "2"), { noNullPrototype: true });

  it("what was applied by force is there, and nobody else's fields went away", () => {
    fc.assert(
      fc.property(data, data, data, (first, second, third) => {
        const one = apply("one", undefined, config(first));
        const two = apply("two", one, config(second), true);
        const three = apply("one", two, config(third), true);
        const now3 = { ...(three["data"] as Record<string, string> | undefined) };
        expect(now3).toMatchObject(third);
        expect(Object.keys(now3).sort()).toEqual(Object.keys({ ...second, ...third }).sort());
      }),
      { numRuns: 200 },
    );
  });

  it("FieldsV1 keeps a set", () => {
    const path = fc.array(fc.constantFrom("f:a", "f:b", 'k:{"name":"x"}', 'v:"y"'), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(fc.array(path), (paths) => {
        const set = new Map(paths.map((one) => [one.join("\0"), one]));
        expect(new Map(fromFieldsV1(toFieldsV1(set)))).toEqual(set);
      }),
      { numRuns: 200 },
    );
  });
});
