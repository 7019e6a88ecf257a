import { afterEach, beforeEach, expect, test } from "vitest";
import { ApiStatusError } from "../../lab/control-plane/types.ts";
import { Cluster, namespace, type Program } from "./cluster.ts";
import { freePort } from "./ports.ts";
import { metricsOf, probe } from "./scrape.ts";

const patience = { timeout: 60_000, interval: 20 };

const services = { group: "", resource: "services" };

let cluster: Cluster;

beforeEach(async () => {
  cluster = await Cluster.start();
});
afterEach(async () => {
  await cluster[Symbol.asyncDispose]();
});

async function controller(name: string) {
  await cluster.pod(name);
  const [health, metrics] = [freePort(), freePort()];
  // The webhooks' port is fixed, and replicas of this test share one host.
  const args = [`--health-probe-port=${health}`, `--port=${metrics}`, "--webhook-mode=disabled"];
  const program = cluster.run("controller", args, { METALLB_POD_NAME: name });
  return { program, health, metrics };
}

/** Who leads; nobody after a leader has given the Lease back. */
const holder = () =>
  (
    cluster.plane.api.get({ group: "coordination.k8s.io", resource: "leases" }, namespace, "metallb-controller")?.[
      "spec"
    ] as { holderIdentity?: string } | undefined
  )?.holderIdentity ?? "";

/** How many terms of a controller have ended. */
const ended = (program: Program) => program.lines().filter(({ msg }) => msg === "no longer leader").length;

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
  await expect
    .poll(() => program.lines(), patience)
    .toContainEqual(expect.objectContaining({ level: "info", event: "IPAllocated", object: "default/web" }));
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
  const { metrics } = await controller("c1");
  await cluster.pool("one", "10.100.0.7/32");
  await cluster.service("first");
  await expect.poll(() => cluster.addresses("first"), patience).toEqual(["10.100.0.7"]);
  await cluster.service("second");
  await expect.poll(() => cluster.events("AllocationFailed").length, patience).toBe(1);
  const scraped = (await metricsOf(metrics, cluster.plane.adminToken)).text;
  expect(scraped).toMatch(/^metallb_k8s_client_update_errors_total [1-9]/m);
  await cluster.plane.api.delete(services, "default", "first");
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
  expect(holder()).toBe("c2");
});

/** Addresses that no pool can have; the webhook is not there to say so. */
const spoil = (name: string) => {
  const pools = { group: "metallb.io", resource: "ipaddresspools" };
  return cluster.plane.api.patch(pools, namespace, name, { spec: { addresses: ["10.100.0.0/33"] } });
};

test("a pool that becomes wrong costs nothing: not when its leader loses the Lease for a moment, nor when another follows", async () => {
  const first = await controller("c1");
  await cluster.pool("p", "10.100.0.0/24");
  await cluster.service("web");
  await expect.poll(() => cluster.addresses("web"), patience).toEqual(["10.100.0.0"]);
  const second = await controller("c2");
  // Who doesn't lead knows as much, and says it to whoever watches for controllers without a configuration.
  const scraped = async ({ metrics }: typeof first) =>
    (await metricsOf(metrics, cluster.plane.adminToken).catch(() => undefined))?.text;
  for (const each of [first, second]) {
    await expect.poll(() => scraped(each), patience).toMatch(/^metallb_k8s_client_config_loaded_bool 1$/m);
  }
  await spoil("p");
  await expect.poll(result, patience).toBe("Invalid");
  for (const each of [first, second]) {
    await expect.poll(() => scraped(each), patience).toMatch(/^metallb_k8s_client_config_stale_bool 1$/m);
  }

  first.program.process.kill("SIGKILL");
  await cluster.service("b");
  await expect.poll(() => cluster.addresses("b"), patience).toEqual(["10.100.0.1"]);
  const terms = () => second.program.lines().filter(({ msg }) => msg === "became leader").length;
  expect(terms()).toBe(1);
  second.program.process.kill("SIGSTOP");
  await new Promise((resolve) => setTimeout(resolve, 3_000));
  second.program.process.kill("SIGCONT");
  await expect.poll(terms, patience).toBe(2);
  await cluster.service("c");
  await expect.poll(() => cluster.addresses("c"), patience).toEqual(["10.100.0.2"]);

  // A process that never saw it right gives nothing of it, and takes nothing away.
  second.program.process.kill("SIGKILL");
  await controller("c3");
  await cluster.service("d");
  const why = () => cluster.events("AllocationFailed").map((event) => event["message"]);
  const cause = 'no available IPs: pool "p" is not in force: its spec is refused';
  await expect.poll(why, patience).toEqual([`Failed to allocate IP for "default/d": ${cause}`]);
  const names = ["web", "b", "c"];
  expect(names.flatMap((name) => cluster.addresses(name))).toEqual(["10.100.0.0", "10.100.0.1", "10.100.0.2"]);
  expect(cluster.events("ClearAssignment")).toEqual([]);
});

test("a pool that is split, renamed or moved by several writes costs no Service its address", async () => {
  await controller("c1");
  const pools = { group: "metallb.io", resource: "ipaddresspools" };
  const remove = (name: string) => cluster.plane.api.delete(pools, namespace, name);
  // As long as it takes `kubectl apply` to get from one to the next.
  const pause = () => new Promise((resolve) => setTimeout(resolve, 300));
  await cluster.pool("a", "10.100.0.0/24");
  await cluster.pool("other", "10.200.0.0/24");
  await cluster.service("web", { loadBalancerIP: "10.100.0.200" });
  await expect.poll(() => cluster.addresses("web"), patience).toEqual(["10.100.0.200"]);
  await cluster.plane.api.patch(services, "default", "web", { spec: { loadBalancerIP: null } });

  await cluster.plane.api.patch(pools, namespace, "a", { spec: { addresses: ["10.100.0.0/25"] } });
  await pause();
  await cluster.pool("b", "10.100.0.128/25");
  const mark = () =>
    cluster.plane.api.get(services, "default", "web")?.metadata.annotations?.["metallb.io/ip-allocated-from-pool"];
  await expect.poll(mark, patience).toBe("b");
  await remove("b");
  await pause();
  await cluster.pool("c", "10.100.0.128/25");
  await expect.poll(mark, patience).toBe("c");
  expect(cluster.addresses("web")).toEqual(["10.100.0.200"]);
  expect(cluster.events("ClearAssignment")).toEqual([]);

  // Gone for good, it goes.
  await remove("c");
  await expect.poll(() => cluster.addresses("web"), patience).toEqual(["10.100.0.0"]);
});

test("a controller that may not ask for the Lease is not ready", async () => {
  await cluster[Symbol.asyncDispose]();
  let isRefusing = true;
  cluster = await Cluster.start(undefined, ({ resource }) => ({
    allowed: !isRefusing || resource !== "leases",
    reason: "for the test",
  }));
  const { health, program } = await controller("c1");
  const refused = () => program.lines().filter(({ msg }) => msg === "could not take or renew the lease").length;
  await expect.poll(refused, patience).toBeGreaterThan(1);
  expect(await probe(health, "/readyz")).toMatchObject({
    status: 503,
    text: "waiting for an answer about the Lease metallb-controller\n",
  });
  isRefusing = false;
  await expect.poll(async () => (await probe(health, "/readyz"))?.text, patience).toBe("ok\n");
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

  // On a machine that gave it no turn for two seconds the first may have lost the Lease already.
  await expect.poll(holder, patience).toMatch(/^c[12]$/);
  const leader = holder() === "c1" ? first.program : second.program;
  const terms = ended(leader);
  leader.process.kill("SIGSTOP");
  const names = ["a", "b", "c"];
  // These wait in the stopped one's sockets, for a turn that it must not act on.
  for (const name of names) await cluster.service(name);
  const given = () => names.map((name) => cluster.addresses(name));
  await expect.poll(given, patience).toEqual([["10.100.0.1"], ["10.100.0.2"], ["10.100.0.3"]]);

  leader.process.kill("SIGCONT");
  await expect.poll(() => ended(leader), patience).toBeGreaterThan(terms);
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
  await expect.poll(() => cluster.addresses("later"), patience).toEqual(["10.100.0.1"]);
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
