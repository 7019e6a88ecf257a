import { expect, test, vi } from "vitest";
import type { Node, NodeCondition } from "../api/core.ts";
import type { ObjectMeta } from "../api/object.ts";
import { KubeClient } from "../kube/client.ts";
import { type Ground, groundNow, whyForGood } from "./leaving.ts";

const object = (kind: string, metadata: Partial<ObjectMeta> = {}) => ({
  apiVersion: "v1",
  kind,
  metadata: { name: "n", ...metadata },
});
const node = (conditions: readonly NodeCondition[] = []): Node => ({ ...object("Node"), status: { conditions } });
const going = { deletionTimestamp: "2026-01-01T00:00:00Z" };

const ground: Ground = {
  daemonSet: { name: "speaker", object: object("DaemonSet") },
  namespace: object("Namespace"),
  node: node([{ type: "Ready", status: "True" }]),
};

test.each<[string, Partial<Ground>, string | undefined]>([
  ["nothing goes: an upgrade, or a new start", {}, undefined],
  ["nobody knows of a DaemonSet", { daemonSet: undefined }, undefined],
  ["its DaemonSet is gone", { daemonSet: { name: "speaker", object: undefined } }, "DaemonSet speaker is deleted"],
  [
    "its DaemonSet is on its way out",
    { daemonSet: { name: "speaker", object: object("DaemonSet", going) } },
    "DaemonSet speaker is deleted",
  ],
  ["its namespace goes", { namespace: object("Namespace", going) }, "MetalLB's namespace is deleted"],
  ["its Node has left the cluster", { node: undefined }, "the Node is deleted"],
  [
    "its node shuts down",
    { node: node([{ type: "Ready", status: "False", message: "[container runtime is down, node is shutting down]" }]) },
    "the node shuts down",
  ],
  ["its node is not ready", { node: node([{ type: "Ready", status: "False", message: "no network" }]) }, undefined],
])("%s", (_, over, reason) => {
  expect(whyForGood({ ...ground, ...over })).toBe(reason);
});

test("an API server that does not answer changes nothing", async () => {
  const server = new URL("http://127.0.0.1:9");
  using client = new KubeClient({ server } as ConstructorParameters<typeof KubeClient>[0], "test");
  expect(await groundNow(client, "metallb-system", () => ground)).toEqual(ground);
});

test("a watch that tells of the end is believed where the right to ask is gone", async () => {
  const server = new URL("http://127.0.0.1:9");
  using client = new KubeClient({ server } as ConstructorParameters<typeof KubeClient>[0], "test");
  let asked = 0;
  const gone = { ...ground, daemonSet: { name: "speaker", object: undefined } };
  // The watch tells in time, however slow this machine is.
  const limit = vi.spyOn(AbortSignal, "timeout").mockReturnValue(new AbortController().signal);
  try {
    expect(await groundNow(client, "metallb-system", () => (asked++ < 3 ? ground : gone))).toEqual(gone);
  } finally {
    limit.mockRestore();
  }
});
