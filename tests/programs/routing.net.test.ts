import { afterAll, beforeAll, expect, test } from "vitest";
import { configureRouter, Frr } from "../network/frr.ts";
import { eventually, Network } from "../network/network.ts";
import { Recorder } from "../network/recorder.ts";
import { Cluster, namespace, type Program } from "./cluster.ts";
import { freePort } from "./ports.ts";

/** A speaker, a real FRR and a router: what FRR refuses is read on its object, and what becomes of the routes when the speaker ends. */

const neighbor = "10.0.1.2";
const apps = { group: "apps", resource: "daemonsets" };
const held = new AsyncDisposableStack();
let cluster: Cluster;
let node: Frr;
let router: Frr;
let recorder: Recorder;
let running: Program;
let health = 0;

beforeAll(async () => {
  const network = held.use(new Network("lv-", 1));
  node = await Frr.start(network, "node");
  router = await Frr.start(network, "router1");
  await configureRouter(router, [{ address: neighbor, families: ["ipv4"] }]);
  recorder = new Recorder(router);
  cluster = held.use(await Cluster.start());
  const meta = { apiVersion: "metallb.io/v1beta1", metadata: { name: "all", namespace } };
  const peer = { myASN: 64513, peerASN: 64512, peerAddress: "10.0.1.1", connectTime: "1s" };
  await cluster.plane.api.create(
    { group: "", resource: "nodes" },
    { apiVersion: "v1", kind: "Node", metadata: { name: "n1" } },
  );
  await cluster.pool("pool", "10.100.0.0/24");
  await cluster.create("bgpadvertisements", { ...meta, kind: "BGPAdvertisement", spec: {} });
  await cluster.create("bgppeers", { ...meta, apiVersion: "metallb.io/v1beta2", kind: "BGPPeer", spec: peer });
  await cluster.pod("controller");
  cluster.run("controller", [`--health-probe-port=${freePort()}`, "--port=0", "--webhook-mode=disabled"], {
    METALLB_POD_NAME: "controller",
  });
  for (const name of ["one", "two", "three"]) {
    await cluster.service(name);
    await cluster.slice(name, "n1");
  }
  // So that the first session begins with all of them: what comes in its first moments is told twice.
  await eventually("all have addresses", () =>
    ["one", "two", "three"].every((name) => cluster.addresses(name).length === 1),
  );
});
afterAll(async () => {
  await held.disposeAsync();
});

/** A speaker whose Pod a DaemonSet has made. */
async function speaker(): Promise<Program> {
  const { api } = cluster.plane;
  const labels = { app: "speaker" };
  const containers = [{ name: "main", image: "none" }];
  const { metadata: set } =
    api.get(apps, namespace, "speaker") ??
    (await api.create(apps, {
      apiVersion: "apps/v1",
      kind: "DaemonSet",
      metadata: { name: "speaker", namespace },
      spec: {
        selector: { matchLabels: labels },
        template: { metadata: { labels }, spec: { containers, nodeSelector: { no: "node" } } },
      },
    }));
  // Not its controller, which would delete a Pod that it has not asked for.
  const owner = { apiVersion: "apps/v1", kind: "DaemonSet", name: "speaker", uid: String(set.uid) };
  health = freePort();
  const name = `speaker-${health}`;
  await api.create(
    { group: "", resource: "pods" },
    {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name, namespace, ownerReferences: [owner] },
      spec: { nodeName: "n1", containers },
    },
  );
  const args = [`--frr-socket-dir=${node.socketDir}`, `--health-probe-port=${health}`, "--port=0"];
  const program = cluster.run("speaker", args, { METALLB_NODE_NAME: "n1", METALLB_POD_NAME: name });
  void program.ended.then(() => process.stderr.write(program.stderr()));
  await eventually("the speaker is ready", async () =>
    fetch(`http://127.0.0.1:${health}/readyz`).then(
      ({ ok }) => ok,
      () => false,
    ),
  );
  await eventually("the router has all routes", async () => (await router.routes()).length === 3);
  return program;
}

test("what FRR refuses is said on the object, and disturbs nobody; it is unsaid when the object is corrected", async () => {
  running = await speaker();
  await eventually("its session has told its whole table", () => recorder.ended(1));
  recorder.restart();
  const spec = { myASN: 64513, peerASN: 64999, localASN: 64999, peerAddress: "10.0.1.77" };
  const meta = { apiVersion: "metallb.io/v1beta2", kind: "BGPPeer", metadata: { name: "twin", namespace } };
  await cluster.create("bgppeers", { ...meta, spec });
  const words =
    `BGPPeer twin: spec.localASN is 64999, which is refused by FRR's bgpd ("AS specified for local as is the same as the ` +
    `remote as and this is not allowed."): there is no session with this peer; change or remove it`;
  await eventually("ConfigurationState says so", () => state()?.result === "Invalid");
  expect(state()?.errorSummary).toBe(`configuration error: ${words}`);
  await eventually("an event says so", () => cluster.events("ConfigurationError").length > 0);
  expect(cluster.events("ConfigurationError")).toMatchObject([
    { message: words, involvedObject: { kind: "BGPPeer", name: "twin" }, type: "Warning", count: 1 },
  ]);

  // Others go on meanwhile.
  await cluster.service("four");
  await cluster.slice("four", "n1");
  await eventually("the router has the new route", async () => (await router.routes()).length === 4);
  await cluster.plane.api.patch({ group: "metallb.io", resource: "bgppeers" }, namespace, "twin", {
    spec: { localASN: 64998 },
  });
  await eventually("ConfigurationState has forgotten it", () => state()?.result === "Valid");
  await eventually("FRR has the peer", async () =>
    (await node.vty("bgpd", "show running-config")).includes("neighbor 10.0.1.77 local-as 64998"),
  );
  await cluster.plane.api.delete({ group: "metallb.io", resource: "bgppeers" }, namespace, "twin");
  await cluster.plane.api.delete({ group: "", resource: "services" }, "default", "four");
  await eventually("the router has what it had", async () => (await router.routes()).length === 3);
  // A daemon answers before it writes its log.
  await eventually("the router's log says so", () => recorder.told(neighbor).withdrawn.length > 0);
  expect(recorder.told(neighbor)).toEqual({ announced: ["10.100.0.3/32"], withdrawn: ["10.100.0.3/32"], downs: 0 });
  expect(cluster.events("ConfigurationError")).toMatchObject([{ count: 1 }]);
});

test("a speaker that another one follows leaves everything as it is", async () => {
  recorder.restart();
  running.process.kill("SIGTERM");
  expect(await running.ended).toBe(0);
  running = await speaker();
  expect(recorder.told(neighbor)).toEqual({ announced: [], withdrawn: [], downs: 0 });
});

test("a speaker whose DaemonSet is deleted withdraws its routes, and then ends its sessions", async () => {
  recorder.restart();
  await cluster.plane.api.delete(apps, namespace, "speaker");
  running.process.kill("SIGTERM");
  const started = performance.now();
  expect(await running.ended).toBe(0);
  console.log(`everything withdrawn and ended ${(performance.now() - started).toFixed(0)} ms after SIGTERM`);
  await eventually("the session has ended", () => recorder.told(neighbor).downs === 1);
  expect(recorder.told(neighbor)).toEqual({
    announced: [],
    withdrawn: ["10.100.0.0/32", "10.100.0.1/32", "10.100.0.2/32"],
    downs: 1,
  });
  expect(await router.routes()).toEqual([]);
  expect(running.lines()).toContainEqual(expect.objectContaining({ reason: "DaemonSet speaker is deleted" }));
});

interface State {
  readonly result?: string;
  readonly errorSummary?: string;
}
const state = (): State | undefined =>
  cluster.get("configurationstates", "speaker-n1")?.["status"] as State | undefined;
