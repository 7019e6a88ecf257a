import { deepEqual } from "../../../src/std/equal.ts";
import { Cache } from "./cache.ts";
import { eventRecorder } from "./events.ts";
import { type ControllerOptions, startLoop } from "./loop.ts";
import {
  controllerUid,
  isActive,
  isDeleting,
  isReady,
  keyOf,
  PODS,
  type Pod,
  REPLICA_SETS,
  type ReplicaSet,
  untilAvailable,
} from "./objects.ts";
import { byExpendability, podFrom } from "./pods.ts";
import { selects } from "./selectors.ts";

/** ReplicaSet → Pods. */
export function startReplicaSets({ api, log, signal }: ControllerOptions): Promise<void> {
  const sets = new Cache<ReplicaSet>({ api, id: REPLICA_SETS }, signal);
  const pods = new Cache<Pod, "owner">(
    { api, id: PODS, indexes: { owner: (pod) => [controllerUid(pod)].filter(Boolean) } },
    signal,
  );
  const record = eventRecorder({ api, log, component: "replicaset-controller" });

  const turn = async (key: string) => {
    const set = sets.get(key);
    if (!set || isDeleting(set)) return;
    await scale(set);
    const owned = activePods(set);
    const status = replicaSetStatus(set, owned, Date.now());
    if (!deepEqual(status, set.status)) await sets.patchStatus(set, status);
    wakeWhenAvailable(key, set, owned);
  };

  const scale = async (set: ReplicaSet) => {
    const owned = activePods(set);
    const missing = (set.spec.replicas ?? 1) - owned.length;
    for (let i = 0; i < missing; i++) {
      const pod = await pods.create(podFrom(set.spec.template, set));
      await record(set, "Normal", "SuccessfulCreate", `Created pod: ${pod.metadata.name}`);
    }
    for (const pod of byExpendability(owned).slice(0, Math.max(0, -missing))) {
      await pods.delete(pod);
      await record(set, "Normal", "SuccessfulDelete", `Deleted pod: ${pod.metadata.name}`);
    }
  };

  const activePods = (set: ReplicaSet) => pods.by("owner", set.metadata.uid ?? "").filter(isActive);

  const wakeWhenAvailable = (key: string, set: ReplicaSet, owned: readonly Pod[]) => {
    const waits = owned.map((pod) => untilAvailable(pod, set.spec.minReadySeconds ?? 0, Date.now()));
    const next = Math.min(...waits.filter((ms) => ms > 0));
    if (Number.isFinite(next)) loop.wake(key, next);
  };

  const wakeOwner = (pod: Pod | undefined) => {
    const owner = pod?.metadata.ownerReferences?.find((ref) => ref.controller === true && ref.kind === "ReplicaSet");
    if (pod && owner) loop.wake(`${pod.metadata.namespace}/${owner.name}`);
  };

  const loop = startLoop({ name: "replicasets", log, turn }, signal);
  sets.onChange((now, before) => loop.wake(keyOf((now ?? before) as ReplicaSet)));
  pods.onChange((now, before) => wakeOwner(now ?? before));
  for (const key of sets.keys()) loop.wake(key);
  return loop.ended;
}

/** What `status` says of a ReplicaSet with these active Pods. */
function replicaSetStatus(set: ReplicaSet, owned: readonly Pod[], now: number): NonNullable<ReplicaSet["status"]> {
  const labels = { matchLabels: set.spec.template.metadata?.labels ?? {} };
  return {
    replicas: owned.length,
    fullyLabeledReplicas: owned.filter((pod) => selects(labels, pod.metadata.labels)).length,
    readyReplicas: owned.filter(isReady).length,
    availableReplicas: owned.filter((pod) => untilAvailable(pod, set.spec.minReadySeconds ?? 0, now) === 0).length,
    observedGeneration: set.metadata.generation ?? 0,
  };
}
