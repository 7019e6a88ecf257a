import { Cache } from "./cache.ts";
import { eventRecorder } from "./events.ts";
import { type ControllerOptions, startLoop } from "./loop.ts";
import { isActive, keyOf, NODES, type NodeObject, PODS, type Pod, type StatusCondition, timestamp } from "./objects.ts";
import { placePod } from "./scheduling.ts";

/** Binds Pods without a node to one. */
export function startScheduler({ api, log, signal }: ControllerOptions): Promise<void> {
  const byNode = { node: (pod: Pod) => [pod.spec.nodeName ?? ""] };
  const pods = new Cache<Pod, "node">({ api, id: PODS, indexes: byNode }, signal);
  const nodes = new Cache<NodeObject>({ api, id: NODES }, signal);
  const record = eventRecorder({ api, log, component: "default-scheduler" });

  const turn = async (key: string) => {
    const pod = pods.get(key);
    if (!pod || !isActive(pod) || pod.spec.nodeName) return;
    const placement = placePod(pod, nodes.list(), pods.list());
    if ("unschedulable" in placement) return refuse(pod, placement.unschedulable);
    await pods.patch(pod, { spec: { nodeName: placement.node } });
    await setScheduled(key, { type: "PodScheduled", status: "True" });
    await record(pod, "Normal", "Scheduled", `Successfully assigned ${key} to ${placement.node}`);
  };

  const refuse = async (pod: Pod, message: string) => {
    const before = pod.status?.conditions?.find((c) => c.type === "PodScheduled");
    if (before?.status === "False" && before.message === message) return;
    await setScheduled(keyOf(pod), { type: "PodScheduled", status: "False", reason: "Unschedulable", message });
    await record(pod, "Warning", "FailedScheduling", message);
  };

  const setScheduled = async (key: string, condition: StatusCondition) => {
    const pod = pods.get(key);
    // The node's agent may have reported more since: keep what it says.
    if (!pod || pod.status?.conditions?.some((c) => c.type === "PodScheduled" && c.status === "True")) return;
    const others = (pod.status?.conditions ?? []).filter((c) => c.type !== "PodScheduled");
    const stamped = { ...condition, lastTransitionTime: timestamp(Date.now()) };
    await pods.patchStatus(pod, { conditions: [...others, stamped] });
  };

  const wakeUnbound = () => {
    for (const pod of pods.by("node", "")) loop.wake(keyOf(pod));
  };

  const loop = startLoop({ name: "scheduler", log, turn }, signal);
  pods.onChange((now) => {
    if (now && !now.spec.nodeName) loop.wake(keyOf(now));
    // A Pod that is gone may have been what stood in the way.
    else if (!now) wakeUnbound();
  });
  nodes.onChange((now, before) => {
    if (now?.metadata.generation !== before?.metadata.generation || now?.spec !== before?.spec) wakeUnbound();
    else if (now?.metadata.labels !== before?.metadata.labels) wakeUnbound();
  });
  wakeUnbound();
  return loop.ended;
}
