import { describe, expect, test } from "vitest";
import { bfdProfile, bgpAdvertisement, node, peer, pool, snapshot } from "../../tests/objects.ts";
import type { KubeObject } from "../api/object.ts";
import type { Snapshot } from "../api/snapshot.ts";
import { type JudgedPart, replaced } from "./kinds.ts";
import { viewsOf } from "./views.ts";

const hostname = "kubernetes.io/hostname";
const names = Array.from({ length: 500 }, (_, i) => `n${i}`);

/** A session of its own for every node, as where each node's router is another. */
const world = snapshot({
  nodes: names.map((name) => node(name, { [hostname]: name })),
  peers: names.map((name, i) =>
    peer(name, {
      peerAddress: `10.${i >> 8}.${i & 255}.1`,
      bfdProfile: "fast",
      nodeSelectors: [{ matchExpressions: [{ key: hostname, operator: "In", values: [name] }] }],
    }),
  ),
  bfdProfiles: [bfdProfile("fast")],
  pools: [pool("v4", { addresses: ["10.100.0.0/24"] }), pool("v6", { addresses: ["fd00::/120"] })],
  bgpAdvertisements: [bgpAdvertisement("all")],
});

const lookAt = (part: JudgedPart, object: KubeObject, before: Snapshot = world) => {
  const after = replaced(before, part, object.metadata.name, object);
  return viewsOf({ part, object, before, after }).map(({ node: of, narrow }) => ({ of, ...narrow(after) }));
};

describe("with a session of its own for each of 500 nodes", () => {
  test("one node stands for all where peers don't matter", () => {
    expect(lookAt("pools", pool("v4", { addresses: ["10.101.0.0/24"] })).map(({ of }) => of)).toEqual([
      undefined,
      "n0",
    ]);
    expect(lookAt("bgpAdvertisements", bgpAdvertisement("more")).map(({ of }) => of)).toEqual(["n0"]);
    expect(lookAt("bfdProfiles", bfdProfile("fast", { detectMultiplier: 5 })).map(({ of }) => of)).toEqual(["n0"]);
  });

  test("a peer for one node is looked at there", () => {
    const one = peer("n7", { nodeSelectors: [{ matchLabels: { [hostname]: "n7" } }] });
    expect(lookAt("peers", one).map(({ of }) => of)).toEqual(["n7", "n7"]);
  });

  test("a peer for all is looked at on each, beside the peers that are there", () => {
    const views = lookAt("peers", peer("route-server", { peerAddress: "10.200.0.1" }));
    expect(views.length).toBe(501);
    expect(views.map(({ peers }) => peers.length).reduce((a, b) => a + b)).toBe(1000);
  });

  test("with BFD's echo and IPv6 each node counts, for pools and policies as well", () => {
    const echo = { ...world, bfdProfiles: [bfdProfile("fast", { echoMode: true })] };
    const views = lookAt("bgpAdvertisements", bgpAdvertisement("more"), echo);
    expect(views.length).toBe(500);
    expect(views.every(({ peers }) => peers.length === 1)).toBe(true);
    expect(lookAt("bfdProfiles", bfdProfile("fast", { echoMode: true })).length).toBe(500);
  });
});
