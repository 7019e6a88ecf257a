import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ApiStatusError } from "../types.ts";
import { decodeProtobuf } from "./protobuf.ts";

/** A message by hand: [field number, value]; text and nested messages are length-delimited, numbers are varints. */
type Field = readonly [number, string | number | boolean | Message];
interface Message {
  readonly fields: readonly Field[];
}
const message = (...fields: Field[]): Message => ({ fields });

const varint = (value: number): number[] =>
  value < 0x80 ? [value] : [(value % 0x80) | 0x80, ...varint(Math.floor(value / 0x80))];

function encode({ fields }: Message): number[] {
  return fields.flatMap(([number, value]) => {
    if (typeof value === "number" || typeof value === "boolean")
      return [...varint(number << 3), ...varint(Number(value))];
    const bytes = typeof value === "string" ? [...Buffer.from(value)] : encode(value);
    return [...varint((number << 3) | 2), ...varint(bytes.length), ...bytes];
  });
}

const body = (apiVersion: string, kind: string, raw: Message): Uint8Array => {
  const unknown = message([1, message([1, apiVersion], [2, kind])], [2, raw], [3, ""], [4, ""]);
  return Uint8Array.from([...Buffer.from("k8s\0"), ...encode(unknown)]);
};

/** What Go writes for an ObjectMeta: fields that are no pointers are there, empty or not. */
const meta = (name: string, ...more: Field[]): Message =>
  message([1, name], [2, ""], [3, ""], [4, ""], [5, ""], [6, ""], [7, 0], [8, message()], ...more);

const codeOf = (bytes: Uint8Array): unknown => {
  try {
    return decodeProtobuf(bytes);
  } catch (error) {
    return error instanceof ApiStatusError ? [error.code, error.message] : error;
  }
};

describe("protobuf bodies", () => {
  it("decodes what kubectl create service loadbalancer sends", () => {
    const intOrString = (port: number): Message => message([1, 0], [2, port], [3, ""]);
    const port = message([1, "80-8080"], [2, "TCP"], [3, 80], [4, intOrString(8080)], [5, 0]);
    const selector = message([1, "app"], [2, "web"]);
    const spec = message(
      [1, port],
      [2, selector],
      [3, ""],
      [4, "LoadBalancer"],
      [7, ""],
      [8, ""],
      [10, ""],
      [11, ""],
      [12, 0],
      [13, false],
    );
    const raw = message(
      [1, meta("web", [11, message([1, "app"], [2, "web"])])],
      [2, spec],
      [3, message([1, message()])],
    );
    expect(decodeProtobuf(body("v1", "Service", raw))).toEqual({
      apiVersion: "v1",
      kind: "Service",
      metadata: { name: "web", labels: { app: "web" } },
      spec: {
        ports: [{ name: "80-8080", protocol: "TCP", port: 80, targetPort: 8080 }],
        selector: { app: "web" },
        type: "LoadBalancer",
      },
    });
  });

  it("keeps a pointer's zero and an empty text in a list", () => {
    const selector = message([1, message([1, "app"], [2, "a"])]);
    const deployment = message([1, meta("a")], [2, message([1, 0], [2, selector], [5, 0], [7, false])]);
    expect(decodeProtobuf(body("apps/v1", "Deployment", deployment))).toMatchObject({
      spec: { replicas: 0, selector: { matchLabels: { app: "a" } } },
    });
    const rule = message([1, "get"], [2, ""], [3, "pods"]);
    expect(
      decodeProtobuf(body("rbac.authorization.k8s.io/v1", "Role", message([1, meta("r")], [2, rule]))),
    ).toMatchObject({
      rules: [{ verbs: ["get"], apiGroups: [""], resources: ["pods"] }],
    });
  });

  it("gives bytes as base64 and times as RFC 3339", () => {
    const secret = message(
      [1, meta("s", [9, message([1, 1_767_225_600])])],
      [2, message([1, "k"], [2, "v"])],
      [3, "Opaque"],
    );
    expect(decodeProtobuf(body("v1", "Secret", secret))).toMatchObject({
      metadata: { deletionTimestamp: "2026-01-01T00:00:00Z" },
      data: { k: "dg==" },
      type: "Opaque",
    });
  });

  it("refuses kinds and fields that it does not know, naming the kind", () => {
    expect(codeOf(body("batch/v1", "Job", message()))).toEqual([
      415,
      'protobuf is not supported for "Job" in version "batch/v1": send JSON',
    ]);
    const odd = message([1, meta("s")], [99, "set"]);
    expect(codeOf(body("v1", "Secret", odd))).toEqual([
      415,
      'protobuf is not supported for "Secret" in version "v1" (Secret, field 99): send JSON',
    ]);
    expect(decodeProtobuf(body("v1", "Secret", message([1, meta("s")], [99, ""])))).toMatchObject({
      metadata: { name: "s" },
    });
  });

  it("answers any bytes with an object or an API error", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        const raw = Uint8Array.from([
          ...Buffer.from("k8s\0"),
          ...encode(message([1, message([1, "v1"], [2, "Service"])])),
          ...bytes,
        ]);
        const result = codeOf(raw);
        expect(result).not.toBeInstanceOf(Error);
      }),
      { numRuns: 500 },
    );
  });

  it("refuses a body without Kubernetes' prefix", () => {
    expect(codeOf(Buffer.from("{}"))).toEqual([400, expect.stringContaining("prefix")]);
  });
});
