/**
 * `make guide`: docs/guide.md in a fresh lab, start to end, without a person, with the FRR that FRR names (8 or 10). Exits 0 only if every step holds, and leaves a transcript.
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { frrRoot } from "./frr.ts";
import { type Lab, startLab } from "./lab.ts";
import { measureAnnouncements } from "./measure.ts";
import { untilStopped } from "./stop.ts";
import { parseWalkthrough, runWalkthrough } from "./walkthrough.ts";

const PAGE = "docs/guide.md";
const TRANSCRIPT = ".cache/guide-transcript.txt";
/** Service → route is measured this many times. */
const SAMPLES = 20;

const begin = Date.now();
const transcript: string[] = [];
const stop = new AbortController();
void untilStopped().then((signal) => stop.abort(new Error(`stopped by ${signal}`)));

let lab: Lab | undefined;
try {
  lab = await startLab({ name: "guide", nodes: 2, port: 0, ...frrRoot(process.env["FRR"]), log: () => {} });
  say(`The lab is up after ${seconds()} s.\n`);
  await runGuide(lab);
  await summarize(lab);
} catch (error) {
  say(`\nFAILED: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
} finally {
  await lab?.close();
  mkdirSync(".cache", { recursive: true });
  writeFileSync(TRANSCRIPT, transcript.join(""));
  console.log(`transcript: ${TRANSCRIPT}`);
}
process.exit();

async function runGuide(running: Lab): Promise<void> {
  const steps = parseWalkthrough(readFileSync(PAGE, "utf8"));
  await runWalkthrough({ steps, folder: guideFolder(running), env: running.env, tell: say, signal: stop.signal });
  const commands = steps.filter((step) => step.kind === "run").length;
  say(`\nEvery one of the ${commands} commands of ${PAGE} did what the page says, after ${seconds()} s.\n`);
}

function guideFolder(running: Lab): string {
  const folder = join(running.instance.runDir, "guide");
  mkdirSync(folder, { recursive: true });
  return folder;
}

async function summarize(running: Lab): Promise<void> {
  const files = ["ip-address-pool", "bfd-profile", "bgp-peer", "bgp-advertisement"].flatMap((name) => [
    "-f",
    `${name}.yaml`,
  ]);
  const folder = guideFolder(running);
  await running.run("kubectl", "apply", ...files.map((file) => (file === "-f" ? file : join(folder, file))));
  for (const part of ["deployment/metallb-controller", "daemonset/metallb-speaker"]) {
    await running.run("kubectl", "rollout", "status", "-n", "metallb-system", part, "--timeout=60s");
  }
  const { added, removed } = await measureAnnouncements(running, SAMPLES, stop.signal);
  say(
    `From a Service's creation to its route in the router's table, ${SAMPLES} times: median ${ms(added.median)}, worst ${ms(added.worst)}.\n` +
      `From its deletion to the table without it: median ${ms(removed.median)}, worst ${ms(removed.worst)}.\n` +
      "bgpd itself holds a change for 50 ms.\n",
  );
}

function ms(value: number): string {
  return `${value.toFixed(0)} ms`;
}

function say(text: string): void {
  transcript.push(text);
  process.stdout.write(text);
}

function seconds(): string {
  return ((Date.now() - begin) / 1000).toFixed(1);
}
