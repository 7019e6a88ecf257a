import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { ApiObject } from "../../lab/control-plane/types.ts";
import { createAuthority, issueCertificate } from "../../src/runtime/authority.ts";
import { Cluster, namespace } from "./cluster.ts";

/** A controller process: what it waits for, what ends others' waiting, and what comes too late. */

const services = { group: "", resource: "services" };
const patience = { timeout: 30_000, interval: 20 };

let cluster: Cluster;
/** Each run takes ports of its own, below those that the kernel gives to whoever connects (ip_local_port_range). */
let ports = 20_000 + (process.pid % 10_000);

beforeEach(async () => {
  cluster = await Cluster.start();
});
afterEach(async () => {
  await cluster[Symbol.asyncDispose]();
});

async function controller(name: string, ...rest: string[]) {
  await cluster.pod(name);
  const health = ports++;
  // The webhooks' port is fixed, and replicas of this test share one host.
  const webhooks = rest.length > 0 ? rest : ["--webhook-mode=disabled"];
  const args = [`--health-probe-port=${health}`, "--port=0", ...webhooks];
  return { program: cluster.run("controller", args, { METALLB_POD_NAME: name }), health };
}

/** What a probe says. */
const said = (port: number, path: string): Promise<string> =>
  fetch(`http://127.0.0.1:${port}${path}`).then(
    (response) => response.text(),
    () => "",
  );

const result = () =>
  (cluster.get("configurationstates", "controller")?.["status"] as { result?: string } | undefined)?.result;

test("a write that is under way when its leader loses the Lease comes too late to change anything", async () => {
  const held = Promise.withResolvers<void>();
  const writes: string[] = [];
  await cluster[Symbol.asyncDispose]();
  cluster = await Cluster.start(async ({ subresource, name, object }) => {
    if (subresource !== "status" || object?.["kind"] !== "Service") return { object, warnings: [] };
    writes.push(name);
    // As in a webhook that takes its time: the first leader's only write.
    if (writes.length === 1) await held.promise;
    return { object, warnings: [] };
  });
  const first = await controller("c1");
  await cluster.pool("p", "10.100.0.0/24");
  await cluster.service("a");
  await expect.poll(() => writes, patience).toEqual(["a"]);
  first.program.process.kill("SIGSTOP");
  await controller("c2");
  // The second one knows nothing of that write, and others come.
  await expect.poll(() => cluster.addresses("a"), patience).toEqual(["10.100.0.0"]);
  await cluster.service("b");
  await expect.poll(() => cluster.addresses("b"), patience).toEqual(["10.100.0.1"]);
  const version = () => cluster.plane.api.get(services, "default", "a")?.metadata.resourceVersion;
  const before = version();
  held.resolve();
  first.program.process.kill("SIGCONT");
  const ended = () => first.program.lines().filter(({ msg }) => msg === "no longer leader").length;
  await expect.poll(ended, patience).toBe(1);
  await cluster.service("c");
  await expect.poll(() => cluster.addresses("c"), patience).toEqual(["10.100.0.2"]);
  expect([version(), cluster.addresses("a"), cluster.addresses("b")]).toEqual([before, ["10.100.0.0"], ["10.100.0.1"]]);
});

test("while pools can't be read nothing is taken away, and the controller is not ready", async () => {
  const [refusals, writes]: [string[], string[]] = [[], []];
  let isRefusing = true;
  await cluster[Symbol.asyncDispose]();
  cluster = await Cluster.start(undefined, ({ verb, resource, subresource }) => {
    if (resource === "services" && subresource === "status") writes.push(verb);
    const allowed = !isRefusing || resource !== "ipaddresspools";
    if (!allowed) refusals.push(verb);
    return { allowed, reason: "for the test" };
  });
  await cluster.pool("p", "10.100.0.0/24");
  await cluster.service("web");
  const mark = { metadata: { annotations: { "metallb.io/ip-allocated-from-pool": "p" } } };
  const status = { status: { loadBalancer: { ingress: [{ ip: "10.100.0.7" }] } } };
  await cluster.plane.api.patch(services, "default", "web", { ...mark, ...status }, { subresource: "status" });
  const { health } = await controller("c1");
  await expect.poll(() => refusals.length, patience).toBeGreaterThan(1);
  expect(await said(health, "/readyz")).toBe("waiting for the API server's objects\n");
  expect(await said(health, "/healthz")).toBe("ok\n");
  expect([cluster.addresses("web"), writes]).toEqual([["10.100.0.7"], []]);
  isRefusing = false;
  await expect.poll(() => said(health, "/readyz"), patience).toBe("ok\n");
  await cluster.service("next");
  await expect.poll(() => cluster.addresses("next"), patience).toEqual(["10.100.0.0"]);
  expect([cluster.addresses("web"), writes]).toEqual([["10.100.0.7"], ["patch"]]);
});

test("it is ready when its webhooks answer, and not before", async () => {
  const certDir = join(cluster.directory, "certificate");
  mkdirSync(certDir);
  const { health } = await controller("c1", "--disable-cert-rotation", `--cert-dir=${certDir}`);
  await cluster.pool("p", "10.100.0.0/24");
  await cluster.service("web");
  await expect.poll(() => cluster.addresses("web"), patience).toEqual(["10.100.0.0"]);
  expect(await said(health, "/readyz")).toBe("waiting for the webhooks' certificate\n");
  const authority = await createAuthority(new Date());
  const pair = await issueCertificate(authority, `metallb-webhook-service.${namespace}.svc`, new Date());
  writeFileSync(join(certDir, "tls.crt"), pair.cert);
  writeFileSync(join(certDir, "tls.key"), pair.key);
  await expect.poll(() => said(health, "/readyz"), patience).toBe("ok\n");
});

test("a ConfigurationState that somebody deletes is there again", async () => {
  await controller("c1");
  await expect.poll(result, patience).toBe("Valid");
  const uid = cluster.get("configurationstates", "controller")?.metadata.uid;
  await cluster.plane.api.delete({ group: "metallb.io", resource: "configurationstates" }, namespace, "controller");
  await expect.poll(result, patience).toBe("Valid");
  expect(cluster.get("configurationstates", "controller")?.metadata.uid).not.toBe(uid);
});

/** What a Service may wait for, and what ends its waiting: `setup` leaves "waits" without an address. */
const waits: readonly (readonly [string, () => Promise<unknown>, () => Promise<unknown>])[] = [
  ["a pool comes", () => cluster.service("waits"), () => cluster.pool("p", "10.100.0.7/32")],
  ["a pool is extended", () => full(), () => patchPool({ spec: { addresses: ["10.100.0.7/32", "10.100.0.9/32"] } })],
  [
    "a pool is for automatic assignment again",
    () => poolWith({ autoAssign: false }).then(() => cluster.service("waits")),
    () => patchPool({ spec: { autoAssign: true } }),
  ],
  [
    "its namespace gets a label",
    () => poolWith({ serviceAllocation: { namespaceSelectors: [forWeb] } }).then(() => cluster.service("waits")),
    () => cluster.plane.api.patch({ group: "", resource: "namespaces" }, undefined, "default", labelled),
  ],
  [
    "it gets a label itself",
    () => poolWith({ serviceAllocation: { serviceSelectors: [forWeb] } }).then(() => cluster.service("waits")),
    () => change("waits", labelled),
  ],
  ["another is deleted", () => full(), () => cluster.plane.api.delete(services, "default", "has")],
  ["another is no LoadBalancer any more", () => full(), () => change("has", { spec: { type: "ClusterIP" } })],
  [
    "another moves to an address that it asks for",
    () =>
      cluster
        .pool("p", "10.100.0.7-10.100.0.8")
        .then(() => given("has"))
        .then(() => cluster.service("waits", { loadBalancerIP: "10.100.0.7" })),
    () => change("has", { spec: { loadBalancerIP: "10.100.0.8" } }),
  ],
  ["another drops a port on a shared address", () => fullOf(sharing(80, 443)), () => change("has", sharing(443))],
  ["another takes the same sharing key", () => fullOf({ spec: sharing(443).spec }), () => change("has", sharing(443))],
];
const forWeb = { matchLabels: { app: "web" } };
const labelled = { metadata: { labels: { app: "web" } } };
const sharing = (...ports: number[]) => ({
  metadata: { annotations: { "metallb.io/allow-shared-ip": "k" } },
  spec: { ports: ports.map((port) => ({ name: `p${port}`, port, protocol: "TCP" })) },
});
const change = (name: string, patch: object) => cluster.plane.api.patch(services, "default", name, patch);
const patchPool = (patch: object) =>
  cluster.plane.api.patch({ group: "metallb.io", resource: "ipaddresspools" }, namespace, "p", patch);
const poolWith = (rest: object) =>
  cluster.create("ipaddresspools", {
    apiVersion: "metallb.io/v1beta1",
    kind: "IPAddressPool",
    metadata: { name: "p", namespace },
    spec: { addresses: ["10.100.0.7/32"], ...rest },
  });

async function given(name: string): Promise<void> {
  await cluster.service(name);
  await expect.poll(() => cluster.addresses(name), patience).toHaveLength(1);
}

/** "has" holds the only address. */
async function full(): Promise<void> {
  await cluster.pool("p", "10.100.0.7/32");
  await given("has");
  await cluster.service("waits");
}

/** The same, with what `has` and `waits` say about ports and sharing. */
async function fullOf(terms: object): Promise<void> {
  await full();
  await change("has", terms);
  await change("waits", sharing(80));
}

test.each(waits)("who waits is served when %s", async (_, setup, cause) => {
  await controller("c1");
  await setup();
  const refused = () => [...cluster.events("AllocationFailed")].filter((event) => nameIn(event) === "waits").length;
  await expect.poll(refused, patience).toBeGreaterThan(0);
  expect(cluster.addresses("waits")).toEqual([]);
  await cause();
  await expect.poll(() => cluster.addresses("waits"), patience).toHaveLength(1);
});

const nameIn = (event: ApiObject) => (event["involvedObject"] as { name?: string }).name;
