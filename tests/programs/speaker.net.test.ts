import { execFileSync } from "node:child_process";
import { chmodSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Router, startRouter, torConfig } from "../../lab/topology/router.ts";
import { Cluster, namespace, type Program } from "./cluster.ts";

/** The speaker as a process, with a real FRR of its own and a real router across a wire. No containers. */

const patience = { timeout: 20_000, interval: 20 };
const [tor, node] = [`msp-${process.pid}-tor`, `msp-${process.pid}-node`];
const ip = (...args: string[]) => execFileSync("ip", args, { encoding: "utf8" });

let cluster: Cluster;
let router: Router;
let frr: Router;
let health = 40_000 + (process.pid % 20_000);

beforeAll(async () => {
  for (const name of [tor, node]) ip("netns", "add", name);
  ip("link", "add", "up0", "netns", node, "type", "veth", "peer", "name", "down0", "netns", tor);
  ip("-n", tor, "addr", "add", "10.0.0.1/24", "dev", "down0");
  ip("-n", node, "addr", "add", "10.0.0.11/24", "dev", "up0");
  for (const [name, device] of [
    [tor, "down0"],
    [node, "up0"],
  ] as const) {
    // A BFD echo comes back by being forwarded.
    ip("netns", "exec", name, "sysctl", "-qw", "net.ipv4.ip_forward=1");
    for (const link of ["lo", device]) ip("-n", name, "link", "set", link, "up");
  }
  cluster = await Cluster.start();
  const runDir = cluster.directory;
  // FRR's daemons run as a user of their own.
  chmodSync(runDir, 0o755);
  const config = torConfig({ asn: 64512, nodeASN: 64513, neighbors: ["10.0.0.11"] });
  router = await startRouter({ name: "tor", netns: tor, runDir, config });
  const empty = "frr defaults traditional\nhostname n1\n";
  frr = await startRouter({ name: "node", netns: node, runDir, config: empty });
  await cluster.plane.api.create(
    { group: "", resource: "nodes" },
    { apiVersion: "v1", kind: "Node", metadata: { name: "n1" } },
  );
  await cluster.pod("speaker-n1");
  await cluster.pod("controller");
});
afterAll(async () => {
  await frr?.stop();
  await router?.stop();
  await cluster?.[Symbol.asyncDispose]();
  for (const name of [tor, node]) ip("netns", "delete", name);
});

function speaker(): Program {
  const args = [`--frr-socket-dir=${join(cluster.directory, "node")}`, `--health-probe-port=${++health}`, "--port=0"];
  return cluster.run("speaker", args, { METALLB_NODE_NAME: "n1", METALLB_POD_NAME: "speaker-n1" });
}

const metallb = (kind: string, name: string, spec: object, version = "v1beta1") => ({
  apiVersion: `metallb.io/${version}`,
  kind,
  metadata: { name, namespace },
  spec,
});

interface RouterPrefix {
  readonly valid?: boolean;
  readonly nexthops?: readonly { readonly ip: string }[];
}
const routes = async (): Promise<string[]> => {
  const table = JSON.parse(await router.vtysh("show bgp ipv4 unicast json")) as {
    routes?: Record<string, RouterPrefix[]>;
  };
  return Object.keys(table.routes ?? {}).sort();
};
interface Neighbor {
  readonly bgpState: string;
  readonly connectionsEstablished: number;
  readonly messageStats: { readonly updatesRecv: number };
}
const neighbor = async (): Promise<Neighbor | undefined> => {
  const text = await router.vtysh("show bgp neighbors 10.0.0.11 json");
  return (JSON.parse(text) as Record<string, Neighbor>)["10.0.0.11"];
};
const ready = async (): Promise<number> =>
  fetch(`http://127.0.0.1:${health}/readyz`).then(
    ({ status }) => status,
    () => 0,
  );
const statuses = () =>
  cluster.plane.api
    .list({ group: "metallb.io", resource: "servicebgpstatuses" }, { namespace })
    .map((object) => object["status"]);

test("from objects to the router's table, and back", async () => {
  const controller = cluster.run(
    "controller",
    [`--health-probe-port=${++health}`, "--port=0", "--webhook-mode=disabled"],
    {
      METALLB_POD_NAME: "controller",
    },
  );
  let running = speaker();
  await cluster.pool("bgp-pool", "10.100.0.0/24");
  const peer = { myASN: 64513, peerASN: 64512, peerAddress: "10.0.0.1", bfdProfile: "fast" };
  await cluster.create("bfdprofiles", metallb("BFDProfile", "fast", { receiveInterval: 300, transmitInterval: 300 }));
  await cluster.create("bgppeers", metallb("BGPPeer", "upstream", peer, "v1beta2"));
  const policy = { ipAddressPools: ["bgp-pool"], communities: ["64512:100"] };
  await cluster.create("bgpadvertisements", metallb("BGPAdvertisement", "adv", policy));
  await cluster.service("web");
  await cluster.slice("web", "n1");

  await expect.poll(routes, patience).toEqual(["10.100.0.0/32"]);
  expect(await router.vtysh("show bgp ipv4 unicast 10.100.0.0/32")).toContain("Community: 64512:100");
  await expect
    .poll(statuses, patience)
    .toEqual([{ node: "n1", serviceName: "web", serviceNamespace: "default", peers: ["upstream"] }]);
  await expect.poll(() => cluster.events("nodeAssigned").length, patience).toBe(1);
  await expect.poll(() => cluster.events("SessionEstablished").length, patience).toBe(1);
  expect(await ready()).toBe(200);
  expect(running.lines()).toContainEqual(
    expect.objectContaining({ msg: "service announced", service: "default/web", peers: ["upstream"] }),
  );

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

test("from a Service to the route in some tens of milliseconds", async () => {
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
  expect(median).toBeLessThan(1_000);
});
