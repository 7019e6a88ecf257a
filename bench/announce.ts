import { execFile } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { promisify } from "node:util";
import type { Snapshot } from "../src/api/snapshot.ts";
import { Announcing, servicesFrom, worldWith } from "../tests/network/announcing.ts";
import { configureRouter, Frr } from "../tests/network/frr.ts";
import { eventually, Network } from "../tests/network/network.ts";
import { statusNameOf } from "../src/status/service-bgp.ts";
import { bgpAdvertisement, peer, pool } from "../tests/objects.ts";
import { Cluster } from "../tests/programs/cluster.ts";
import { type Running, startAsInImage } from "../tests/programs/image.ts";
import { addService, addServices, setAddress, setUpWorld, statuses } from "../tests/programs/many-services.ts";
import { collectGarbage } from "../src/runtime/garbage.ts";
import type { Row } from "./bench.ts";

/**
 * From an event at the API server to the route in a router's table, through a speaker process and real FRR.
 *
 * Beside it FRR's own floor: one `network` line typed into bgpd, in the same place, at the same time, to the same router.
 */
export async function rows(): Promise<readonly Row[]> {
  return [...(await events()), ...(await cold()), ...(await configFile())];
}

/** With 10,000 the speaker's 10,000 status objects take minutes of the API server's time before anything can be measured. */
const sizes = [10, 100, 1_000, 10_000];
const samplesEach = 100;

/** The prefix that is typed. */
const typed = "10.201.0.1/32";

/** A Service comes and goes once: the status of one that does so again and again is written less and less often. */
const probeOf = (size: number, i: number) => ({ name: `probe-${size}-${i}`, ip: `10.200.${sizes.indexOf(size)}.${i}` });

interface Wire extends AsyncDisposable {
  readonly node: Frr;
  readonly router: Frr;
}

async function wireOf(network: Network): Promise<Omit<Wire, keyof AsyncDisposable>> {
  const [node, router] = await Promise.all([Frr.start(network, "node"), Frr.start(network, "router1")]);
  await configureRouter(router, [{ address: "10.0.1.2", families: ["ipv4"] }], { notes: false });
  return { node, router };
}

async function events(): Promise<Row[]> {
  await using network = new Network("bench-", 1);
  const { node, router } = await wireOf(network);
  await using cluster = await Cluster.start();
  await setUpWorld(cluster);
  const args = [`--frr-socket-dir=${node.socketDir}`, "--health-probe-port=47472", "--port=0"];
  const env = { METALLB_NODE_NAME: "n1", METALLB_POD_NAME: "speaker-n1" };
  await using speaker = await startAsInImage(cluster, "speaker", args, env);
  const measured: Measured[] = [];
  for (const [i, size] of sizes.entries()) {
    await addServices(cluster, sizes[i - 1] ?? 0, size);
    await eventually(`${size} routes`, async () => (await router.tableSize()) === size, 120_000);
    await eventually(`${size} statuses`, () => statuses(cluster) === size, 240_000);
    await quiet(cluster);
    measured.push(await measure({ cluster, node, router, speaker, size }));
  }
  return [...measured.flatMap(rowsOf), ...flatness(measured)];
}

/** With the most Services over with the fewest. */
function flatness(measured: readonly Measured[]): Row[] {
  const [least, most] = [measured[0], measured.at(-1)];
  if (least === undefined || most === undefined) return [];
  const what = `announce: median with ${most.size} Services over ${least.size}`;
  const row = (name: string, of: (one: Measured) => readonly number[]): Row => {
    const value = median(of(most)) / median(of(least));
    return { what: `${what}, ${name}`, value, unit: "times", budget: 1.3 };
  };
  return [row("add", ({ add }) => add), row("remove", ({ remove }) => remove)];
}

interface Measured {
  readonly size: number;
  readonly add: readonly number[];
  readonly remove: readonly number[];
  readonly typedAdd: readonly number[];
  readonly typedRemove: readonly number[];
}

interface Place {
  readonly cluster: Cluster;
  readonly node: Frr;
  readonly router: Frr;
  readonly speaker: Running;
  readonly size: number;
}

async function measure({ cluster, node, router, speaker, size }: Place): Promise<Measured> {
  const suffix = /network \S+ (route-map G\d+)/.exec(await node.vty("bgpd", "show running-config"))?.[1] ?? "";
  await node.vty("bgpd", "configure terminal", "router bgp 64513", "address-family ipv4 unicast");
  const [add, remove, typedAdd, typedRemove] = [[], [], [], []] as number[][];
  for (let i = 0; i < samplesEach; i++) {
    const { name, ip } = probeOf(size, i);
    await addService(cluster, name);
    await wait(100);
    add?.push(await until(router, `${ip}/32`, true, () => setAddress(cluster, name, ip)));
    await settled(cluster, name, true);
    remove?.push(await until(router, `${ip}/32`, false, () => setAddress(cluster, name, undefined)));
    await settled(cluster, name, false);
  }
  // The speaker looks for what others type, and takes it back.
  process.kill(speaker.pid, "SIGSTOP");
  try {
    for (let i = 0; i < samplesEach; i++) {
      typedAdd?.push(await until(router, typed, true, () => node.vty("bgpd", `network ${typed} ${suffix}`)));
      typedRemove?.push(await until(router, typed, false, () => node.vty("bgpd", `no network ${typed}`)));
      await wait(50);
    }
  } finally {
    process.kill(speaker.pid, "SIGCONT");
  }
  await node.vty("bgpd", "end");
  return {
    size,
    add: add ?? [],
    remove: remove ?? [],
    typedAdd: typedAdd ?? [],
    typedRemove: typedRemove ?? [],
  };
}

/** Until the router's table has the prefix, or no longer has it; in milliseconds from before `event`. */
async function until(router: Frr, prefix: string, is: boolean, event: () => Promise<unknown>): Promise<number> {
  collectGarbage();
  // The server stood still meanwhile; what piled up is not ours to measure.
  await wait(100);
  const start = performance.now();
  await event();
  await eventually(`${prefix} ${is ? "there" : "gone"}`, async () => (await router.hasRoute(prefix)) === is);
  return performance.now() - start;
}

/** Until the speaker has written its last event about the Services that came. */
async function quiet(cluster: Cluster): Promise<void> {
  let before = -1;
  for (let now = 0; now !== before; now = cluster.plane.api.list({ group: "", resource: "events" }).length) {
    before = now;
    await wait(1_500);
  }
}

/** What the last event set off has come to its end. */
async function settled(cluster: Cluster, service: string, isTold: boolean): Promise<void> {
  const name = statusNameOf("n1", `default/${service}`);
  await eventually("the status is told", () => (cluster.get("servicebgpstatuses", name) !== undefined) === isTold);
  await wait(100);
}

function rowsOf({ size, add, remove, typedAdd, typedRemove }: Measured): Row[] {
  const row = (what: string, ours: readonly number[], floor: readonly number[]): Row[] => [
    {
      what: `announce: ${what}, ${size} Services, median`,
      value: median(ours),
      unit: "ms",
      baseline: { what: "typed into bgpd", value: median(floor) },
      budget: Math.round(median(floor) + 10),
    },
    {
      what: `announce: ${what}, ${size} Services, p99`,
      value: quantile(ours, 0.99),
      unit: "ms",
      baseline: { what: "typed into bgpd", value: quantile(floor, 0.99) },
      budget: Math.round(quantile(floor, 0.99) + 25),
    },
  ];
  return [...row("add", add, typedAdd), ...row("remove", remove, typedRemove)];
}

const median = (of: readonly number[]): number => quantile(of, 0.5);

/** The least value that such a share of all does not exceed (nearest rank). */
const quantile = (of: readonly number[], share: number): number =>
  of.toSorted((a, b) => a - b)[Math.max(0, Math.ceil(of.length * share) - 1)] ?? 0;

const worldOf = (count: number): Snapshot =>
  worldWith(servicesFrom("s", "10.100.0.0", count), {
    pools: [pool("all", { addresses: ["10.100.0.0/16"] })],
    bgpAdvertisements: [bgpAdvertisement("all", { communities: ["64512:100"] })],
    peers: [peer("router", { peerAddress: "10.0.1.1", connectTime: "1s" })],
  });

/** From the first complete snapshot, FRR having no configuration yet, until the router has every route. */
async function cold(): Promise<Row[]> {
  await using network = new Network("bench-", 1);
  const { node, router } = await wireOf(network);
  await using announcing = new Announcing(node.socketDir);
  const world = worldOf(10_000);
  const start = performance.now();
  await announcing.apply(world);
  await eventually("all routes", async () => (await router.tableSize()) === 10_000, 60_000);
  const value = performance.now() - start;
  return [{ what: "announce: 10000 Services from cold", value, unit: "ms", budget: 3_000 }];
}

/** What MetalLB does: the whole configuration as a file, and FRR's own program to bring it into force. */
async function configFile(): Promise<Row[]> {
  const found: Row[] = [];
  for (const size of [10, 100]) {
    await using network = new Network("bench-", 1);
    const { node, router } = await wireOf(network);
    await using announcing = new Announcing(node.socketDir);
    await announcing.apply(worldOf(size));
    await eventually("all routes", async () => (await router.tableSize()) === size);
    const running = await node.vty("bgpd", "show running-config");
    const before = running.replace(/^Building.*\n|^Current configuration:\n/gm, "");
    const after = before.replace(/^( +)network \S+ (route-map G\d+)$/m, `$&\n$1network ${typed} $2`);
    await reload(node, before);
    const samples: number[] = [];
    for (let i = 0; i < 3; i++) {
      samples.push(await until(router, typed, true, () => reload(node, after)));
      await until(router, typed, false, () => reload(node, before));
    }
    found.push({
      what: `announce: add through frr-reload.py, ${size} Services, median`,
      value: median(samples),
      unit: "ms",
    });
  }
  return found;
}

async function reload({ socketDir }: Frr, text: string): Promise<void> {
  const file = join(socketDir, "wanted.conf");
  writeFileSync(file, text);
  writeFileSync(join(socketDir, "vtysh.conf"), "service integrated-vtysh-config\n");
  const places = ["--confdir", socketDir, "--rundir", socketDir, "--vty_socket", socketDir];
  await promisify(execFile)("/usr/lib/frr/frr-reload.py", ["--reload", ...places, file]);
}
