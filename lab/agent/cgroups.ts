import { readdir, readFile, rmdir } from "node:fs/promises";
import path from "node:path";

const ROOT = "/sys/fs/cgroup";

/** Removes a cgroup and those in it, in every hierarchy (version 1 has one for each controller, version 2 one for all). */
export async function removeCgroups(cgroup: string): Promise<void> {
  for (const hierarchy of ["", ...(await readdir(ROOT))]) await removeTree(path.join(ROOT, hierarchy, cgroup));
}

/** Whether the kernel killed a process of this group for want of memory. Both versions count it. */
export async function wasOomKilled(cgroup: string): Promise<boolean> {
  const counters = [`memory${cgroup}/memory.oom_control`, `.${cgroup}/memory.events`];
  const texts = await Promise.all(counters.map((file) => readFile(path.join(ROOT, file), "utf8").catch(() => "")));
  return texts.some((text) => /^oom_kill [1-9]/m.test(text));
}

async function removeTree(dir: string): Promise<void> {
  const entries = await readdir(dir, { withFileTypes: true }).catch(() => undefined);
  if (!entries) return;
  for (const entry of entries) if (entry.isDirectory()) await removeTree(path.join(dir, entry.name));
  await rmdir(dir);
}
