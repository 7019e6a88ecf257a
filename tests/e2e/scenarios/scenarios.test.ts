import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { parseAllDocuments } from "yaml";
import { groups } from "./all.ts";
import { elsewhere } from "./elsewhere.ts";

const all = groups.flatMap(({ scenarios }) => scenarios);

test("every scenario has a name of its own", () => {
  expect(new Set(all.map(({ name }) => name)).size).toBe(all.length);
});

test.each(all)("$name: its manifests are YAML, each an object with a kind and a name", ({ manifests }) => {
  for (const document of parseAllDocuments(manifests.join("---\n"))) {
    expect(document.errors).toEqual([]);
    expect(document.toJS()).toMatchObject({ kind: expect.any(String), metadata: { name: expect.any(String) } });
  }
});

test.each(elsewhere)("what is tested elsewhere is there: $name", ({ file, test: name }) => {
  expect(readFileSync(file, "utf8")).toContain(name);
});
