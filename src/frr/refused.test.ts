import { expect, test } from "vitest";
import type { BgpDesired, Path } from "../announce/desired.ts";
import type { Peer } from "../config/config.ts";
import { causeOf } from "./cause.ts";
import { contextsOf } from "./lines.ts";
import { plan } from "./plan.ts";
import type { RefusedLine } from "./refused.ts";
import { ModelOfFrr, told } from "./testing/daemon.ts";
import { asnOf, desiredOf, pathOf, peerOf, routerOf } from "./testing/desired.ts";
import { emptyTree, type Tree } from "./tree.ts";

const path = "10.100.0.1/32";
const two = (second: Partial<Peer> = {}, paths: readonly Path[] = [pathOf(path)]): BgpDesired =>
  desiredOf([
    routerOf([
      { peer: peerOf("10.0.0.1"), paths },
      { peer: peerOf("10.0.0.2", second), paths },
    ]),
  ]);

/** As a daemon that refuses these lines would do it; how often it was asked. */
function apply(running: Tree, desired: BgpDesired, isRefused: (line: string) => boolean, known: RefusedLine[] = []) {
  let [tree, refused, asked]: [Tree, readonly RefusedLine[], number] = [running, known, 0];
  for (let round = 0; round < 10; round++) {
    const { steps, standing } = plan(desired, tree, { refused });
    const model = new ModelOfFrr(tree);
    const found: RefusedLine[] = [];
    for (const step of steps) {
      if (step.kind === "settle" || found.length > 0) continue;
      const contexts = contextsOf(step.context, step.lines);
      for (const [i, line] of step.lines.entries()) {
        if (isRefused(line)) found.push({ daemon: step.daemon, context: contexts[i] ?? [], line });
      }
      model.take({ ...step, lines: step.lines.filter((line) => !isRefused(line)) });
    }
    refused = [...standing, ...found];
    tree = model.tree;
    if (found.length === 0) return { tree, refused, asked };
    asked += found.length;
  }
  throw new Error("asked without end");
}

const hears = (tree: Tree, neighbor: string): string | undefined => told(tree, { vrf: "", neighbor, prefix: path });

test("a new peer with a refused line is left out whole, the other is told everything, and nothing is asked twice", () => {
  const desired = two({ localASN: asnOf(64512) });
  const first = apply(emptyTree, desired, (line) => line.includes("local-as 64512"));
  expect(first.asked).toBe(1);
  expect(hears(first.tree, "10.0.0.1")).toBeDefined();
  expect(hears(first.tree, "10.0.0.2")).toBeUndefined();
  expect(plan(desired, first.tree, { refused: first.refused }).steps).toEqual([]);
  expect(first.refused.map((one) => causeOf(one, desired))).toMatchObject([
    { kind: "peer", peer: { name: "10.0.0.2" }, field: "localASN" },
  ]);
  // The same line is another matter once something else of the peer is another.
  const corrected = two({ localASN: asnOf(64512), remote: { kind: "asn", asn: asnOf(64999) } });
  expect(plan(corrected, first.tree, { refused: first.refused })).toMatchObject({ standing: [] });
  expect(hears(apply(first.tree, corrected, () => false, [...first.refused]).tree, "10.0.0.2")).toBeDefined();
});

test("a refused edit of a peer that runs leaves what it had, and takes the rest of the edit", () => {
  const before = apply(emptyTree, two({ localASN: asnOf(65001) }), () => false).tree;
  const desired = two({ localASN: asnOf(64512), password: "new" });
  const { tree, refused } = apply(before, desired, (line) => line.includes("local-as 64512"));
  const lines = [...(tree.bgpd.get("router bgp 64513")?.keys() ?? [])].filter((line) => line.includes("10.0.0.2"));
  expect(lines).toContain("neighbor 10.0.0.2 local-as 65001 no-prepend replace-as");
  expect(lines).toContain("neighbor 10.0.0.2 password new");
  expect(refused).toMatchObject([{ isKept: true }]);
});

test("refused attributes: a prefix keeps those that it has, and a new one is not told without them", () => {
  const before = apply(emptyTree, two({}, [pathOf(path, { communities: ["1:1"] })]), () => false).tree;
  const isRefused = (line: string): boolean => line === "set community 2:2";
  const desired = two({}, [pathOf(path, { communities: ["2:2"] }), pathOf("10.100.0.2/32", { communities: ["2:2"] })]);
  const { tree, refused } = apply(before, desired, isRefused);
  expect(hears(tree, "10.0.0.1")).toContain("set community 1:1");
  expect(told(tree, { vrf: "", neighbor: "10.0.0.1", prefix: "10.100.0.2/32" })).toBeUndefined();
  expect(refused.map((one) => causeOf(one, desired))).toMatchObject([
    { kind: "attribute", attribute: "communities", peer: { name: "10.0.0.1" } },
    { kind: "attribute", attribute: "communities", peer: { name: "10.0.0.2" } },
  ]);
  const next = two({}, [pathOf(path, { communities: ["3:3"] })]);
  expect(plan(next, tree, { refused }).standing).toEqual([]);
  expect(hears(apply(tree, next, () => false, [...refused]).tree, "10.0.0.1")).toContain("set community 3:3");
});

test("a refused value of a BFD profile leaves the one before", () => {
  const ref = { apiVersion: "metallb.io/v1beta1", kind: "BFDProfile", name: "fast" };
  const profile = (receiveInterval: number) =>
    desiredOf([], { bfdProfiles: [{ name: "fast", ref, receiveInterval, detectMultiplier: 5 }] });
  const before = apply(emptyTree, profile(100), () => false).tree;
  const { tree, refused } = apply(before, profile(200), (line) => line === "receive-interval 200");
  expect([...(tree.bfdd.get("bfd")?.get("profile fast")?.keys() ?? [])].toSorted()).toEqual([
    "detect-multiplier 5",
    "receive-interval 100",
  ]);
  expect(causeOf(refused[0] as RefusedLine, profile(200))).toMatchObject({
    kind: "bfd-profile",
    field: "receiveInterval",
  });
});

test("a router that is refused takes its peers with it, and a line of no object is our own", () => {
  const desired = two({});
  const { tree, refused } = apply(emptyTree, desired, (line) => line === "router bgp 64513");
  expect([...tree.bgpd.keys()].filter((line) => line.startsWith("router "))).toEqual([]);
  expect(refused.map((one) => causeOf(one, desired))).toMatchObject([{ kind: "router", field: "myASN" }]);
  const own = apply(emptyTree, desired, (line) => line === "coalesce-time 0");
  expect(hears(own.tree, "10.0.0.1")).toBeDefined();
  expect(own.refused.map((one) => causeOf(one, desired))).toEqual([{ kind: "own" }]);
});
