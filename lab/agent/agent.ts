import { deepEqual } from "../../src/std/equal.ts";
import {
  type ApiObject,
  ApiStatusError,
  type ExecRequest,
  type LocalApi,
  type LogRequest,
  type PodRuntime,
  type WatchEvent,
} from "../control-plane/types.ts";
import { type BackOffLimits, KUBELET_BACK_OFF } from "./back-off.ts";
import { EventRecorder } from "./event-recorder.ts";
import { registerNode, renewLease } from "./node-registration.ts";
import type { AgentPaths } from "./paths.ts";
import { PodAddresses } from "./pod-network.ts";
import { PodRunner } from "./pod-runner.ts";
import { prepareRunDir, sweep } from "./sweep.ts";
import type { AgentLog, ApiServerAddress, ImageTable, LabNode, Pod, PodSources, PodStatus } from "./types.ts";
import { mentions } from "./volumes.ts";

const PODS = { group: "", resource: "pods" };
const SECRETS = { group: "", resource: "secrets" };
const CONFIG_MAPS = { group: "", resource: "configmaps" };

export interface AgentOptions {
  readonly api: LocalApi;
  readonly nodes: readonly LabNode[];
  /** Everything that the agents make lies below it or is recorded there; see `sweep`. */
  readonly runDir: string;
  readonly images: ImageTable;
  /** As pods reach it. */
  readonly apiServer: ApiServerAddress;
  issueToken(namespace: string, serviceAccount: string): string;
  readonly log: AgentLog;
  /** A kubelet's unless given. */
  readonly backOff?: BackOffLimits;
  readonly signal: AbortSignal;
}

/**
 * Starts one agent for each node: registers the nodes, renews their leases, and runs the pods that are bound to them.
 * What a killed lab left below the run directory is removed first. `close` ends all pods and leaves nothing behind.
 */
export async function startAgents(options: AgentOptions): Promise<PodRuntime & { close(): Promise<void> }> {
  const paths = await prepareRunDir(options.runDir);
  for (const node of options.nodes) await registerNode(options.api, node);
  const agents = new Agents(options, paths);
  agents.start();
  return agents;
}

interface Entry {
  pod: Pod;
  readonly runner: PodRunner;
  readonly node: NodeState;
  /** "ended": its containers are over, its logs wait for the deletion of the object. */
  stage: "running" | "ended" | "removed";
  /** Settles when nothing of the pod is left to do for now. */
  done: Promise<void>;
  pushed: PodStatus | undefined;
  pushing: Promise<void> | undefined;
  /** Whether the API has let go of the object. */
  gone: boolean;
}

interface NodeState {
  readonly node: LabNode;
  readonly addresses: PodAddresses;
  readonly events: EventRecorder;
}

class Agents implements PodRuntime {
  readonly #options: AgentOptions;
  readonly #paths: AgentPaths;
  readonly #nodes: ReadonlyMap<string, NodeState>;
  readonly #pods = new Map<string, Entry>();
  readonly #closing = new AbortController();
  #leases: Promise<unknown> = Promise.resolve();

  constructor(options: AgentOptions, paths: AgentPaths) {
    this.#options = options;
    this.#paths = paths;
    const stateOf = (node: LabNode): NodeState => ({
      node,
      addresses: new PodAddresses(node.podCIDRs),
      events: new EventRecorder(options.api, node.name, options.log),
    });
    this.#nodes = new Map(options.nodes.map((node) => [node.name, stateOf(node)]));
  }

  start(): void {
    const { api, nodes, log } = this.#options;
    const signal = AbortSignal.any([this.#options.signal, this.#closing.signal]);
    this.#leases = Promise.all(
      nodes.map((node) => renewLease({ api, node, log, onSilence: () => this.#reportAgain(node) }, signal)),
    );
    api.watch(PODS, (event) => this.#onPod(event), signal);
    api.watch(SECRETS, ({ object }) => this.#onSource("secret", object), signal);
    api.watch(CONFIG_MAPS, ({ object }) => this.#onSource("configMap", object), signal);
  }

  async exec(pod: ApiObject, container: string, request: ExecRequest, signal: AbortSignal): Promise<number> {
    return this.#find(pod).runner.exec(container, request, signal);
  }

  async *logs(pod: ApiObject, request: LogRequest, signal: AbortSignal): AsyncIterable<string> {
    yield* this.#find(pod).runner.logs(request, signal);
  }

  async close(): Promise<void> {
    this.#closing.abort();
    const entries = [...this.#pods.values()];
    for (const { runner } of entries) runner.kill();
    await Promise.all([this.#leases, ...entries.map(({ done }) => done)]);
    for (const { events } of this.#nodes.values()) await events.flush();
    await sweep(this.#options.runDir);
  }

  #find(pod: ApiObject): Entry {
    const entry = this.#pods.get(pod.metadata.uid ?? "");
    if (entry) return entry;
    const { name, namespace } = pod.metadata;
    throw new ApiStatusError(400, "BadRequest", `pod ${namespace}/${name} has not started on any node of the lab`);
  }

  #onPod({ type, object }: WatchEvent): void {
    const pod = object as Pod;
    const uid = pod.metadata.uid ?? "";
    const entry = this.#pods.get(uid);
    const node = this.#nodes.get(pod.spec.nodeName ?? "");
    if (!node || this.#closing.signal.aborted) return;
    if (type === "DELETED") {
      if (entry) this.#onGone(entry);
    } else if (entry) this.#onChange(entry, pod);
    else if (pod.metadata.deletionTimestamp !== undefined) this.#attempt(pod, "pod not deleted", this.#letGo(pod));
    else if (!isOver(pod)) this.#startPod(pod, node);
  }

  #startPod(pod: Pod, node: NodeState): void {
    const { images, backOff = KUBELET_BACK_OFF } = this.#options;
    const runner: PodRunner = new PodRunner(pod, {
      node: node.node,
      paths: this.#paths,
      images,
      sources: this.#sources(),
      addresses: node.addresses,
      backOff,
      onChange: () => this.#push(entry),
      onEvent: (event) => node.events.record(entry.pod, event),
    });
    const done = Promise.resolve();
    const unpushed = { pushed: undefined, pushing: undefined };
    const entry: Entry = { pod, runner, node, stage: "running", done, gone: false, ...unpushed };
    this.#pods.set(pod.metadata.uid ?? "", entry);
    entry.done = this.#drive(entry);
    this.#push(entry);
  }

  /** A pod from start to end; once it has ended by itself it waits for its deletion, so that its logs can be read. */
  async #drive(entry: Entry): Promise<void> {
    try {
      await entry.runner.run();
    } catch (error) {
      this.#options.log("pod failed", { pod: entry.pod.metadata.name, error: String(error) });
      entry.node.events.record(entry.pod, { type: "Warning", reason: "FailedSync", message: String(error) });
    }
    entry.stage = "ended";
    if (isDeleting(entry)) await this.#finish(entry);
  }

  /** Removes what is left of an ended pod, here and in the API. */
  async #finish(entry: Entry): Promise<void> {
    entry.stage = "removed";
    await entry.pushing;
    await entry.runner.remove();
    this.#pods.delete(entry.pod.metadata.uid ?? "");
    entry.node.events.forget(entry.pod);
    if (!entry.gone && isDeleting(entry)) await this.#letGo(entry.pod);
  }

  #onChange(entry: Entry, pod: Pod): void {
    const before = entry.pod.metadata.deletionGracePeriodSeconds;
    entry.pod = pod;
    if (!isDeleting(entry)) {
      this.#attempt(pod, "volumes not updated", entry.runner.update(pod));
      return;
    }
    const grace = pod.metadata.deletionGracePeriodSeconds ?? 30;
    if (grace !== before) entry.runner.terminate(grace);
    if (entry.stage === "ended") entry.done = this.#finish(entry);
  }

  /** The API dropped the object without waiting for us (a grace period of 0): the containers still get the shortest one. */
  #onGone(entry: Entry): void {
    entry.gone = true;
    entry.runner.terminate(0);
    if (entry.stage === "ended") entry.done = this.#finish(entry);
  }

  /** Deletes the object for good. */
  async #letGo(pod: Pod): Promise<void> {
    const { name, namespace, uid } = pod.metadata;
    const options = { gracePeriodSeconds: 0, ...(uid !== undefined && { uid }) };
    try {
      await this.#options.api.delete(PODS, namespace, name, options);
    } catch (error) {
      if (!isGone(error)) this.#options.log("pod not deleted", { pod: name, error: String(error) });
    }
  }

  /** Brings the pod's status in the API up to date; changes that come meanwhile go with the next write. */
  #push(entry: Entry): void {
    entry.pushing ??= this.#pushAll(entry).finally(() => {
      entry.pushing = undefined;
    });
  }

  /** After a silence in which the cluster has written our pods off, they are reported as if for the first time. */
  #reportAgain(node: LabNode): void {
    for (const entry of this.#pods.values()) {
      if (entry.node.node !== node) continue;
      entry.pushed = undefined;
      this.#push(entry);
    }
  }

  async #pushAll(entry: Entry): Promise<void> {
    // After this turn of the event loop: changes that belong together are written together.
    await Promise.resolve();
    while (!entry.gone && !this.#closing.signal.aborted) {
      const status = entry.runner.status;
      if (deepEqual(status, entry.pushed)) return;
      entry.pushed = status;
      await this.#patchStatus(entry, status);
    }
  }

  async #patchStatus(entry: Entry, status: PodStatus): Promise<void> {
    const { name, namespace, uid } = entry.pod.metadata;
    const patch = { metadata: { uid }, status };
    try {
      await this.#options.api.patch(PODS, namespace, name, patch, { subresource: "status" });
    } catch (error) {
      if (isGone(error)) entry.gone = true;
      else this.#options.log("pod status not written", { pod: name, error: String(error) });
    }
  }

  #onSource(kind: "secret" | "configMap", object: ApiObject): void {
    for (const { pod, runner } of this.#pods.values()) {
      const concerned = pod.metadata.namespace === object.metadata.namespace;
      if (concerned && mentions(pod, kind, object.metadata.name)) {
        this.#attempt(pod, "volumes not updated", runner.refreshVolumes());
      }
    }
  }

  /** Lets work go on beside the watch; a failure is logged. */
  #attempt(pod: Pod, failure: string, work: Promise<void>): void {
    work.catch((error: unknown) => this.#options.log(failure, { pod: pod.metadata.name, error: String(error) }));
  }

  #sources(): PodSources {
    const { api, apiServer } = this.#options;
    return {
      apiServer,
      issueToken: (namespace, account) => this.#options.issueToken(namespace, account),
      configMap: (namespace, name) => api.get(CONFIG_MAPS, namespace, name),
      secret: (namespace, name) => api.get(SECRETS, namespace, name),
    };
  }
}

const isDeleting = ({ pod, gone }: Pick<Entry, "pod" | "gone">): boolean =>
  gone || pod.metadata.deletionTimestamp !== undefined;

const isOver = (pod: Pod): boolean => pod.status?.phase === "Succeeded" || pod.status?.phase === "Failed";

const isGone = (error: unknown): boolean =>
  error instanceof ApiStatusError && (error.code === 404 || error.code === 409);
