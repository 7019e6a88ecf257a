import { deepEqual } from "../../../src/std/equal.ts";
import { Cache } from "./cache.ts";
import { eventRecorder } from "./events.ts";
import { type ControllerOptions, startLoop } from "./loop.ts";
import {
  controllerUid,
  DAEMON_SETS,
  type DaemonSet,
  isDeleting,
  isEnded,
  isReady,
  keyOf,
  NODES,
  type NodeObject,
  PODS,
  type Pod,
  type Toleration,
  untilAvailable,
} from "./objects.ts";
import { podFrom, portionOf, templateHash } from "./pods.ts";
import { fitsNode, untolerated } from "./scheduling.ts";

const HASH = "controller-revision-hash";
const GENERATION = "pod-template-generation";
const TEMPLATE_GENERATION = "deprecated.daemonset.template.generation";

/** Kubernetes pkg/controller/daemon/util: a daemon stays where others are sent away. */
const DAEMON_TOLERATIONS: readonly Toleration[] = [
  { key: "node.kubernetes.io/not-ready", operator: "Exists", effect: "NoExecute" },
  { key: "node.kubernetes.io/unreachable", operator: "Exists", effect: "NoExecute" },
  { key: "node.kubernetes.io/disk-pressure", operator: "Exists", effect: "NoSchedule" },
  { key: "node.kubernetes.io/memory-pressure", operator: "Exists", effect: "NoSchedule" },
  { key: "node.kubernetes.io/pid-pressure", operator: "Exists", effect: "NoSchedule" },
  { key: "node.kubernetes.io/unschedulable", operator: "Exists", effect: "NoSchedule" },
];
/** Before the network is up only Pods that bring their own may start. */
const NETWORK_TOLERATION: Toleration = {
  key: "node.kubernetes.io/network-unavailable",
  operator: "Exists",
  effect: "NoSchedule",
};

/** DaemonSet → one Pod on each eligible node. */
export function startDaemonSets({ api, log, signal }: ControllerOptions): Promise<void> {
  const sets = new Cache<DaemonSet>({ api, id: DAEMON_SETS }, signal);
  const byOwner = { owner: (pod: Pod) => [controllerUid(pod)].filter(Boolean) };
  const pods = new Cache<Pod, "owner">({ api, id: PODS, indexes: byOwner }, signal);
  const nodes = new Cache<NodeObject>({ api, id: NODES }, signal);
  const record = eventRecorder({ api, log, component: "daemonset-controller" });

  const turn = async (key: string) => {
    const set = sets.get(key);
    if (!set || isDeleting(set)) return;
    const plan = daemonPlan({ set, nodes: nodes.list(), pods: ownedPods(set), now: Date.now() });
    for (const pod of plan.remove) await remove(set, pod);
    for (const node of plan.create) await add(set, node);
    const view = { set, nodes: nodes.list(), pods: ownedPods(set), now: Date.now() };
    const status = daemonStatus(view);
    if (!deepEqual({ ...set.status, ...status }, set.status)) await sets.patchStatus(set, status);
    const next = Math.min(
      ...ownedPods(set)
        .map((pod) => availableIn(set, pod, Date.now()))
        .filter((ms) => ms > 0),
    );
    if (Number.isFinite(next)) loop.wake(key, next);
  };

  const ownedPods = (set: DaemonSet) => pods.by("owner", set.metadata.uid ?? "");

  const add = async (set: DaemonSet, node: string) => {
    const pod = await pods.create(daemonPod(set, node));
    await record(set, "Normal", "SuccessfulCreate", `Created pod: ${pod.metadata.name}`);
  };

  const remove = async (set: DaemonSet, pod: Pod) => {
    await pods.delete(pod);
    await record(set, "Normal", "SuccessfulDelete", `Deleted pod: ${pod.metadata.name}`);
  };

  const wakeOwner = (pod: Pod | undefined) => {
    const owner = pod?.metadata.ownerReferences?.find((ref) => ref.controller === true && ref.kind === "DaemonSet");
    if (pod && owner) loop.wake(`${pod.metadata.namespace}/${owner.name}`);
  };

  const loop = startLoop({ name: "daemonsets", log, turn }, signal);
  sets.onChange((now, before) => loop.wake(keyOf((now ?? before) as DaemonSet)));
  pods.onChange((now, before) => wakeOwner(now ?? before));
  nodes.onChange((now, before) => {
    // Heartbeats change status only; which nodes are eligible does not depend on it.
    if (deepEqual(now?.spec, before?.spec) && deepEqual(now?.metadata.labels, before?.metadata.labels)) return;
    for (const key of sets.keys()) loop.wake(key);
  });
  for (const key of sets.keys()) loop.wake(key);
  return loop.ended;
}

/** One look at a DaemonSet: `pods` are those that it owns. */
interface DaemonView {
  readonly set: DaemonSet;
  readonly nodes: readonly NodeObject[];
  readonly pods: readonly Pod[];
  readonly now: number;
}

/**
 * What to create (node names) and remove: a Pod on each eligible node, none elsewhere, one at most; outdated Pods by the update
 * strategy. A node whose old Pod is still ending waits for it, since both would want the same ports.
 * @see Kubernetes pkg/controller/daemon/update.go
 */
function daemonPlan(view: DaemonView): { create: string[]; remove: Pod[] } {
  const { set, nodes, pods } = view;
  const wanted = nodes.filter((node) => isEligible(node, set)).map((node) => node.metadata.name);
  const byNode = Map.groupBy(pods, (pod) => pod.spec.nodeName ?? "");
  const surplus = [...byNode].flatMap(([node, here]) => surplusOf(here, wanted.includes(node)));
  const create = wanted.filter((node) => !byNode.has(node)).sort();
  const kept = pods.filter((pod) => !surplus.includes(pod) && !isDeleting(pod));
  return { create, remove: [...surplus, ...outdated(view, wanted.length, kept)] };
}

/** Of one node's Pods: all when none should be here, else ended ones and all but the oldest. */
function surplusOf(here: readonly Pod[], wanted: boolean): Pod[] {
  const alive = here.filter((pod) => !isDeleting(pod));
  if (!wanted) return alive;
  const running = alive
    .filter((pod) => !isEnded(pod))
    .sort((a, b) => Number(isReady(b)) - Number(isReady(a)) || (age(a) < age(b) ? -1 : 1));
  return alive.filter((pod) => pod !== running[0]);
}

const age = (pod: Pod) => `${pod.metadata.creationTimestamp}/${pod.metadata.name}`;

/** Pods of an older template to remove now: the unavailable ones at once, others as far as maxUnavailable goes. */
function outdated({ set, now }: DaemonView, desired: number, kept: readonly Pod[]): Pod[] {
  if (set.spec.updateStrategy?.type === "OnDelete") return [];
  const hash = templateHash(set.spec.template);
  const old = kept.filter((pod) => pod.metadata.labels?.[HASH] !== hash);
  const [up, down] = [old, old].map((list, i) => list.filter((pod) => isAvailable(set, pod, now) === (i === 0)));
  const unavailable = desired - kept.filter((pod) => isAvailable(set, pod, now)).length;
  const limit = portionOf(set.spec.updateStrategy?.rollingUpdate?.maxUnavailable ?? 1, desired, Math.ceil);
  return [...(down ?? []), ...(up ?? []).slice(0, Math.max(0, limit - unavailable))];
}

/** The counts that `kubectl get ds` and `kubectl rollout status` read. */
function daemonStatus({ set, nodes, pods, now }: DaemonView): Record<string, number> {
  const wanted = new Set(nodes.filter((node) => isEligible(node, set)).map((node) => node.metadata.name));
  const alive = pods.filter((pod) => !isDeleting(pod) && !isEnded(pod));
  const here = alive.filter((pod) => wanted.has(pod.spec.nodeName ?? ""));
  const available = here.filter((pod) => isAvailable(set, pod, now)).length;
  const hash = templateHash(set.spec.template);
  return {
    observedGeneration: set.metadata.generation ?? 0,
    desiredNumberScheduled: wanted.size,
    currentNumberScheduled: new Set(here.map((pod) => pod.spec.nodeName)).size,
    numberMisscheduled: new Set(alive.filter((pod) => !here.includes(pod)).map((pod) => pod.spec.nodeName)).size,
    updatedNumberScheduled: here.filter((pod) => pod.metadata.labels?.[HASH] === hash).length,
    numberReady: here.filter(isReady).length,
    numberAvailable: available,
    numberUnavailable: wanted.size - available,
  };
}

const availableIn = (set: DaemonSet, pod: Pod, now: number) => untilAvailable(pod, set.spec.minReadySeconds ?? 0, now);

const isAvailable = (set: DaemonSet, pod: Pod, now: number): boolean => availableIn(set, pod, now) === 0;

function isEligible(node: NodeObject, set: DaemonSet): boolean {
  const { spec } = set.spec.template;
  // A node that turned not-ready keeps its daemons, and a new one gets them before it is ready.
  const taint = untolerated(node, [...(spec.tolerations ?? []), ...daemonTolerations(set), ...NODE_LIFE]);
  return !isDeleting(node) && fitsNode(node, spec) && taint === undefined;
}

const NODE_LIFE: readonly Toleration[] = [
  { key: "node.kubernetes.io/not-ready", operator: "Exists" },
  { key: "node.kubernetes.io/unreachable", operator: "Exists" },
];

const daemonTolerations = (set: DaemonSet): readonly Toleration[] =>
  set.spec.template.spec.hostNetwork ? [...DAEMON_TOLERATIONS, NETWORK_TOLERATION] : DAEMON_TOLERATIONS;

/** A Pod bound to `node`. Differs from Kubernetes: bound at once, where a real one carries a node affinity and is scheduled. */
function daemonPod(set: DaemonSet, node: string): Pod {
  const generation = set.metadata.annotations?.[TEMPLATE_GENERATION];
  const pod = podFrom(set.spec.template, set, {
    [HASH]: templateHash(set.spec.template),
    ...(generation !== undefined && { [GENERATION]: generation }),
  });
  const tolerations = [...(pod.spec.tolerations ?? []), ...daemonTolerations(set)];
  return { ...pod, spec: { ...pod.spec, nodeName: node, tolerations } };
}
