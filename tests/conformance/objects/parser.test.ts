import { describe, expect, test } from "vitest";
import { readField, readSpec } from "../../../src/api/read.ts";
import { plain } from "./object-case.ts";
import { table, titleOf } from "./table.ts";
import { expectReading, inNamespace, isRead, objectOf, snapshotOf, stored } from "./world.ts";

const namespace = "metallb-system";
const read = table.filter(({ kind, status }) => isRead(kind.kind) && status === undefined);
const written = table.filter((one) => !read.includes(one));

describe("the parser alone", () => {
  test.each(read.map((one) => [titleOf(one), one] as const))("%s", (_, one) => {
    const object = objectOf(one, namespace, one.spec);
    const objects = [...(one.beside ?? []).map((beside) => inNamespace(beside, namespace)), stored(object)];
    expectReading(one, snapshotOf(objects, namespace));
  });

  test.each(written.map((one) => [titleOf(one), one] as const))(
    "%s: without its API server, it can be read",
    (_, one) => {
      const status = one.kind.fields["status"];
      if (status && one.status && one.schema === undefined) {
        expect(readField(status, plain(one.status), "status").problems).toEqual([]);
      }
      if (one.kind.fields["spec"]) {
        expect(readSpec(one.kind, objectOf(one, namespace, one.spec)).problems).toEqual([]);
      }
    },
  );
});

test("two hundred objects and more, of every kind, and each refusal has its words", () => {
  expect(table.length).toBeGreaterThanOrEqual(200);
  expect(new Set(table.map(({ kind }) => `${kind.kind} ${kind.version}`)).size).toBe(10);
  expect(new Set(table.map(titleOf)).size, "two of one title").toBe(table.length);
});
