import type { ContainerState, ContainerStatus, Pod, PodCondition, PodPhase, PodStatus } from "./types.ts";

/** What a pod's runner knows, from which its status follows. */
export interface PodFacts {
  readonly init: readonly ContainerStatus[];
  readonly app: readonly ContainerStatus[];
  /** Names of init containers that stay beside the app containers. */
  readonly sidecars: ReadonlySet<string>;
  /** Whether the network and the volumes are there. */
  readonly sandboxReady: boolean;
  readonly hostIPs: readonly string[];
  readonly podIPs: readonly string[];
  readonly startTime: string;
  /** A phase that the agent itself decided on, with its reason. */
  readonly verdict?: { readonly phase: "Failed"; readonly reason: string; readonly message: string };
}

/** The whole of `status`. A condition keeps its transition time while its status stays. @see Kubernetes pkg/kubelet/status/generate.go */
export function podStatus(pod: Pod, facts: PodFacts, before: PodStatus | undefined, now: string): PodStatus {
  const phase = facts.verdict?.phase ?? phaseOf(pod, facts);
  const keep = (condition: Omit<PodCondition, "lastProbeTime" | "lastTransitionTime">): PodCondition => {
    const old = before?.conditions?.find(({ type }) => type === condition.type);
    const unchanged = old !== undefined && old.status === condition.status;
    return { ...condition, lastProbeTime: null, lastTransitionTime: unchanged ? old.lastTransitionTime : now };
  };
  return {
    phase,
    message: facts.verdict?.message ?? null,
    reason: facts.verdict?.reason ?? null,
    conditions: conditionsOf(facts, phase).map(keep),
    startTime: facts.startTime,
    ...addresses("host", facts.hostIPs),
    ...addresses("pod", facts.podIPs),
    ...(facts.init.length > 0 && { initContainerStatuses: [...facts.init] }),
    containerStatuses: [...facts.app],
  };
}

const addresses = (whose: "host" | "pod", ips: readonly string[]): object =>
  ips.length === 0 ? {} : { [`${whose}IP`]: ips[0], [`${whose}IPs`]: ips.map((ip) => ({ ip })) };

function conditionsOf(facts: PodFacts, phase: PodPhase): Omit<PodCondition, "lastProbeTime" | "lastTransitionTime">[] {
  const incomplete = facts.init.filter((status) => !isInitialized(status, facts.sidecars)).map(({ name }) => name);
  const unready = [...facts.init.filter(({ name }) => facts.sidecars.has(name)), ...facts.app]
    .filter(({ ready }) => !ready)
    .map(({ name }) => name);
  const done = phase === "Succeeded" || phase === "Failed";
  const readiness = done
    ? { status: "False", reason: phase === "Succeeded" ? "PodCompleted" : "PodFailed" }
    : claim(unready, "ContainersNotReady", "unready");
  const ready = readiness as Pick<PodCondition, "status">;
  return [
    { type: "PodReadyToStartContainers", status: facts.sandboxReady && !done ? "True" : "False" },
    { type: "Initialized", ...claim(incomplete, "ContainersNotInitialized", "incomplete") },
    { type: "Ready", ...ready },
    { type: "ContainersReady", ...ready },
    { type: "PodScheduled", status: "True" },
  ];
}

const claim = (
  names: readonly string[],
  reason: string,
  word: string,
): Pick<PodCondition, "status" | "reason" | "message"> =>
  names.length === 0
    ? { status: "True" }
    : { status: "False", reason, message: `containers with ${word} status: [${names.join(" ")}]` };

const isInitialized = (status: ContainerStatus, sidecars: ReadonlySet<string>): boolean =>
  sidecars.has(status.name) ? status.started : terminationOf(status.state)?.exitCode === 0;

/** @see Kubernetes pkg/kubelet/kubelet_pods.go, getPhase */
function phaseOf(pod: Pod, facts: PodFacts): PodPhase {
  const policy = pod.spec.restartPolicy ?? "Always";
  const failedInit = facts.init.some(
    (s) => !facts.sidecars.has(s.name) && (terminationOf(s.state)?.exitCode ?? 0) !== 0,
  );
  if (failedInit && policy === "Never") return "Failed";
  if (facts.init.some((status) => !isInitialized(status, facts.sidecars))) return "Pending";
  if (facts.app.some(({ state, lastState }) => "waiting" in state && !("terminated" in lastState))) return "Pending";
  const ends = facts.app.map(({ state }) => terminationOf(state)?.exitCode);
  if (policy === "Always" || ends.some((code) => code === undefined)) return "Running";
  if (ends.every((code) => code === 0)) return "Succeeded";
  return policy === "Never" ? "Failed" : "Running";
}

const terminationOf = (state: ContainerState) => ("terminated" in state ? state.terminated : undefined);
