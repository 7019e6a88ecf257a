import { afterAll, beforeAll, expect, test } from "vitest";
import { type Cluster, namespace, type Program } from "./cluster.ts";
import { freePort } from "./ports.ts";
import { metallb, WiredNode } from "./wired-node.ts";

/** The speaker as a process, with a real FRR of its own and a real router across a wire. No containers. */

const patience = { timeout: 60_000, interval: 20 };

let wired: WiredNode;
let cluster: Cluster;
let running: Program;

beforeAll(async () => {
  wired = await WiredNode.start();
  ({ cluster } = wired);
});
afterAll(async () => {
  await wired?.[Symbol.asyncDispose]();
});

const speaker = () => wired.speaker();
const routes = () => wired.routes();
const neighbor = () => wired.neighbor();
const ready = () => wired.ready();
const statuses = () =>
  cluster.plane.api
    .list({ group: "metallb.io", resource: "servicebgpstatuses" }, { namespace })
    .map((object) => object["status"]);

test("from objects to the router's table, and back", async () => {
  const controller = cluster.run(
    "controller",
    [`--health-probe-port=${freePort()}`, "--port=0", "--webhook-mode=disabled"],
    { METALLB_POD_NAME: "controller" },
  );
  running = speaker();
  await cluster.pool("bgp-pool", "10.100.0.0/24");
  const peer = { myASN: 64513, peerASN: 64512, peerAddress: "10.0.0.1", bfdProfile: "fast" };
  // No end of the session when this machine lets a daemon wait for some seconds.
  const calm = { receiveInterval: 3_000, transmitInterval: 1_000, detectMultiplier: 10 };
  await cluster.create("bfdprofiles", metallb("BFDProfile", "fast", calm));
  await cluster.create("bgppeers", metallb("BGPPeer", "upstream", peer, "v1beta2"));
  const policy = { ipAddressPools: ["bgp-pool"], communities: ["64512:100"] };
  await cluster.create("bgpadvertisements", metallb("BGPAdvertisement", "adv", policy));
  await cluster.service("web");
  await cluster.slice("web", "n1");

  await expect.poll(routes, patience).toEqual(["10.100.0.0/32"]);
  expect(await wired.router.vtysh("show bgp ipv4 unicast 10.100.0.0/32")).toContain("Community: 64512:100");
  await expect
    .poll(statuses, patience)
    .toEqual([{ node: "n1", serviceName: "web", serviceNamespace: "default", peers: ["upstream"] }]);
  await expect.poll(() => cluster.events("nodeAssigned").length, patience).toBe(1);
  await expect.poll(() => cluster.events("SessionEstablished").length, patience).toBe(1);
  expect(await ready()).toBe(200);
  expect(running.lines()).toContainEqual(
    expect.objectContaining({ msg: "service announced", service: "default/web", peers: ["upstream"] }),
  );

  await expect.poll(() => wired.isQuiet(), patience).toBe(true);
  // Killed, or asked to end: FRR forwards on, and the next speaker has nothing to say to it.
  for (const signal of ["SIGKILL", "SIGTERM"] as const) {
    const before = await neighbor();
    running.process.kill(signal);
    await running.ended;
    expect(await routes()).toEqual(["10.100.0.0/32"]);
    running = speaker();
    await expect.poll(ready, patience).toBe(200);
    const after = await neighbor();
    expect(after).toMatchObject({
      bgpState: "Established",
      connectionsEstablished: before?.connectionsEstablished,
      messageStats: { updatesRecv: before?.messageStats.updatesRecv },
    });
  }
  expect(cluster.events("nodeAssigned").map((event) => event["count"])).toEqual([1]);

  // No endpoint that could answer: withdrawn, with the reason.
  await cluster.plane.api.delete({ group: "discovery.k8s.io", resource: "endpointslices" }, "default", "web-1");
  await expect.poll(routes, patience).toEqual([]);
  await expect.poll(statuses, patience).toEqual([]);
  expect(running.lines()).toContainEqual(
    expect.objectContaining({ msg: "service withdrawn", service: "default/web", reason: "noEndpoints" }),
  );
  await cluster.slice("web", "n1");
  await expect.poll(routes, patience).toEqual(["10.100.0.0/32"]);

  const unexpected = [...controller.lines(), ...running.lines()].filter(({ level }) => level === "error");
  expect(unexpected).toEqual([]);
});

test("a speaker that starts again keeps what went wrong in the meantime at its last good value", async () => {
  const before = await neighbor();
  await cluster.plane.api.delete({ group: "metallb.io", resource: "bfdprofiles" }, namespace, "fast");
  await expect.poll(() => cluster.events("ConfigurationError").length, patience).toBe(1);
  running.process.kill("SIGKILL");
  await running.ended;
  running = speaker();
  await expect.poll(ready, patience).toBe(200);
  expect(await routes()).toEqual(["10.100.0.0/32"]);
  expect(await neighbor()).toMatchObject({
    bgpState: "Established",
    connectionsEstablished: before?.connectionsEstablished,
    messageStats: { updatesRecv: before?.messageStats.updatesRecv },
  });
});

// How soon is for `make bench` to say; here it is told. None waits for the speaker's next look, which is half a minute later.
test("from a Service to the route at once", async () => {
  const times: number[] = [];
  for (let i = 0; i < 5; i++) {
    await cluster.slice(`quick${i}`, "n1");
    const start = performance.now();
    await cluster.service(`quick${i}`);
    const prefix = `10.100.0.${i + 1}/32`;
    await expect.poll(routes, { timeout: 10_000, interval: 5 }).toContain(prefix);
    times.push(performance.now() - start);
  }
  const median = times.toSorted((a, b) => a - b)[2] ?? Number.POSITIVE_INFINITY;
  console.log(`Service to route, median of 5: ${median.toFixed(0)} ms, including vtysh's own start`);
});

const turns = async (): Promise<number> =>
  Number((await wired.metrics("metallb_k8s_client_updates_total"))[0]?.split(" ").at(-1));

test("a pool that is split by several writes: the router hears nothing; one that goes for good takes its routes with it", async () => {
  const pools = { group: "metallb.io", resource: "ipaddresspools" };
  const policies = { group: "metallb.io", resource: "bgpadvertisements" };
  const { api } = cluster.plane;
  const had = await routes();
  const before = await neighbor();
  const seen = await turns();
  await api.patch(pools, namespace, "bgp-pool", { spec: { addresses: ["10.100.0.128/25"] } });
  await expect.poll(turns, patience).toBeGreaterThan(seen);
  await cluster.pool("rest", "10.100.0.0/25");
  await api.patch(policies, namespace, "adv", { spec: { ipAddressPools: ["bgp-pool", "rest"] } });
  await cluster.slice("later", "n1");
  await cluster.service("later");
  await expect.poll(routes, patience).toEqual([...had, "10.100.0.128/32"].sort());
  expect(await neighbor()).toMatchObject({
    connectionsEstablished: before?.connectionsEstablished,
    messageStats: { updatesRecv: Number(before?.messageStats.updatesRecv) + 1 },
  });

  await api.delete(pools, namespace, "rest");
  await expect.poll(routes, patience).toEqual(["10.100.0.128/32", ...had.map((_, i) => `10.100.0.${129 + i}/32`)]);
});
