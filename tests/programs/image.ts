import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { buildPrograms, nodeFlags } from "../../scripts/build.ts";
import { type Cluster, namespace, withParent } from "./cluster.ts";

/** A program bundled and started as in its image. */
export interface Running extends AsyncDisposable {
  readonly pid: number;
}

/** Starts one against a cluster; gone when disposed. */
export async function startAsInImage(
  cluster: Cluster,
  name: "controller" | "speaker",
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<Running> {
  const programs = join(cluster.directory, "programs");
  await buildPrograms(programs);
  const command = [process.execPath, ...nodeFlags, join(programs, `${name}.mjs`), ...args];
  const child = spawn("setpriv", [...withParent, ...command], {
    env: {
      KUBECONFIG: join(cluster.directory, "kubeconfig"),
      METALLB_BGP_TYPE: "frr",
      METALLB_NAMESPACE: namespace,
      ...env,
    },
    stdio: "ignore",
  });
  const ended = new Promise((resolve) => child.once("close", resolve));
  if (child.pid === undefined) throw new Error(`the ${name} does not start`);
  return {
    pid: child.pid,
    [Symbol.asyncDispose]: async () => {
      child.kill();
      await ended;
    },
  };
}

/** What a process uses: memory in MiB, and processor time since its start. */
export interface Use {
  readonly rss: number;
  /** What of it no other process could share. */
  readonly anonymous: number;
  /** The most that ever was resident. */
  readonly peak: number;
  readonly cpuSeconds: number;
}

/** @see proc(5): /proc/pid/status, and /proc/pid/stat with utime and stime in hundredths of a second */
export function useOf(pid: number): Use {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const mib = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(status)?.[1] ?? 0) / 1024;
  const times = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ").slice(11, 13) ?? [];
  const cpuSeconds = times.reduce((sum, hundredths) => sum + Number(hundredths) / 100, 0);
  return { rss: mib("VmRSS"), anonymous: mib("RssAnon"), peak: mib("VmHWM"), cpuSeconds };
}
