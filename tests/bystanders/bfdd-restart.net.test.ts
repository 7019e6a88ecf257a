import { execFileSync } from "node:child_process";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Snapshot } from "../../src/api/snapshot.ts";
import { type Announcing, servicesFrom, worldWith } from "../network/announcing.ts";
import { configureRouter, type Frr } from "../network/frr.ts";
import { LostRoutes } from "../network/lost-routes.ts";
import { eventually, type Network } from "../network/network.ts";
import type { Recorder } from "../network/recorder.ts";
import { bfdProfile, bgpAdvertisement, peer, pool } from "../objects.ts";
import { bfdIsUp, PATIENT, startTwoRouters } from "./two-routers.ts";

/**
 * What a router can do for routes that BFD watches over while bfdd restarts, and what that costs it: the first router has
 * `bfd check-control-plane-failure` (RFC 5882 §4.3.2), the second plain `bfd`. Both sessions restart gracefully.
 */

const first = "10.0.1.2";
const second = "10.0.2.2";
const held = new AsyncDisposableStack();
let network: Network;
let node: Frr;
let routers: readonly [Frr, Frr];
let recorders: readonly [Recorder, Recorder];
let announcing: Announcing;

const total = 5_000;
const services = servicesFrom("web", "10.100.0.0", total);
const peerOf = (name: string, peerAddress: string) =>
  peer(name, { peerAddress, connectTime: "1s", bfdProfile: "fast", enableGracefulRestart: true });
const world: Snapshot = worldWith(services, {
  pools: [pool("all", { addresses: ["10.100.0.0/16"] })],
  bgpAdvertisements: [bgpAdvertisement("all")],
  peers: [peerOf("first", "10.0.1.1"), peerOf("second", "10.0.2.1")],
  bfdProfiles: [bfdProfile("fast", { receiveInterval: 300, transmitInterval: 300, detectMultiplier: PATIENT })],
});

beforeAll(async () => {
  const configure = async (one: Frr, two: Frr): Promise<void> => {
    await configureRouter(one, [{ address: first, families: ["ipv4"] }], {
      lines: [`neighbor ${first} bfd profile patient`, `neighbor ${first} bfd check-control-plane-failure`],
    });
    await configureRouter(two, [{ address: second, families: ["ipv4"] }], {
      lines: [`neighbor ${second} bfd profile patient`],
    });
  };
  ({ network, node, routers, recorders, announcing } = await startTwoRouters(held, "bf-", configure));
  await announcing.apply(world);
  await isWhole();
});
afterAll(async () => {
  await held.disposeAsync();
});

async function isWhole(): Promise<void> {
  await bfdIsUp(announcing);
  await eventually("all routes are there", async () => {
    const counts = await Promise.all(routers.map((router) => router.tableSize()));
    return counts.every((count) => count === total);
  });
}

interface BfdPeer {
  readonly status: string;
  /** Seconds; absent while down. */
  readonly uptime?: number;
}

async function bfdOf(router: Frr): Promise<BfdPeer | undefined> {
  return (JSON.parse(await router.vty("bfdd", "show bfd peers json")) as BfdPeer[])[0];
}

/** FRR 8.4 looks at the control plane only of sessions whose BFD has been up for a second or so. */
async function isSettled(router: Frr): Promise<void> {
  await eventually("BFD has settled", async () => ((await bfdOf(router))?.uptime ?? 0) >= 3);
}

const bfdAt = async (router: Frr): Promise<string> => (await bfdOf(router))?.status ?? "none";

test("bfdd killed: the router that looks at the control plane keeps session and routes, the other does not", async () => {
  await isSettled(routers[0]);
  for (const recorder of recorders) recorder.restart();
  await using lost = LostRoutes.watch([network.netns("router1")]);
  await announcing.keeping(world, async () => {
    await node.kill("bfdd");
    await eventually("the first router's BFD is down", async () => (await bfdAt(routers[0])) === "down");
    await node.startDaemon("bfdd");
    await eventually("the second's session ends", () => recorders[1].told(second).downs === 1);
    await eventually("the second's table is whole again", () => recorders[1].ended(1));
    await isWhole();
  });
  expect(recorders[0].told(first)).toEqual({ announced: [], withdrawn: [], downs: 0 });
  expect(lost.routes).toEqual([]);
});

test("what it costs: a node that falls silent is found by BFD at the other router only", async () => {
  await isWhole();
  await isSettled(routers[0]);
  for (const recorder of recorders) recorder.restart();
  nft("add table inet silence { chain out { type filter hook output priority 0; policy drop; }; }");
  try {
    await eventually("the second's session ends", () => recorders[1].told(second).downs === 1);
    await eventually("the first router's BFD is down", async () => (await bfdAt(routers[0])) === "down");
    await eventually("its routes are gone", async () => (await routers[1].routes()).length === 0);
    expect(await routers[0].routes()).toHaveLength(total);
    expect(recorders[0].told(first).downs).toBe(0);
  } finally {
    nft("delete table inet silence");
  }
});

/** Drops whatever the node sends, as of a node that is gone: its links stay up. */
const nft = (text: string): void => void execFileSync("ip", ["netns", "exec", network.netns("node"), "nft", text]);
