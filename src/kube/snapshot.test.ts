import { afterEach, beforeEach, expect, test } from "vitest";
import { createLog } from "../runtime/log.ts";
import { KubeClient } from "./client.ts";
import { announcedServices } from "./resource.ts";
import { type Part, World } from "./snapshot.ts";
import { status, TestServer } from "./test-server.ts";

const parts: readonly Part[] = ["pools", "services", "endpointSlices", "nodes", "secrets"];
const pools = "/apis/metallb.io/v1beta1/namespaces/metallb-system/ipaddresspools";
const slices = "/apis/discovery.k8s.io/v1/endpointslices";

let server: TestServer;
let client: KubeClient;
let stop: AbortController;
let world: World;
let following: Promise<void>;
let changes = 0;

const slice = (name: string, labels: object) => ({
  metadata: { name, namespace: "default", labels },
  addressType: "IPv4",
  endpoints: [{ addresses: ["10.1.1.1"], nodeName: "n1", conditions: { ready: true }, targetRef: { name: "pod" } }],
});

beforeEach(async () => {
  const started = await TestServer.start();
  server = started.server;
  client = new KubeClient(started.access, "test");
  stop = new AbortController();
  world = new World({ namespace: "metallb-system", parts, changed: () => changes++ });
  server.put(pools, { metadata: { name: "p", namespace: "metallb-system" }, spec: { addresses: ["10.0.0.0/24"] } });
  server.put(slices, slice("web-1", { "kubernetes.io/service-name": "web" }));
  server.put(slices, slice("loose", {}));
  const secrets = "/api/v1/namespaces/metallb-system/secrets";
  server.put(secrets, { metadata: { name: "helm" }, type: "helm.sh/release.v1", data: { release: "much" } });
  server.put(secrets, { metadata: { name: "tor" }, type: "kubernetes.io/basic-auth", data: { password: "cHc=" } });
  server.put("/api/v1/nodes", {
    metadata: { name: "n1" },
    status: { images: ["many"], conditions: [{ type: "NetworkUnavailable", status: "False", lastHeartbeatTime: "1" }] },
  });
});
afterEach(async () => {
  stop.abort();
  await following;
  client[Symbol.dispose]();
  await server.close();
});

function follow(): void {
  following = world.follow(client, createLog("none", "test"), stop.signal);
}

test("the snapshot holds what is watched, reduced to what is read", async () => {
  follow();
  await expect.poll(() => world.synced).toBe(true);
  const snapshot = world.snapshot();
  expect(snapshot.namespace).toBe("metallb-system");
  expect(snapshot.pools.map(({ metadata }) => metadata.name)).toEqual(["p"]);
  expect([...snapshot.endpointSlices.keys()]).toEqual(["default/web"]);
  expect(snapshot.endpointSlices.get("default/web")?.[0]?.endpoints).toEqual([
    { addresses: ["10.1.1.1"], nodeName: "n1", conditions: { ready: true } },
  ]);
  expect(snapshot.nodes[0]?.status).toEqual({ conditions: [{ type: "NetworkUnavailable", status: "False" }] });
  expect(snapshot.secrets.map(({ data }) => data)).toEqual([undefined, { password: "cHc=" }]);
  expect(snapshot.peers).toEqual([]);
});

test("of a slice's endpoints those are kept that differ in what is asked for; of a Service, what a speaker reads", async () => {
  const ready = (address: string, nodeName: string) => ({
    addresses: [address],
    nodeName,
    conditions: { ready: true },
  });
  const many = { "kubernetes.io/service-name": "many", "pod-template": "x" };
  const endpoints = [ready("10.1.1.1", "n1"), ready("10.1.1.2", "n1"), ready("10.1.2.1", "n2")];
  server.put(slices, { ...slice("many-1", many), endpoints });
  server.put("/api/v1/services", {
    metadata: { name: "many", namespace: "default", labels: { app: "x" }, annotations: { mine: "1" } },
    spec: { type: "LoadBalancer", externalTrafficPolicy: "Local", ports: [{ port: 80 }], selector: { app: "x" } },
    status: { conditions: [], loadBalancer: { ingress: [{ ip: "10.0.0.1", ipMode: "VIP" }] } },
  });
  world = new World({ namespace: "metallb-system", parts, changed: () => changes++, services: announcedServices });
  follow();
  await expect.poll(() => world.synced).toBe(true);
  const snapshot = world.snapshot();
  const [kept] = snapshot.endpointSlices.get("default/many") ?? [];
  expect(kept?.endpoints).toEqual([ready("10.1.1.1", "n1"), ready("10.1.2.1", "n2")]);
  expect(kept?.metadata.labels).toEqual({ "kubernetes.io/service-name": "many" });
  const [service] = snapshot.services;
  expect(service?.metadata).toEqual({
    name: "many",
    namespace: "default",
    labels: { app: "x" },
    resourceVersion: expect.any(String),
    uid: expect.any(String),
  });
  expect(service?.spec).toEqual({ type: "LoadBalancer", externalTrafficPolicy: "Local" });
  expect(service?.status).toEqual({ loadBalancer: { ingress: [{ ip: "10.0.0.1" }] } });
});

test("until every kind is listed it is not synced", async () => {
  let refuse = true;
  server.answer = (request, response) => {
    if (!refuse || request.url?.startsWith(pools) !== true) return false;
    status(response, 500, "InternalError");
    return true;
  };
  follow();
  await expect.poll(() => server.watches).toBe(parts.length - 1);
  expect(world.synced).toBe(false);
  refuse = false;
  // It may have been refused often by now, and waits thirty seconds at most.
  await expect.poll(() => world.synced, { timeout: 60_000 }).toBe(true);
});

test("what a watch has not told is read all the same, of every kind", async () => {
  follow();
  await expect.poll(() => server.watches).toBe(parts.length);
  // Dead watches: things happen, and nobody is told.
  const later = { namespace: "metallb-system", resourceVersion: "9000" };
  server.objects.set(`${pools}/q`, { metadata: { ...later, name: "q" }, spec: { addresses: ["10.0.1.0/24"] } });
  server.objects.set("/api/v1/services/web", { metadata: { ...later, name: "web" }, spec: { type: "LoadBalancer" } });
  world.readSince(performance.now());
  expect(world.synced).toBe(false);
  await expect.poll(() => world.synced).toBe(true);
  expect(world.snapshot().services).toHaveLength(1);
  expect(world.snapshot().pools.map(({ metadata }) => metadata.name)).toEqual(["p", "q"]);
});

test("a change of one kind leaves the others' arrays as they were; a heartbeat wakes nobody", async () => {
  follow();
  await expect.poll(() => server.watches).toBe(parts.length);
  const [before, wakeUps] = [world.snapshot(), changes];
  const node = server.objects.get("/api/v1/nodes/n1");
  const conditions = [{ type: "NetworkUnavailable", status: "False", lastHeartbeatTime: "2" }];
  if (node) server.put("/api/v1/nodes", { ...node, status: { conditions } });
  server.put("/api/v1/services", { metadata: { name: "web", namespace: "default" }, spec: { type: "LoadBalancer" } });
  await expect.poll(() => world.snapshot().services.length).toBe(1);
  const after = world.snapshot();
  expect(after.pools).toBe(before.pools);
  expect(after.endpointSlices).toBe(before.endpointSlices);
  expect(after.services).not.toBe(before.services);
  expect(changes).toBe(wakeUps + 1);
});

test("a slice that comes, changes its Service or goes concerns no other Service", async () => {
  server.put(slices, slice("api-1", { "kubernetes.io/service-name": "api" }));
  follow();
  await expect.poll(() => world.synced).toBe(true);
  const names = (service: string) => world.snapshot().endpointSlices.get(`default/${service}`)?.map(nameOf);
  const nameOf = ({ metadata }: { readonly metadata: { readonly name: string } }) => metadata.name;
  const api = world.snapshot().endpointSlices.get("default/api");
  server.put(slices, slice("web-0", { "kubernetes.io/service-name": "web" }));
  await expect.poll(() => names("web")).toEqual(["web-0", "web-1"]);
  server.put(slices, slice("web-1", { "kubernetes.io/service-name": "shop" }));
  await expect.poll(() => names("shop")).toEqual(["web-1"]);
  expect(names("web")).toEqual(["web-0"]);
  server.remove(slices, "web-0");
  await expect.poll(() => names("web")).toBeUndefined();
  expect(world.snapshot().endpointSlices.get("default/api")).toBe(api);
});
