import { createHash } from "node:crypto";
import path from "node:path";

/** Where the agents keep what they make. All of it lies below the run directory or is named by it, so that `sweep` finds it. */
export interface AgentPaths {
  readonly runDir: string;
  /** State of runc. */
  readonly runc: string;
  /** A tmpfs: bundles, writable layers and volumes of the pods. */
  readonly pods: string;
  /** Container logs, kept on disk until the pod goes. */
  readonly logs: string;
  /** One empty file for each pod network namespace, made before the namespace. */
  readonly netns: string;
  /** Parent of the pods' cgroups, in each hierarchy. */
  readonly cgroup: string;
}

export function agentPaths(runDir: string): AgentPaths {
  const absolute = path.resolve(runDir);
  return {
    runDir: absolute,
    runc: path.join(absolute, "runc"),
    pods: path.join(absolute, "pods"),
    logs: path.join(absolute, "logs"),
    netns: path.join(absolute, "netns"),
    cgroup: `/lab-${createHash("sha256").update(absolute).digest("hex").slice(0, 12)}`,
  };
}
