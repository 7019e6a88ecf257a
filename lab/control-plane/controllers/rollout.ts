import { type Deployment, type DeploymentStatus, type ReplicaSet, type StatusCondition, timestamp } from "./objects.ts";
import { portionOf } from "./pods.ts";

/** The numbers of a Deployment's rollout: how many Pods too many, and how many too few, are allowed meanwhile. */
export function rolloutLimits(deployment: Deployment): { replicas: number; maxSurge: number; maxUnavailable: number } {
  const replicas = deployment.spec.replicas ?? 1;
  const { maxSurge = "25%", maxUnavailable = "25%" } = deployment.spec.strategy?.rollingUpdate ?? {};
  const surge = portionOf(maxSurge, replicas, Math.ceil);
  const unavailable = portionOf(maxUnavailable, replicas, Math.floor);
  // Both zero could never move (Kubernetes pkg/controller/deployment/util, ResolveFenceposts).
  return { replicas, maxSurge: surge, maxUnavailable: surge === 0 && unavailable === 0 ? 1 : unavailable };
}

/** The size that one ReplicaSet should have now. */
export interface Scaling {
  readonly set: ReplicaSet;
  readonly replicas: number;
}

/**
 * The next sizes of a rolling update: grow the current ReplicaSet within maxSurge, shrink the old ones within maxUnavailable, those
 * Pods first that are not available anyway.
 * @see Kubernetes pkg/controller/deployment/rolling.go
 */
export function rollingSteps(deployment: Deployment, current: ReplicaSet, old: readonly ReplicaSet[]): Scaling[] {
  const { replicas, maxSurge, maxUnavailable } = rolloutLimits(deployment);
  const total = sum([current, ...old], sizeOf);
  const room = Math.max(0, replicas + maxSurge - total);
  const grown = Math.min(replicas, sizeOf(current) + room);
  const steps = grown === sizeOf(current) ? [] : [{ set: current, replicas: grown }];
  const missing = grown - availableOf(current);
  const unhealthy = shrink(old, {
    budget: Math.max(0, total - sizeOf(current) + grown - (replicas - maxUnavailable) - missing),
    spare: (set) => sizeOf(set) - availableOf(set),
  });
  const afterwards = old.map((set) => unhealthy.find((step) => step.set === set)?.replicas ?? sizeOf(set));
  const available = sum([current, ...old], availableOf);
  let budget = Math.max(0, available - (replicas - maxUnavailable));
  for (const [i, set] of old.entries()) {
    const left = afterwards[i] ?? 0;
    const given = Math.min(left, budget);
    budget -= given;
    if (left - given !== sizeOf(set)) steps.push({ set, replicas: left - given });
  }
  return steps;
}

function shrink(
  sets: readonly ReplicaSet[],
  { budget, spare }: { budget: number; spare: (set: ReplicaSet) => number },
): Scaling[] {
  let left = budget;
  return sets.map((set) => {
    const given = Math.min(left, spare(set));
    left -= given;
    return { set, replicas: sizeOf(set) - given };
  });
}

const sum = (sets: readonly ReplicaSet[], of: (set: ReplicaSet) => number) => sets.reduce((n, set) => n + of(set), 0);
export const sizeOf = (set: ReplicaSet): number => set.spec.replicas ?? 1;
/** Never more than its size: a Pod that is being given up does not count. */
const availableOf = (set: ReplicaSet) => Math.min(sizeOf(set), set.status?.availableReplicas ?? 0);

/** What `status` says, and when to look again because a deadline passes (`undefined`: only when something changes). */
export function deploymentStatus(input: {
  readonly deployment: Deployment;
  readonly current: ReplicaSet | undefined;
  readonly all: readonly ReplicaSet[];
  readonly now: number;
}): { status: DeploymentStatus; lookAgainMs: number | undefined } {
  const { deployment, current, all, now } = input;
  const replicas = sum(all, (set) => set.status?.replicas ?? 0);
  const available = sum(all, (set) => set.status?.availableReplicas ?? 0);
  const counts = {
    observedGeneration: deployment.metadata.generation ?? 0,
    replicas,
    updatedReplicas: current?.status?.replicas ?? 0,
    readyReplicas: sum(all, (set) => set.status?.readyReplicas ?? 0),
    availableReplicas: available,
    unavailableReplicas: Math.max(0, Math.max(replicas, deployment.spec.replicas ?? 1) - available),
  };
  const progress = progressing(deployment, current, counts, now);
  const conditions = [availability(deployment, available, now), ...(progress ? [progress.condition] : [])];
  return { status: { ...counts, conditions }, lookAgainMs: progress?.lookAgainMs };
}

function availability(deployment: Deployment, available: number, now: number): StatusCondition {
  const { replicas, maxUnavailable } = rolloutLimits(deployment);
  const needed = deployment.spec.strategy?.type === "Recreate" ? replicas : replicas - maxUnavailable;
  return available >= needed
    ? stamped(deployment, now, {
        type: "Available",
        status: "True",
        reason: "MinimumReplicasAvailable",
        message: "Deployment has minimum availability.",
      })
    : stamped(deployment, now, {
        type: "Available",
        status: "False",
        reason: "MinimumReplicasUnavailable",
        message: "Deployment does not have minimum availability.",
      });
}

function progressing(
  deployment: Deployment,
  current: ReplicaSet | undefined,
  counts: DeploymentStatus,
  now: number,
): { condition: StatusCondition; lookAgainMs?: number } | undefined {
  if (!current) return undefined;
  const name = current.metadata.name;
  const say = (status: "True" | "False", reason: string, message: string) =>
    stamped(deployment, now, { type: "Progressing", status, reason, message }, hasMoved(deployment.status, counts));
  if (isComplete(deployment, counts)) {
    return { condition: say("True", "NewReplicaSetAvailable", `ReplicaSet "${name}" has successfully progressed.`) };
  }
  const going = say("True", "ReplicaSetUpdated", `ReplicaSet "${name}" is progressing.`);
  const deadline = (deployment.spec.progressDeadlineSeconds ?? 600) * 1000;
  const before = deployment.status?.conditions?.find((c) => c.type === "Progressing");
  // A finished rollout that loses a Pod is no new rollout: it keeps its word.
  if (before?.reason === "NewReplicaSetAvailable" && before.message?.includes(`"${name}"`))
    return { condition: before };
  const left = Date.parse(going.lastUpdateTime ?? "") + deadline - now;
  if (left > 0) return { condition: going, lookAgainMs: left };
  const late = `ReplicaSet "${name}" has timed out progressing.`;
  return { condition: say("False", "ProgressDeadlineExceeded", late) };
}

const isComplete = ({ spec: { replicas = 1 } }: Deployment, counts: DeploymentStatus): boolean =>
  counts.updatedReplicas === replicas && counts.replicas === replicas && counts.availableReplicas === replicas;

const hasMoved = (before: DeploymentStatus | undefined, now: DeploymentStatus): boolean =>
  before?.observedGeneration !== now.observedGeneration ||
  (now.updatedReplicas ?? 0) > (before?.updatedReplicas ?? 0) ||
  (now.readyReplicas ?? 0) > (before?.readyReplicas ?? 0) ||
  (now.availableReplicas ?? 0) > (before?.availableReplicas ?? 0) ||
  (now.replicas ?? 0) < (before?.replicas ?? 0);

/** Times as Kubernetes keeps them: of the last change of status, and of the last change (or sign of life, `moved`). */
function stamped(deployment: Deployment, now: number, wanted: StatusCondition, moved = false): StatusCondition {
  const before = deployment.status?.conditions?.find((c) => c.type === wanted.type);
  const time = timestamp(now);
  const changed = before?.reason !== wanted.reason || before?.message !== wanted.message || moved;
  return {
    ...wanted,
    lastUpdateTime: changed ? time : (before?.lastUpdateTime ?? time),
    lastTransitionTime: before?.status === wanted.status ? (before.lastTransitionTime ?? time) : time,
  };
}
