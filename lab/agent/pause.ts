import path from "node:path";
import { bundleConfig } from "./bundle.ts";
import type { Sandbox } from "./container-runner.ts";
import { hiddenDirectories } from "./machine.ts";
import { mountRoot, removeRoot } from "./rootfs.ts";
import { runContainer } from "./runc.ts";
import type { Image } from "./types.ts";

/** The process that holds a pod's shared process namespace and reaps what its containers orphan. */
export interface Pause {
  readonly pidnsPath: string;
  stop(): Promise<void>;
}

/** `wait` in a shell reaps every child, adopted ones too. */
const IMAGE: Image = { entrypoint: ["sh", "-c", "while :; do sleep 3600 & wait; done"] };

/** Starts the pod's first process. @throws Error when runc cannot. */
export async function startPause(sandbox: Sandbox): Promise<Pause> {
  const dir = path.join(sandbox.dir, "containers", "pause");
  const cgroupsPath = `${sandbox.cgroup}/pause`;
  const root = await mountRoot(dir, IMAGE);
  const { pod, hostname, netns, paths } = sandbox;
  const config = bundleConfig({
    pod: { ...pod, spec: { containers: [] } },
    container: {
      name: "pause",
      image: "pause",
      securityContext: { capabilities: { drop: ["ALL"] }, readOnlyRootFilesystem: true },
    },
    image: IMAGE,
    env: {},
    root,
    hostname,
    netnsPath: `/run/netns/${netns}`,
    cgroupsPath,
    volumes: new Map(),
    volumeMounts: [],
    files: {},
    hidden: hiddenDirectories(paths.runDir, IMAGE),
    groups: new Map(),
  });
  const running = await runContainer(paths, {
    id: `${pod.metadata.uid}_pause`,
    dir,
    config,
    cgroupsPath,
    onOutput() {},
  });
  const stop = async () => {
    await running.kill();
    await running.exited;
    await removeRoot(dir);
  };
  if (await running.started) return { pidnsPath: `/proc/${await running.pid()}/ns/pid`, stop };
  const exit = await running.exited;
  await removeRoot(dir);
  throw new Error(
    `the pod's first process cannot be started: ${exit.kind === "not-started" ? exit.message : "it ended"}`,
  );
}
