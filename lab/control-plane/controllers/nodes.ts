import type { ApiObject } from "../types.ts";
import { Cache } from "./cache.ts";
import { type ControllerOptions, startLoop } from "./loop.ts";
import {
  isEnded,
  isReady,
  keyOf,
  LEASES,
  NODES,
  type NodeObject,
  PODS,
  type Pod,
  type StatusCondition,
  type Taint,
  timestamp,
} from "./objects.ts";

interface Lease extends ApiObject {
  spec: { renewTime?: string; leaseDurationSeconds?: number };
}

interface NodesOptions extends ControllerOptions {
  /** How long a node may be silent (Kubernetes: `--node-monitor-grace-period`, 50 s). */
  readonly graceMs?: number;
}

const HOMES = "kube-node-lease";
const OURS = ["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"];

/**
 * Watches over nodes: silent ones (their Lease is not renewed) become Ready=Unknown and their Pods unready; nodes that are not
 * ready are tainted; Pods of nodes that are gone are removed. The node's own agent says when it is ready again.
 */
export function startNodes({ api, log, signal, graceMs = 50_000 }: NodesOptions): Promise<void> {
  const nodes = new Cache<NodeObject>({ api, id: NODES }, signal);
  const byNode = { node: (pod: Pod) => [pod.spec.nodeName ?? ""].filter(Boolean) };
  const pods = new Cache<Pod, "node">({ api, id: PODS, indexes: byNode }, signal);
  const leases = new Cache<Lease>({ api, id: LEASES }, signal);
  // Local time of the last sign of life: clocks of other machines are never compared (as client-go's leader election).
  const heard = new Map<string, { renewTime: string | undefined; at: number }>();

  const turn = async (name: string) => {
    const node = nodes.get(name);
    if (!node) return removeOrphans(name);
    const left = lastHeard(name) + graceMs - Date.now();
    if (left > 0) loop.wake(name, left);
    else if (readyOf(node)?.status !== "Unknown") await declareUnknown(node);
    await taint(name);
    if (readyOf(nodes.get(name))?.status === "Unknown") await unreadyPods(name);
  };

  const lastHeard = (name: string): number => {
    const renewTime = leases.get(`${HOMES}/${name}`)?.spec.renewTime;
    const known = heard.get(name);
    if (known && known.renewTime === renewTime) return known.at;
    heard.set(name, { renewTime, at: Date.now() });
    return Date.now();
  };

  const removeOrphans = async (name: string) => {
    heard.delete(name);
    for (const pod of pods.by("node", name)) await pods.delete(pod, { gracePeriodSeconds: 0 });
  };

  const declareUnknown = async (node: NodeObject) => {
    log.warn({ node: node.metadata.name }, "node is silent");
    await nodes.patchStatus(node, { conditions: silent(node.status?.conditions ?? [], timestamp(Date.now())) });
  };

  const taint = async (name: string) => {
    const node = nodes.get(name);
    if (!node) return;
    const taints = taintsFor(node, timestamp(Date.now()));
    if (taints) await nodes.update({ ...node, spec: { ...node.spec, taints } });
  };

  const unreadyPods = async (name: string) => {
    for (const pod of pods.by("node", name)) {
      if (isReady(pod) && !isEnded(pod))
        await pods.patchStatus(pod, { conditions: unready(pod, timestamp(Date.now())) });
    }
  };

  const loop = startLoop({ name: "nodes", log, turn }, signal);
  nodes.onChange((now, before) => loop.wake(keyOf((now ?? before) as NodeObject)));
  leases.onChange((now) => {
    if (now?.metadata.namespace !== HOMES || !nodes.get(now.metadata.name)) return;
    lastHeard(now.metadata.name);
    if (readyOf(nodes.get(now.metadata.name))?.status !== "True") loop.wake(now.metadata.name);
  });
  pods.onChange((now) => {
    if (now?.spec.nodeName && !nodes.get(now.spec.nodeName)) loop.wake(now.spec.nodeName);
  });
  for (const name of nodes.keys()) loop.wake(name);
  for (const pod of pods.list()) if (pod.spec.nodeName) loop.wake(pod.spec.nodeName);
  return loop.ended;
}

const readyOf = (node: NodeObject | undefined) => node?.status?.conditions?.find((c) => c.type === "Ready");

/** Every condition becomes Unknown: nobody can say. */
function silent(conditions: readonly StatusCondition[], now: string): StatusCondition[] {
  const known = conditions.some((c) => c.type === "Ready") ? conditions : [...conditions, { type: "Ready" }];
  return known.map((c) => ({
    ...c,
    status: "Unknown",
    reason: "NodeStatusUnknown",
    message: "Kubelet stopped posting node status.",
    lastTransitionTime: now,
  }));
}

const unready = (pod: Pod, now: string): StatusCondition[] =>
  (pod.status?.conditions ?? []).map((c) =>
    c.type === "Ready" ? { ...c, status: "False", lastTransitionTime: now } : c,
  );

/** The node's taints as its readiness wants them; `undefined` when they are right. */
function taintsFor(node: NodeObject, now: string): Taint[] | undefined {
  const status = readyOf(node)?.status;
  const key = status === "True" ? undefined : status === "Unknown" ? OURS[1] : OURS[0];
  const taints = node.spec?.taints ?? [];
  const others = taints.filter((taint) => !OURS.includes(taint.key));
  const present = taints.filter((taint) => OURS.includes(taint.key));
  const wanted = key === undefined ? [] : ["NoSchedule", "NoExecute"];
  const right = present.length === wanted.length && present.every((t) => t.key === key && wanted.includes(t.effect));
  if (right) return undefined;
  return [...others, ...wanted.map((effect) => ({ key: key ?? "", effect, timeAdded: now }))];
}
