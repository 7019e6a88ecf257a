import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { agentPaths } from "../paths.ts";

/** Whatever of an agent's run directory, on a node of the given namespace, or named by it, is still on the machine. */
export function leftovers(dir: string, netns: string): string[] {
  const paths = agentPaths(dir);
  const mounts = readFileSync("/proc/self/mountinfo", "utf8").split("\n");
  const processes = readdirSync("/proc").filter((name) => /^[0-9]+$/.test(name));
  const ofProcess = (pid: string, file: string): string => {
    try {
      return readFileSync(`/proc/${pid}/${file}`, "utf8");
    } catch {
      return "";
    }
  };
  return [
    ...mounts.filter((line) => line.includes(dir)),
    ...processes.filter((pid) => ofProcess(pid, "cgroup").includes(paths.cgroup)).map((pid) => `process ${pid}`),
    ...processes.filter((pid) => ofProcess(pid, "cmdline").includes(paths.runc)).map((pid) => `runc ${pid}`),
    ...readdirSync("/sys/fs/cgroup").filter((name) => existsSync(path.join("/sys/fs/cgroup", name, paths.cgroup))),
    ...execFileSync("ip", ["netns"])
      .toString()
      .split("\n")
      .filter((line) => line.startsWith(`${netns}-pod`)),
    ...readdirSync(dir),
  ];
}
