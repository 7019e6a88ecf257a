import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { type BackOff, type BackOffLimits, backOffLeft, durationText, raisedBackOff } from "./back-off.ts";
import { bundleConfig, userOf } from "./bundle.ts";
import { ContainerLog } from "./container-log.ts";
import { ConfigError, containerEnvironment } from "./environment.ts";
import { execForOutput } from "./exec.ts";
import type { PodPlace } from "./fields.ts";
import { findImage } from "./images.ts";
import { hiddenDirectories, primaryGroups } from "./machine.ts";
import type { AgentPaths } from "./paths.ts";
import { type ProbeTarget, runHandler, watchProbe } from "./probe.ts";
import { mountRoot, removeRoot } from "./rootfs.ts";
import { type ContainerExit, type RunningContainer, runContainer } from "./runc.ts";
import type {
  Container,
  ContainerState,
  ContainerStatus,
  Handler,
  Image,
  ImageTable,
  Pod,
  PodEvent,
  PodSources,
  Probe,
  RestartPolicy,
  Terminated,
  VolumeMount,
} from "./types.ts";

/** What a container shares with its pod, fixed before the first container starts. */
export interface Sandbox {
  readonly pod: Pod;
  readonly place: PodPlace;
  readonly paths: AgentPaths;
  readonly images: ImageTable;
  readonly sources: PodSources;
  readonly backOff: BackOffLimits;
  /** The pod's directories: working state, and logs. */
  readonly dir: string;
  readonly logDir: string;
  readonly cgroup: string;
  readonly hostname: string;
  readonly netns: string;
  readonly pidnsPath?: string;
  readonly volumes: ReadonlyMap<string, string>;
  readonly extraMounts: readonly VolumeMount[];
  readonly files: Readonly<Record<string, string>>;
}

/** Why a container must end, and until when. */
export interface Stop {
  /** Fires when the container is to end. */
  readonly asked: AbortSignal;
  /** Fires when it has had its time. */
  readonly now: AbortSignal;
}

export interface RunnerListener {
  onChange(): void;
  onEvent(event: PodEvent): void;
}

/** An init container runs to its end before the next starts; a sidecar starts like one and stays beside the app containers. */
export type ContainerRole = "init" | "sidecar" | "app";

/** A lifetime of one container within its pod: its runs, the waiting between them, its probes, hooks and logs. */
export class ContainerRunner {
  readonly container: Container;
  readonly #role: ContainerRole;
  readonly #restartPolicy: RestartPolicy;
  readonly #stop: Stop;
  readonly #listener: RunnerListener;
  #status: ContainerStatus;
  #running: RunningContainer | undefined;
  #log: ContainerLog | undefined;
  #previousLog: ContainerLog | undefined;
  #backOff: BackOff | undefined;
  #runs = 0;
  readonly #firstStart = Promise.withResolvers<void>();

  constructor(
    container: Container,
    options: {
      role: ContainerRole;
      restartPolicy: RestartPolicy;
      waiting: string;
      stop: Stop;
      listener: RunnerListener;
    },
  ) {
    this.container = container;
    this.#role = options.role;
    this.#restartPolicy = options.restartPolicy;
    this.#stop = options.stop;
    this.#listener = options.listener;
    this.#status = {
      name: container.name,
      image: container.image,
      imageID: "",
      ready: false,
      started: false,
      restartCount: 0,
      state: { waiting: { reason: options.waiting } },
      lastState: {},
    };
  }

  get status(): ContainerStatus {
    return this.#status;
  }

  /** Resolves when the container has passed its startup probe for the first time, or will never run. */
  get firstStart(): Promise<void> {
    return this.#firstStart.promise;
  }

  /** The output of this run or the one before it. */
  log(previous: boolean): ContainerLog | undefined {
    return previous ? this.#previousLog : this.#log;
  }

  /** The running container, for exec. */
  get running(): RunningContainer | undefined {
    return this.#running;
  }

  /** Runs the container as often as its restart policy says, until it is to stop. */
  async run(sandbox: Sandbox): Promise<void> {
    try {
      while (!this.#stop.asked.aborted) {
        const ended = await this.#runOnce(sandbox);
        if (!ended || !this.#restartsAfter(ended)) return;
        await this.#waitForRestart(sandbox.pod, sandbox.backOff, Date.parse(ended.finishedAt));
      }
    } finally {
      this.#firstStart.resolve();
    }
  }

  #restartsAfter(ended: Terminated): boolean {
    if (this.#stop.asked.aborted || this.#restartPolicy === "Never") return false;
    return this.#restartPolicy === "Always" || ended.exitCode !== 0;
  }

  async #waitForRestart(pod: Pod, limits: BackOffLimits, endedAt: number): Promise<void> {
    const left = backOffLeft(this.#backOff, limits, endedAt, Date.now());
    if (left > 0) {
      const who = `container=${this.container.name} pod=${podText(pod)}`;
      const wait = durationText(this.#backOff?.delayMs ?? 0);
      this.#wait("CrashLoopBackOff", `back-off ${wait} restarting failed ${who}`);
      const message = `Back-off restarting failed container ${this.container.name} in pod ${podText(pod)}`;
      this.#event("Warning", "BackOff", message);
      await this.#pause(left);
    }
    this.#backOff = raisedBackOff(this.#backOff, limits, endedAt, Date.now());
  }

  /** One run, from image to remains; `undefined` when it was to stop before it could start. */
  async #runOnce(sandbox: Sandbox): Promise<Terminated | undefined> {
    const image = await this.#findImage(sandbox);
    const env = image && (await this.#findEnvironment(sandbox, image));
    if (!image || !env || this.#stop.asked.aborted) return undefined;
    const dir = path.join(sandbox.dir, "containers", `${this.container.name}-${this.#runs}`);
    const root = await mountRoot(dir, image);
    try {
      return await this.#start(sandbox, { image, env, dir, root });
    } finally {
      await removeRoot(dir);
    }
  }

  async #findImage(sandbox: Sandbox): Promise<Image | undefined> {
    const reference = this.container.image;
    for (let wait = sandbox.backOff.initialMs; ; wait = Math.min(2 * wait, sandbox.backOff.maxMs)) {
      const found = findImage(sandbox.images, reference);
      if (!("problem" in found)) {
        this.#event("Normal", "Pulled", `Container image "${reference}" already present on machine`);
        return found;
      }
      this.#event("Normal", "Pulling", `Pulling image "${reference}"`);
      this.#event("Warning", "Failed", `Failed to pull image "${reference}": ${found.problem}`);
      this.#event("Warning", "Failed", "Error: ErrImagePull");
      this.#wait("ErrImagePull", found.problem);
      await this.#pause(Math.min(wait, 1000));
      if (this.#stop.asked.aborted) return undefined;
      this.#event("Normal", "BackOff", `Back-off pulling image "${reference}"`);
      this.#event("Warning", "Failed", "Error: ImagePullBackOff");
      this.#wait("ImagePullBackOff", `Back-off pulling image "${reference}": ErrImagePull: ${found.problem}`);
      await this.#pause(wait);
      if (this.#stop.asked.aborted) return undefined;
    }
  }

  async #findEnvironment(sandbox: Sandbox, image: Image): Promise<Record<string, string> | undefined> {
    while (!this.#stop.asked.aborted) {
      try {
        rejectRoot(sandbox.pod, this.container, image);
        return containerEnvironment(sandbox.pod, this.container, sandbox.place, sandbox.sources);
      } catch (error) {
        if (!(error instanceof ConfigError)) throw error;
        this.#event("Warning", "Failed", `Error: ${error.message}`);
        this.#wait("CreateContainerConfigError", error.message);
        await this.#pause(1000);
      }
    }
    return undefined;
  }

  async #start(
    sandbox: Sandbox,
    made: { image: Image; env: Record<string, string>; dir: string; root: string },
  ): Promise<Terminated> {
    const cgroupsPath = `${sandbox.cgroup}/${this.container.name}`;
    const run = this.#runs++;
    const log = new ContainerLog(path.join(sandbox.logDir, this.container.name, `${run}.log`));
    this.#previousLog = this.#log;
    this.#log = log;
    const started = await runContainer(sandbox.paths, {
      id: `${sandbox.pod.metadata.uid}_${this.container.name}_${run}`,
      dir: made.dir,
      config: this.#bundle(sandbox, made, cgroupsPath),
      cgroupsPath,
      onOutput: (stream, chunk) => log.append(stream, chunk),
    });
    this.#event("Normal", "Created", `Created container: ${this.container.name}`);
    const runs = await started.started;
    const startedAt = now();
    const exit = runs ? await this.#accompany(started, sandbox, startedAt, run) : await started.exited;
    log.close();
    return this.#conclude(exit, started.id, startedAt);
  }

  #bundle(sandbox: Sandbox, made: { image: Image; env: Record<string, string>; root: string }, cgroupsPath: string) {
    const { pod, hostname, pidnsPath, volumes, files, paths } = sandbox;
    return bundleConfig({
      pod,
      container: this.container,
      ...made,
      hostname,
      netnsPath: `/run/netns/${sandbox.netns}`,
      ...(pidnsPath !== undefined && { pidnsPath }),
      cgroupsPath,
      volumes,
      volumeMounts: [...(this.container.volumeMounts ?? []), ...this.#extraMounts(sandbox)],
      files,
      hidden: hiddenDirectories(paths.runDir, made.image),
      groups: primaryGroups(made.image),
    });
  }

  /** A container's own mount at the place of the service account wins. */
  #extraMounts({ extraMounts }: Sandbox): readonly VolumeMount[] {
    const own = new Set(this.container.volumeMounts?.map(({ mountPath }) => mountPath));
    return extraMounts.filter(({ mountPath }) => !own.has(mountPath));
  }

  /** Stays with a running container until it has ended by itself, failed its probes or been told to stop. */
  async #accompany(
    started: RunningContainer,
    sandbox: Sandbox,
    startedAt: string,
    run: number,
  ): Promise<ContainerExit> {
    const alive = new AbortController();
    const unhealthy = new AbortController();
    const exited = started.exited.finally(() => alive.abort());
    this.#running = started;
    this.#change({
      state: { running: { startedAt } },
      restartCount: run,
      imageID: `lab://${this.container.image}`,
      containerID: `runc://${started.id}`,
    });
    this.#event("Normal", "Started", `Started container ${this.container.name}`);
    const companions = this.#companions(sandbox, started, alive.signal, unhealthy);
    const asked = AbortSignal.any([this.#stop.asked, unhealthy.signal]);
    await Promise.race([exited, fired(asked)]);
    if (!alive.signal.aborted) await this.#end(started, sandbox, exited, unhealthy.signal);
    const exit = await exited;
    this.#running = undefined;
    await companions;
    return exit;
  }

  /** postStart, then the probes, while the container lives. */
  async #companions(sandbox: Sandbox, started: RunningContainer, alive: AbortSignal, unhealthy: AbortController) {
    const { lifecycle, startupProbe, readinessProbe, livenessProbe } = this.container;
    const target = this.#target(sandbox, started);
    if (lifecycle?.postStart) await this.#postStart(lifecycle.postStart, target, alive, unhealthy);
    if (startupProbe) await this.#startup(startupProbe, target, alive, unhealthy);
    if (alive.aborted || unhealthy.signal.aborted) return;
    this.#change({ started: true, ready: readinessProbe === undefined });
    this.#firstStart.resolve();
    await Promise.all([
      readinessProbe && this.#probe("Readiness", readinessProbe, target, alive, (ok) => this.#change({ ready: ok })),
      livenessProbe &&
        this.#probe("Liveness", livenessProbe, target, alive, (ok) => {
          if (!ok) unhealthy.abort(`failed liveness probe`);
        }),
    ]);
  }

  async #postStart(hook: Handler, target: ProbeTarget, alive: AbortSignal, unhealthy: AbortController): Promise<void> {
    const result = await runHandler(hook, target, 300_000, alive);
    if (result.ok || alive.aborted) return;
    this.#event("Warning", "FailedPostStartHook", "PostStartHook failed");
    unhealthy.abort("failed post-start hook");
  }

  async #startup(probe: Probe, target: ProbeTarget, alive: AbortSignal, unhealthy: AbortController): Promise<void> {
    const done = new AbortController();
    await this.#probe("Startup", probe, target, AbortSignal.any([alive, done.signal]), (ok) => {
      if (!ok) unhealthy.abort("failed startup probe");
      done.abort();
    });
  }

  #probe(kind: string, probe: Probe, target: ProbeTarget, signal: AbortSignal, onTurn: (ok: boolean) => void) {
    const onFailure = (message: string) => this.#event("Warning", "Unhealthy", `${kind} probe failed: ${message}`);
    return watchProbe(probe, target, { onTurn, onFailure }, signal);
  }

  /** preStop, SIGTERM, and SIGKILL when the time is over. */
  async #end(started: RunningContainer, sandbox: Sandbox, exited: Promise<ContainerExit>, unhealthy: AbortSignal) {
    const because = unhealthy.aborted ? String(unhealthy.reason) : undefined;
    const name = this.container.name;
    const message = because ? `Container ${name} ${because}, will be restarted` : `Stopping container ${name}`;
    this.#event("Normal", "Killing", message);
    const own = because ? AbortSignal.timeout(this.#graceMs(sandbox.pod, because)) : undefined;
    const over = own ? AbortSignal.any([own, this.#stop.now]) : this.#stop.now;
    const preStop = this.container.lifecycle?.preStop;
    if (preStop && !over.aborted) await this.#preStop(preStop, this.#target(sandbox, started), over);
    if (!over.aborted) started.terminate();
    await Promise.race([exited, fired(over)]);
    await started.kill();
  }

  #graceMs(pod: Pod, because: string): number {
    const probe = because.includes("startup") ? this.container.startupProbe : this.container.livenessProbe;
    const seconds = probe?.terminationGracePeriodSeconds ?? pod.spec.terminationGracePeriodSeconds ?? 30;
    return graceMs(seconds);
  }

  async #preStop(hook: Handler, target: ProbeTarget, over: AbortSignal): Promise<void> {
    const result = await runHandler(hook, target, 24 * 3_600_000, over);
    if (!result.ok) this.#event("Warning", "FailedPreStopHook", "PreStopHook failed");
  }

  #target(sandbox: Sandbox, started: RunningContainer): ProbeTarget {
    return {
      netns: sandbox.netns,
      host: sandbox.place.podIPs[0] ?? "127.0.0.1",
      container: this.container,
      exec: (argv, signal) => execForOutput(sandbox.paths, started.id, argv, signal),
    };
  }

  #conclude(exit: ContainerExit, id: string, startedAt: string): Terminated {
    const terminated = terminatedState(exit, `runc://${id}`, startedAt);
    if (exit.kind === "not-started") this.#event("Warning", "Failed", `Error: ${terminated.message}`);
    this.#change({
      state: { terminated },
      restartCount: this.#runs - 1,
      containerID: `runc://${id}`,
      started: false,
      // An init container that has completed counts as ready.
      ready: this.#role === "init" && terminated.exitCode === 0,
    });
    return terminated;
  }

  #wait(reason: string, message: string): void {
    this.#change({ state: { waiting: { reason, message } } });
  }

  #change(change: Partial<ContainerStatus>): void {
    const before = this.#status.state;
    const leaves = change.state !== undefined && !("terminated" in change.state) && "terminated" in before;
    const lastState: ContainerState | Record<string, never> = leaves ? before : this.#status.lastState;
    this.#status = { ...this.#status, lastState, ...change };
    this.#listener.onChange();
  }

  #event(type: PodEvent["type"], reason: string, message: string): void {
    this.#listener.onEvent({ type, reason, message, container: this.container.name });
  }

  #pause(ms: number): Promise<unknown> {
    return delay(ms, undefined, { signal: this.#stop.asked }).catch(() => {});
  }
}

/** A kubelet gives every container two seconds at least. @see Kubernetes pkg/kubelet/kuberuntime, minimumGracePeriodInSeconds */
export const graceMs = (seconds: number): number => Math.max(seconds, 2) * 1000;

function terminatedState(exit: ContainerExit, containerID: string, startedAt: string): Terminated {
  const finishedAt = now();
  if (exit.kind === "not-started") {
    const message = `failed to create containerd task: failed to create shim task: OCI runtime create failed: ${exit.message}: unknown`;
    return { exitCode: 128, reason: "StartError", message, startedAt: "1970-01-01T00:00:00Z", finishedAt, containerID };
  }
  const reason = exit.oomKilled ? "OOMKilled" : exit.code === 0 ? "Completed" : "Error";
  return { exitCode: exit.code, reason, startedAt, finishedAt, containerID };
}

/** @throws ConfigError when the pod wants no root and would get it. @see Kubernetes pkg/kubelet/kuberuntime/security_context.go */
function rejectRoot(pod: Pod, container: Container, image: Image): void {
  const wanted = container.securityContext?.runAsNonRoot ?? pod.spec.securityContext?.runAsNonRoot ?? false;
  if (!wanted || userOf(pod, container, image) !== 0) return;
  const who = `(pod: "${podText(pod)}", container: ${container.name})`;
  throw new ConfigError(`container has runAsNonRoot and image will run as root ${who}`);
}

/** `name_namespace(uid)`, a kubelet's way to name a pod. */
const podText = ({ metadata }: Pod): string => `${metadata.name}_${metadata.namespace}(${metadata.uid})`;

/** Resolves when the signal fires. */
const fired = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });

const now = (): string => `${new Date().toISOString().slice(0, 19)}Z`;
