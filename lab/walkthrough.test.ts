import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { parseWalkthrough, runWalkthrough } from "./walkthrough.ts";

async function run(page: string): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), "walkthrough-"));
  const told: string[] = [];
  try {
    await runWalkthrough({
      steps: parseWalkthrough(page),
      folder,
      env: process.env,
      tell: (text) => told.push(text),
      signal: new AbortController().signal,
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
  return told.join("");
}

const block = (command: string): string => `\`\`\`bash\n${command}\n\`\`\`\n`;

test("blocks share variables and files", async () => {
  const page = `## One\n\n\`\`\`yaml\n# a.yaml\nkind: A\n\`\`\`\n${block("NAME=a.yaml")}\n<!-- expect /kind: A/ -->\n\n${block('cat "$NAME"')}`;
  expect(await run(page)).toContain("kind: A");
});

test("a block that fails fails the page, with its line", async () => {
  await expect(run(`\n${block("false")}`)).rejects.toThrow("line 2: exit code 1");
});

test("an expectation that does not hold fails the page, with what is missing", async () => {
  await expect(run(`<!-- expect /yes/ and not /no/ -->\n${block("echo no")}`)).rejects.toThrow(
    "output lacks /yes/m, holds /no/m",
  );
});

test("`until` runs a command again until it holds", async () => {
  expect(await run(`${block("n=0")}<!-- until /^3$/ -->\n${block("n=$((n+1)); echo $n")}`)).toContain("\n3\n");
});
