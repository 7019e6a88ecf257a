import { expect, test } from "vitest";
import { podStatus } from "./pod-status.ts";
import type { ContainerState, ContainerStatus, Pod, RestartPolicy } from "./types.ts";

const status = (name: string, state: ContainerState, more: Partial<ContainerStatus> = {}): ContainerStatus => ({
  name,
  image: "x",
  imageID: "",
  restartCount: 0,
  state,
  lastState: {},
  ready: "running" in state,
  started: "running" in state,
  ...more,
});
const running: ContainerState = { running: { startedAt: "t" } };
const waiting: ContainerState = { waiting: { reason: "ContainerCreating" } };
const ended = (exitCode: number): ContainerState => ({
  terminated: { exitCode, reason: "Error", startedAt: "t", finishedAt: "t", containerID: "" },
});

function statusOf(app: ContainerStatus[], init: ContainerStatus[] = [], policy: RestartPolicy = "Always", before = {}) {
  const pod: Pod = {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "p" },
    spec: { containers: [], restartPolicy: policy },
  };
  const facts = { app, init, sidecars: new Set(["side"]), sandboxReady: true, hostIPs: [], podIPs: [], startTime: "t" };
  return podStatus(pod, facts, before, "now");
}

test.each<[string, string, ContainerStatus[], ContainerStatus[], RestartPolicy]>([
  ["Pending", "nothing has started", [status("a", waiting)], [], "Always"],
  ["Pending", "an init container runs", [status("a", waiting)], [status("i", running)], "Always"],
  ["Failed", "an init container failed for good", [status("a", waiting)], [status("i", ended(1))], "Never"],
  ["Running", "one runs", [status("a", running), status("b", ended(1))], [], "Always"],
  ["Running", "a sidecar and an app run", [status("a", running)], [status("side", running)], "Always"],
  ["Running", "all wait for their restart", [status("a", waiting, { lastState: ended(1) })], [], "Always"],
  ["Succeeded", "all have completed", [status("a", ended(0))], [], "OnFailure"],
  ["Failed", "one has failed for good", [status("a", ended(0)), status("b", ended(2))], [], "Never"],
  ["Running", "one will be tried again", [status("a", ended(2))], [], "OnFailure"],
])("%s: %s", (phase, _, app, init, policy) => expect(statusOf(app, init, policy).phase).toBe(phase));

test("Ready names who is not, and keeps its time while it does not change", () => {
  const first = statusOf([status("a", running), status("b", waiting)]);
  const ready = first.conditions?.find(({ type }) => type === "Ready");
  expect(ready).toMatchObject({
    status: "False",
    reason: "ContainersNotReady",
    message: "containers with unready status: [b]",
    lastTransitionTime: "now",
  });
  const kept = { conditions: [{ type: "Ready", status: "False", lastProbeTime: null, lastTransitionTime: "then" }] };
  const again = statusOf([status("a", waiting)], [], "Always", kept);
  expect(again.conditions?.find(({ type }) => type === "Ready")?.lastTransitionTime).toBe("then");
});
