import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { buildPrograms } from "../../scripts/build.ts";
import { type Cluster, namespace } from "./cluster.ts";

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
  const child = spawn(
    process.execPath,
    ["--max-semi-space-size=1", "--enable-source-maps", join(programs, `${name}.mjs`), ...args],
    {
      env: {
        KUBECONFIG: join(cluster.directory, "kubeconfig"),
        METALLB_BGP_TYPE: "frr",
        METALLB_NAMESPACE: namespace,
        ...env,
      },
      stdio: "ignore",
    },
  );
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

/** In MiB: all that is resident, and what of it no other process could share. */
export function memoryOf(pid: number): { readonly rss: number; readonly anonymous: number } {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const mib = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(status)?.[1] ?? 0) / 1024;
  return { rss: mib("VmRSS"), anonymous: mib("RssAnon") };
}
