import { afterEach, beforeEach, expect, test } from "vitest";
import { ApiStatusError } from "../../lab/control-plane/types.ts";
import { Cluster, namespace } from "./cluster.ts";
import { metricsOf, probe } from "./scrape.ts";

const patience = { timeout: 10_000, interval: 20 };

let cluster: Cluster;
/** Each run takes ports of its own, below those that the kernel gives to whoever connects (ip_local_port_range). */
let ports = 20_000 + (process.pid % 10_000);

beforeEach(async () => {
  cluster = await Cluster.start();
});
afterEach(async () => {
  await cluster[Symbol.asyncDispose]();
});

async function controller(name: string) {
  await cluster.pod(name);
  const [health, metrics] = [ports++, ports++];
  // The webhooks' port is fixed, and replicas of this test share one host.
  const args = [`--health-probe-port=${health}`, `--port=${metrics}`, "--webhook-mode=disabled"];
  const program = cluster.run("controller", args, { METALLB_POD_NAME: name });
  return { program, health, metrics };
}

const result = () =>
  (cluster.get("configurationstates", "controller")?.["status"] as { result?: string } | undefined)?.result;

test("a Service gets an address; pool, state, event, log and metrics say so", async () => {
  const { program, health, metrics } = await controller("c1");
  await cluster.pool("bgp-pool", "10.100.0.0/24");
  await cluster.service("web");
  await expect.poll(() => cluster.addresses("web"), patience).toEqual(["10.100.0.0"]);
  await expect
    .poll(() => cluster.get("ipaddresspools", "bgp-pool")?.["status"], patience)
    .toMatchObject({
      assignedIPv4: 1,
      availableIPv4: 255,
    });
  await expect.poll(result, patience).toBe("Valid");
  await expect.poll(() => cluster.events("IPAllocated").length, patience).toBe(1);
  expect(cluster.events("IPAllocated")[0]).toMatchObject({
    message: 'Assigned IP ["10.100.0.0"]',
    source: { component: "metallb-controller" },
    involvedObject: { kind: "Service", name: "web", namespace: "default" },
  });
  expect(program.lines()).toContainEqual(
    expect.objectContaining({ level: "info", event: "IPAllocated", object: "default/web" }),
  );
  expect((await probe(health, "/readyz"))?.status).toBe(200);
  const scraped = await metricsOf(metrics, cluster.plane.adminToken);
  expect(scraped.text).toContain('metallb_allocator_addresses_in_use_total{pool="bgp-pool"} 1');
  expect(scraped.text).toContain("metallb_k8s_client_config_stale_bool 0");
  expect((await metricsOf(metrics, "forged")).status).toBe(401);
});

test("a pool that overlaps another is refused in words, and the other goes on", async () => {
  await controller("c1");
  await cluster.pool("a", "10.100.0.0/24");
  await cluster.service("web");
  await expect.poll(() => cluster.addresses("web"), patience).toEqual(["10.100.0.0"]);
  await cluster.pool("b", "10.100.0.128/25");
  await expect.poll(result, patience).toBe("Invalid");
  expect(cluster.addresses("web")).toEqual(["10.100.0.0"]);
  await expect.poll(() => cluster.events("ConfigurationError").length, patience).toBe(1);
});

test("an address is free once its Service is gone, and whoever waited for it gets it", async () => {
  await controller("c1");
  await cluster.pool("one", "10.100.0.7/32");
  await cluster.service("first");
  await expect.poll(() => cluster.addresses("first"), patience).toEqual(["10.100.0.7"]);
  await cluster.service("second");
  await expect.poll(() => cluster.events("AllocationFailed").length, patience).toBe(1);
  await cluster.plane.api.delete({ group: "", resource: "services" }, "default", "first");
  await expect.poll(() => cluster.addresses("second"), patience).toEqual(["10.100.0.7"]);
});

test("of two replicas one works; when it ends, the other does, and assignments stay", async () => {
  const first = await controller("c1");
  await cluster.pool("p", "10.100.0.0/24");
  await cluster.service("web");
  await expect.poll(() => cluster.addresses("web"), patience).toEqual(["10.100.0.0"]);
  const second = await controller("c2");
  await expect.poll(async () => (await probe(second.health, "/readyz"))?.status, patience).toBe(200);
  first.program.process.kill("SIGTERM");
  expect(await first.program.ended).toBe(0);
  await cluster.service("later");
  await expect.poll(() => cluster.addresses("later"), patience).toEqual(["10.100.0.1"]);
  expect(cluster.addresses("web")).toEqual(["10.100.0.0"]);
  const lease = { group: "coordination.k8s.io", resource: "leases" };
  expect(cluster.plane.api.get(lease, namespace, "metallb-controller")?.["spec"]).toMatchObject({
    holderIdentity: "c2",
  });
});

test("a leader that was stopped and has lost its Lease writes nothing when it goes on", async () => {
  const writes: string[] = [];
  await cluster[Symbol.asyncDispose]();
  cluster = await Cluster.start(async ({ subresource, name, object }) => {
    if (subresource === "status" && object?.["kind"] === "Service") writes.push(name);
    return { object, warnings: [] };
  });
  const first = await controller("c1");
  await cluster.pool("p", "10.100.0.0/24");
  await cluster.service("web");
  await expect.poll(() => cluster.addresses("web"), patience).toEqual(["10.100.0.0"]);
  const second = await controller("c2");
  await expect.poll(async () => (await probe(second.health, "/readyz"))?.status, patience).toBe(200);

  first.program.process.kill("SIGSTOP");
  const names = ["a", "b", "c"];
  // These wait in the first one's sockets, for a turn that it must not act on.
  for (const name of names) await cluster.service(name);
  const given = () => names.map((name) => cluster.addresses(name));
  await expect.poll(given, patience).toEqual([["10.100.0.1"], ["10.100.0.2"], ["10.100.0.3"]]);

  first.program.process.kill("SIGCONT");
  const ended = () => first.program.lines().filter(({ msg }) => msg === "no longer leader").length;
  await expect.poll(ended, patience).toBe(1);
  await cluster.service("later");
  await expect.poll(() => cluster.addresses("later"), patience).toEqual(["10.100.0.4"]);
  expect(writes).toEqual(["web", ...names, "later"]);
  expect(given()).toEqual([["10.100.0.1"], ["10.100.0.2"], ["10.100.0.3"]]);
});

test("the API server is gone: probes say since when and still say yes, and it goes on afterwards", async () => {
  await cluster[Symbol.asyncDispose]();
  cluster = await Cluster.startLasting();
  const { program, health } = await controller("c1");
  await cluster.pool("p", "10.100.0.0/24");
  await cluster.service("web");
  await expect.poll(() => cluster.addresses("web"), patience).toEqual(["10.100.0.0"]);
  await cluster.stopServer();
  const away = /^ok\nAPI server not reached since \S+Z\n$/;
  for (const path of ["/readyz", "/healthz"]) {
    await expect.poll(async () => (await probe(health, path))?.text, patience).toMatch(away);
  }
  const said = () => program.lines().filter(({ msg }) => String(msg).startsWith("the API server does not answer"));
  await expect.poll(() => said().length, patience).toBe(1);
  await cluster.startServer();
  await expect.poll(async () => (await probe(health, "/readyz"))?.text, patience).toBe("ok\n");
  await cluster.service("later");
  await expect.poll(() => cluster.addresses("later"), { ...patience, timeout: 30_000 }).toEqual(["10.100.0.1"]);
  expect(cluster.addresses("web")).toEqual(["10.100.0.0"]);
  expect(said().length).toBe(1);
});

test("one Service whose status can't be written delays no other", async () => {
  let refusals = 0;
  await cluster[Symbol.asyncDispose]();
  cluster = await Cluster.start(async ({ subresource, name, object }) => {
    if (subresource === "status" && name === "broken") {
      refusals++;
      throw new ApiStatusError(403, "Forbidden", "admission webhook denied the request");
    }
    return { object, warnings: [] };
  });
  await controller("c1");
  await cluster.pool("p", "10.100.0.0/24");
  await cluster.service("broken");
  await expect.poll(() => refusals, patience).toBeGreaterThan(0);
  const names = Array.from({ length: 30 }, (_, i) => `s${i}`);
  for (const name of names) await cluster.service(name);
  await expect.poll(() => names.filter((name) => cluster.addresses(name).length === 1), patience).toEqual(names);
  expect(new Set(names.map((name) => cluster.addresses(name)[0])).size).toBe(30);
  // The one that waits holds its address meanwhile: nobody else was given the first.
  expect(names.some((name) => cluster.addresses(name)[0] === "10.100.0.0")).toBe(false);
});

test("a start that can't succeed is one line", async () => {
  const program = cluster.run("controller", ["--prot=1"], { METALLB_POD_NAME: "c1" });
  expect(await program.ended).toBe(1);
  expect(program.stderr()).toBe("unknown flag --prot\n");
  const native = cluster.run("controller", [], { METALLB_POD_NAME: "c1", METALLB_BGP_TYPE: "native" });
  expect(await native.ended).toBe(1);
  expect(native.stderr()).toBe('METALLB_BGP_TYPE is "native": only "frr" is supported\n');
});
