import { afterAll, beforeAll, expect, test } from "vitest";
import { addressesOf, type Cluster, guideObjects, loadBalancer, metallb, startCluster, SYSTEM } from "./cluster.ts";
import { until } from "./until.ts";

/** What the router has when speakers are replaced, and when they leave for good. */

const nodes = ["10.0.0.11", "10.0.0.12"];
let cluster: Cluster;
let prefix: string;

beforeAll(async () => {
  cluster = await startCluster("tend");
  const spec = {
    peerASN: 64512,
    myASN: 64513,
    peerAddress: "10.0.0.1",
    connectTime: "1s",
    enableGracefulRestart: true,
  };
  // Without BFD, which would end with the FRR that it runs in: see docs/sessions.md.
  const peer = metallb("v1beta2", "BGPPeer", "upstream-router", spec);
  const others = guideObjects.filter(
    (object) => !["BGPPeer", "BFDProfile"].includes((object as { kind: string }).kind),
  );
  await cluster.apply(...others, peer);
  await cluster.kubectl("create", "deployment", "nginx", "--image=nginx", "--replicas=2");
  await cluster.apply(loadBalancer("web"));
  prefix = `${(await addressesOf(cluster, "web"))[0]}/32`;
  await until("both nodes announce it", nexthops, (seen) => seen.join() === nodes.join());
});
afterAll(async () => {
  await cluster?.lab.close();
});

const nexthops = async (): Promise<string[]> => (await cluster.paths(prefix)).map(({ nexthop }) => nexthop).toSorted();

/** Prefixes that a node's FRR has told the router. */
async function advertisedBy(node: string): Promise<string[]> {
  const pod = (await cluster.speakerPods()).find((speaker) => speaker.node === node)?.name ?? "";
  const question = "show bgp ipv4 unicast neighbors 10.0.0.1 advertised-routes json";
  const shown = await cluster.kubectl("exec", "-n", SYSTEM, pod, "-c", "frr", "--", "vtysh", "-c", question);
  return Object.keys((JSON.parse(shown) as { advertisedRoutes?: object }).advertisedRoutes ?? {});
}

test("a node with the label that excludes it: its routes are withdrawn, and kubectl can wait for that", async () => {
  const before = await cluster.neighbors();
  expect(await advertisedBy("node1")).toEqual([prefix]);
  const label = "node.kubernetes.io/exclude-from-external-load-balancers";
  await cluster.kubectl("label", "node", "node1", `${label}=`);
  const statuses = ["servicebgpstatuses", "-n", SYSTEM, "-l", "metallb.io/node=node1"];
  await cluster.kubectl("wait", ...statuses, "--for=delete", "--timeout=60s");
  // FRR says so itself; how long the router's own queue takes is the router's affair.
  expect(await advertisedBy("node1")).toEqual([]);
  await until("only the other announces it", nexthops, (seen) => seen.join() === nodes[1]);
  await cluster.kubectl("label", "node", "node1", `${label}-`);
  await until("both nodes announce it again", nexthops, (seen) => seen.join() === nodes.join());
  expect((await cluster.neighbors())[nodes[0] ?? ""]?.connectionsEstablished).toBe(
    before[nodes[0] ?? ""]?.connectionsEstablished,
  );
});

test("a rolling restart of the speakers: the route never leaves the router's table", async () => {
  const before = await cluster.neighbors();
  const seen = new Set<string>();
  let over = false;
  const watching = (async () => {
    while (!over) seen.add((await nexthops()).join());
  })();
  await cluster.kubectl("rollout", "restart", "-n", SYSTEM, "daemonset/metallb-speaker");
  await cluster.kubectl("rollout", "status", "-n", SYSTEM, "daemonset/metallb-speaker", "--timeout=120s");
  await until(
    "both sessions are new, and up",
    () => cluster.neighbors(),
    (now) =>
      nodes.every(
        (node) =>
          now[node]?.established && now[node].connectionsEstablished > (before[node]?.connectionsEstablished ?? 0),
      ),
  );
  over = true;
  await watching;
  expect([...seen]).toEqual([nodes.join()]);
}, 240_000);

test("helm uninstall: the routes are withdrawn before the sessions end, and not kept for a restart", async () => {
  // The chart's CRDs go too, and with them the peer, whose session ends then: held back, so that the speakers are always asked to end
  // before.
  const held = JSON.stringify({ metadata: { finalizers: ["example.com/held"] } });
  await cluster.kubectl("patch", "bgppeer", "upstream-router", "-n", SYSTEM, "--type=merge", "-p", held);
  const before = await cluster.neighbors();
  const started = performance.now();
  await cluster.lab.run("helm", "uninstall", "metallb", "-n", SYSTEM);
  await until("the route is gone", nexthops, (seen) => seen.length === 0, 20);
  console.log(`helm uninstall: the router's table is empty after ${(performance.now() - started).toFixed(0)} ms`);
  const after = await until(
    "the sessions have ended",
    () => cluster.neighbors(),
    (now) => nodes.every((node) => now[node]?.established === false),
  );
  for (const node of nodes) {
    const updates = (after[node]?.updatesReceived ?? 0) - (before[node]?.updatesReceived ?? 0);
    expect(updates, `UPDATEs from ${node}, last reset: ${after[node]?.lastReset}`).toBe(1);
  }
  await until(
    "the pods are gone",
    () => cluster.kubectl("get", "pods", "-n", SYSTEM, "-l", "component=speaker", "-o", "name"),
    (text) => text.trim() === "",
    60,
  );
});
