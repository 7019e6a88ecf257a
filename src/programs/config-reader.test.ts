import { expect, test } from "vitest";
import { node, peer, pool, snapshot } from "../../tests/objects.ts";
import { configReader } from "./config-reader.ts";

const world = snapshot({
  nodes: [node("n1", { rack: "a" }), node("n2")],
  pools: [pool("all", { addresses: ["10.0.0.0/24"] })],
  peers: [peer("tor", { peerAddress: "192.0.2.1", nodeSelectors: [{ matchLabels: { rack: "a" } }] })],
});

test("a Node that is written again without another word is no new configuration; another label is", () => {
  const read = configReader("n1");
  const first = read(world);
  const beats = world.nodes.map((one) => ({ ...one, metadata: { ...one.metadata, resourceVersion: "77" } }));
  expect(read({ ...world, nodes: beats })).toBe(first);
  expect(read({ ...world, nodes: beats })).toBe(first);
  const moved = read({ ...world, nodes: [node("n1", { rack: "b" }), node("n2")] });
  expect(moved.config.peers).toEqual([]);
  expect(first.config.peers).toHaveLength(1);
});
