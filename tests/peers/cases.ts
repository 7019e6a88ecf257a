import { afterAll, beforeAll, expect, test } from "vitest";
import type { Snapshot } from "../../src/api/snapshot.ts";
import { Announcing, servicesFrom, worldWith } from "../network/announcing.ts";
import { Frr } from "../network/frr.ts";
import { eventually, Network } from "../network/network.ts";
import { bgpAdvertisement, community, passwordSecret, peer, pool } from "../objects.ts";

/** What a router holds of a prefix. */
export interface Received {
  /** As `64512:100`; large ones as `64512:7:8`. */
  readonly communities: readonly string[];
  readonly large: readonly string[];
  readonly localPref: number | undefined;
  readonly asPath: readonly number[];
}

/**
 * A router that isn't FRR, on the first wire of a network. It has two sessions with the node, both for IPv4 and IPv6: an
 * external one over IPv4 (AS 64512, with a password) and an internal one over IPv6 (AS 64513).
 */
export interface OtherRouter {
  /** Prefixes that came in a session. */
  received(session: SessionName): Promise<ReadonlyMap<string, Received>>;
  isEstablished(session: SessionName): Promise<boolean>;
  setPassword(password: string): Promise<void>;
  /** What it took out of its table since it started, in words of its own. */
  lost(): string[];
  /** Whether what it takes out from now on will be told; asked when the table is full. */
  isNoting(): boolean;
}

export type SessionName = "external" | "internal";
export const sessionNames: readonly SessionName[] = ["external", "internal"];

export interface World {
  readonly network: Network;
  readonly node: Frr;
  readonly announcing: Announcing;
  readonly router: OtherRouter;
  /** As first applied. */
  readonly snapshot: Snapshot;
}

const external = (more: object = {}) =>
  peer("external", {
    peerAddress: "10.0.1.1",
    connectTime: "1s",
    enableGracefulRestart: true,
    dualStackAddressFamily: true,
    passwordSecret: { name: "bgp" },
    ...more,
  });

const internal = peer("internal", {
  peerASN: 64513,
  peerAddress: "fd00:1::1",
  connectTime: "1s",
  enableGracefulRestart: true,
  dualStackAddressFamily: true,
});

const attributes = { communities: ["64512:100", "no-export", "large:64512:7:8"], localPref: 250 };

const plain = servicesFrom("plain", "10.100.0.0", 20);
const marked = [...servicesFrom("four", "10.101.0.0", 5), ...servicesFrom("six", "fd00:101::", 5)];

const snapshot: Snapshot = worldWith([...plain, ...marked], {
  pools: [
    pool("plain", { addresses: ["10.100.0.0/24"] }),
    pool("marked", { addresses: ["10.101.0.0/24", "fd00:101::/64"] }),
  ],
  bgpAdvertisements: [
    bgpAdvertisement("plain", { ipAddressPools: ["plain"] }),
    bgpAdvertisement("marked", { ipAddressPools: ["marked"], ...attributes }),
  ],
  communities: [community("known", { "no-export": "65535:65281" })],
  peers: [external(), internal],
  secrets: [passwordSecret("bgp", "one")],
});
const total = plain.length + marked.length;

const markedWith = (over: object) => [
  bgpAdvertisement("plain", { ipAddressPools: ["plain"] }),
  bgpAdvertisement("marked", { ipAddressPools: ["marked"], ...attributes, ...over }),
];

/** What every such router must make of us. `start` is given the network on which to start it. */
export function otherRouterCases(prefix: string, start: (network: Network) => Promise<OtherRouter>): () => World {
  const held = new AsyncDisposableStack();
  let world: World;

  beforeAll(async () => {
    const network = held.use(new Network(prefix, 1));
    const [node, router] = await Promise.all([Frr.start(network, "node"), start(network)]);
    const announcing = held.use(new Announcing(node.socketDir));
    world = { network, node, announcing, snapshot, router };
    await announcing.apply(snapshot);
    for (const session of sessionNames) await isWhole(session);
    await eventually("the router notes what it loses", () => router.isNoting());
  });
  afterAll(async () => {
    await held.disposeAsync();
  });

  const isWhole = (session: SessionName): Promise<number> =>
    eventually(
      `the ${session} session has its table`,
      async () => (await world.router.isEstablished(session)) && (await world.router.received(session)).size === total,
    );

  test("both families in one session, each path with its attributes", async () => {
    for (const prefixOf of ["10.101.0.4/32", "fd00:101::4/128"]) {
      const same = { communities: ["64512:100", "65535:65281"], large: ["64512:7:8"] };
      const [outside, inside] = await Promise.all(sessionNames.map((name) => world.router.received(name)));
      expect(outside?.get(prefixOf)).toMatchObject({ ...same, asPath: [64513] });
      expect(inside?.get(prefixOf)).toMatchObject({ ...same, asPath: [], localPref: 250 });
      expect(inside?.get("10.100.0.3/32")).toMatchObject({ communities: [], large: [], localPref: 100 });
    }
  });

  test("a path that changes, one that goes and one that comes back", async () => {
    const edited = { ...snapshot, bgpAdvertisements: markedWith({ communities: ["64512:200"], localPref: 300 }) };
    await world.announcing.apply(edited);
    await eventually("the edit is there", async () => {
      const path = (await world.router.received("internal")).get("fd00:101::4/128");
      return path?.communities.join() === "64512:200" && path.localPref === 300 && path.large.length === 0;
    });
    await world.announcing.apply({ ...snapshot, services: snapshot.services.slice(1) });
    for (const session of sessionNames) {
      await eventually("one is gone", async () => !(await world.router.received(session)).has("10.100.0.0/32"));
    }
    // What the next test holds against the router is seen.
    await eventually("the router says so", () => world.router.lost().some((line) => line.includes("10.100.0.0/32")));
    await world.announcing.apply(snapshot);
    for (const session of sessionNames) await isWhole(session);
  });

  test("bgpd is killed: the router keeps every route", async () => {
    const before = world.router.lost().length;
    await world.announcing.keeping(snapshot, async () => {
      await world.node.kill("bgpd");
      for (const session of sessionNames) {
        await eventually("the router notices", async () => !(await world.router.isEstablished(session)));
        expect((await world.router.received(session)).size).toBe(total);
      }
      await world.node.startDaemon("bgpd");
      for (const session of sessionNames) await isWhole(session);
    });
    expect(world.router.lost().slice(before)).toEqual([]);
  });

  test("a password that is new on one side only ends its session; on both, the session is back", async () => {
    for (const password of ["two", "one"]) {
      await world.announcing.apply({ ...snapshot, secrets: [passwordSecret("bgp", password)] });
      await eventually("the session ends", async () => !(await world.router.isEstablished("external")));
      expect(await world.router.isEstablished("internal")).toBe(true);
      await world.router.setPassword(password);
      await isWhole("external");
    }
  });

  return () => world;
}
