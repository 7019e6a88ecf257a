import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { frrRoot } from "../../lab/frr.ts";
import { type Lab, startLab } from "../../lab/lab.ts";
import { parseWalkthrough, runWalkthrough } from "../../lab/walkthrough.ts";

let lab: Lab;

beforeAll(async () => {
  lab = await startLab({ name: "tgen", nodes: 2, port: 0, ...frrRoot("10"), log: (line) => console.error(line) });
});
afterAll(async () => {
  await lab?.close();
});

test("the guide holds with FRR 10.3 in the pods", async () => {
  const folder = join(lab.instance.runDir, "guide");
  mkdirSync(folder);
  const steps = parseWalkthrough(readFileSync("docs/guide.md", "utf8"));
  await runWalkthrough({ steps, folder, env: lab.env, tell: () => {}, signal: new AbortController().signal });
  // The guide ends with a fresh installation.
  await lab.run("kubectl", "rollout", "status", "-n", "metallb-system", "daemonset/metallb-speaker", "--timeout=180s");
  const inside = [
    "-n",
    "metallb-system",
    "daemonset/metallb-speaker",
    "-c",
    "frr",
    "--",
    "vtysh",
    "-c",
    "show version",
  ];
  expect(await lab.run("kubectl", "exec", ...inside)).toMatch(/^FRRouting 10\.3 /);
}, 600_000);
