import { readFileSync } from "node:fs";
import { join } from "node:path";
import { configureRouter, Frr } from "../tests/network/frr.ts";
import { eventually, Network } from "../tests/network/network.ts";
import { Cluster } from "../tests/programs/cluster.ts";
import { startAsInImage, type Use, useOf } from "../tests/programs/image.ts";
import { addService, addServices, setAddress, setUpWorld, statuses } from "../tests/programs/many-services.ts";
import type { Row } from "./bench.ts";

const services = 2_000;
const events = 20_000;
const largeCluster = 10_000;

/** What a speaker and its FRR need, bundled and started as in their pod, with many Services and after many events. */
export async function rows(): Promise<readonly Row[]> {
  return [...(await afterEvents()), ...(await largeRows())];
}

async function afterEvents(): Promise<readonly Row[]> {
  await using pod = await Pod.start(services);
  const started = pod.use();
  await happen(pod, events / 2, 1);
  const half = pod.use();
  await happen(pod, events / 2, 2);
  const whole = pod.use();
  const what = `memory: speaker with ${services} Services after ${events} events`;
  const at = `after ${events / 2}`;
  return [
    { what: `${what}, resident`, value: whole.rss, unit: "MiB", baseline: { what: at, value: half.rss }, budget: 110 },
    {
      what: `${what}, anonymous`,
      value: whole.anonymous,
      unit: "MiB",
      baseline: { what: at, value: half.anonymous },
      budget: 50,
    },
    { what: `${what}, growth over the last half`, value: whole.anonymous / half.anonymous, unit: "times", budget: 1.1 },
    { what: `${what}, most ever resident`, value: whole.peak, unit: "MiB" },
    {
      what: `${what}, processor time of the events`,
      value: whole.cpuSeconds - started.cpuSeconds,
      unit: "s",
      baseline: { what: "of the start", value: started.cpuSeconds },
    },
    ...pod.whole().flatMap(({ name, rss, anonymous }) => [
      { what: `memory: pod, ${name}, resident`, value: rss, unit: "MiB" },
      { what: `memory: pod, ${name}, anonymous`, value: anonymous, unit: "MiB" },
    ]),
  ];
}

/** No budget: it must live, and what it needs be known. */
async function largeRows(): Promise<readonly Row[]> {
  await using pod = await Pod.start(largeCluster);
  const { rss, anonymous, peak, cpuSeconds } = pod.use();
  const what = `memory: speaker started with ${largeCluster} Services`;
  return [
    { what: `${what}, resident`, value: rss, unit: "MiB" },
    { what: `${what}, anonymous`, value: anonymous, unit: "MiB" },
    { what: `${what}, most ever resident`, value: peak, unit: "MiB" },
    { what: `${what}, processor time`, value: cpuSeconds, unit: "s" },
  ];
}

/** So many changes of Services, and one more whose outcome shows that all of them were taken in. */
async function happen({ cluster, router }: Pod, count: number, round: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    const patch = { metadata: { labels: { turn: `${round}-${i}` } } };
    await cluster.plane.api.patch(core("services"), "default", `s${i % services}`, patch);
    // The server's answers, and the speaker, need their share of time.
    if (i % 50 === 0) await new Promise((resolve) => setTimeout(resolve, 10));
  }
  await addService(cluster, `last-${round}`);
  await setAddress(cluster, `last-${round}`, `10.200.0.${round}`);
  await eventually("the last event's route", () => router.hasRoute(`10.200.0.${round}/32`), 60_000);
}

const core = (resource: string) => ({ group: "", resource });
const slices = { group: "discovery.k8s.io", resource: "endpointslices" };

/** A speaker beside an FRR that announces to a router, in a cluster of so many Services, all of them announced and told. */
class Pod implements AsyncDisposable {
  readonly cluster: Cluster;
  readonly router: Frr;
  readonly #node: Frr;
  readonly #speaker: number;
  readonly #end: AsyncDisposableStack;

  static async start(count: number): Promise<Pod> {
    await using stack = new AsyncDisposableStack();
    const network = stack.use(new Network("bench-", 1));
    const [node, router] = await Promise.all([Frr.start(network, "node"), Frr.start(network, "router1")]);
    await configureRouter(router, [{ address: "10.0.1.2", families: ["ipv4"] }], { notes: false });
    const cluster = stack.use(await Cluster.start());
    await setUpWorld(cluster);
    await addServices(cluster, 0, count);
    for (let i = 0; i < count; i++) await dress(cluster, `s${i}`);
    const args = [`--frr-socket-dir=${node.socketDir}`, "--health-probe-port=47473", "--port=47474"];
    const env = { METALLB_NODE_NAME: "n1", METALLB_POD_NAME: "speaker-n1" };
    const speaker = stack.use(await startAsInImage(cluster, "speaker", args, env));
    await eventually("the routes are there", async () => (await router.tableSize()) === count, 120_000);
    await eventually("the statuses are told", () => statuses(cluster) === count, 240_000);
    return new Pod({ cluster, router, node, speaker: speaker.pid, end: stack.move() });
  }

  private constructor(parts: {
    readonly cluster: Cluster;
    readonly router: Frr;
    readonly node: Frr;
    readonly speaker: number;
    readonly end: AsyncDisposableStack;
  }) {
    this.cluster = parts.cluster;
    this.router = parts.router;
    this.#node = parts.node;
    this.#speaker = parts.speaker;
    this.#end = parts.end;
  }

  /** The speaker's. */
  use(): Use {
    return useOf(this.#speaker);
  }

  /** Each process, and their sum. */
  whole(): readonly { readonly name: string; readonly rss: number; readonly anonymous: number }[] {
    const daemons = ["zebra", "bgpd", "bfdd"].map((name) => {
      const pid = Number(readFileSync(join(this.#node.socketDir, `${name}.pid`), "utf8"));
      return { name, ...useOf(pid) };
    });
    const all = [{ name: "speaker", ...this.use() }, ...daemons];
    const sum = (of: (use: Use) => number): number => all.reduce((before, use) => before + of(use), 0);
    return [...all, { name: "all", rss: sum(({ rss }) => rss), anonymous: sum(({ anonymous }) => anonymous) }];
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#end.disposeAsync();
  }
}

/** What a Service and its EndpointSlice carry in a cluster where people use kubectl and Helm. */
async function dress(cluster: Cluster, name: string): Promise<void> {
  const labels = {
    "app.kubernetes.io/name": name,
    "app.kubernetes.io/instance": `${name}-production`,
    "app.kubernetes.io/managed-by": "Helm",
    "helm.sh/chart": "web-4.11.2",
  };
  const spec = { type: "LoadBalancer", selector: labels, ports: [{ name: "http", port: 80, targetPort: "http" }] };
  const object = { apiVersion: "v1", kind: "Service", metadata: { name, namespace: "default", labels }, spec };
  const annotations = {
    "kubectl.kubernetes.io/last-applied-configuration": `${JSON.stringify(object)}\n`,
    "meta.helm.sh/release-name": name,
    "meta.helm.sh/release-namespace": "default",
  };
  const managedFields = [managedBy("kubectl-client-side-apply", { metadata: { annotations, labels }, spec })];
  await cluster.plane.api.patch(core("services"), "default", name, {
    metadata: { labels, annotations, managedFields },
  });
  const endpoints = {
    annotations: { "endpoints.kubernetes.io/last-change-trigger-time": "2026-01-01T00:00:00Z" },
    labels: { ...labels, "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io" },
    managedFields: [managedBy("kube-controller-manager", { metadata: { labels }, endpoints: {}, ports: {} })],
  };
  await cluster.plane.api.patch(slices, "default", `${name}-1`, { metadata: endpoints });
}

/** An entry of managedFields: each field's name, and nothing else. */
function managedBy(manager: string, object: object): object {
  const fields = (value: object): object =>
    Object.fromEntries(
      Object.entries(value).map(([name, member]) => [
        `f:${name}`,
        typeof member === "object" && member !== null ? { ".": {}, ...fields(member) } : {},
      ]),
    );
  const entry = { manager, operation: "Update", apiVersion: "v1", time: "2026-01-01T00:00:00Z" };
  return { ...entry, fieldsType: "FieldsV1", fieldsV1: fields(object) };
}
