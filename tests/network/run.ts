import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { kill, namesIn, startTime } from "../../lab/processes.ts";

/**
 * Begins a run of tests: what killed runs have left is removed, and this one's temporary files get a folder of their own. Returns
 * what ends the run.
 *
 * What it leaves on the machine begins with its name: this process's pid, and when that started, as a pid that was given away
 * again is nobody's. The processes that it starts find the name in TEST_RUN.
 */
export default function begin(): () => void {
  sweepKilled();
  const name = `mts-${process.pid}-${startTime(process.pid)}`;
  const directory = join(tmpdir(), name);
  // FRR's users must get through.
  mkdirSync(directory, { mode: 0o755 });
  Object.assign(process.env, { TEST_RUN: name, TMPDIR: directory });
  return () => rmSync(directory, { recursive: true, force: true });
}

/** Name of a namespace of this run, as `ip netns` shows it. A virtual machine's runs have none. */
export const netnsOf = (host: string): string => `${process.env["TEST_RUN"] ?? "mts"}-${process.pid}-${host}`;

/** Removes the namespaces of processes that are gone, with all that runs in them, and their folders. */
export function sweepKilled(): void {
  for (const netns of namesIn("/run/netns").filter(isOrphan)) {
    const pids = execFileSync("ip", ["netns", "pids", netns], { encoding: "utf8" }).split("\n");
    for (const pid of pids.map(Number)) if (pid > 0) kill(pid);
    spawnSync("ip", ["netns", "delete", netns]);
  }
  for (const name of namesIn(tmpdir()).filter(isOrphan)) rmSync(join(tmpdir(), name), { recursive: true, force: true });
}

function isOrphan(name: string): boolean {
  const [, pid, started] = /^mts-(\d+)-(\d+)(?:-|$)/.exec(name) ?? [];
  return pid !== undefined && startTime(Number(pid)) !== started;
}
