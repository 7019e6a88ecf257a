import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { build } from "esbuild";
import { afterEach, beforeEach, expect, test } from "vitest";
import { sourceStack } from "./stack.ts";

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "metallb-ts-"));
});
afterEach(() => rm(directory, { recursive: true }));

/** The error of a program that was bundled. */
async function errorOf(sourcemap: "linked" | false): Promise<Error> {
  const source = join(directory, "thrower.ts");
  await writeFile(
    source,
    'type Unseen = {\n  a: 1;\n};\n\nfunction breaks(): Unseen {\n  throw new Error("bug");\n}\nbreaks();\n',
  );
  const outfile = join(directory, "bundle.mjs");
  await build({ entryPoints: [source], outfile, bundle: true, format: "esm", sourcemap });
  return import(pathToFileURL(outfile).href).then(
    () => new Error("did not throw"),
    (error: unknown) => error as Error,
  );
}

test("a bundle's places are those of its sources", async () => {
  expect(sourceStack(await errorOf("linked"))).toMatch(/Error: bug\n.*breaks.*thrower\.ts:6:9/);
});

test("without a source map they stay", async () => {
  expect(sourceStack(await errorOf(false))).toMatch(/Error: bug\n.*breaks.*bundle\.mjs:\d+:\d+/);
});
