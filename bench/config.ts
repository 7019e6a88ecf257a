import { parseConfig } from "../src/config/parse.ts";
import type { Snapshot } from "../src/api/snapshot.ts";
import { judge } from "../src/admission/judge.ts";
import { bgpAdvertisement, node, peer, pool, snapshot } from "../tests/objects.ts";
import { leastMs, type Row } from "./bench.ts";

/** `count` pools of 256 addresses each and `count` peers, all good, on one node. */
function world(count: number): Snapshot {
  const numbers = Array.from({ length: count }, (_, i) => i);
  const octets = (i: number) => `${i >> 8}.${i & 255}`;
  return snapshot({
    nodes: [node("node-1")],
    pools: numbers.map((i) => pool(`pool-${i}`, { addresses: [`10.${octets(i)}.0/24`] })),
    peers: numbers.map((i) => peer(`peer-${i}`, { peerAddress: `172.16.${octets(i)}`, holdTime: "90s" })),
  });
}

const hostname = "kubernetes.io/hostname";
const nodeName = (i: number) => `node-${i}`;

/** As many nodes as peers, each with a session of its own. */
function wideWorld(count: number): Snapshot {
  const { pools, peers } = world(count);
  const selecting = (name: string) => ({ nodeSelectors: [{ matchLabels: { [hostname]: name } }] });
  return snapshot({
    pools: pools.slice(0, 10),
    nodes: peers.map((_, i) => node(nodeName(i), { [hostname]: nodeName(i) })),
    peers: peers.map(({ metadata, spec }, i) => peer(metadata.name, { ...spec, ...selecting(nodeName(i)) })),
    bgpAdvertisements: [bgpAdvertisement("all")],
  });
}

/** What costs a speaker and the controller where every node has another router. */
function wideRows(): readonly Row[] {
  const objects = wideWorld(1000);
  const pools = objects.pools.slice(0, 1);
  const edits = [...pools, peer("for-all", { peerAddress: "10.200.0.1" })].map((object) => ({
    what: `admission: judge ${object.kind === "BGPPeer" ? "a peer of all" : "a pool"} beside a peer for each of 1,000 nodes`,
    value: leastMs(() => judge({ operation: "CREATE", object }, objects)),
    unit: "ms",
    budget: 1000,
  }));
  const read = {
    what: "config: read a peer for each of 1,000 nodes",
    value: leastMs(() => parse(objects, nodeName(0))),
  };
  return [{ ...read, unit: "ms", budget: 100 }, ...edits];
}

/** Every rule of every pool and peer, as a speaker that has just started reads them. */
export function rows(): readonly Row[] {
  const sizes = [500, 1000, 2000].map((count) => {
    const objects = world(count);
    return { count, ms: leastMs(() => parse(objects)) };
  });
  const [least, , greatest] = sizes;
  const read = sizes.map(({ count, ms }) => ({
    what: `config: read ${count} pools and ${count} peers`,
    value: ms,
    unit: "ms",
    ...(count === 1000 && { budget: 100 }),
  }));
  const growth = (greatest?.ms ?? 0) / (least?.ms ?? 1);
  return [
    ...wideRows(),
    ...read,
    { what: "config: four times the objects take", value: growth, unit: "times the time", budget: 6 },
  ];
}

const parse = (objects: Snapshot, of = "node-1"): unknown => {
  const { config, problems } = parseConfig(objects, { node: of });
  if (problems.length > 0) throw new Error(`bug: the bench's objects are wrong: ${problems[0]?.message}`);
  return config;
};
