import { execFileSync } from "node:child_process";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Snapshot } from "../../src/api/snapshot.ts";
import { type Announcing, servicesFrom, worldWith } from "../network/announcing.ts";
import { configureRouter, type Frr } from "../network/frr.ts";
import { LostRoutes } from "../network/lost-routes.ts";
import { eventually, type Network } from "../network/network.ts";
import type { Recorder, Told } from "../network/recorder.ts";
import { bfdProfile, bgpAdvertisement, passwordSecret, peer, pool } from "../objects.ts";
import { bfdIsUp, PATIENT, startTwoRouters } from "./two-routers.ts";

/**
 * An edit is told to those whom it concerns, and nobody else notices: a thousand Services, two routers of real FRR that write
 * down each prefix of each UPDATE and each session that ends.
 */

const first = "10.0.1.2";
const second = "10.0.2.2";
const third = "fd00:2::2";
/** Those that BFD watches, by router. */
const neighbors = [first, second];

/** Ends what an edit set off: an UPDATE of this prefix comes after every UPDATE that the edit caused in the same session. */
let fences = 0;

const held = new AsyncDisposableStack();
let network: Network;
let node: Frr;
let routers: readonly [Frr, Frr];
let recorders: readonly [Recorder, Recorder];
let announcing: Announcing;

const many = servicesFrom("many", "10.100.0.0", 930);
const some = servicesFrom("some", "10.101.0.0", 50);
const wide = servicesFrom("wide", "10.102.0.0", 20);
const addresses = (services: typeof many): string[] =>
  services.map(({ status }) => `${status?.loadBalancer?.ingress?.[0]?.ip}/32`).toSorted();

const profile = (ms: number) =>
  bfdProfile("fast", { receiveInterval: ms, transmitInterval: ms, detectMultiplier: PATIENT });
const firstPeer = (more: object = {}) =>
  peer("first", {
    peerAddress: "10.0.1.1",
    connectTime: "1s",
    bfdProfile: "fast",
    enableGracefulRestart: true,
    ...more,
  });
const secondPeer = peer("second", {
  peerAddress: "10.0.2.1",
  connectTime: "1s",
  bfdProfile: "fast",
  enableGracefulRestart: true,
});
const withPassword = { passwordSecret: { name: "bgp" } };
const policy = (name: string, spec: object) => bgpAdvertisement(name, { ipAddressPools: [name], ...spec });

/** The world as it is now; each test leaves it as its edit made it. */
let world: Snapshot = worldWith([...many, ...some, ...wide], {
  pools: [
    pool("many", { addresses: ["10.100.0.0/16"] }),
    pool("some", { addresses: ["10.101.0.0/24"] }),
    pool("wide", { addresses: ["10.102.0.0/24"] }),
    pool("fence", { addresses: ["10.103.0.0/24"] }),
  ],
  bgpAdvertisements: [
    policy("many", {}),
    policy("some", { communities: ["64512:1"] }),
    policy("wide", {}),
    // Attributes of its own: bgpd packs a prefix with the first one that waits and has the same, ahead of all between them.
    policy("fence", { communities: ["64512:65000"] }),
  ],
  peers: [firstPeer(withPassword), secondPeer],
  secrets: [passwordSecret("bgp", "one")],
  bfdProfiles: [profile(300)],
});

beforeAll(async () => {
  const configure = async (one: Frr, two: Frr): Promise<void> => {
    await configureRouter(one, [{ address: first, families: ["ipv4"] }], {
      lines: [`neighbor ${first} bfd profile patient`, `neighbor ${first} password one`],
    });
    const both = [
      { address: second, families: ["ipv4"] as const },
      { address: third, families: ["ipv4", "ipv6"] as const },
    ];
    await configureRouter(two, both, { lines: [`neighbor ${second} bfd profile patient`] });
  };
  ({ network, node, routers, recorders, announcing } = await startTwoRouters(held, "by-", configure));
  await announcing.apply(world);
  for (const router of routers) {
    await eventually("all routes are there", async () => (await router.routes()).length === 1_000);
  }
  await bfdIsUp(announcing);
});
afterAll(async () => {
  await held.disposeAsync();
});

interface TwoTold {
  readonly first: Told;
  readonly second: Told;
}

/** Makes an edit, and what the routers were told from before it until it had come to an end. */
async function told(edit: () => Promise<void>, neighbors = { first, second }): Promise<TwoTold> {
  for (const recorder of recorders) recorder.restart();
  await edit();
  const fence = await raiseFence(neighbors);
  const without = ({ announced, ...rest }: Told): Told => ({
    ...rest,
    announced: announced.filter((prefix) => prefix !== fence),
  });
  return {
    first: without(recorders[0].told(neighbors.first)),
    second: without(recorders[1].told(neighbors.second)),
  };
}

async function raiseFence(neighbors: { readonly first: string; readonly second: string }): Promise<string> {
  fences += 1;
  const service = servicesFrom(`fence-${fences}`, `10.103.0.${fences}`, 1);
  await changing({ services: [...world.services, ...service] });
  const fence = `10.103.0.${fences}/32`;
  await eventually(
    "the fence is told",
    () =>
      recorders[0].told(neighbors.first).announced.includes(fence) &&
      recorders[1].told(neighbors.second).announced.includes(fence),
  );
  return fence;
}

async function changing(parts: Partial<Snapshot>): Promise<void> {
  const next = { ...world, ...parts };
  world = parts.services ? { ...next, endpointSlices: worldWith(parts.services, {}).endpointSlices } : next;
  await announcing.apply(world);
}

const withPolicy = (name: string, spec: object) => [
  ...world.bgpAdvertisements.filter(({ metadata }) => metadata.name !== name),
  policy(name, spec),
];

const silence: Told = { announced: [], withdrawn: [], downs: 0 };
const announces = (announced: readonly string[], withdrawn: readonly string[] = []): Told => ({
  announced: announced.toSorted(),
  withdrawn: withdrawn.toSorted(),
  downs: 0,
});
const everywhere = (same: Told): TwoTold => ({ first: same, second: same });

test("a Service that comes, and one that goes", async () => {
  const extra = servicesFrom("extra", "10.100.9.9", 1);
  expect(await told(() => changing({ services: [...world.services, ...extra] }))).toEqual(
    everywhere(announces(["10.100.9.9/32"])),
  );
  const without = world.services.filter(({ metadata }) => metadata.name !== "extra-0");
  expect(await told(() => changing({ services: without }))).toEqual(everywhere(announces([], ["10.100.9.9/32"])));
});

test("other communities for fifty, in one advertisement", async () => {
  const edit = { bgpAdvertisements: withPolicy("some", { communities: ["64512:2"] }) };
  expect(await told(() => changing(edit))).toEqual(everywhere(announces(addresses(some))));
});

test("a community for one peer alone", async () => {
  const spec = { ipAddressPools: ["some"], communities: ["64512:3"], peers: ["first"] };
  const edit = { bgpAdvertisements: [...world.bgpAdvertisements, bgpAdvertisement("for-first", spec)] };
  expect(await told(() => changing(edit))).toEqual({ first: announces(addresses(some)), second: silence });
});

test("a pool that is announced in wider prefixes, and in its addresses again", async () => {
  const blocks = ["10.102.0.0/28", "10.102.0.16/28"];
  const wider = { bgpAdvertisements: withPolicy("wide", { aggregationLength: 28 }) };
  expect(await told(() => changing(wider))).toEqual(everywhere(announces(blocks, addresses(wide))));
  const narrow = { bgpAdvertisements: withPolicy("wide", {}) };
  expect(await told(() => changing(narrow))).toEqual(everywhere(announces(addresses(wide), blocks)));
});

test("a peer that comes hears everything, and one that goes is closed", async () => {
  const added = peer("third", { peerAddress: "fd00:2::1", connectTime: "1s", dualStackAddressFamily: true });
  const before = world.peers;
  const comes = async (): Promise<void> => {
    await changing({ peers: [...before, added] });
    await eventually(
      "the new session has its table",
      () => recorders[1].told(third).announced.length === 1_000 + fences,
    );
  };
  expect(await told(comes)).toEqual(everywhere(silence));
  expect(recorders[1].told(third).withdrawn).toEqual([]);
  const goes = async (): Promise<void> => {
    await changing({ peers: before });
    await eventually("the session is closed", () => recorders[1].told(third).downs === 1);
  };
  expect(await told(goes)).toEqual(everywhere(silence));
});

test("a new password ends the session that it belongs to", async () => {
  const rotates = async (): Promise<void> => {
    await changing({ secrets: [passwordSecret("bgp", "two")] });
    await routers[0].configure("bgpd", "router bgp 64512", `neighbor ${first} password two`);
    await eventually("the session has its table", () => recorders[0].told(first).announced.length === 1_000 + fences);
  };
  const { first: own, second: other } = await told(rotates);
  expect(other).toEqual(silence);
  expect(own.withdrawn).toEqual([]);
  expect(own.announced).toHaveLength(1_000 + fences - 1);
  expect(own.downs).toBe(1);
});

test("other times in a BFD profile", async () => {
  const edit = async (): Promise<void> => {
    await changing({ bfdProfiles: [profile(400)] });
    await eventually("the router is told the new interval", async () => {
      const peers = JSON.parse(await routers[0].vty("bfdd", "show bfd peers json")) as Record<string, unknown>[];
      return peers[0]?.["remote-transmit-interval"] === 400;
    });
  };
  expect(await told(edit)).toEqual(everywhere(silence));
});

test("a speaker that restarts, and one that says the same again", async () => {
  const restarts = async (): Promise<void> => {
    await announcing.restart();
    await announcing.apply(world);
    await announcing.apply(world);
  };
  expect(await told(restarts)).toEqual(everywhere(silence));
});

test("5,000 prefixes, and bgpd killed: no route leaves a router, and the tables are whole again at once", async () => {
  await changing({ services: [...world.services, ...servicesFrom("more", "10.100.16.0", 4_000)] });
  const total = world.services.length;
  for (const [i, router] of routers.entries()) {
    await eventually("all are there", async () => (await router.routes()).length === total);
    await eventually("all are forwarded", () => kernelRoutes(`router${i + 1}`) === total);
  }
  for (const recorder of recorders) recorder.restart();
  await using lost = LostRoutes.watch(["router1", "router2"].map((host) => network.netns(host)));
  await announcing.keeping(world, async () => {
    await node.kill("bgpd");
    await node.startDaemon("bgpd");
    let fewest = total;
    const ms = await eventually("both tables are whole", async () => {
      for (const router of routers) fewest = Math.min(fewest, await router.tableSize());
      return recorders.every((recorder) => recorder.ended(1));
    });
    console.log(`bgpd killed with ${total} prefixes: both routers' tables whole ${ms.toFixed(0)} ms after its return`);
    expect(fewest).toBe(total);
  });
  for (const [i, neighbor] of neighbors.entries()) {
    const { announced, withdrawn } = recorders[i]?.told(neighbor) ?? silence;
    expect(withdrawn).toEqual([]);
    expect(new Set(announced).size).toBe(total);
    expect(kernelRoutes(`router${i + 1}`)).toBe(total);
  }
  expect(lost.routes).toEqual([]);
});

test("bfdd killed: sessions that BFD watches end once and are whole again, others do not notice", async () => {
  const unwatched = peer("third", { peerAddress: "fd00:2::1", connectTime: "1s", dualStackAddressFamily: true });
  await changing({ peers: [...world.peers, unwatched] });
  const total = world.services.length;
  await eventually("the session without BFD has its table", () => recorders[1].told(third).announced.length >= total);
  // A router's BFD may have found out late that the bgpd of before is gone, and its session be new once more.
  await bfdIsUp(announcing);
  for (const [i, router] of routers.entries())
    await eventually("each session has its table", async () => (await router.tableSize()) === (i + 1) * total);
  for (const recorder of recorders) recorder.restart();
  await announcing.keeping(world, async () => {
    await node.kill("bfdd");
    await node.startDaemon("bfdd");
    // The router's BFD hears a new session that is down (RFC 5880 §6.8.6), and its BGP follows.
    await eventually("the routers notice", () => recorders.every((one, i) => one.told(neighbors[i] ?? "").downs === 1));
    const ms = await eventually("both tables are whole", () => recorders.every((one) => one.ended(1)));
    console.log(`bfdd killed: both watched sessions whole ${ms.toFixed(0)} ms after the routers noticed`);
    await bfdIsUp(announcing);
  });
  const watched = recorders.map((recorder, i) => recorder.told(neighbors[i] ?? ""));
  for (const { announced, withdrawn } of watched) {
    expect(withdrawn).toEqual([]);
    expect(new Set(announced).size).toBe(total);
  }
  expect(recorders[1].told(third)).toEqual(silence);
  await changing({ peers: world.peers.filter(({ metadata }) => metadata.name !== "third") });
});

test("zebra killed: no route leaves a router, no session ends, and nothing is told again", async () => {
  await using lost = LostRoutes.watch(["router1", "router2"].map((host) => network.netns(host)));
  const killed = async (): Promise<void> => {
    await announcing.keeping(world, async () => {
      await node.kill("zebra");
      await node.startDaemon("zebra");
      await eventually("zebra has its configuration again", async () =>
        (await node.vty("zebra", "show running-config")).includes("ip nht resolve-via-default"),
      );
    });
  };
  expect(await told(killed)).toEqual(everywhere(silence));
  expect(lost.routes).toEqual([]);
});

function kernelRoutes(host: string): number {
  const shown = execFileSync("ip", ["-n", network.netns(host), "-4", "route", "show", "proto", "bgp"]).toString();
  return shown.split("\n").filter((line) => line.startsWith("10.")).length;
}
