import { type ControlPlane, startControlPlane } from "../server.ts";
import type { ApiObject, LocalApi, ResourceId } from "../types.ts";
import { ApiStatusError } from "../types.ts";
import { NODES, PODS, type Pod, timestamp } from "./objects.ts";
import { startControllers } from "./start.ts";

/** A control plane with its controllers and no machines: the test plays the node agents. */
export interface TestCluster extends AsyncDisposable {
  readonly controlPlane: ControlPlane;
  readonly api: LocalApi;
  /** Resolves with what `probe` finds, as soon as it finds something; asked again after every change of `id`'s objects. */
  until<T>(id: ResourceId, probe: () => T | undefined | false): Promise<T>;
  /** Plays every node's agent until the signal: Pods become ready as soon as they are bound, and go as soon as they should. */
  playAgents(signal: AbortSignal): void;
}

export async function startCluster({ nodeGraceMs }: { nodeGraceMs?: number } = {}): Promise<TestCluster> {
  const stop = new AbortController();
  const underWay = new Set<Promise<void>>();
  const noRuntime = () => {
    throw new ApiStatusError(500, "InternalError", "no machine runs Pods here");
  };
  const controlPlane = await startControlPlane({
    host: "127.0.0.1",
    port: 0,
    certNames: [],
    runtime: { exec: noRuntime, logs: noRuntime },
    signal: new AbortController().signal,
  });
  const { api, caPem } = controlPlane;
  const silent = { info: () => undefined, warn: () => undefined };
  const ended = startControllers({
    api,
    log: silent,
    signal: stop.signal,
    caCertificate: caPem,
    ...(nodeGraceMs !== undefined && { nodeGraceMs }),
  });
  return {
    controlPlane,
    api,
    until: (id, probe) => until(api, id, probe),
    playAgents: (signal) => playAgents(api, underWay, AbortSignal.any([signal, stop.signal])),
    async [Symbol.asyncDispose]() {
      stop.abort();
      // Writes that are under way end before the store does.
      await Promise.all([ended, ...underWay]);
      await controlPlane.close();
    },
  };
}

async function until<T>(api: LocalApi, id: ResourceId, probe: () => T | undefined | false): Promise<T> {
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  const stop = new AbortController();
  const look = () => {
    const found = probe();
    if (found !== undefined && found !== false) resolve(found);
  };
  const timer = setTimeout(() => reject(new Error(`not so in time: ${probe.toString()}`)), 30_000);
  api.watch(id, look, stop.signal);
  look();
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    stop.abort();
  }
}

/** Registers a ready node. */
export const addNode = (api: LocalApi, name: string, spec: object = {}): Promise<ApiObject> =>
  api.create(NODES, {
    apiVersion: "v1",
    kind: "Node",
    metadata: { name, labels: { "kubernetes.io/hostname": name } },
    spec,
    status: { conditions: [{ type: "Ready", status: "True", reason: "KubeletReady", message: "" }] },
  });

function playAgents(api: LocalApi, underWay: Set<Promise<void>>, signal: AbortSignal): void {
  let next = 2;
  const run = async (pod: Pod) => {
    const { namespace, name, deletionTimestamp } = pod.metadata;
    if (deletionTimestamp !== undefined) {
      await api.delete(PODS, namespace, name, { gracePeriodSeconds: 0 }).catch(ignoreMissing);
    } else if (pod.spec.nodeName && pod.status?.phase !== "Running") {
      await setReady(api, pod, `10.244.0.${next++}`).catch(ignoreMissing);
    }
  };
  const track = (work: Promise<void>) => {
    underWay.add(work);
    void work.finally(() => underWay.delete(work));
  };
  api.watch(PODS, ({ type, object }) => void (type !== "DELETED" && track(run(object as Pod))), signal);
}

const setReady = (api: LocalApi, { metadata: { namespace, name } }: Pod, podIP: string): Promise<ApiObject> => {
  const lastTransitionTime = timestamp(Date.now());
  const conditions = [{ type: "Ready", status: "True", lastTransitionTime }];
  const status = { phase: "Running", podIP, podIPs: [{ ip: podIP }], conditions };
  return api.patch(PODS, namespace, name, { status }, { subresource: "status" });
};

function ignoreMissing(error: unknown): void {
  if ((error as { code?: unknown }).code !== 404) throw error;
}
