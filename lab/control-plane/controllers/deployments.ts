import { deepEqual } from "../../../src/std/equal.ts";
import { Cache } from "./cache.ts";
import { eventRecorder } from "./events.ts";
import { type ControllerOptions, startLoop } from "./loop.ts";
import {
  controlledBy,
  controllerUid,
  DEPLOYMENTS,
  type Deployment,
  isDeleting,
  keyOf,
  type PodTemplate,
  PODS,
  type Pod,
  REPLICA_SETS,
  type ReplicaSet,
} from "./objects.ts";
import { templateHash } from "./pods.ts";
import { deploymentStatus, rollingSteps, rolloutLimits, type Scaling, sizeOf } from "./rollout.ts";

const REVISION = "deployment.kubernetes.io/revision";
const HASH = "pod-template-hash";
const NOT_INHERITED = new Set([
  REVISION,
  "kubectl.kubernetes.io/last-applied-configuration",
  "deployment.kubernetes.io/desired-replicas",
  "deployment.kubernetes.io/max-replicas",
]);

/** Deployment → ReplicaSets: one per template, the current one grown and the others shrunk. */
export function startDeployments({ api, log, signal }: ControllerOptions): Promise<void> {
  const deployments = new Cache<Deployment>({ api, id: DEPLOYMENTS }, signal);
  const byOwner = { owner: (object: ReplicaSet | Pod) => [controllerUid(object)].filter(Boolean) };
  const sets = new Cache<ReplicaSet, "owner">({ api, id: REPLICA_SETS, indexes: byOwner }, signal);
  const pods = new Cache<Pod, "owner">({ api, id: PODS, indexes: byOwner }, signal);
  const record = eventRecorder({ api, log, component: "deployment-controller" });

  const turn = async (key: string) => {
    const deployment = deployments.get(key);
    if (!deployment || isDeleting(deployment)) return;
    const current = await currentSet(deployment);
    if (current) {
      await keepRevision(deployment, current);
      for (const step of steps(deployment, current)) await scale(deployment, step);
      if (!deployment.spec.paused) await forgetOldSets(deployment, current);
    }
    await report(key);
  };

  const owned = (deployment: Deployment) =>
    sets.by("owner", deployment.metadata.uid ?? "").filter((s) => !isDeleting(s));
  const fresh = <T extends ReplicaSet>(set: T) => sets.get(keyOf(set)) ?? set;

  /** The ReplicaSet of the present template; made when there is none, unless the rollout is paused. */
  const currentSet = async (deployment: Deployment): Promise<ReplicaSet | undefined> => {
    const hash = templateHash(deployment.spec.template);
    const found = owned(deployment).find((set) => set.metadata.labels?.[HASH] === hash);
    if (found || deployment.spec.paused) return found;
    const made = await sets.create(replicaSetOf(deployment, hash, nextRevision(owned(deployment))));
    return sets.get(keyOf(made));
  };

  /** The current ReplicaSet has the highest revision: one that comes back (`rollout undo`) gets a new number. */
  const keepRevision = async (deployment: Deployment, current: ReplicaSet) => {
    const others = owned(deployment).filter((set) => set.metadata.uid !== current.metadata.uid);
    const revision = String(Math.max(revisionOf(current), nextRevision(others)));
    const wanted = { ...inherited(deployment), ...sizes(deployment), [REVISION]: revision };
    if (!deepEqual({ ...current.metadata.annotations, ...wanted }, current.metadata.annotations)) {
      await sets.patch(current, { metadata: { annotations: wanted } });
    }
    if (deployment.metadata.annotations?.[REVISION] !== revision) {
      await deployments.patch(deployment, { metadata: { annotations: { [REVISION]: revision } } });
    }
  };

  const steps = (deployment: Deployment, found: ReplicaSet): Scaling[] => {
    const current = fresh(found);
    const old = owned(deployment).filter((set) => set.metadata.uid !== current.metadata.uid);
    if (deployment.spec.paused || old.every((set) => sizeOf(set) === 0 && !hasPods(set)))
      return resize(deployment, current);
    if (deployment.spec.strategy?.type !== "Recreate") return rollingSteps(deployment, current, byAge(old));
    if (old.some((set) => sizeOf(set) > 0)) return old.map((set) => ({ set, replicas: 0 }));
    return old.some(hasPods) ? [] : resize(deployment, current);
  };

  const hasPods = (set: ReplicaSet) => pods.by("owner", set.metadata.uid ?? "").length > 0;

  const scale = async (deployment: Deployment, { set, replicas }: Scaling) => {
    const before = sizeOf(set);
    if (before === replicas) return;
    await sets.patch(set, { spec: { replicas } });
    const direction = replicas > before ? "up" : "down";
    const words = `Scaled ${direction} replica set ${set.metadata.name} from ${before} to ${replicas}`;
    await record(deployment, "Normal", "ScalingReplicaSet", words);
  };

  const forgetOldSets = async (deployment: Deployment, current: ReplicaSet) => {
    const idle = owned(deployment).filter(
      (set) => set.metadata.uid !== current.metadata.uid && sizeOf(set) === 0 && !hasPods(set),
    );
    const surplus = Math.max(0, idle.length - (deployment.spec.revisionHistoryLimit ?? 10));
    idle.sort((a, b) => revisionOf(a) - revisionOf(b));
    for (const set of idle.slice(0, surplus)) await sets.delete(set);
  };

  const report = async (key: string) => {
    const deployment = deployments.get(key);
    if (!deployment) return;
    const all = owned(deployment);
    const hash = templateHash(deployment.spec.template);
    const current = all.find((set) => set.metadata.labels?.[HASH] === hash);
    const { status, lookAgainMs } = deploymentStatus({ deployment, current, all, now: Date.now() });
    if (!deepEqual(status, deployment.status)) await deployments.patchStatus(deployment, status);
    if (lookAgainMs !== undefined) loop.wake(key, lookAgainMs);
  };

  const wakeDeploymentOf = (set: ReplicaSet | undefined) => {
    const owner = set?.metadata.ownerReferences?.find((ref) => ref.controller === true && ref.kind === "Deployment");
    if (set && owner) loop.wake(`${set.metadata.namespace}/${owner.name}`);
  };

  const loop = startLoop({ name: "deployments", log, turn }, signal);
  deployments.onChange((now, before) => loop.wake(keyOf((now ?? before) as Deployment)));
  sets.onChange((now, before) => wakeDeploymentOf(now ?? before));
  // Only Recreate waits for Pods, namely for the last old one to be gone.
  pods.onChange((now, before) => {
    if (now || !before) return;
    wakeDeploymentOf(sets.list().find((set) => set.metadata.uid === controllerUid(before)));
  });
  for (const key of deployments.keys()) loop.wake(key);
  return loop.ended;
}

const resize = (deployment: Deployment, set: ReplicaSet): Scaling[] => [
  { set, replicas: deployment.spec.replicas ?? 1 },
];

const byAge = (sets: readonly ReplicaSet[]) => [...sets].sort((a, b) => revisionOf(a) - revisionOf(b));

const revisionOf = (set: ReplicaSet): number => Number(set.metadata.annotations?.[REVISION] ?? 0);

const nextRevision = (others: readonly ReplicaSet[]): number => Math.max(0, ...others.map(revisionOf)) + 1;

const inherited = (deployment: Deployment): Record<string, string> =>
  Object.fromEntries(Object.entries(deployment.metadata.annotations ?? {}).filter(([key]) => !NOT_INHERITED.has(key)));

function sizes(deployment: Deployment): Record<string, string> {
  const { replicas, maxSurge } = rolloutLimits(deployment);
  return {
    "deployment.kubernetes.io/desired-replicas": String(replicas),
    "deployment.kubernetes.io/max-replicas": String(replicas + maxSurge),
  };
}

/** An empty ReplicaSet of the present template; the rollout grows it. */
function replicaSetOf(deployment: Deployment, hash: string, revision: number): ReplicaSet {
  const { template, selector, minReadySeconds } = deployment.spec;
  const labels = { ...template.metadata?.labels, [HASH]: hash };
  const hashed: PodTemplate = { ...template, metadata: { ...template.metadata, labels } };
  const { namespace, name } = deployment.metadata;
  return {
    apiVersion: "apps/v1",
    kind: "ReplicaSet",
    metadata: {
      name: `${name}-${hash}`,
      ...(namespace !== undefined && { namespace }),
      labels,
      annotations: { ...inherited(deployment), ...sizes(deployment), [REVISION]: String(revision) },
      ownerReferences: [controlledBy(deployment)],
    },
    spec: {
      replicas: 0,
      ...(minReadySeconds !== undefined && { minReadySeconds }),
      selector: { ...selector, matchLabels: { ...selector.matchLabels, [HASH]: hash } },
      template: structuredClone(hashed),
    },
  };
}
