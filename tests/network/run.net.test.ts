import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { namesIn } from "../../lab/processes.ts";
import { sweepKilled } from "./run.ts";

/** A run of its own with a daemon in a namespace, that ends by a signal or by itself. */
const program = `
  import { tmpdir } from "node:os";
  const { default: begin } = await import("${join(import.meta.dirname, "run.ts")}");
  const { Network } = await import("${join(import.meta.dirname, "network.ts")}");
  begin();
  const network = new Network("left-", 1);
  const { pid } = network.start("router1", "sleep", ["sleep", "600"]);
  console.log(JSON.stringify({ pid, directory: tmpdir(), netns: network.netns("router1") }));
  setInterval(() => {}, 1000);
`;

test("what a killed run leaves, daemons, namespaces and files, is gone at the beginning of the next", async () => {
  // Its folder lies beside this run's, where the next run looks.
  const env = { ...process.env, TMPDIR: join(tmpdir(), "..") };
  const child = spawn(process.execPath, ["--input-type=module", "-e", program], {
    env,
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [line] = (await once(child.stdout, "data")) as [Buffer];
  const left = JSON.parse(line.toString()) as { pid: number; directory: string; netns: string };
  child.kill("SIGKILL");
  await once(child, "close");
  expect(namesIn("/run/netns")).toContain(left.netns);
  expect(isRunning(left.pid)).toBe(true);
  const before = process.env["TMPDIR"];
  try {
    process.env["TMPDIR"] = env.TMPDIR;
    sweepKilled();
  } finally {
    process.env["TMPDIR"] = before;
  }
  expect(namesIn("/run/netns")).not.toContain(left.netns);
  expect(existsSync(left.directory)).toBe(false);
  await expect.poll(() => isRunning(left.pid), { timeout: 30_000 }).toBe(false);
  // Ours are still here.
  expect(existsSync(tmpdir())).toBe(true);
  expect(execFileSync("ip", ["netns", "list"]).toString()).not.toContain(left.netns);
});

/** One that ended may stay listed until process 1 looks after it (proc(5), field 3 of stat). */
function isRunning(pid: number): boolean {
  try {
    return !readFileSync(`/proc/${pid}/stat`, "utf8").includes(") Z ");
  } catch {
    return false;
  }
}
