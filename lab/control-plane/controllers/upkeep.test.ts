import { setTimeout as delay } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { ApiObject, LocalApi } from "../types.ts";
import {
  CONFIG_MAPS,
  LEASES,
  NAMESPACES,
  NODES,
  type NodeObject,
  PODS,
  type Pod,
  isReady,
  SERVICE_ACCOUNTS,
} from "./objects.ts";
import { addNode, startCluster, type TestCluster } from "./testing.ts";

let cluster: TestCluster;
let api: LocalApi;
let agents: AbortController;

beforeEach(async () => {
  cluster = await startCluster({ nodeGraceMs: 300 });
  ({ api } = cluster);
  agents = new AbortController();
});

afterEach(async () => {
  agents.abort();
  await cluster[Symbol.asyncDispose]();
});

const configMap = (name: string, metadata: object = {}, namespace = "default"): ApiObject => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name, namespace, ...metadata },
});

const ownedBy = (...owners: ApiObject[]) => ({
  ownerReferences: owners.map(({ apiVersion, kind, metadata }) => ({
    apiVersion,
    kind,
    name: metadata.name,
    uid: metadata.uid ?? "",
    blockOwnerDeletion: true,
  })),
});

const bare = (name: string, namespace: string, spec: object = {}): ApiObject => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name, namespace },
  spec: { containers: [{ name: "c", image: "c" }], ...spec },
});

const has = (name: string, namespace = "default") => api.get(CONFIG_MAPS, namespace, name) !== undefined;

describe("namespaces", () => {
  test("come furnished, and what is missing comes back", async () => {
    await api.create(NAMESPACES, { apiVersion: "v1", kind: "Namespace", metadata: { name: "team" } });
    await cluster.until(SERVICE_ACCOUNTS, () => api.get(SERVICE_ACCOUNTS, "team", "default"));
    const ca = await cluster.until(CONFIG_MAPS, () => api.get(CONFIG_MAPS, "team", "kube-root-ca.crt"));
    expect(ca["data"]).toEqual({ "ca.crt": cluster.controlPlane.caPem });
    await api.delete(CONFIG_MAPS, "team", "kube-root-ca.crt");
    await cluster.until(CONFIG_MAPS, () => {
      const now = api.get(CONFIG_MAPS, "team", "kube-root-ca.crt");
      return now && now.metadata.uid !== ca.metadata.uid;
    });
  });

  test("deleted, they wait for their contents", async () => {
    await addNode(api, "node1");
    await api.create(NAMESPACES, { apiVersion: "v1", kind: "Namespace", metadata: { name: "team" } });
    await api.create(CONFIG_MAPS, configMap("held", { finalizers: ["example.com/hold"] }, "team"));
    await api.create(PODS, bare("p", "team", { nodeName: "node1" }));
    await api.delete(NAMESPACES, undefined, "team");
    await cluster.until(PODS, () => api.get(PODS, "team", "p")?.metadata.deletionTimestamp);
    cluster.playAgents(agents.signal);
    await cluster.until(PODS, () => !api.get(PODS, "team", "p"));
    expect(api.get(NAMESPACES, undefined, "team")?.["status"]).toMatchObject({ phase: "Terminating" });
    await api.patch(CONFIG_MAPS, "team", "held", { metadata: { finalizers: [] } });
    await cluster.until(NAMESPACES, () => !api.get(NAMESPACES, undefined, "team"));
    expect(api.list(CONFIG_MAPS, { namespace: "team" })).toEqual([]);
  });
});

describe("garbage collection", () => {
  test("in the background: dependents go after their last owner", async () => {
    const [a, b] = [await api.create(CONFIG_MAPS, configMap("a")), await api.create(CONFIG_MAPS, configMap("b"))];
    await api.create(CONFIG_MAPS, configMap("child", ownedBy(a)));
    await api.create(CONFIG_MAPS, configMap("shared", ownedBy(a, b)));
    await api.delete(CONFIG_MAPS, "default", "a");
    await cluster.until(CONFIG_MAPS, () => !has("child"));
    expect(has("shared")).toBe(true);
    await api.delete(CONFIG_MAPS, "default", "b");
    await cluster.until(CONFIG_MAPS, () => !has("shared"));
  });

  test("an object that names an owner which never was goes too", async () => {
    const never = configMap("never", { uid: "no-such-uid" });
    await api.create(CONFIG_MAPS, configMap("child", ownedBy(never)));
    await cluster.until(CONFIG_MAPS, () => !has("child"));
  });

  test("in the foreground: the owner waits for its dependents", async () => {
    const owner = await api.create(CONFIG_MAPS, configMap("owner"));
    await api.create(CONFIG_MAPS, configMap("child", { ...ownedBy(owner), finalizers: ["example.com/hold"] }));
    await api.delete(CONFIG_MAPS, "default", "owner", { propagationPolicy: "Foreground" });
    await cluster.until(CONFIG_MAPS, () => api.get(CONFIG_MAPS, "default", "child")?.metadata.deletionTimestamp);
    expect(has("owner")).toBe(true);
    await api.patch(CONFIG_MAPS, "default", "child", { metadata: { finalizers: [] } });
    await cluster.until(CONFIG_MAPS, () => !has("owner"));
  });

  test("orphans stay, without their owner", async () => {
    const owner = await api.create(CONFIG_MAPS, configMap("owner"));
    await api.create(CONFIG_MAPS, configMap("child", ownedBy(owner)));
    await api.delete(CONFIG_MAPS, "default", "owner", { propagationPolicy: "Orphan" });
    await cluster.until(CONFIG_MAPS, () => !has("owner"));
    expect(api.get(CONFIG_MAPS, "default", "child")?.metadata.ownerReferences ?? []).toEqual([]);
  });
});

describe("nodes", () => {
  const node = (): NodeObject | undefined => api.get(NODES, undefined, "node1");
  const ready = () => node()?.status?.conditions?.find((c) => c.type === "Ready");

  /** What a node's agent does again and again: it renews the Lease, and says that the node is ready. */
  let beats = 0;
  const beat = async () => {
    const spec = { renewTime: `2026-01-01T00:00:00.${String(++beats).padStart(6, "0")}Z` };
    const metadata = { name: "node1", namespace: "kube-node-lease" };
    if (api.get(LEASES, metadata.namespace, metadata.name)) {
      await api.patch(LEASES, metadata.namespace, metadata.name, { spec });
    } else await api.create(LEASES, { apiVersion: "coordination.k8s.io/v1", kind: "Lease", metadata, spec });
    const status = { conditions: [{ type: "Ready", status: "True" }] };
    await api.patch(NODES, undefined, "node1", { status }, { subresource: "status" });
  };

  test("silent: Unknown, tainted, its Pods unready; heard again and ready: untainted", async () => {
    cluster.playAgents(agents.signal);
    await addNode(api, "node1");
    await api.create(PODS, bare("p", "default", { nodeName: "node1" }));
    await cluster.until(PODS, () => isReady(api.get(PODS, "default", "p") as Pod));
    // Where that took longer than a node may be silent, this is where its silence begins.
    await beat();
    await cluster.until(NODES, () => ready()?.status === "Unknown");
    await cluster.until(NODES, () => node()?.spec?.taints?.length === 2);
    expect(node()?.spec?.taints?.[0]).toMatchObject({ key: "node.kubernetes.io/unreachable", effect: "NoSchedule" });
    await cluster.until(PODS, () => !isReady(api.get(PODS, "default", "p") as Pod));

    let isTainted = true;
    const beating = (async () => {
      for (; isTainted; await delay(20)) await beat();
    })();
    await cluster.until(NODES, () => (node()?.spec?.taints ?? []).length === 0).finally(() => (isTainted = false));
    await beating;
  });

  test("gone: its Pods are removed without waiting for anyone", async () => {
    await addNode(api, "node1");
    await api.create(PODS, bare("p", "default", { nodeName: "node1" }));
    await api.delete(NODES, undefined, "node1");
    await cluster.until(PODS, () => !api.get(PODS, "default", "p"));
  });
});
