import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, watch } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { wasOomKilled } from "./cgroups.ts";
import { command } from "./command.ts";
import type { AgentPaths } from "./paths.ts";

/** How a container ended. */
export type ContainerExit =
  | { readonly kind: "exited"; readonly code: number; readonly oomKilled: boolean }
  /** It never ran; `message` is runc's. */
  | { readonly kind: "not-started"; readonly message: string };

/** A container under runc, from its start until its remains are removed. */
export interface RunningContainer {
  readonly id: string;
  /** Resolves with whether the program could be started; it may have ended since. */
  readonly started: Promise<boolean>;
  /** Resolves when it has ended, its output has been read and its cgroup is gone. */
  readonly exited: Promise<ContainerExit>;
  /** Process id of the container's first process on the machine, once started. */
  pid(): Promise<number>;
  terminate(): void;
  kill(): Promise<void>;
}

export interface RunOptions {
  readonly id: string;
  /** Where config.json goes; runc's own log and pid file too. */
  readonly dir: string;
  readonly config: object;
  readonly cgroupsPath: string;
  onOutput(stream: "stdout" | "stderr", chunk: Buffer): void;
}

/**
 * Starts a container. One `runc run` stays with it as parent of its first process, because only a parent learns the
 * exit code; it passes signals on and, killed with us or not, holds nothing that `sweep` cannot remove.
 */
export async function runContainer(paths: AgentPaths, options: RunOptions): Promise<RunningContainer> {
  const { id, dir } = options;
  await mkdir(dir, { recursive: true });
  await writeFile(path.join(dir, "config.json"), JSON.stringify(options.config));
  const pidFile = path.join(dir, "pid");
  const log = path.join(dir, "runc.log");
  const args = ["--root", paths.runc, "--log", log, "--log-format", "json", "run", "--keep", "--bundle", dir];
  // A session of its own: Ctrl-C at the lab's terminal is the lab's to handle.
  const child = spawn("runc", [...args, "--pid-file", pidFile, id], {
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
  });
  child.stdout.on("data", (chunk: Buffer) => options.onOutput("stdout", chunk));
  child.stderr.on("data", (chunk: Buffer) => options.onOutput("stderr", chunk));
  const closed = closeOf(child);
  return {
    id,
    started: appears(pidFile, closed),
    exited: closed.then((code) => conclude(paths, options, code, existsSync(pidFile) ? undefined : log)),
    pid: async () => Number(await readFile(pidFile, "utf8")),
    terminate: () => void child.kill("SIGTERM"),
    kill: () => killContainer(paths, id),
  };
}

/** Kills every process of a container; one that is gone already is as good. */
async function killContainer(paths: AgentPaths, id: string): Promise<void> {
  await command("runc", ["--root", paths.runc, "kill", id, "KILL"]).catch(() => {});
}

async function conclude(paths: AgentPaths, options: RunOptions, code: number, startLog: string | undefined) {
  const oomKilled = await wasOomKilled(options.cgroupsPath);
  await command("runc", ["--root", paths.runc, "delete", "--force", options.id]);
  if (startLog === undefined) return { kind: "exited", code, oomKilled } as const;
  return { kind: "not-started", message: await lastError(startLog) } as const;
}

function closeOf(child: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    child.once("error", (cause) => reject(new Error("runc cannot be started", { cause })));
    child.once("close", (code, signal) => resolve(code ?? (signal === "SIGKILL" ? 137 : 255)));
  });
}

/** Resolves with true when the file exists, or with false when `ended` comes first. */
function appears(file: string, ended: Promise<unknown>): Promise<boolean> {
  return new Promise((resolve) => {
    const watcher = watch(path.dirname(file), check);
    const done = () => {
      watcher.close();
      resolve(existsSync(file));
    };
    function check() {
      if (existsSync(file)) done();
    }
    ended.then(done, done);
    check();
  });
}

/** The last error that runc logged. */
export async function lastError(log: string): Promise<string> {
  const text = await readFile(log, "utf8").catch(() => "");
  const errors = text
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line) as { level: string; msg: string })
    .filter(({ level }) => level === "error");
  return errors.at(-1)?.msg ?? "runc ended without an error";
}

/** Removes a container by id whatever its state. */
export const removeContainer = (paths: AgentPaths, id: string): Promise<unknown> =>
  command("runc", ["--root", paths.runc, "delete", "--force", id]);

/** The ids that runc knows. */
export async function containerIds(paths: AgentPaths): Promise<string[]> {
  if (!existsSync(paths.runc)) return [];
  const listed = await command("runc", ["--root", paths.runc, "list", "--quiet"]);
  return listed.split("\n").filter(Boolean);
}
