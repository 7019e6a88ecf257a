import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync, closeSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { inNetns } from "./topology/netns.ts";

/** Killed processes are given this long to be gone: one that waits for a disk may take its time. */
const KILLED_MS = 10_000;

/** A program of the lab's own outside any container: a router's daemons, a recorder. */
export interface LabProcess {
  readonly pid: number;
  /** Resolves when the process has ended, with its exit code or signal. */
  readonly ended: Promise<string>;
  /** SIGTERM, after `graceMs` SIGKILL; settles when the process is gone. */
  stop(graceMs?: number): Promise<void>;
}

/**
 * Starts a program inside a namespace, its output in a file, and records it below `runDir` so that `sweepProcesses` finds it
 * when this process is killed.
 */
export function startProcess(options: {
  readonly name: string;
  readonly argv: readonly string[];
  readonly netns: string;
  readonly runDir: string;
  readonly logFile: string;
}): LabProcess {
  const [program = "", ...args] = options.argv;
  const log = openSync(options.logFile, "a");
  const child = inNetns(options.netns, () => spawn(program, args, { stdio: ["ignore", log, log] }));
  closeSync(log);
  const ended = new Promise<string>((resolve) => {
    child.once("error", (error) => resolve(error.message));
    child.once("exit", (code, signal) => resolve(signal ?? `exit ${code}`));
  });
  if (child.pid === undefined)
    throw new Error(`cannot start ${program}: is it installed? (scripts/setup.sh installs it)`);
  const forget = remember(options.runDir, options.name, child.pid);
  void ended.then(forget);
  return { pid: child.pid, ended, stop: (graceMs = 3000) => stopChild(child, ended, graceMs) };
}

async function stopChild(child: ChildProcess, ended: Promise<string>, graceMs: number): Promise<void> {
  child.kill("SIGTERM");
  const timer = setTimeout(() => child.kill("SIGKILL"), graceMs);
  await ended;
  clearTimeout(timer);
}

/**
 * Kills what an earlier run started and could not stop, and waits for its end. A pid that was given to another program since is left
 * alone.
 */
export async function sweepProcesses(runDir: string): Promise<void> {
  const dir = join(runDir, "processes");
  const left = namesIn(dir).map((file) => {
    const [pid = "", started = ""] = readFileSync(join(dir, file), "utf8").split(" ");
    return { pid: Number(pid), isRunning: () => startTime(Number(pid)) === started };
  });
  for (const { pid, isRunning } of left) if (isRunning()) kill(pid);
  const deadline = Date.now() + KILLED_MS;
  while (left.some(({ isRunning }) => isRunning()) && Date.now() < deadline) await delay(10);
  rmSync(dir, { recursive: true, force: true });
}

function remember(runDir: string, name: string, pid: number): () => void {
  const dir = join(runDir, "processes");
  mkdirSync(dir, { recursive: true });
  const file = join(dir, `${name}-${pid}`);
  writeFileSync(file, `${pid} ${startTime(pid) ?? ""}`);
  return () => rmSync(file, { force: true });
}

/**
 * When a process started, in clock ticks since boot (proc(5), field 22 of stat); `undefined` when there is none. One that has ended
 * stays listed, as a zombie, until its parent looks after it: that may be never.
 */
export function startTime(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const [state = "", ...rest] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return "ZX".includes(state) ? undefined : rest[18];
  } catch {
    return undefined;
  }
}

/** Ends a process at once, if it has not ended. */
export function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It ended between the look and the signal: that is what was wanted.
  }
}

/** What a folder holds; nothing when there is none. */
export const namesIn = (dir: string): string[] => {
  try {
    return readdirSync(dir);
  } catch {
    return [];
  }
};
