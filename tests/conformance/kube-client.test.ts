import { afterEach, beforeEach, expect, test } from "vitest";
import { type ControlPlane, startControlPlane } from "../../lab/control-plane/server.ts";
import type { PodRuntime } from "../../lab/control-plane/types.ts";
import type { ConfigMap, Service } from "../../src/api/core.ts";
import { PathAuthorizer } from "../../src/kube/authorize.ts";
import { isConflict } from "../../src/kube/api-error.ts";
import { KubeClient } from "../../src/kube/client.ts";
import { EventRecorder } from "../../src/kube/events.ts";
import { Watched } from "../../src/kube/follow.ts";
import { elect } from "../../src/kube/lease.ts";
import { configMaps, services } from "../../src/kube/resource.ts";
import { createLog } from "../../src/runtime/log.ts";

/** The product's client against the lab's API server, over TLS: each thought of the other, neither was made for the other. */

const log = createLog("none", "test");
const unused: PodRuntime = {
  exec: () => Promise.reject(new Error("no pods here")),
  // oxlint-disable-next-line require-yield
  logs: async function* () {
    throw new Error("no pods here");
  },
};

let stop: AbortController;
let plane: ControlPlane;
let client: KubeClient;

beforeEach(async () => {
  stop = new AbortController();
  plane = await startControlPlane({ host: "127.0.0.1", port: 0, certNames: [], runtime: unused, signal: stop.signal });
  const token = () => Promise.resolve(plane.adminToken);
  client = new KubeClient({ server: new URL(plane.url), ca: plane.caPem, token }, "test");
});
afterEach(async () => {
  stop.abort();
  client[Symbol.dispose]();
  await plane.close();
});

const configMap = (name: string, data: Record<string, string> = {}) => ({
  metadata: { name, namespace: "default" },
  data,
});

test("pages, watch, resume", async () => {
  for (let i = 0; i < 260; i++) await client.create(configMaps, configMap(`c${i}`), stop.signal);
  let changes = 0;
  const watched = new Watched<ConfigMap>(configMaps, { namespace: "default" }, () => changes++);
  const following = watched.follow(client, log, stop.signal);
  await expect.poll(() => watched.cache.items.length).toBe(260);
  await client.delete(configMaps, { namespace: "default", name: "c7" }, stop.signal);
  const body = { data: { x: "1" } };
  await client.patch(configMaps, { namespace: "default", name: "c8" }, { kind: "merge", body }, stop.signal);
  await expect.poll(() => watched.cache.get("default/c8")?.data).toEqual({ x: "1" });
  expect(watched.cache.get("default/c7")).toBeUndefined();
  expect(changes).toBe(3);
  stop.abort();
  await following;
});

test("a Service's status and annotation in one patch, and a conflict when stale", async () => {
  const ports = [{ port: 80 }];
  const object = { metadata: { name: "web", namespace: "default" }, spec: { type: "LoadBalancer", ports } };
  const created = await client.create<Service>(services, object, stop.signal);
  const write = (resourceVersion: string | undefined) =>
    client.patch<Service>(
      services,
      created.metadata,
      {
        kind: "merge",
        subresource: "status",
        body: {
          metadata: { resourceVersion, annotations: { "metallb.io/ip-allocated-from-pool": "p" } },
          status: { loadBalancer: { ingress: [{ ip: "10.100.0.1" }] } },
        },
      },
      stop.signal,
    );
  const written = await write(created.metadata.resourceVersion);
  expect(written.status?.loadBalancer?.ingress?.map(({ ip }) => ip)).toEqual(["10.100.0.1"]);
  expect(written.metadata.annotations).toEqual({ "metallb.io/ip-allocated-from-pool": "p" });
  expect(isConflict(await write(created.metadata.resourceVersion).catch((e: unknown) => e))).toBe(true);
});

test("server-side apply creates and changes", async () => {
  const at = { namespace: "default", name: "applied" };
  for (const value of ["1", "2"]) {
    const body = { metadata: at, data: { x: value } };
    await client.patch(configMaps, at, { kind: "apply", fieldManager: "me", body }, stop.signal);
  }
  expect((await client.get(configMaps, at, stop.signal)).data).toEqual({ x: "2" });
});

test("an election", async () => {
  let led = false;
  const options = { client, namespace: "default", name: "metallb-controller", identity: "a", log, retryMs: 50 };
  const own = new AbortController();
  const election = elect(
    options,
    (leadership) => {
      led = leadership.isProven();
      return new Promise((resolve) => leadership.signal.addEventListener("abort", () => resolve()));
    },
    own.signal,
  );
  const lease = () =>
    plane.api.get({ group: "coordination.k8s.io", resource: "leases" }, "default", "metallb-controller");
  await expect.poll(() => led).toBe(true);
  expect(lease()?.["spec"]).toMatchObject({ holderIdentity: "a", leaseDurationSeconds: 3 });
  own.abort();
  await election;
  expect(lease()?.["spec"]).toMatchObject({ leaseDurationSeconds: 1 });
});

test("events that can be sorted", async () => {
  const recorder = new EventRecorder({ client, component: "metallb-controller", log }, stop.signal);
  const object = { apiVersion: "v1", kind: "Service", name: "web", namespace: "default" };
  const happening = { object, type: "Normal", reason: "IPAllocated", message: 'Assigned IP ["10.100.0.1"]' } as const;
  recorder.record(happening);
  recorder.record(happening);
  const events = () => plane.api.list({ group: "", resource: "events" }, { namespace: "default" });
  await expect.poll(() => events().map((event) => event["count"])).toEqual([2]);
  expect(events()[0]?.["lastTimestamp"]).toMatch(/Z$/);
});

test("who may read metrics", async () => {
  const metrics = new PathAuthorizer(client, "/metrics");
  expect(await metrics.judge(`Bearer ${plane.adminToken}`, stop.signal)).toBe("ok");
  expect(await metrics.judge("Bearer forged", stop.signal)).toBe(401);
});
