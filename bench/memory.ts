import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { buildPrograms } from "../scripts/build.ts";
import { configureRouter, Frr } from "../tests/network/frr.ts";
import { eventually, Network } from "../tests/network/network.ts";
import { Cluster, namespace } from "../tests/programs/cluster.ts";
import { addService, addServices, setAddress, setUpWorld, statuses } from "../tests/programs/many-services.ts";
import type { Row } from "./bench.ts";

const services = 2_000;
const events = 20_000;

/** What a speaker needs, bundled and started as in its image, with many Services and after many events. */
export async function rows(): Promise<readonly Row[]> {
  await using network = new Network("bench-", 1);
  const [node, router] = await Promise.all([Frr.start(network, "node"), Frr.start(network, "router1")]);
  await configureRouter(router, [{ address: "10.0.1.2", families: ["ipv4"] }], { notes: false });
  await using cluster = await Cluster.start();
  await setUpWorld(cluster);
  await addServices(cluster, 0, services);
  await using speaker = await start(cluster, node.socketDir);
  await eventually("the routes are there", async () => (await router.tableSize()) === services, 60_000);
  await eventually("the statuses are told", () => statuses(cluster) === services, 120_000);
  await happen(cluster, router, events / 2, 1);
  const half = memoryOf(speaker.pid);
  await happen(cluster, router, events / 2, 2);
  const whole = memoryOf(speaker.pid);
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
  ];
}

/** So many changes of Services, and one more whose outcome shows that all of them were taken in. */
async function happen(cluster: Cluster, router: Frr, count: number, round: number): Promise<void> {
  const resource = { group: "", resource: "services" };
  for (let i = 0; i < count; i++) {
    const patch = { metadata: { labels: { turn: `${round}-${i}` } } };
    await cluster.plane.api.patch(resource, "default", `s${i % services}`, patch);
    // The server's answers, and the speaker, need their share of time.
    if (i % 50 === 0) await new Promise((resolve) => setTimeout(resolve, 10));
  }
  await addService(cluster, `last-${round}`);
  await setAddress(cluster, `last-${round}`, `10.200.0.${round}`);
  await eventually("the last event's route", () => router.hasRoute(`10.200.0.${round}/32`), 60_000);
}

async function start(cluster: Cluster, socketDir: string): Promise<AsyncDisposable & { readonly pid: number }> {
  const programs = join(cluster.directory, "programs");
  await buildPrograms(programs);
  const args = [`--frr-socket-dir=${socketDir}`, "--health-probe-port=47473", "--port=0"];
  const child = spawn(
    process.execPath,
    ["--max-semi-space-size=1", "--enable-source-maps", join(programs, "speaker.mjs"), ...args],
    {
      env: {
        KUBECONFIG: join(cluster.directory, "kubeconfig"),
        METALLB_BGP_TYPE: "frr",
        METALLB_NAMESPACE: namespace,
        METALLB_NODE_NAME: "n1",
        METALLB_POD_NAME: "speaker-n1",
      },
      stdio: "ignore",
    },
  );
  const ended = new Promise((resolve) => child.once("close", resolve));
  if (child.pid === undefined) throw new Error("the speaker does not start");
  return {
    pid: child.pid,
    [Symbol.asyncDispose]: async () => {
      child.kill();
      await ended;
    },
  };
}

function memoryOf(pid: number): { readonly rss: number; readonly anonymous: number } {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const mib = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(status)?.[1] ?? 0) / 1024;
  return { rss: mib("VmRSS"), anonymous: mib("RssAnon") };
}
