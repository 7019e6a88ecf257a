import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { sweep as sweepPods } from "./agent/sweep.ts";
import { namesIn, startTime, sweepProcesses } from "./processes.ts";

/** Where the state of running labs lies: one folder for each, named like the lab. */
const ROOT = "/run/metallb-ts";

/** One running lab: its folder and the names of what it makes on this machine. */
export interface Instance {
  readonly name: string;
  /** Everything that the lab writes. Gone when it ends. */
  readonly runDir: string;
  /** Name of a namespace of this lab, as `ip netns` shows it. */
  netns(host: string): string;
  /** Removes everything that carries this lab's name. Safe to call twice. */
  close(): Promise<void>;
}

/**
 * Takes a lab's name for this process, after sweeping away every lab whose owner was killed.
 *
 * @throws Error, one line for a person, when another process holds the name.
 */
export async function claimInstance(name: string): Promise<Instance> {
  if (process.getuid?.() !== 0)
    throw new Error("the lab needs root: it makes network namespaces and mounts. Run it with sudo.");
  await sweepDead();
  const runDir = join(ROOT, name);
  const owner = ownerOf(runDir);
  if (owner !== undefined) {
    throw new Error(
      `a lab named "${name}" is running (process ${owner}). Stop it with Ctrl-C, or choose another name: LAB=other make lab`,
    );
  }
  mkdirSync(runDir, { recursive: true, mode: 0o755 });
  writeFileSync(join(runDir, "owner"), `${process.pid} ${startTime(process.pid)}`);
  return { name, runDir, netns: (host) => `${prefixOf(name)}${host}`, close: () => removeInstance(name) };
}

/** Removes what labs left whose owner is gone. */
export async function sweepDead(): Promise<void> {
  for (const name of namesIn(ROOT)) if (ownerOf(join(ROOT, name)) === undefined) await removeInstance(name);
}

async function removeInstance(name: string): Promise<void> {
  const runDir = join(ROOT, name);
  await sweepProcesses(runDir);
  await sweepPods(agentDir(runDir));
  for (const netns of namesIn("/run/netns")) {
    if (netns.startsWith(prefixOf(name))) execFileSync("ip", ["netns", "del", netns]);
  }
  rmSync(runDir, { recursive: true, force: true });
}

/** The process that holds a lab, while it lives. */
function ownerOf(runDir: string): number | undefined {
  const [pid = "", started = ""] = read(join(runDir, "owner")).split(" ");
  return pid !== "" && startTime(Number(pid)) === started ? Number(pid) : undefined;
}

/** Where the node agents keep their pods. */
export const agentDir = (runDir: string): string => join(runDir, "agent");

const prefixOf = (name: string): string => `mlb-${name}-`;

const read = (file: string): string => {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
};
