import { mkdir, readdir, readFile, rm } from "node:fs/promises";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { removeCgroups } from "./cgroups.ts";
import { kill } from "../processes.ts";
import { command } from "./command.ts";
import { type AgentPaths, agentPaths } from "./paths.ts";
import { removePodNetns } from "./pod-network.ts";
import { containerIds, removeContainer } from "./runc.ts";

/** Ended containers take their `runc run` with them; this long is waited for that. */
const RUNC_EXIT_MS = 5000;

/** Makes a run directory ready for agents, after removing what a killed lab left in it. */
export async function prepareRunDir(runDir: string): Promise<AgentPaths> {
  await sweep(runDir);
  const paths = agentPaths(runDir);
  await mkdir(paths.runDir, { recursive: true, mode: 0o700 });
  for (const dir of [paths.runc, paths.pods, paths.logs, paths.netns]) await mkdir(dir, { recursive: true });
  // Writable layers need a file system that can hold them, which the machine's root (an overlay itself, say) may not be.
  await command("mount", ["-t", "tmpfs", "-o", "mode=0700", "lab-pods", paths.pods]);
  return paths;
}

/**
 * Removes whatever agents with this run directory left: containers and their processes, mounts, network namespaces,
 * cgroups and directories. Nothing left is no error, so it is also how an orderly stop ends.
 */
export async function sweep(runDir: string): Promise<void> {
  const paths = agentPaths(runDir);
  await Promise.all((await containerIds(paths)).map((id) => removeContainer(paths, id)));
  await endRunc(paths);
  for (const mount of await mountsBelow(paths.runDir)) await command("umount", ["-l", mount]);
  for (const netns of await namesIn(paths.netns)) await removePodNetns(netns, paths);
  await removeCgroups(paths.cgroup);
  for (const dir of [paths.runc, paths.pods, paths.logs, paths.netns]) await rm(dir, { recursive: true, force: true });
}

/** Mount points below a directory, the deepest first. */
async function mountsBelow(dir: string): Promise<string[]> {
  const table = await readFile("/proc/self/mountinfo", "utf8");
  const points = table
    .split("\n")
    .flatMap((line) => (line === "" ? [] : [unescapeMount(line.split(" ")[4] as string)]));
  return points.filter((point) => point.startsWith(`${dir}/`)).reverse();
}

/** The kernel writes blanks and backslashes in paths as octal numbers (proc(5)). */
const unescapeMount = (text: string): string =>
  text.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));

/** Waits for the `runc` processes of this run directory, and ends those that stay. */
async function endRunc(paths: AgentPaths): Promise<void> {
  const deadline = Date.now() + RUNC_EXIT_MS;
  let left = await runcProcesses(paths);
  while (left.length > 0 && Date.now() < deadline) {
    await delay(20);
    left = await runcProcesses(paths);
  }
  for (const pid of left) kill(pid);
}

async function runcProcesses(paths: AgentPaths): Promise<number[]> {
  const pids = (await readdir("/proc")).filter((name) => /^[0-9]+$/.test(name));
  const found = await Promise.all(
    pids.map(async (pid) => {
      const words = (await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "")).split("\0");
      return path.basename(words[0] ?? "") === "runc" && words[2] === paths.runc ? [Number(pid)] : [];
    }),
  );
  return found.flat();
}

const namesIn = (dir: string): Promise<string[]> => readdir(dir).catch(() => []);
