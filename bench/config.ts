import { parseConfig } from "../src/config/parse.ts";
import type { Snapshot } from "../src/api/snapshot.ts";
import { node, peer, pool, snapshot } from "../tests/objects.ts";
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
  return [...read, { what: "config: four times the objects take", value: growth, unit: "times the time", budget: 6 }];
}

const parse = (objects: Snapshot): unknown => {
  const { config, problems } = parseConfig(objects, { node: "node-1" });
  if (problems.length > 0) throw new Error(`bug: the bench's objects are wrong: ${problems[0]?.message}`);
  return config;
};
