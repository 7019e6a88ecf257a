import { randomBytes } from "node:crypto";
import type { ApiObject, LocalApi } from "../control-plane/types.ts";
import type { AgentLog, Pod, PodEvent } from "./types.ts";

const EVENTS = { group: "", resource: "events" };

/** Reports a node's events as a kubelet does: one that repeats is counted in the object that it made first. */
export class EventRecorder {
  readonly #api: LocalApi;
  readonly #node: string;
  readonly #log: AgentLog;
  readonly #seen = new Map<string, { readonly name: string; count: number }>();
  #writing: Promise<unknown> = Promise.resolve();

  constructor(api: LocalApi, node: string, log: AgentLog) {
    this.#api = api;
    this.#node = node;
    this.#log = log;
  }

  /** Writes in the order of the calls; a failure is logged, since an event is never worth more than what it is about. */
  record(pod: Pod, event: PodEvent): void {
    const at = now();
    this.#writing = this.#writing
      .then(() => this.#write(pod, event, at))
      .catch((error: unknown) => this.#log("event not written", { pod: pod.metadata.name, error: String(error) }));
  }

  /** Resolves when everything recorded so far is written. */
  async flush(): Promise<void> {
    await this.#writing;
  }

  /** Forgets what was counted for a pod. */
  forget(pod: Pod): void {
    for (const key of this.#seen.keys()) if (key.startsWith(`${pod.metadata.uid} `)) this.#seen.delete(key);
  }

  async #write(pod: Pod, event: PodEvent, at: string): Promise<void> {
    const key = `${pod.metadata.uid} ${event.container ?? ""} ${event.type} ${event.reason} ${event.message}`;
    const seen = this.#seen.get(key);
    const namespace = pod.metadata.namespace ?? "default";
    if (seen && this.#api.get(EVENTS, namespace, seen.name)) {
      seen.count++;
      await this.#api.patch(EVENTS, namespace, seen.name, { count: seen.count, lastTimestamp: at });
      return;
    }
    const name = `${pod.metadata.name}.${randomBytes(8).toString("hex")}`;
    this.#seen.set(key, { name, count: 1 });
    await this.#api.create(EVENTS, this.#object(pod, event, { name, namespace, at }));
  }

  #object(pod: Pod, event: PodEvent, made: { name: string; namespace: string; at: string }): ApiObject {
    const { metadata } = pod;
    return {
      apiVersion: "v1",
      kind: "Event",
      metadata: { name: made.name, namespace: made.namespace },
      involvedObject: {
        apiVersion: "v1",
        kind: "Pod",
        name: metadata.name,
        namespace: made.namespace,
        ...(metadata.uid !== undefined && { uid: metadata.uid }),
        ...(metadata.resourceVersion !== undefined && { resourceVersion: metadata.resourceVersion }),
        ...(event.container !== undefined && { fieldPath: fieldPath(pod, event.container) }),
      },
      type: event.type,
      reason: event.reason,
      message: event.message,
      source: { component: "kubelet", host: this.#node },
      reportingComponent: "kubelet",
      reportingInstance: this.#node,
      firstTimestamp: made.at,
      lastTimestamp: made.at,
      count: 1,
    };
  }
}

const fieldPath = (pod: Pod, container: string): string => {
  const isInit = pod.spec.initContainers?.some(({ name }) => name === container) ?? false;
  return `spec.${isInit ? "initContainers" : "containers"}{${container}}`;
};

const now = (): string => `${new Date().toISOString().slice(0, 19)}Z`;
