import fc from "fast-check";
import { expect, test } from "vitest";
import type { BgpDesired, Path } from "../../src/announce/desired.ts";
import { createFrrBackend } from "../../src/backends/frr/backend.ts";
import { asnOf, desiredOf, pathOf, peerOf, routerOf } from "../../src/frr/testing/desired.ts";
import { configureRouter, Frr } from "../network/frr.ts";
import { eventually, Network } from "../network/network.ts";
import { Recorder, type Told } from "../network/recorder.ts";

/**
 * Whatever is edited, in whatever order: a router hears of each prefix whose coming, going or visible attributes changed, and
 * of nothing else. The rules of tests/bystanders over random values, which nobody chose with FRR's ways in mind.
 *
 * `SEED` repeats a run, `EDITS` makes it longer.
 */

const seed = Number(process.env["SEED"] ?? Math.trunc(performance.timeOrigin) % 2 ** 31);
const edits = Number(process.env["EDITS"] ?? 60);

const node = ["10.0.1.2", "10.0.2.2"] as const;

/** The second router is of the node's own AS, and so is told local preferences too. */
const asns = [64512, 64513] as const;

const prefixes = Array.from({ length: 8 }, (_, i) => `10.100.0.${i}/32`).concat("10.100.0.0/24", "10.100.0.4/30");

const attributes = fc.record({
  localPref: fc.constantFrom(0, 250),
  asPathPrepend: fc.constantFrom(0, 0, 2),
  communities: fc.subarray(["64512:1", "64512:2"]),
  large: fc.subarray(["1:2:3"]),
});

const paths: fc.Arbitrary<Path[]> = fc
  .uniqueArray(fc.tuple(fc.constantFrom(...prefixes), attributes), { selector: ([prefix]) => prefix, maxLength: 8 })
  .map((list) => list.map(([prefix, over]) => pathOf(prefix, over)));

/** Attributes of its own: bgpd packs a prefix with the first one that waits and has the same, ahead of all between them. */
const fenceAttributes = { communities: ["64512:65000"] };

type Both = readonly [readonly Path[], readonly Path[]];

function desired(both: Both, fence: number): BgpDesired {
  const peers = both.map((of, i) => {
    const remote = { kind: "asn", asn: asnOf(asns[i] ?? 0) } as const;
    const peer = peerOf(`10.0.${i + 1}.1`, { remote, connectTimeSeconds: 1 });
    return { peer, paths: [...of, pathOf(`10.103.0.${fence % 250}/32`, fenceAttributes)] };
  });
  return desiredOf([routerOf(peers)]);
}

type View = (attributes: Path["attributes"], at: number) => unknown;

/** What a router can see of a path: local preferences inside an AS, prepended numbers outside of it. */
const seen: View = ({ localPref, asPathPrepend, ...communities }, at) => [
  at === 1 ? localPref : asPathPrepend,
  communities,
];

/** Bgpd now and then sends a path again to a router outside its AS when the local preference changes, which that one never sees. */
const edited: View = ({ asPathPrepend, ...others }, at) => [at === 1 ? 0 : asPathPrepend, others];

/** Which prefixes come or change in a view, and which go. */
function difference(view: View, before: readonly Path[], after: readonly Path[], at: number): Told {
  const table = (of: readonly Path[]) =>
    new Map(of.map(({ prefix, attributes: all }) => [prefix as string, JSON.stringify(view(all, at))]));
  const [old, next] = [table(before), table(after)];
  const announced = [...next].filter(([prefix, what]) => old.get(prefix) !== what).map(([prefix]) => prefix);
  const withdrawn = [...old.keys()].filter((prefix) => !next.has(prefix));
  return { announced: announced.toSorted(), withdrawn: withdrawn.toSorted(), downs: 0 };
}

test(`random edits, and each router hears the difference (seed ${seed})`, async () => {
  await using network = new Network("rnd-", 2);
  const frr = await Frr.start(network, "node");
  const routers = await Promise.all(["router1", "router2"].map((host) => Frr.start(network, host)));
  for (const [i, router] of routers.entries())
    await configureRouter(router, [{ address: node[i] ?? "", families: ["ipv4"] }], { asn: asns[i] ?? 0 });
  const backend = createFrrBackend({ socketDir: frr.socketDir });
  const signal = AbortSignal.timeout(280_000);
  const recorders = routers.map((router) => new Recorder(router));
  const told = (): Told[] => recorders.map((recorder, i) => recorder.told(node[i] ?? ""));
  /** In each session the fence comes after everything that was said before it. */
  const fenced = async (both: Both, fence: number): Promise<Told[]> => {
    await backend.apply(desired(both, fence), signal);
    const raised = `10.103.0.${fence % 250}/32`;
    await eventually("the fence is told", () => told().every(({ announced }) => announced.includes(raised)));
    return told().map(({ announced, withdrawn, downs }) => ({
      announced: announced.filter((prefix) => !prefix.startsWith("10.103.")),
      withdrawn: withdrawn.filter((prefix) => !prefix.startsWith("10.103.")),
      downs,
    }));
  };

  const sequence = fc.sample(fc.tuple(paths, paths), { seed, numRuns: edits });
  let before: Both = [[], []];
  let fence = 1;
  await fenced(before, fence);
  for (const after of sequence) {
    for (const recorder of recorders) recorder.restart();
    await backend.apply(desired(after, fence), signal);
    fence += 1;
    for (const [at, { announced, ...others }] of (await fenced(after, fence)).entries()) {
      const change = (view: View): Told => difference(view, before[at] ?? [], after[at] ?? [], at);
      const { announced: visible, ...expected } = change(seen);
      expect(others).toEqual(expected);
      expect(announced).toEqual(expect.arrayContaining([...visible]));
      expect(change(edited).announced).toEqual(expect.arrayContaining([...announced]));
      expect(new Set(announced).size, "each once").toBe(announced.length);
    }
    before = after;
  }
  for (const [i, router] of routers.entries()) {
    const wanted = (before[i] ?? []).map(({ prefix }) => prefix as string).toSorted();
    // A path that was withdrawn is shown until bgpd has worked off its queue.
    await eventually(`the table of router ${i + 1} is what was decided`, async () => {
      const shown = (await router.routes()).filter((prefix) => !prefix.startsWith("10.103."));
      return shown.join() === wanted.join();
    });
  }
  await backend.close();
}, 300_000);
