import { eventually } from "./testing/namespaces.ts";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { BgpDesired, Path, RouterPeer } from "../../announce/desired.ts";
import type { BfdParameters, Peer } from "../../config/config.ts";
import { sessionEdits } from "../../frr/lines.ts";
import { plan } from "../../frr/plan.ts";
import { addressOf, asnOf, desiredOf, pathOf, peerOf, routerOf } from "../../frr/testing/desired.ts";
import { createFrrBackend, type FrrBackend } from "./backend.ts";
import { generations } from "./testing/generations.ts";
import { Rig } from "./testing/rig.ts";

/** Each test has its own limit; all of them together have none. */
const patience = new AbortController().signal;
const guide = ["64512:100"];

let rig: Rig;
let backend: FrrBackend;

describe.each(generations)("FRR $release", (generation) => {
  beforeAll(async () => {
    rig = await Rig.start(generation);
    await configureRouter();
  });
  afterAll(async () => {
    await rig?.[Symbol.asyncDispose]();
  });
  beforeEach(() => {
    backend = createFrrBackend({ socketDir: rig.socketDir("node") });
  });
  afterEach(async () => {
    await backend.apply(desiredOf([]), patience);
    await backend.close();
  });

  test("a session comes up, and what is decided is in the router's table and nothing else", async () => {
    const paths = [
      pathOf("10.100.0.1/32", { communities: ["64512:100", "65535:65281"], large: ["64512:7:8"] }),
      pathOf("10.100.1.0/24", { communities: [] }),
      pathOf("fd00:100::1/128", { communities: guide }),
    ];
    await backend.apply(announcing(paths, { dualStackAddressFamily: true }), patience);
    await eventually(
      "the routes are there",
      async () => (await rig.routes()).length === 2 && (await rig.routes("ipv6")).length === 1,
    );
    expect(await rig.route("10.100.0.1/32")).toMatchObject({ communities: "64512:100 no-export", large: "64512:7:8" });
    expect(await rig.route("10.100.1.0/24")).toMatchObject({ communities: "" });
    expect(await rig.route("fd00:100::1/128")).toMatchObject({ communities: "64512:100" });
    await eventually(
      "what was sent is observed",
      async () => (await backend.observe(patience)).sessions[0]?.sent.size === 3,
    );
    const [session] = (await backend.observe(patience)).sessions;
    expect(session).toMatchObject({ vrf: "", neighbor: "10.0.0.1", state: "Established" });
    expect(new Set(session?.sent)).toEqual(new Set(paths.map(({ prefix }) => prefix)));
  });

  test("services come, go and change attributes; the router hears of exactly these", async () => {
    const base = numbered(20);
    await backend.apply(announcing(base), patience);
    await eventually("all routes are there", async () => (await rig.routes()).length === 20);
    const from = rig.routerLog().length;

    await backend.apply(announcing([...base, pathOf("10.200.0.1/32", { communities: guide })]), patience);
    await eventually("the new one is there", hasRoute("10.200.0.1/32", "64512:100"));
    const edited = base.map((path, i) =>
      i < 3 ? { ...path, ...pathOf(path.prefix, { communities: ["64512:999"] }) } : path,
    );
    await backend.apply(announcing(edited), patience);
    await eventually("the edit is there", hasRoute(base[2]?.prefix ?? "", "64512:999"));
    await eventually("the removed one is gone", async () => (await rig.routes()).length === 20);

    for (const [i, { prefix }] of base.entries()) expect(tellings(from, prefix)).toHaveLength(i < 3 ? 1 : 0);
    const withdrawn = rig
      .routerLog(from)
      .split("\n")
      .filter((line) => line.includes("withdrawn"));
    expect(withdrawn.every((line) => line.includes("10.200.0.1/32"))).toBe(true);
  });

  test("a prefix with AS numbers prepended and a MED, and without again", async () => {
    const lined = pathOf("10.100.0.1/32", { asPathPrepend: 2, med: 4294967295 });
    await backend.apply(announcing([lined, pathOf("10.100.0.2/32")]), patience);
    await eventually("both routes are there", async () => (await rig.routes()).length === 2);
    expect(await rig.route("10.100.0.1/32")).toMatchObject({ asPath: "64513 64513 64513", med: 4294967295 });
    expect(await rig.route("10.100.0.2/32")).toMatchObject({ asPath: "64513", med: 0 });
    await backend.apply(announcing([pathOf("10.100.0.1/32", { med: 7 }), pathOf("10.100.0.2/32")]), patience);
    await eventually("the edit is there", async () => (await rig.route("10.100.0.1/32"))?.med === 7);
    expect(await rig.route("10.100.0.1/32")).toMatchObject({ asPath: "64513" });
  });

  test("a new peer costs no other peer an UPDATE", async () => {
    const base = numbered(50);
    await backend.apply(announcing(base), patience);
    await eventually("all routes are there", async () => (await rig.routes()).length === 50);
    await eventually("all is sent", () => rig.toldAll("10.0.0.2"));
    const sent = (await backend.readCounters(patience)).bgp[0]?.updatesSent;
    const second: RouterPeer = { peer: peerOf("fd00::1", { dualStackAddressFamily: true }), paths: base.slice(10) };
    const both = desiredOf([routerOf([{ peer: guidePeer(), paths: base }, second])]);
    await backend.apply(both, patience);
    await eventually("the second session has its routes", async () =>
      (await backend.observe(patience)).sessions.some(
        ({ neighbor, sent: of }) => neighbor === "fd00::1" && of.size === 40,
      ),
    );
    expect((await backend.readCounters(patience)).bgp.find(({ peer }) => peer === "10.0.0.1:179")?.updatesSent).toBe(
      sent,
    );
  });

  test("a speaker that restarts says nothing to FRR, and FRR nothing to the router", async () => {
    const desired = announcing([...numbered(30), pathOf("10.200.0.1/32", { localPref: 300 })], {}, [
      profile("fast", { receiveInterval: 100 }),
    ]);
    await backend.apply(desired, patience);
    await eventually("all routes are there", async () => (await rig.routes()).length === 31);
    await eventually("all is sent", () => rig.toldAll("10.0.0.2"));
    const before = (await backend.readCounters(patience)).bgp[0];
    await backend.close();

    expect(plan(desired, await rig.running()).steps).toEqual([]);
    backend = createFrrBackend({ socketDir: rig.socketDir("node") });
    await backend.apply(desired, patience);
    expect((await backend.readCounters(patience)).bgp[0]).toMatchObject({
      updatesSent: before?.updatesSent,
      opensSent: before?.opensSent,
      up: true,
    });
  });

  test("the last peer goes: its router keeps no route for a graceful restart", async () => {
    await backend.apply(announcing(numbered(3)), patience);
    await eventually("the routes are there", async () => (await rig.routes()).length === 3);
    await backend.apply(desiredOf([]), patience);
    await eventually("the routes are gone", async () => (await rig.routes()).length === 0);
  });

  test("bgpd is killed: no route leaves the router, and a person does nothing", async () => {
    const desired = announcing(numbered(500));
    await backend.apply(desired, patience);
    await eventually("all routes are there", async () => (await rig.routes()).length === 500);
    const over = new AbortController();
    const loop = (async () => {
      for await (const _ of backend.changes(over.signal)) await backend.apply(desired, patience).catch(() => {});
    })();
    try {
      await eventually("the session is observed", isUp);
      const established = await connections();
      const from = rig.routerLog().length;
      await rig.kill("node", "bgpd");
      rig.startDaemon("node", "bgpd");
      let fewest = 500;
      const took = await eventually("the session is back", async () => {
        fewest = Math.min(fewest, (await rig.routes()).length);
        return (await connections()) > established && (await rig.routes()).length === 500 && isUp().catch(() => false);
      });
      expect(fewest).toBe(500);
      expect(rig.routerLog(from)).not.toContain("withdrawn");
      console.log(`bgpd killed and started again: session and 500 routes back after ${took.toFixed(0)} ms`);
    } finally {
      over.abort();
      await loop;
    }
  });

  test("BFD with the guide's profile, echo mode included, is up and watches the session", async () => {
    const fast = profile("fast-detect", {
      receiveInterval: 300,
      transmitInterval: 300,
      detectMultiplier: 3,
      echoMode: true,
      passiveMode: false,
      minimumTtl: 254,
    });
    const over = new AbortController();
    let rings = 0;
    const loop = (async () => {
      for await (const _ of backend.changes(over.signal)) rings += 1;
    })();
    try {
      await backend.apply(announcing(numbered(1), { bfdProfile: "fast-detect" }, [fast]), patience);
      await eventually("BFD is up", async () => (await backend.observe(patience)).sessions[0]?.bfd === "up");
      // Three echoes of 50 ms: on a busy machine they may be lost now and then.
      await eventually("the counters say so", async () => (await backend.readCounters(patience)).bfd[0]?.up === true);
      expect((await backend.readCounters(patience)).bfd).toMatchObject([{ peer: "10.0.0.1", vrf: "default" }]);
      expect(plan(announcing(numbered(1), { bfdProfile: "fast-detect" }, [fast]), await rig.running()).steps).toEqual(
        [],
      );
      const before = rings;
      await rig.vty("router", "bgpd", "clear bgp *");
      // Nothing else rings: a backend that hears no events never does.
      await eventually("the reset is told", () => rings > before);
    } finally {
      over.abort();
      await loop;
    }
  });

  test("someone else's changes are found, and set right", async () => {
    let now = 0;
    await backend.close();
    backend = createFrrBackend({ socketDir: rig.socketDir("node"), now: () => now });
    const desired = announcing(numbered(3));
    await backend.apply(desired, patience);
    await rig.vty(
      "node",
      "bgpd",
      "configure terminal",
      "router bgp 64513",
      "neighbor 10.0.0.1 description mine",
      "address-family ipv4 unicast",
      "network 10.99.0.0/24",
      "end",
    );
    await rig.vty("node", "bgpd", "configure terminal", "route-map 10.0.0.1-out permit 1", "set community 6:6", "end");
    await rig.vty("node", "bfdd", "configure terminal", "bfd", "profile mine", "end");
    now += 61_000;
    await backend.apply(desired, patience);
    expect(plan(desired, await rig.running()).steps).toEqual([]);
    await eventually("the router has what is decided", hasRoute("10.100.0.0/32", "64512:100"));
  });

  const family = ["router bgp 64513", "address-family ipv4 unicast"];
  test.each([
    ["communities that are not sent", [...family, "no neighbor 10.0.0.1 send-community"]],
    ["communities that are not sent at all", [...family, "no neighbor 10.0.0.1 send-community all"]],
    ["the host's routes", [...family, "redistribute connected"]],
    ["an aggregate", [...family, "aggregate-address 10.0.0.0/8 summary-only"]],
    ["several paths", [...family, "maximum-paths 4"]],
    ["a family that is not ours", ["router bgp 64513", "address-family ipv4 multicast", "network 10.2.0.0/16"]],
    ["a timer", ["router bgp 64513", "neighbor 10.0.0.1 timers delayopen 5"]],
    ["words in a route-map", ["route-map 10.0.0.1-out deny 65535", "description mine"]],
  ])("%s: found in what runs, and set right", async (_, typed) => {
    let now = 0;
    await backend.close();
    backend = createFrrBackend({ socketDir: rig.socketDir("node"), now: () => now });
    const desired = announcing(numbered(1));
    await backend.apply(desired, patience);
    await rig.vty("node", "bgpd", "configure terminal", ...typed, "end");
    expect(plan(desired, await rig.running()).steps).not.toEqual([]);
    now += 61_000;
    await backend.apply(desired, patience);
    expect(plan(desired, await rig.running()).steps).toEqual([]);
    expect(backend.takeNews()).toMatchObject([{ kind: "drift", daemon: "bgpd" }]);
  });

  test("the look at what others have changed waits for a moment without a change of ours, but not for ever", async () => {
    let now = 0;
    await backend.close();
    backend = createFrrBackend({ socketDir: rig.socketDir("node"), now: () => now });
    await backend.apply(announcing(numbered(1)), patience);
    const strange = async (): Promise<boolean> => {
      const { networks } = await rig.running();
      return [...(networks.get("")?.keys() ?? [])].some((prefix) => prefix.startsWith("10.99."));
    };
    const change = ["router bgp 64513", "address-family ipv4 unicast", "network 10.99.0.0/24", "end"];
    const apply = async (desired: BgpDesired, afterMs: number): Promise<boolean> => {
      now += afterMs;
      await backend.apply(desired, patience);
      return strange();
    };
    await rig.vty("node", "bgpd", "configure terminal", ...change);
    const [two, three, four] = [announcing(numbered(2)), announcing(numbered(3)), announcing(numbered(4))];
    expect(await apply(two, 61_000)).toBe(true);
    expect(await apply(two, 500)).toBe(true);
    expect(await apply(two, 600)).toBe(false);

    // Whoever changes one line mostly changes another: it looks once more, and finds nothing.
    expect(await apply(two, 1)).toBe(false);
    await rig.vty("node", "bgpd", "configure terminal", ...change);
    expect(await apply(three, 121_000)).toBe(true);
    expect(await apply(three, 250)).toBe(false);

    expect(await apply(three, 1)).toBe(false);
    await rig.vty("node", "bgpd", "configure terminal", ...change);
    expect(await apply(four, 181_000)).toBe(false);
  });

  test("a refused line is named without its secret, and everything else stands", async () => {
    const desired = announcing(numbered(2), { password: "with space" });
    await expect(backend.apply(desired, patience)).rejects.toMatchObject({
      code: "rejected",
      message: expect.stringContaining("password ****"),
    });
    await backend.apply(announcing(numbered(2)), patience);
    await eventually("the routes are there", async () => (await rig.routes()).length === 2);
  });

  test("every field of peer and profile, set, changed and taken away, reads back as it was written", async () => {
    for (const one of [true, false, true]) {
      await backend.apply(everyField(one), patience);
      expect(plan(everyField(one), await rig.running()).steps).toEqual([]);
    }
    await backend.apply(desiredOf([]), patience);
    const { bgpd, bfdd } = await rig.running();
    expect([...bgpd.keys()]).toEqual(["bgp route-map delay-timer 0"]);
    expect([...(bfdd.get("bfd")?.keys() ?? [])]).toEqual([]);
  });

  test("an edit ends the session only where it must", async () => {
    const profiles = [profile("one", calm), profile("two", calm)];
    for (const [edit, [before, after]] of Object.entries(edits)) {
      await backend.apply(desiredOf([]), patience);
      const first = announcing(numbered(1), before, profiles);
      const second = announcing(numbered(1, edit === "route-map out" ? ["1:1"] : guide), after, profiles);
      const routerID = edit === "bgp router-id" ? { routerID: addressOf("10.0.0.77") } : {};
      await backend.apply(first, patience);
      // The router counts the end of a session only that was up on its side too.
      await eventually(`${edit}: the session is up`, async () => (await isUp()) && routerIsUp());
      const dropped = await drops();
      await backend.apply(
        { ...second, routers: second.routers.map((router) => ({ ...router, ...routerID })) },
        patience,
      );
      if (edit === "disable-connected-check") continue;
      const effect = sessionEdits[edit as keyof typeof sessionEdits];
      const expected = (typeof effect === "string" ? effect : effect[generation.release]) === "resets" ? 1 : 0;
      if (expected === 1) await eventually(`${edit} ends the session`, async () => (await drops()) > dropped);
      else await eventually(`${edit} is in force`, async () => plan(second, await rig.running()).steps.length === 0);
      expect((await drops()) > dropped, edit).toBe(expected === 1);
    }
  });

  // How soon is for `make bench` to say; here it is told.
  test("from apply to the router's table, with 10 to 10,000 prefixes present", { timeout: 300_000 }, async () => {
    for (const count of [10, 1_000, 10_000]) {
      const base = numbered(count);
      const start = performance.now();
      await backend.apply(announcing(base), patience);
      await eventually("all are there", async () => (await rig.routes()).length === count, 60_000);
      const loaded = performance.now() - start;
      const samples: { readonly applied: number; readonly seen: number }[] = [];
      for (let i = 0; i < 11; i++) {
        const prefix = `10.200.0.${i}/32`;
        const desired = announcing([...base, pathOf(prefix, { communities: guide })]);
        const at = performance.now();
        await backend.apply(desired, patience);
        const applied = performance.now() - at;
        await eventually("the route is there", hasRoute(prefix, "64512:100"));
        samples.push({ applied, seen: performance.now() - at });
      }
      const observed = performance.now();
      await backend.observe(patience);
      const ms = (value: number): string => `${value.toFixed(1)} ms`;
      const median = (of: readonly number[]): number => of.toSorted((a, b) => a - b)[of.length >> 1] ?? 0;
      console.log(
        `${count} prefixes: loaded ${ms(loaded)}; one more: applied ${ms(median(samples.map(({ applied }) => applied)))}, ` +
          `at the router ${ms(median(samples.map(({ seen }) => seen)))}; observe ${ms(performance.now() - observed)}`,
      );
    }
  });
});

test("an FRR that is away is an error that says so", async () => {
  const absent = createFrrBackend({ socketDir: "/nonexistent" });
  await expect(absent.apply(announcing([]), patience)).rejects.toMatchObject({ code: "daemon-unreachable" });
  await absent.close();
});

async function configureRouter(): Promise<void> {
  const neighbors = ["10.0.0.2", "fd00::2"];
  await rig.vty(
    "router",
    "bgpd",
    "configure terminal",
    "log timestamp precision 6",
    "debug bgp updates in",
    "router bgp 64512",
    "no bgp ebgp-requires-policy",
    "no bgp default ipv4-unicast",
    "coalesce-time 0",
    ...neighbors.flatMap((neighbor) => [
      `neighbor ${neighbor} remote-as external`,
      `neighbor ${neighbor} passive`,
      `neighbor ${neighbor} bfd`,
      `neighbor ${neighbor} timers connect 1`,
    ]),
    ...["ipv4", "ipv6"].flatMap((family) => [
      `address-family ${family} unicast`,
      ...neighbors.map((neighbor) => `neighbor ${neighbor} activate`),
      "exit-address-family",
    ]),
    "end",
  );
  await rig.vty("router", "bfdd", "configure terminal", "bfd", "profile echo", "echo-mode", "end");
}

const profile = (name: string, over: Partial<BfdParameters> = {}): BfdParameters => ({
  name,
  ref: { apiVersion: "metallb.io/v1beta1", kind: "BFDProfile", name },
  ...over,
});

/** No session ends by it for as long as a busy machine may let one of its programs wait. */
const calm: Partial<BfdParameters> = { receiveInterval: 3_000, transmitInterval: 1_000, detectMultiplier: 10 };

/** The guide's peer, quick to connect again. */
const guidePeer = (over: Partial<Peer> = {}): Peer =>
  peerOf("10.0.0.1", { connectTimeSeconds: 1, enableGracefulRestart: true, ...over });

const announcing = (
  paths: readonly Path[],
  over: Partial<Peer> = {},
  profiles: readonly BfdParameters[] = [],
): BgpDesired => desiredOf([routerOf([{ peer: guidePeer(over), paths }])], { bfdProfiles: profiles });

const numbered = (count: number, communities: readonly string[] = guide): Path[] => {
  const first = pathOf("10.100.0.0/32", { communities });
  return Array.from({ length: count }, (_, i) => ({
    ...first,
    prefix: pathOf(`10.${100 + (i >> 16)}.${(i >> 8) & 255}.${i & 255}/32`).prefix,
  }));
};

const isUp = async (): Promise<boolean> =>
  (await backend.observe(patience)).sessions.every(({ state }) => state === "Established");

const hasRoute = (prefix: string, communities: string) => async (): Promise<boolean> =>
  (await rig.route(prefix))?.communities === communities;

/** How often the router was told of a prefix since the log had this length. */
const tellings = (from: number, prefix: string): string[] =>
  rig
    .routerLog(from)
    .split("\n")
    .filter((line) => line.includes("rcvd") && line.includes(` ${prefix} `));

const connections = async (): Promise<number> => {
  const shown = await rig.json("router", "bgpd", "show bgp neighbors 10.0.0.2 json");
  return (shown["10.0.0.2"] as { connectionsEstablished: number }).connectionsEstablished;
};

/** Two sets of values for every field; each is loaded over the other. */
const everyField = (one: boolean): BgpDesired => {
  const common = (over: Partial<Peer>): Partial<Peer> => ({
    timers: one ? { holdTimeSeconds: 90, keepaliveSeconds: 30 } : { holdTimeSeconds: 0, keepaliveSeconds: 0 },
    connectTimeSeconds: one ? 5 : 120,
    peerPort: one ? 1790 : 179,
    enableGracefulRestart: one,
    ...(one ? { password: "secret#1", bfdProfile: "all" } : { bfdProfile: "none" }),
    ...over,
  });
  const paths = [
    pathOf("10.100.0.1/32", {
      localPref: 5,
      communities: ["0:0", "64512:1", "65535:0", "65535:666"],
      large: ["1:2:3", "10:2:3"],
    }),
    pathOf("fd00::99/128"),
  ];
  const peers: RouterPeer[] = [
    peerOf("10.9.0.1", common({ ebgpMultiHop: one, sourceAddress: addressOf(one ? "10.0.0.2" : "10.0.0.3") })),
    peerOf("10.9.0.2", common({ remote: { kind: "dynamic", mode: one ? "internal" : "external" } })),
    peerOf(
      "10.9.0.3",
      common(one ? { localASN: asnOf(65010) } : { remote: { kind: "asn", asn: asnOf(64513) }, localASN: asnOf(65010) }),
    ),
    peerOf("eth0", common({ remote: { kind: "dynamic", mode: "external" } })),
    peerOf("fd00:9::1", common({ dualStackAddressFamily: !one })),
  ].map((peer) => ({ peer, paths }));
  const red = { ...peerOf("10.9.0.1", common({})), vrf: "red", myASN: asnOf(one ? 64520 : 64521) };
  const all = profile("all", {
    receiveInterval: 100,
    transmitInterval: 120,
    detectMultiplier: 5,
    echoInterval: 60,
    echoMode: true,
    passiveMode: true,
    minimumTtl: 250,
  });
  return desiredOf(
    [
      routerOf(peers, one ? { routerID: addressOf("10.250.0.1") } : {}),
      routerOf([{ peer: red, paths }], { vrf: "red", myASN: red.myASN }),
    ],
    { bfdProfiles: [one ? all : profile("all"), profile("none", { echoInterval: 50, receiveInterval: 300 })] },
  );
};

/** An edit of each kind in `sessionEdits`: before and after. */
const edits: Readonly<Record<keyof typeof sessionEdits, readonly [before: Partial<Peer>, after: Partial<Peer>]>> = {
  "remote-as": [{}, { remote: { kind: "dynamic", mode: "external" } }],
  "local-as": [{}, { localASN: asnOf(65001) }],
  "update-source": [{}, { sourceAddress: addressOf("10.0.0.2") }],
  password: [{}, { password: "secret" }],
  port: [{}, { peerPort: 1179 }],
  "ebgp-multihop": [{}, { ebgpMultiHop: true }],
  activate: [{}, { dualStackAddressFamily: true }],
  timers: [{}, { timers: { holdTimeSeconds: 30, keepaliveSeconds: 10 } }],
  "graceful-restart": [{ enableGracefulRestart: false }, { enableGracefulRestart: true }],
  "timers connect": [{}, { connectTimeSeconds: 2 }],
  bfd: [{}, { bfdProfile: "one" }],
  "bfd profile": [{ bfdProfile: "one" }, { bfdProfile: "two" }],
  "bgp router-id": [{}, {}],
  "disable-connected-check": [{}, {}],
  "route-map out": [{}, {}],
};

const routerIsUp = async (): Promise<boolean> => {
  const shown = await rig.json("router", "bgpd", "show bgp neighbors 10.0.0.2 json");
  return (shown["10.0.0.2"] as { bgpState: string }).bgpState === "Established";
};

/** Sessions that ended, as the router counts them: it outlives our neighbor's being made anew. */
const drops = async (): Promise<number> => {
  const shown = await rig.json("router", "bgpd", "show bgp neighbors 10.0.0.2 json");
  return (shown["10.0.0.2"] as { connectionsDropped: number }).connectionsDropped;
};
