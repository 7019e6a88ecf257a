import { mkdir, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { ApiStatusError, type ExecRequest, type LogRequest } from "../control-plane/types.ts";
import type { BackOffLimits } from "./back-off.ts";
import { removeCgroups } from "./cgroups.ts";
import { ContainerRunner, graceMs, type Sandbox } from "./container-runner.ts";
import { execInContainer } from "./exec.ts";
import type { PodPlace } from "./fields.ts";
import type { AgentPaths } from "./paths.ts";
import { VolumeError } from "./payload.ts";
import { makePodNetwork, type PodAddresses, type PodNetwork } from "./pod-network.ts";
import { podStatus } from "./pod-status.ts";
import { type Pause, startPause } from "./pause.ts";
import { unmount } from "./rootfs.ts";
import type { ImageTable, LabNode, Pod, PodEvent, PodSources, PodStatus, RestartPolicy } from "./types.ts";
import { accountMount, makeVolume, podVolumes, type VolumeContext } from "./volumes.ts";

export interface PodRunnerOptions {
  readonly node: LabNode;
  readonly paths: AgentPaths;
  readonly images: ImageTable;
  readonly sources: PodSources;
  readonly addresses: PodAddresses;
  readonly backOff: BackOffLimits;
  /** Called after each change; `status` has the news. */
  onChange(): void;
  onEvent(event: PodEvent): void;
}

const RETRY_MS = 1000;

/** One pod on its node, from its binding until nothing of it is left on the machine. */
export class PodRunner {
  #pod: Pod;
  readonly #options: PodRunnerOptions;
  readonly #init: readonly ContainerRunner[];
  readonly #app: readonly ContainerRunner[];
  readonly #sidecars: ReadonlySet<string>;
  readonly #startTime = now();
  /** App containers are asked to stop first, sidecars when those have ended. */
  readonly #stopApps = new AbortController();
  readonly #stopSidecars = new AbortController();
  readonly #kill = new AbortController();
  #killTimer: NodeJS.Timeout | undefined;
  #volumes: VolumeContext | undefined;
  #network: PodNetwork | undefined;
  #sandboxReady = false;
  #place: PodPlace;
  #status: PodStatus | undefined;
  #refreshing = Promise.resolve();

  constructor(pod: Pod, options: PodRunnerOptions) {
    this.#pod = pod;
    this.#options = options;
    const { node } = options;
    const own = pod.spec.hostNetwork ? node.addresses : [];
    this.#place = { nodeName: node.name, hostIPs: node.addresses, podIPs: own };
    const init = pod.spec.initContainers ?? [];
    this.#sidecars = new Set(init.filter((each) => each.restartPolicy === "Always").map(({ name }) => name));
    this.#init = init.map((each) => this.#runner(each, this.#sidecars.has(each.name) ? "sidecar" : "init"));
    this.#app = pod.spec.containers.map((each) => this.#runner(each, "app"));
  }

  /** What the API should show now. */
  get status(): PodStatus {
    this.#status = podStatus(
      this.#pod,
      {
        init: this.#init.map(({ status }) => status),
        app: this.#app.map(({ status }) => status),
        sidecars: this.#sidecars,
        sandboxReady: this.#sandboxReady,
        hostIPs: this.#place.hostIPs,
        podIPs: this.#place.podIPs,
        startTime: this.#startTime,
      },
      this.#status ?? this.#pod.status,
      now(),
    );
    return this.#status;
  }

  /** Takes the pod's newer version: its labels and annotations may show in volumes. */
  async update(pod: Pod): Promise<void> {
    this.#pod = pod;
    await this.refreshVolumes();
  }

  /** Brings volumes that follow API objects up to date. One whose object has gone keeps what it has. */
  refreshVolumes(): Promise<void> {
    // One at a time: two writers of one volume would trip over each other's links.
    const turn = this.#refreshing.then(async () => {
      const context = this.#volumes;
      if (!context || !this.#sandboxReady) return;
      for (const volume of podVolumes(this.#pod)) {
        await makeVolume(this.#pod, volume, context).catch(ignoreVolumeError);
      }
    });
    this.#refreshing = turn.catch(() => {});
    return turn;
  }

  /** Runs the pod until its containers have ended for good; its remains stay for logs until `remove`. */
  async run(): Promise<void> {
    const sandbox = await this.#prepare();
    if (!sandbox) return;
    let pause: Pause | undefined;
    try {
      if (this.#pod.spec.shareProcessNamespace) {
        pause = await this.#retry("FailedCreatePodSandBox", () => startPause(sandbox));
        if (!pause) return;
      }
      await this.#runContainers(pause ? { ...sandbox, pidnsPath: pause.pidnsPath } : sandbox);
    } finally {
      await this.#tearDown(pause);
    }
  }

  /** Asks the pod to end within the grace period; asked again, the shorter one holds. */
  terminate(graceSeconds: number): void {
    this.#stopApps.abort();
    clearTimeout(this.#killTimer);
    this.#killTimer = setTimeout(() => this.#kill.abort(), graceMs(graceSeconds));
  }

  /** Ends the pod at once. */
  kill(): void {
    clearTimeout(this.#killTimer);
    this.#kill.abort();
    this.#stopApps.abort();
  }

  /** Removes what the pod left on the machine, after `run` has settled. */
  async remove(): Promise<void> {
    clearTimeout(this.#killTimer);
    // A volume that is being brought up to date would be written into what is removed here.
    this.#sandboxReady = false;
    await this.#refreshing;
    const { dir, logDir } = this.#directories();
    for (const volume of podVolumes(this.#pod)) {
      if (volume.emptyDir?.medium === "Memory") await unmount(path.join(dir, "volumes", volume.name));
    }
    await rm(dir, { recursive: true, force: true });
    await rm(logDir, { recursive: true, force: true });
  }

  /** @throws ApiStatusError when the container does not run. */
  async exec(container: string, request: ExecRequest, signal: AbortSignal): Promise<number> {
    const running = this.#find(container).running;
    if (!running) throw new ApiStatusError(500, "InternalError", `container not found ("${container}")`);
    return execInContainer(this.#options.paths, running.id, request, signal);
  }

  /** @throws ApiStatusError when there is no log yet. */
  logs(request: LogRequest, signal: AbortSignal): AsyncIterable<string> {
    const runner = this.#find(request.container);
    const log = runner.log(request.previous);
    if (log) return log.read(request, signal);
    const who = `container "${request.container}" in pod "${this.#pod.metadata.name}"`;
    if (request.previous) {
      throw new ApiStatusError(400, "BadRequest", `previous terminated ${who} not found`);
    }
    const { state } = runner.status;
    const why = "waiting" in state ? state.waiting.reason : "ContainerCreating";
    throw new ApiStatusError(400, "BadRequest", `${who} is waiting to start: ${why}`);
  }

  #find(name: string): ContainerRunner {
    const found = [...this.#app, ...this.#init].find(({ container }) => container.name === name);
    if (found) return found;
    const message = `container ${name} is not valid for pod ${this.#pod.metadata.name}`;
    throw new ApiStatusError(400, "BadRequest", message);
  }

  #runner(container: Pod["spec"]["containers"][number], role: "init" | "sidecar" | "app"): ContainerRunner {
    const hasInit = (this.#pod.spec.initContainers ?? []).length > 0;
    const stop = role === "sidecar" ? this.#stopSidecars : this.#stopApps;
    return new ContainerRunner(container, {
      role,
      restartPolicy: restartPolicyOf(this.#pod, role),
      waiting: hasInit ? "PodInitializing" : "ContainerCreating",
      stop: { asked: stop.signal, now: this.#kill.signal },
      listener: this.#options,
    });
  }

  /** Volumes, network and the files of /etc; `undefined` when the pod was to stop before they were there. */
  async #prepare(): Promise<Sandbox | undefined> {
    const { dir, logDir } = this.#directories();
    await mkdir(path.join(dir, "volumes"), { recursive: true });
    const network = await this.#retry("FailedCreatePodSandBox", () => this.#makeNetwork());
    const volumes = network && (await this.#retry("FailedMount", () => this.#makeVolumes(path.join(dir, "volumes"))));
    if (!volumes) {
      await this.#network?.close();
      return undefined;
    }
    this.#sandboxReady = true;
    this.#options.onChange();
    const { node, paths, images, sources, backOff } = this.#options;
    return {
      pod: this.#pod,
      place: this.#place,
      paths,
      images,
      sources,
      backOff,
      dir,
      logDir,
      cgroup: this.#cgroup,
      hostname: this.#hostname,
      netns: network.netns,
      volumes,
      extraMounts: accountMount(this.#pod),
      files: await writeEtc(path.join(dir, "etc"), this.#pod, this.#hostname, this.#place, node),
    };
  }

  get #cgroup(): string {
    return `${this.#options.paths.cgroup}/pod${this.#pod.metadata.uid}`;
  }

  get #hostname(): string {
    const { spec, metadata } = this.#pod;
    return spec.hostNetwork ? this.#options.node.name : (spec.hostname ?? metadata.name).slice(0, 63);
  }

  #directories(): { dir: string; logDir: string } {
    const { metadata } = this.#pod;
    const { pods, logs } = this.#options.paths;
    const dir = path.join(pods, metadata.uid ?? metadata.name);
    return { dir, logDir: path.join(logs, `${metadata.namespace}_${metadata.name}_${metadata.uid}`) };
  }

  async #makeNetwork(): Promise<{ readonly netns: string }> {
    const { node, paths, addresses } = this.#options;
    if (this.#pod.spec.hostNetwork) return { netns: node.netns };
    this.#network = await makePodNetwork(this.#pod, node, addresses, paths);
    this.#place = { ...this.#place, podIPs: this.#network.addresses };
    return this.#network;
  }

  async #makeVolumes(dir: string): Promise<ReadonlyMap<string, string>> {
    this.#volumes ??= { dir, place: this.#place, sources: this.#options.sources, written: new Map() };
    const made = new Map<string, string>();
    for (const volume of podVolumes(this.#pod)) {
      made.set(volume.name, await makeVolume(this.#pod, volume, this.#volumes).catch((e) => explain(e, volume.name)));
    }
    return made;
  }

  /** Tries until it works or the pod is to stop; says why not once for each reason. */
  async #retry<T>(reason: string, make: () => Promise<T>): Promise<T | undefined> {
    let told: string | undefined;
    while (!this.#stopApps.signal.aborted) {
      try {
        return await make();
      } catch (error) {
        const { message } = error as Error;
        if (message !== told) this.#options.onEvent({ type: "Warning", reason, message });
        told = message;
        await delay(RETRY_MS, undefined, { signal: this.#stopApps.signal }).catch(() => {});
      }
    }
    return undefined;
  }

  async #runContainers(sandbox: Sandbox): Promise<void> {
    const sidecars: Promise<void>[] = [];
    for (const runner of this.#init) {
      const running = runner.run(sandbox);
      if (!this.#sidecars.has(runner.container.name)) await running;
      else {
        sidecars.push(running);
        await runner.firstStart;
      }
      if (this.#stopApps.signal.aborted || !this.#hasPassed(runner)) break;
    }
    if (this.#init.every((runner) => this.#hasPassed(runner))) {
      await Promise.all(this.#app.map((runner) => runner.run(sandbox)));
    }
    this.#stopSidecars.abort();
    await Promise.all(sidecars);
  }

  #hasPassed({ status }: ContainerRunner): boolean {
    if (this.#sidecars.has(status.name)) return status.started;
    return "terminated" in status.state && status.state.terminated.exitCode === 0;
  }

  async #tearDown(pause: Pause | undefined): Promise<void> {
    await pause?.stop();
    await this.#network?.close();
    await removeCgroups(this.#cgroup);
    this.#sandboxReady = false;
    this.#options.onChange();
  }
}

function restartPolicyOf(pod: Pod, role: "init" | "sidecar" | "app"): RestartPolicy {
  const policy = pod.spec.restartPolicy ?? "Always";
  if (role === "sidecar") return "Always";
  // An init container that has done its work is not run again.
  return role === "init" && policy === "Always" ? "OnFailure" : policy;
}

/** The files that a kubelet lays over a container's /etc. Differs: the lab has no cluster DNS, so no name server is named. */
async function writeEtc(dir: string, pod: Pod, hostname: string, place: PodPlace, node: LabNode) {
  const aliases = (pod.spec.hostAliases ?? []).map(({ ip, hostnames = [] }) => `${ip}\t${hostnames.join("\t")}`);
  const own = (pod.spec.hostNetwork ? node.addresses : place.podIPs).map((ip) => `${ip}\t${hostname}`);
  const hosts = [
    "# Kubernetes-managed hosts file.",
    "127.0.0.1\tlocalhost",
    "::1\tlocalhost ip6-localhost",
    ...own,
    ...aliases,
  ];
  const search = `search ${pod.metadata.namespace}.svc.cluster.local svc.cluster.local cluster.local`;
  const content: Record<string, string> = {
    "/etc/hosts": hosts.join("\n"),
    "/etc/hostname": hostname,
    "/etc/resolv.conf": `${search}\noptions ndots:5`,
  };
  await mkdir(dir, { recursive: true });
  const files = Object.keys(content).map((file) => [file, path.join(dir, path.basename(file))] as const);
  for (const [file, source] of files) await writeFile(source, `${content[file]}\n`);
  return Object.fromEntries(files);
}

function explain(error: unknown, volume: string): never {
  if (!(error instanceof VolumeError)) throw error;
  throw new VolumeError(`MountVolume.SetUp failed for volume "${volume}" : ${error.message}`);
}

function ignoreVolumeError(error: unknown): void {
  if (!(error instanceof VolumeError)) throw error;
}

const now = (): string => `${new Date().toISOString().slice(0, 19)}Z`;
