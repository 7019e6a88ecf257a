import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { startTime, sweepProcesses } from "./processes.ts";

const patience = { timeout: 30_000, interval: 20 };

/** A shell that becomes `sleep`, and never looks after the child whose pid it prints. */
async function withChild(command: string): Promise<{ parent: number; child: number }> {
  const shell = spawn("sh", ["-c", `${command} & echo $!; exec sleep 600`], { stdio: ["ignore", "pipe", "inherit"] });
  onTestFinished(() => void shell.kill("SIGKILL"));
  const [line] = (await once(shell.stdout, "data")) as [Buffer];
  return { parent: shell.pid ?? 0, child: Number(line.toString()) };
}

test("a process that has ended has no start time, though nobody has looked after it", async () => {
  // Not before its parent is `sleep`: a shell may look after it.
  const { parent, child } = await withChild("until grep -q sleep /proc/$$/comm; do :; done");
  expect(startTime(parent)).toMatch(/^\d+$/);
  await expect.poll(() => startTime(child), patience).toBeUndefined();
  expect(existsSync(`/proc/${child}`)).toBe(true);
});

test("what a sweep kills has ended when the sweep is over; another that has its pid is left alone", async () => {
  const runDir = mkdtempSync(join(tmpdir(), "processes-"));
  onTestFinished(() => rmSync(runDir, { recursive: true }));
  const { parent, child } = await withChild("sleep 600");
  mkdirSync(join(runDir, "processes"));
  writeFileSync(join(runDir, "processes/child"), `${child} ${startTime(child)}`);
  writeFileSync(join(runDir, "processes/parent"), `${parent} 1`);
  await sweepProcesses(runDir);
  expect(startTime(child)).toBeUndefined();
  expect(startTime(parent)).toBeDefined();
});
