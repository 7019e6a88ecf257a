import { setTimeout as wait } from "node:timers/promises";
import type { AccessRequest } from "../lab/control-plane/api/hooks.ts";
import { eventually } from "../tests/network/network.ts";
import { Cluster } from "../tests/programs/cluster.ts";
import { useOf, type Running, startAsInImage } from "../tests/programs/image.ts";
import type { Row } from "./bench.ts";

/** What a controller process costs with many Services, and what it asks of the API server. */

const count = 10_000;
/** As in tests: each run takes ports of its own. */
const health = 20_000 + (process.pid % 20_000);
/** The client's pages are of this many objects. */
const pageSize = 250;

export async function rows(): Promise<readonly Row[]> {
  const requests: AccessRequest[] = [];
  await using cluster = await Cluster.start(undefined, (request) => {
    requests.push(request);
    return { allowed: true, reason: "" };
  });
  await cluster.pool("all", "10.100.0.0/16");
  for (let i = 0; i < count; i++) await cluster.service(`s${i}`);
  return [...(await allNew(cluster, requests)), ...(await start(cluster, requests))];
}

/** The first controller of a cluster whose Services have waited for it. */
async function allNew(cluster: Cluster, requests: AccessRequest[]): Promise<readonly Row[]> {
  const began = performance.now();
  await using controller = await startController(cluster, "c1");
  await eventually(
    "all have an address",
    () => isAssigned(cluster, `s${count - 1}`) && waiting(cluster) === 0,
    300_000,
  );
  const value = performance.now() - began;
  const { rss, anonymous } = useOf(controller.pid);
  const what = `controller: ${count} new Services`;
  const patches = writesIn(requests, ["services"]).length;
  return [
    { what: `${what}, until all have an address`, value, unit: "ms", budget: 60_000 },
    { what: `${what}, writes of Services`, value: patches, unit: "writes", budget: count },
    { what: `${what}, resident`, value: rss, unit: "MiB" },
    { what: `${what}, anonymous`, value: anonymous, unit: "MiB" },
  ];
}

/** The next controller, which finds all as it should be; and what one more Service costs it. */
async function start(cluster: Cluster, requests: AccessRequest[]): Promise<readonly Row[]> {
  requests.length = 0;
  const began = performance.now();
  await using controller = await startController(cluster, "c2");
  await eventually("ready", isReady, 60_000);
  const value = performance.now() - began;
  // What it thinks that it has to write, it has written by then.
  await wait(3_000);
  const { rss, anonymous } = useOf(controller.pid);
  const what = `controller: a start with ${count} Services that have addresses`;
  const pages = requests.filter(({ verb, resource }) => verb === "list" && resource === "services").length;
  return [
    { what: `${what}, until ready`, value, unit: "ms", budget: 5_000 },
    { what: `${what}, pages of ${pageSize} read`, value: pages, unit: "reads", budget: count / pageSize },
    {
      what: `${what}, writes of Services and pools`,
      value: writesIn(requests, worked).length,
      unit: "writes",
      budget: 0,
    },
    {
      what: `${what}, writes of its own Pod's name`,
      value: writesIn(requests, stated).length,
      unit: "writes",
      budget: 1,
    },
    { what: `${what}, resident`, value: rss, unit: "MiB", budget: 200 },
    { what: `${what}, anonymous`, value: anonymous, unit: "MiB", budget: 150 },
    ...(await oneMore(cluster)),
  ];
}

async function oneMore(cluster: Cluster): Promise<readonly Row[]> {
  const samples: number[] = [];
  for (let i = 0; i < 20; i++) {
    const began = performance.now();
    await cluster.service(`probe-${i}`);
    await eventually("it has an address", () => isAssigned(cluster, `probe-${i}`));
    samples.push(performance.now() - began);
    await wait(1_000);
  }
  samples.sort((a, b) => a - b);
  const what = `controller: one more Service beside ${count}, until it has an address`;
  return [{ what: `${what}, median`, value: samples[samples.length >> 1] ?? 0, unit: "ms", budget: 1_000 }];
}

async function startController(cluster: Cluster, name: string): Promise<Running> {
  await cluster.pod(name);
  const args = [`--health-probe-port=${health}`, "--port=0", "--webhook-mode=disabled"];
  return startAsInImage(cluster, "controller", args, { METALLB_POD_NAME: name });
}

const isAssigned = (cluster: Cluster, name: string): boolean => cluster.addresses(name).length > 0;

const waiting = (cluster: Cluster): number =>
  Array.from({ length: count }, (_, i) => `s${i}`).filter((name) => !isAssigned(cluster, name)).length;

const worked = ["services", "ipaddresspools", "events"];
/** ConfigurationState is owned by the Pod that keeps it. */
const stated = ["configurationstates"];

const writesIn = (requests: readonly AccessRequest[], resources: readonly string[]): readonly AccessRequest[] =>
  requests.filter(({ verb, resource }) => !["get", "list", "watch"].includes(verb) && resources.includes(resource));

const isReady = (): Promise<boolean> =>
  fetch(`http://127.0.0.1:${health}/readyz`).then(
    ({ ok }) => ok,
    () => false,
  );
