import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Lab, startLab } from "../../lab/lab.ts";
import { parseWalkthrough, runWalkthrough } from "../../lab/walkthrough.ts";

let lab: Lab;

beforeAll(async () => {
  lab = await startLab({ name: "tguide", nodes: 2, port: 0, log: (line) => console.error(line) });
});
afterAll(async () => {
  await lab?.close();
});

test("every command of docs/guide.md does what the page says", async () => {
  const folder = join(lab.instance.runDir, "guide");
  mkdirSync(folder);
  const steps = parseWalkthrough(readFileSync("docs/guide.md", "utf8"));
  expect(steps.filter((step) => step.kind === "run").length).toBeGreaterThan(30);
  await runWalkthrough({ steps, folder, env: lab.env, tell: () => {}, signal: new AbortController().signal });
}, 600_000);
