import { globSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { describe, expect, test } from "vitest";

/** The table of docs/architecture.md: room → rooms that it may import. */
function floors(): Map<string, ReadonlySet<string>> {
  const rows =
    readFileSync("docs/architecture.md", "utf8")
      .split("## Rooms")[1]
      ?.matchAll(/^\| (\w+) \| ([\w —]+) \|/gm) ?? [];
  return new Map(
    [...rows].filter((row) => row[1] !== "room").map((row) => [row[1] ?? "", new Set((row[2] ?? "").split(" "))]),
  );
}

const roomOf = (path: string): string => relative("src", path).split("/")[0] ?? "";

/** Import specifiers of a file: static, dynamic and re-exports. */
function imports(file: string): string[] {
  const text = codeOf(file);
  return [...text.matchAll(/\b(?:from\s+|import\s+|import\(\s*)"([^"]+)"/g)].map((match) => match[1] ?? "");
}

/** A file without its comments. */
function codeOf(file: string): string {
  return readFileSync(file, "utf8")
    .replace(/\/\*[\s\S]*?\*\//g, "")
    .replace(/^\s*\/\/.*$/gm, "");
}

const files = globSync("src/**/*.ts").filter((file) => !file.endsWith(".test.ts"));
const PURE = new Set(["std", "net", "api", "config", "allocate", "announce", "frr", "admission", "status", "convert"]);

describe("floors", () => {
  const allowed = floors();

  test("the table names every room, and only rooms that exist", () => {
    expect([...allowed.keys()].sort()).toEqual([...new Set(files.map(roomOf))].sort());
  });

  test.each(files)("%s imports only from the rooms below", (file) => {
    const room = roomOf(file);
    const targets = imports(file)
      .filter((specifier) => specifier.startsWith("."))
      .map((specifier) => join(dirname(file), specifier));
    for (const target of targets) expect(target, `${file} leaves src/`).toMatch(/^src\//);
    const foreign = targets.map(roomOf).filter((other) => other !== room && allowed.get(room)?.has(other) !== true);
    expect(foreign).toEqual([]);
  });
});

describe("pure rooms", () => {
  test.each(files.filter((file) => PURE.has(roomOf(file))))(
    "%s has no clock, randomness, environment, async or I/O",
    (file) => {
      // A hash is a pure function, wherever it comes from.
      const outside = imports(file).filter((specifier) => !specifier.startsWith(".") && specifier !== "node:crypto");
      expect(outside).toEqual([]);
      const code = codeOf(file);
      expect(code).not.toMatch(
        /\b(Date\.now|new Date\(\)|Math\.random|random[A-Z]|process\.|async |await |console\.|setTimeout|performance\.)/,
      );
    },
  );
});

test("no file of the repository names a registry's host or a path of one machine", () => {
  const forbidden = /registry\.npmjs|registry\.yarnpkg|quay\.io|docker\.io|ghcr\.io|gcr\.io|\/work\/main|\/tmp\/briefs/;
  const tracked = globSync(["**/*.{ts,md,yaml,yml,json,tpl,sh,txt}", ".npmrc", "Makefile"], {
    exclude: ["node_modules/**", ".cache/**", "coverage/**"],
  });
  const guilty = tracked.filter(
    (file) => file !== "tests/architecture.test.ts" && forbidden.test(readFileSync(file, "utf8")),
  );
  expect(guilty).toEqual([]);
});
