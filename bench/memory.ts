import { configureRouter, Frr } from "../tests/network/frr.ts";
import { eventually, Network } from "../tests/network/network.ts";
import { Cluster } from "../tests/programs/cluster.ts";
import { memoryOf, startAsInImage } from "../tests/programs/image.ts";
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
  const args = [`--frr-socket-dir=${node.socketDir}`, "--health-probe-port=47473", "--port=0"];
  const env = { METALLB_NODE_NAME: "n1", METALLB_POD_NAME: "speaker-n1" };
  await using speaker = await startAsInImage(cluster, "speaker", args, env);
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
