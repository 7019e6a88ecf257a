import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { ApiObject } from "../../lab/control-plane/types.ts";
import { randomFrom } from "../allocate/random-world.ts";
import { type Cluster, guideObjects, loadBalancer, metallb, startCluster, SYSTEM } from "./cluster.ts";
import { until } from "./until.ts";

/**
 * Two controllers, one of which leads, and whose leaders die at random while Services come. COUNT and KILLS for more or less
 * of both; SEED for the moments of a run before.
 */

const COUNT = Number(process.env["COUNT"] ?? 1_000);
const KILLS = Number(process.env["KILLS"] ?? 20);
const SEED = Number(process.env["SEED"] ?? Date.now() % 1_000_000);
/** A leader dies within this time after the next Services begin to come, which take about as long. */
const MOMENTS_MS = 1_000;
/** On an idle machine under 4 s; here it only must not be a matter of somebody's help. */
const FAILOVER_MS = 60_000;

/** They ask for a pool that isn't there. */
const waiting = Array.from({ length: 10 }, (_, i) => `w${i}`);

const servicesId = { group: "", resource: "services" };
const podsId = { group: "", resource: "pods" };
const leaseId = { group: "coordination.k8s.io", resource: "leases" };

let cluster: Cluster;
const stop = new AbortController();

beforeAll(async () => {
  cluster = await startCluster("tctl", "controller.replicas=2");
  await cluster.apply(
    ...guideObjects.slice(1),
    metallb("v1beta1", "IPAddressPool", "bgp-pool", { addresses: ["10.100.0.0/20"] }),
  );
  await cluster.kubectl("create", "deployment", "nginx", "--image=nginx");
  await cluster.kubectl("rollout", "status", "deployment/nginx", "--timeout=60s");
});
afterAll(async () => {
  stop.abort();
  await cluster?.lab.close();
});

const ingressOf = (object: ApiObject): string[] => {
  const { loadBalancer: balancer } = (object["status"] ?? {}) as {
    loadBalancer?: { ingress?: readonly { ip: string }[] };
  };
  return (balancer?.ingress ?? []).map(({ ip }) => ip);
};

const leaseSpec = (): { holderIdentity?: string; leaseTransitions?: number } =>
  cluster.lab.api.get(leaseId, SYSTEM, "metallb-controller")?.["spec"] ?? {};

/** The machine's own number of a pod's controller: nothing inside a container can kill its first process for good. */
function processOf(pod: string): number {
  const read = (pid: string, file: string): string[] => {
    try {
      return readFileSync(`/proc/${pid}/${file}`, "utf8").split("\0");
    } catch {
      return [];
    }
  };
  const isIt = (pid: string): boolean =>
    read(pid, "cmdline").includes(join(cluster.lab.instance.runDir, "programs/controller.mjs")) &&
    read(pid, "environ").includes(`METALLB_POD_NAME=${pod}`);
  const found = readdirSync("/proc").filter((name) => /^\d+$/.test(name) && isIt(name));
  if (found[0] === undefined) throw new Error(`no process is the controller of ${pod}`);
  return Number(found[0]);
}

/**
 * Kills the leader without a word of farewell; its pod is replaced, before its container could start again and lead on. Resolves with
 * how long the other took, in ms. `dying` is called at the moment of death.
 */
async function killLeader(dying: () => void): Promise<number> {
  const leader = await until("somebody leads", () => leaseSpec().holderIdentity ?? "", isAlive, 60);
  process.kill(processOf(leader), "SIGKILL");
  const killed = performance.now();
  dying();
  const gone = cluster.lab.api.delete(podsId, SYSTEM, leader, { gracePeriodSeconds: 0 });
  await until(
    "another leads",
    () => leaseSpec().holderIdentity ?? "",
    (now) => now !== leader && isAlive(now),
    60,
  );
  const took = performance.now() - killed;
  await gone;
  return took;
}

function isAlive(pod: string): boolean {
  try {
    return processOf(pod) > 0;
  } catch {
    return false;
  }
}

test(`${COUNT} Services while ${KILLS} leaders are killed, seed ${SEED}: each has one address, and never had another`, async () => {
  console.log(`seed ${SEED}`);
  const random = randomFrom(SEED);
  const history = statusesOver(stop.signal);
  const names = Array.from({ length: COUNT }, (_, i) => `s${i}`);
  await create(waiting.map((name) => loadBalancer(name, {}, { "metallb.io/address-pool": "nowhere" })));
  const failovers: number[] = [];
  /** How often a leader died while a Service was there and had no address: the next one may have to say the same again. */
  const bereft = new Map<string, number>();
  const countBereft = (): void => {
    for (const name of names) {
      const object = cluster.lab.api.get(servicesId, "default", name);
      if (object && ingressOf(object).length === 0) bereft.set(name, (bereft.get(name) ?? 0) + 1);
    }
  };
  const share = Math.ceil(COUNT / KILLS);
  for (let i = 0; i < KILLS; i++) {
    const creating = create(names.slice(i * share, (i + 1) * share).map((name) => loadBalancer(name)));
    await new Promise((resolve) => setTimeout(resolve, random(MOMENTS_MS)));
    failovers.push(await killLeader(countBereft));
    await creating;
  }
  const statuses = (): Map<string, string[]> =>
    new Map(names.map((name) => [name, ingressOf(cluster.lab.api.get(servicesId, "default", name) as ApiObject)]));
  const assigned = await until(
    "all have an address",
    statuses,
    (all) => [...all.values()].every((one) => one.length === 1),
    120,
  );

  const addresses = [...assigned.values()].flat().sort();
  expect(new Set(addresses).size).toBe(COUNT);
  expect(names.filter((name) => history.get(name)?.addresses.size !== 1)).toEqual([]);
  // Created, and written once: neither the dead nor the living wrote what was there already.
  expect(names.filter((name) => history.get(name)?.writes !== 2)).toEqual([]);
  expect(waiting.filter((name) => history.get(name)?.writes !== 1)).toEqual([]);
  expect(Math.max(...failovers)).toBeLessThan(FAILOVER_MS);
  const transitions = leaseSpec().leaseTransitions ?? 0;
  expect(transitions).toBeGreaterThanOrEqual(KILLS);

  const routes = await until(
    "the router has what the statuses say",
    routesOf,
    (seen) => seen.join() === addresses.map((address) => `${address}/32`).join(),
    60,
  );
  expect(routes.length).toBe(COUNT);
  const events = await until("all who wait were told why", eventsOfControllers, (all) =>
    waiting.every((name) => all.some((event) => event.involvedObject.name === name)),
  );
  // On a starved machine a leader may step down alive, since its lease ran out: that ends its term as death does.
  const most = (name: string): number =>
    waiting.includes(name) ? transitions + 1 : 1 + (bereft.get(name) ?? 0) + transitions - KILLS;
  expect(stormIn(events, most)).toEqual([]);
  const sorted = failovers.map(Math.round).sort((a, b) => a - b);
  console.log(
    `failovers: median ${sorted[KILLS >> 1]} ms, longest ${sorted.at(-1)} ms; ${events.length} events for ${COUNT} Services`,
  );
}, 600_000);

/** All addresses that each Service's status has named from now on, and how often the Service was written. */
function statusesOver(signal: AbortSignal): ReadonlyMap<string, { readonly addresses: Set<string>; writes: number }> {
  const history = new Map<string, { readonly addresses: Set<string>; writes: number }>();
  cluster.lab.api.watch(
    servicesId,
    ({ object }) => {
      const seen = history.get(object.metadata.name) ?? { addresses: new Set<string>(), writes: 0 };
      for (const ip of ingressOf(object)) seen.addresses.add(ip);
      seen.writes++;
      history.set(object.metadata.name, seen);
    },
    signal,
  );
  return history;
}

let files = 0;

async function create(items: readonly object[]): Promise<void> {
  if (items.length === 0) return;
  const file = join(cluster.lab.instance.runDir, `services-${files++}.json`);
  writeFileSync(file, JSON.stringify({ apiVersion: "v1", kind: "List", items }));
  await cluster.kubectl("create", "-f", file);
}

async function routesOf(): Promise<string[]> {
  const table = JSON.parse(await cluster.lab.run("tor", "show bgp ipv4 unicast json")) as { routes: object };
  return Object.keys(table.routes)
    .filter((prefix) => prefix.startsWith("10.100."))
    .sort((a, b) => (a.slice(0, -3) < b.slice(0, -3) ? -1 : 1));
}

interface SeenEvent extends ApiObject {
  readonly reason: string;
  readonly count?: number;
  readonly source?: { readonly component?: string };
  readonly involvedObject: { readonly kind: string; readonly name: string };
}

const eventsOfControllers = (): SeenEvent[] =>
  (cluster.lab.api.list({ group: "", resource: "events" }) as SeenEvent[]).filter(
    ({ source, involvedObject }) => source?.component === "metallb-controller" && involvedObject.kind === "Service",
  );

/**
 * What is more than one `IPAllocated` for each Service, once again for each leader that died between the word and the deed; and more
 * than one `AllocationFailed` of each leader for each that waits.
 */
function stormIn(events: readonly SeenEvent[], most: (name: string) => number): string[] {
  const byName = Map.groupBy(events, ({ involvedObject }) => involvedObject.name);
  return [...byName].flatMap(([name, all]) => {
    const expected = waiting.includes(name) ? "AllocationFailed" : "IPAllocated";
    const isFine = all.length <= most(name) && all.every(({ reason, count = 1 }) => reason === expected && count === 1);
    return isFine ? [] : all.map(({ reason, count }) => `${count} ${reason} for ${name}`);
  });
}
