import { describe, expect, test } from "vitest";
import { configMap, inMemory, named } from "./in-memory.ts";

const configMaps = { group: "", resource: "configmaps" };
const pods = { group: "", resource: "pods" };
const deployments = { group: "apps", resource: "deployments" };

const pod = (name: string, nodeName?: string) =>
  named("v1", "Pod", name, {
    metadata: { namespace: "default" },
    spec: { containers: [{ name: "main", image: "nginx" }], ...(nodeName === undefined ? {} : { nodeName }) },
  });

const deployment = named("apps/v1", "Deployment", "web", {
  metadata: { namespace: "default" },
  spec: {
    selector: { matchLabels: { app: "web" } },
    template: { metadata: { labels: { app: "web" } }, spec: { containers: [{ name: "main", image: "nginx:1" }] } },
  },
});

describe("a write", () => {
  test("that changes nothing makes no revision", async () => {
    const { api, store } = await inMemory();
    const created = await api.create(configMaps, configMap("a", { x: "1" }));
    const again = await api.patch(configMaps, "default", "a", { data: { x: "1" } });
    expect(again.metadata.resourceVersion).toBe(created.metadata.resourceVersion);
    expect(store.revision).toBe(Number(created.metadata.resourceVersion));
  });

  test("based on an old resourceVersion conflicts; one without it wins", async () => {
    const { api } = await inMemory();
    const created = await api.create(configMaps, configMap("a", { x: "1" }));
    await api.patch(configMaps, "default", "a", { data: { x: "2" } });
    await expect(api.update(configMaps, { ...created, data: { x: "3" } })).rejects.toMatchObject({
      code: 409,
      reason: "Conflict",
    });
    const won = await api.update(configMaps, configMap("a", { x: "4" }));
    expect(won["data"]).toEqual({ x: "4" });
    expect(won.metadata.uid).toBe(created.metadata.uid);
  });

  test("fifty increments at once, each retried on conflict, all count", async () => {
    const { api } = await inMemory();
    await api.create(configMaps, configMap("counter", { n: "0" }));
    const increment = async (): Promise<void> => {
      const live = api.get(configMaps, "default", "counter");
      const n = Number((live?.["data"] as { n: string } | undefined)?.n) + 1;
      const next = { ...configMap("counter", { n: String(n) }), metadata: { ...live?.metadata, name: "counter" } };
      await api.update(configMaps, next).catch((error: { code?: number }) => {
        if (error.code !== 409) throw error;
        return increment();
      });
    };
    await Promise.all(Array.from({ length: 50 }, increment));
    expect(api.get(configMaps, "default", "counter")?.["data"]).toEqual({ n: "50" });
  });

  test("without a resourceVersion never conflicts, however many there are at once", async () => {
    const { api } = await inMemory();
    await api.create(configMaps, configMap("shared", {}));
    const keys = Array.from({ length: 50 }, (_, index) => `key-${index}`);
    await Promise.all(keys.map((key) => api.patch(configMaps, "default", "shared", { data: { [key]: "set" } })));
    expect(Object.keys(api.get(configMaps, "default", "shared")?.["data"] ?? {})).toHaveLength(50);
  });

  test("of the status leaves the rest alone, and the other way round; only intent raises the generation", async () => {
    const { api } = await inMemory();
    const created = await api.create(deployments, { ...deployment, status: { replicas: 7 } });
    expect(created["status"]).toEqual({});
    const status = await api.update(
      deployments,
      { ...created, spec: { ...(created["spec"] as object), replicas: 9 }, status: { replicas: 3 } },
      { subresource: "status" },
    );
    expect(status).toMatchObject({ spec: { replicas: 1 }, status: { replicas: 3 }, metadata: { generation: 1 } });
    const scaled = await api.patch(deployments, "default", "web", { spec: { replicas: 2 }, status: { replicas: 8 } });
    expect(scaled).toMatchObject({ spec: { replicas: 2 }, status: { replicas: 3 }, metadata: { generation: 2 } });
  });

  test("with an unknown field is refused, naming it", async () => {
    const { api } = await inMemory();
    const wrong = { ...deployment, spec: { ...(deployment["spec"] as object), replica: 2 } };
    await expect(api.create(deployments, wrong)).rejects.toMatchObject({
      code: 400,
      message: 'strict decoding error: unknown field "spec.replica"',
    });
  });

  test("that is invalid is refused with all its causes", async () => {
    const { api } = await inMemory();
    const wrong = {
      ...configMap("Bad_Name", {}),
      metadata: { name: "Bad_Name", namespace: "default", labels: { "a b": "c" } },
    };
    await expect(api.create(configMaps, wrong)).rejects.toMatchObject({
      code: 422,
      reason: "Invalid",
      details: { causes: [{ field: "metadata.name" }, { field: "metadata.labels" }] },
    });
  });

  test("into a namespace that is not there or is ending is refused", async () => {
    const { api } = await inMemory();
    const elsewhere = { ...configMap("a", {}), metadata: { name: "a", namespace: "nowhere" } };
    await expect(api.create(configMaps, elsewhere)).rejects.toMatchObject({
      code: 404,
      message: 'namespaces "nowhere" not found',
    });
    await api.delete({ group: "", resource: "namespaces" }, undefined, "default");
    await expect(api.create(configMaps, configMap("a", {}))).rejects.toMatchObject({ code: 403 });
  });

  test("defaults are those of kube-apiserver", async () => {
    const { api } = await inMemory();
    const service = await api.create(
      { group: "", resource: "services" },
      named("v1", "Service", "web", {
        metadata: { namespace: "default" },
        spec: { type: "LoadBalancer", ports: [{ port: 80 }] },
      }),
    );
    expect(service["spec"]).toEqual({
      type: "LoadBalancer",
      sessionAffinity: "None",
      internalTrafficPolicy: "Cluster",
      externalTrafficPolicy: "Cluster",
      allocateLoadBalancerNodePorts: true,
      ports: [{ port: 80, protocol: "TCP", targetPort: 80 }],
    });
    expect(await api.create(deployments, deployment)).toMatchObject({
      spec: {
        replicas: 1,
        strategy: { type: "RollingUpdate", rollingUpdate: { maxUnavailable: "25%", maxSurge: "25%" } },
        template: { spec: { restartPolicy: "Always", containers: [{ imagePullPolicy: "IfNotPresent" }] } },
      },
    });
  });
});

test.each([
  [{}, "BestEffort"],
  [{ requests: { cpu: "1" } }, "Burstable"],
  [{ limits: { cpu: "1", memory: "1Gi" } }, "Guaranteed"],
  [{ limits: { cpu: "1", memory: "1Gi" }, requests: { cpu: "500m" } }, "Burstable"],
])("a Pod that asks for %j is of quality %s", async (resources, quality) => {
  const { api } = await inMemory();
  const spec = { containers: [{ name: "main", image: "nginx", resources }] };
  const created = await api.create(pods, named("v1", "Pod", "p", { metadata: { namespace: "default" }, spec }));
  expect(created["status"]).toMatchObject({ qosClass: quality });
});

describe("a deletion", () => {
  test("waits for finalizers", async () => {
    const { api } = await inMemory();
    const held = configMap("a", {});
    await api.create(configMaps, { ...held, metadata: { ...held.metadata, finalizers: ["example.com/hold"] } });
    await api.delete(configMaps, "default", "a");
    expect(api.get(configMaps, "default", "a")?.metadata.deletionTimestamp).toBeDefined();
    await api.patch(configMaps, "default", "a", { metadata: { finalizers: null } });
    expect(api.get(configMaps, "default", "a")).toBeUndefined();
  });

  test("of a Pod on a node gives it its grace period, until its node deletes it with none", async () => {
    const { api } = await inMemory();
    await api.create(pods, pod("bound", "node-a"));
    await api.delete(pods, "default", "bound");
    expect(api.get(pods, "default", "bound")?.metadata).toMatchObject({ deletionGracePeriodSeconds: 30 });
    await api.delete(pods, "default", "bound", { gracePeriodSeconds: 0 });
    expect(api.get(pods, "default", "bound")).toBeUndefined();
  });

  test("of a Pod without a node is immediate", async () => {
    const { api } = await inMemory();
    await api.create(pods, pod("unbound"));
    await api.delete(pods, "default", "unbound");
    expect(api.get(pods, "default", "unbound")).toBeUndefined();
  });

  test("of another object under the same name is refused", async () => {
    const { api } = await inMemory();
    await api.create(configMaps, configMap("a", {}));
    await expect(api.delete(configMaps, "default", "a", { uid: "another" })).rejects.toMatchObject({ code: 409 });
  });

  test("of a namespace waits for its own finalizer", async () => {
    const { api } = await inMemory();
    const namespaces = { group: "", resource: "namespaces" };
    await api.delete(namespaces, undefined, "default");
    const ending = api.get(namespaces, undefined, "default");
    expect(ending).toMatchObject({ status: { phase: "Terminating" } });
    await api.patch(namespaces, undefined, "default", { spec: { finalizers: [] } });
    expect(api.get(namespaces, undefined, "default")).toBeUndefined();
  });
});

test("events are the same under both of their names", async () => {
  const { api } = await inMemory();
  const event = named("events.k8s.io/v1", "Event", "e1", {
    metadata: { namespace: "default" },
    eventTime: "2026-01-01T00:00:00.000000Z",
    reportingController: "speaker",
    reportingInstance: "node-a",
    action: "Announce",
    reason: "nodeAssigned",
    regarding: { kind: "Service", name: "web", namespace: "default" },
    note: "announcing",
    type: "Normal",
  });
  await api.create({ group: "events.k8s.io", resource: "events" }, event);
  const [core] = api.list({ group: "", resource: "events" }, { fieldSelector: "involvedObject.name=web" });
  expect(core).toMatchObject({ apiVersion: "v1", message: "announcing", reportingComponent: "speaker" });
});
