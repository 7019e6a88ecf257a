import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { sortedText } from "../../../src/std/order.ts";
import type { ApiObject, LocalApi } from "../types.ts";
import {
  DAEMON_SETS,
  DEPLOYMENTS,
  type DaemonSet,
  type Deployment,
  ENDPOINT_SLICES,
  ENDPOINTS,
  type EndpointSliceObject,
  isReady,
  NODES,
  PODS,
  type Pod,
  REPLICA_SETS,
  type ReplicaSet,
  SERVICES,
} from "./objects.ts";
import { addNode, startCluster, type TestCluster } from "./testing.ts";

let cluster: TestCluster;
let api: LocalApi;
let agents: AbortController;

beforeEach(async () => {
  cluster = await startCluster();
  ({ api } = cluster);
  agents = new AbortController();
  await addNode(api, "node1");
  await addNode(api, "node2");
  cluster.playAgents(agents.signal);
});

afterEach(async () => {
  agents.abort();
  await cluster[Symbol.asyncDispose]();
});

const template = (image: string, labels: Record<string, string> = { app: "web" }) => ({
  metadata: { labels },
  spec: { containers: [{ name: "web", image, ports: [{ name: "http", containerPort: 8080 }] }] },
});

const deployment = (replicas: number, spec: object = {}): ApiObject => ({
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: { name: "web", namespace: "default" },
  spec: { replicas, selector: { matchLabels: { app: "web" } }, template: template("nginx:1"), ...spec },
});

const daemonSet = (spec: object = {}): ApiObject => ({
  apiVersion: "apps/v1",
  kind: "DaemonSet",
  metadata: { name: "agent", namespace: "default" },
  spec: { selector: { matchLabels: { app: "agent" } }, template: template("agent:1", { app: "agent" }), ...spec },
});

const pods = (): Pod[] => api.list(PODS) as Pod[];
const nodeNames = (): string[] => sortedText(pods().map((pod) => pod.spec.nodeName ?? ""));
const webStatus = () => (api.get(DEPLOYMENTS, "default", "web") as Deployment | undefined)?.status;
const agentStatus = () => (api.get(DAEMON_SETS, "default", "agent") as DaemonSet | undefined)?.status ?? {};

/** What `kubectl rollout status deployment` waits for. */
const rolledOut = (replicas: number) => () => {
  const object = api.get(DEPLOYMENTS, "default", "web");
  const status = webStatus();
  return (
    status?.observedGeneration === object?.metadata.generation &&
    status?.updatedReplicas === replicas &&
    status.replicas === replicas &&
    status.availableReplicas === replicas
  );
};

describe("Deployment", () => {
  test("makes Pods, spread over the nodes, and says that they are available", async () => {
    await api.create(DEPLOYMENTS, deployment(4));
    await cluster.until(DEPLOYMENTS, rolledOut(4));
    expect(nodeNames()).toEqual(["node1", "node1", "node2", "node2"]);
    expect(pods()[0]?.metadata.labels).toHaveProperty("pod-template-hash");
    const conditions = await cluster.until(DEPLOYMENTS, () => {
      const found = webStatus()?.conditions?.map(({ type, status, reason }) => [type, status, reason]);
      return found?.some(([, , reason]) => reason === "NewReplicaSetAvailable") && found;
    });
    expect(conditions).toEqual([
      ["Available", "True", "MinimumReplicasAvailable"],
      ["Progressing", "True", "NewReplicaSetAvailable"],
    ]);
  });

  test("rolls to a new template within maxSurge and maxUnavailable, keeping the old ReplicaSet", async () => {
    await api.create(DEPLOYMENTS, deployment(3, { strategy: { rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } } }));
    await cluster.until(DEPLOYMENTS, rolledOut(3));
    const seen: number[] = [];
    const stop = new AbortController();
    api.watch(PODS, () => seen.push(pods().filter(isReady).length), stop.signal);
    await api.patch(DEPLOYMENTS, "default", "web", { spec: { template: template("nginx:2") } });
    await cluster.until(DEPLOYMENTS, rolledOut(3));
    stop.abort();
    expect(Math.min(...seen)).toBeGreaterThanOrEqual(3);
    expect(Math.max(...seen)).toBeLessThanOrEqual(4);
    const images = pods().map((pod) => (pod.spec.containers[0] as { image?: string } | undefined)?.image);
    expect(images).toEqual(["nginx:2", "nginx:2", "nginx:2"]);
    const sizes = (api.list(REPLICA_SETS) as ReplicaSet[]).map((set) => set.spec.replicas);
    expect(new Set(sizes)).toEqual(new Set([0, 3]));
    expect(api.get(DEPLOYMENTS, "default", "web")?.metadata.annotations).toMatchObject({
      "deployment.kubernetes.io/revision": "2",
    });
  });

  test("going back to an old template reuses its ReplicaSet under a new revision", async () => {
    await api.create(DEPLOYMENTS, deployment(1));
    await cluster.until(DEPLOYMENTS, rolledOut(1));
    for (const image of ["nginx:2", "nginx:1"]) {
      await api.patch(DEPLOYMENTS, "default", "web", { spec: { template: template(image) } });
      await cluster.until(DEPLOYMENTS, rolledOut(1));
    }
    expect(api.list(REPLICA_SETS)).toHaveLength(2);
    expect(api.get(DEPLOYMENTS, "default", "web")?.metadata.annotations).toMatchObject({
      "deployment.kubernetes.io/revision": "3",
    });
  });

  test("scales up and down, and replaces a Pod that is deleted", async () => {
    await api.create(DEPLOYMENTS, deployment(2));
    await cluster.until(DEPLOYMENTS, rolledOut(2));
    await api.patch(DEPLOYMENTS, "default", "web", { spec: { replicas: 1 } });
    await cluster.until(PODS, () => pods().length === 1);
    const [last] = pods();
    await api.delete(PODS, "default", last?.metadata.name ?? "");
    const next = await cluster.until(PODS, () => pods().find((pod) => pod.metadata.uid !== last?.metadata.uid));
    expect(next.metadata.ownerReferences?.[0]?.kind).toBe("ReplicaSet");
  });

  test("Recreate ends the old Pods before it starts new ones", async () => {
    await api.create(DEPLOYMENTS, deployment(2, { strategy: { type: "Recreate" } }));
    await cluster.until(DEPLOYMENTS, rolledOut(2));
    const mixed: boolean[] = [];
    const stop = new AbortController();
    const hashes = () => new Set(pods().map((pod) => pod.metadata.labels?.["pod-template-hash"]));
    api.watch(PODS, () => mixed.push(hashes().size > 1), stop.signal);
    await api.patch(DEPLOYMENTS, "default", "web", { spec: { template: template("nginx:2") } });
    await cluster.until(DEPLOYMENTS, rolledOut(2));
    stop.abort();
    expect(mixed).not.toContain(true);
  });

  test("deleted, it takes everything with it", async () => {
    await api.create(DEPLOYMENTS, deployment(2));
    await cluster.until(DEPLOYMENTS, rolledOut(2));
    await api.delete(DEPLOYMENTS, "default", "web", { propagationPolicy: "Foreground" });
    await cluster.until(DEPLOYMENTS, () => api.list(DEPLOYMENTS).length === 0);
    expect(api.list(REPLICA_SETS)).toEqual([]);
    expect(pods()).toEqual([]);
  });
});

describe("DaemonSet", () => {
  const settled = (count: number) => () =>
    agentStatus()["updatedNumberScheduled"] === count && agentStatus()["numberAvailable"] === count;

  test("one Pod on each node that it may use, following nodes and taints", async () => {
    await addNode(api, "tainted", { taints: [{ key: "only", value: "gpu", effect: "NoSchedule" }] });
    await api.create(DAEMON_SETS, daemonSet());
    await cluster.until(DAEMON_SETS, settled(2));
    expect(nodeNames()).toEqual(["node1", "node2"]);
    await addNode(api, "node3");
    await cluster.until(DAEMON_SETS, settled(3));
    await api.delete(NODES, undefined, "node3");
    await cluster.until(PODS, () => pods().length === 2);
    expect(agentStatus()).toMatchObject({ numberMisscheduled: 0, numberUnavailable: 0 });
  });

  test("a rolling update replaces one after the other", async () => {
    await api.create(DAEMON_SETS, daemonSet());
    await cluster.until(DAEMON_SETS, settled(2));
    const ready: number[] = [];
    const stop = new AbortController();
    api.watch(
      PODS,
      () => ready.push(pods().filter((pod) => isReady(pod) && !pod.metadata.deletionTimestamp).length),
      stop.signal,
    );
    const old = new Set(pods().map((pod) => pod.metadata.uid));
    await api.patch(DAEMON_SETS, "default", "agent", { spec: { template: template("agent:2", { app: "agent" }) } });
    await cluster.until(DAEMON_SETS, () => settled(2)() && pods().every((pod) => !old.has(pod.metadata.uid)));
    stop.abort();
    expect(Math.min(...ready)).toBe(1);
  });

  test("OnDelete leaves old Pods until someone deletes them", async () => {
    await api.create(DAEMON_SETS, daemonSet({ updateStrategy: { type: "OnDelete" } }));
    await cluster.until(DAEMON_SETS, settled(2));
    const old = pods().map((pod) => pod.metadata.uid);
    await api.patch(DAEMON_SETS, "default", "agent", { spec: { template: template("agent:2", { app: "agent" }) } });
    await cluster.until(DAEMON_SETS, () => agentStatus()["updatedNumberScheduled"] === 0);
    expect(pods().map((pod) => pod.metadata.uid)).toEqual(old);
    await api.delete(PODS, "default", pods()[0]?.metadata.name ?? "");
    await cluster.until(DAEMON_SETS, () => agentStatus()["updatedNumberScheduled"] === 1);
  });
});

describe("scheduler", () => {
  test("a Pod that fits nowhere says why, and is bound when it does", async () => {
    const spec = { ...template("nginx").spec, nodeSelector: { disk: "ssd" } };
    await api.create(PODS, { apiVersion: "v1", kind: "Pod", metadata: { name: "p", namespace: "default" }, spec });
    const get = () => api.get(PODS, "default", "p") as Pod | undefined;
    const condition = await cluster.until(PODS, () =>
      get()?.status?.conditions?.find((c) => c.type === "PodScheduled"),
    );
    expect(condition).toMatchObject({
      status: "False",
      reason: "Unschedulable",
      message: "0/2 nodes are available: 2 node(s) didn't match Pod's node affinity/selector.",
    });
    await api.patch(NODES, undefined, "node2", { metadata: { labels: { disk: "ssd" } } });
    expect(await cluster.until(PODS, () => get()?.spec.nodeName)).toBe("node2");
  });
});

describe("EndpointSlices", () => {
  const service = (spec: object = {}): ApiObject => ({
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: "web", namespace: "default" },
    spec: {
      selector: { app: "web" },
      ipFamilies: ["IPv4"],
      ports: [{ name: "http", port: 80, targetPort: "http" }],
      ...spec,
    },
  });
  const slices = () => api.list(ENDPOINT_SLICES) as EndpointSliceObject[];
  const endpoints = () => slices().flatMap((slice) => slice.endpoints);

  test("follow the Pods: port by name, node, readiness; empty without Pods; gone with the Service", async () => {
    await api.create(SERVICES, service());
    await cluster.until(ENDPOINT_SLICES, () => slices().length === 1);
    await api.create(DEPLOYMENTS, deployment(2));
    await cluster.until(ENDPOINT_SLICES, () => endpoints().filter((each) => each.conditions?.ready).length === 2);
    const slice = slices().find((each) => each.endpoints.length > 0);
    expect(slice?.ports).toEqual([{ name: "http", protocol: "TCP", port: 8080 }]);
    expect(slice?.metadata.labels).toMatchObject({ "kubernetes.io/service-name": "web" });
    expect(sortedText(endpoints().map((each) => each.nodeName ?? ""))).toEqual(["node1", "node2"]);
    await cluster.until(ENDPOINTS, () => {
      const subsets = api.get(ENDPOINTS, "default", "web")?.["subsets"] as { addresses?: object[] }[] | undefined;
      return subsets?.[0]?.addresses?.length === 2;
    });
    await api.delete(SERVICES, "default", "web");
    await cluster.until(ENDPOINT_SLICES, () => slices().length === 0);
    await cluster.until(ENDPOINTS, () => api.list(ENDPOINTS).length === 0);
  });

  test("a Pod that is ending serves until it is gone", async () => {
    agents.abort();
    await api.create(SERVICES, service());
    const spec = { ...template("nginx").spec, nodeName: "node1" };
    const metadata = { name: "p", namespace: "default", labels: { app: "web" } };
    await api.create(PODS, { apiVersion: "v1", kind: "Pod", metadata, spec });
    const conditions = [{ type: "Ready", status: "True", lastTransitionTime: "2026-01-01T00:00:00Z" }];
    const status = { phase: "Running", podIP: "10.244.0.9", podIPs: [{ ip: "10.244.0.9" }], conditions };
    await api.patch(PODS, "default", "p", { status }, { subresource: "status" });
    await cluster.until(ENDPOINT_SLICES, () => endpoints()[0]?.conditions?.ready);
    await api.delete(PODS, "default", "p");
    const last = await cluster.until(ENDPOINT_SLICES, () => endpoints().find((each) => each.conditions?.terminating));
    expect(last.conditions).toEqual({ ready: false, serving: true, terminating: true });
  });
});
