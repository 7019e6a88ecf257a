import { eventually } from "./testing/namespaces.ts";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { existsSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import type { BgpDesired } from "../../announce/desired.ts";
import type { Refusal } from "../../announce/refusal.ts";
import type { Peer } from "../../config/config.ts";
import { desiredOf, pathOf, peerOf, routerOf } from "../../frr/testing/desired.ts";
import { plan } from "../../frr/plan.ts";
import type { Tree } from "../../frr/tree.ts";
import { ApplyError } from "../backend.ts";
import { createFrrBackend, type FrrBackend } from "./backend.ts";
import { generations } from "./testing/generations.ts";
import { Rig } from "./testing/rig.ts";

/** An administrator's own lines for FRR (ConfigMap `bgpextras`), on top of what we say. */

/** Each test has its own limit; all of them together have none. */
const patience = new AbortController().signal;

let rig: Rig;
let backend: FrrBackend;
let now = 0;

/** Lets in what the router offers of 172.16.0.0/12, as the text would for MetalLB; abbreviated, so that FRR shows it otherwise. */
const permit = `
! what the router may tell us
bgp as-path access-list theirs permit ^64512
ip prefix-list routers permit 172.16.0.0/12 le 24
route-map 10.0.0.1-in permit 5
  match ip add prefix-list routers
  match as-path theirs
`;

const slowTimers = `
router bgp 64513
  neighbor 10.0.0.1 timers 7 21
  neighbor 10.0.0.1 description upstream of row 7
`;

describe.each(generations)("FRR $release", ({ release }) => {
  beforeAll(async () => {
    rig = await Rig.start(generations.find((one) => one.release === release));
    await rig.acceptSessions("network 172.16.1.0/24", "network 192.168.7.0/24");
    await rig.vty("node", "bgpd", "configure terminal", "log commands", "end");
  });
  afterAll(async () => {
    await rig?.[Symbol.asyncDispose]();
  });
  beforeEach(() => {
    backend = createBackend();
  });
  afterEach(async () => {
    await backend.apply(desiredOf([]), patience).catch(() => {});
    await backend.close();
  });

  test("lets in what it names, and changes a peer's timers; the same again says nothing", async () => {
    const desired = announcing(3, { extras: permit + slowTimers });
    await backend.apply(desired, patience);
    await eventually("the router has ours", hears(3));
    await eventually("we have the router's", () => heard(["172.16.1.0/24"]));
    expect(await lines("neighbor 10.0.0.1 timers 7", "description")).toEqual([
      "neighbor 10.0.0.1 description upstream of row 7",
      "neighbor 10.0.0.1 timers 7 21",
    ]);

    await eventually("all is told that follows a session's start", isOld);
    const said = rig.commands();
    await backend.apply({ ...desired }, patience);
    now += 181_000;
    await backend.apply({ ...desired }, patience);
    expect(said()).toEqual([]);
    expect(backend.takeNews().filter(({ kind }) => kind === "drift")).toEqual([]);

    // A Service comes and goes: that is all that is said.
    const before = await session();
    const from = rig.routerLog().length;
    await backend.apply(announcing(4, { extras: permit + slowTimers }), patience);
    await eventually("the new route", hears(4));
    await backend.apply(desired, patience);
    await eventually("the new route goes", hears(3));
    const inFamily = (line: string) => [
      "configure terminal",
      "router bgp 64513",
      "address-family ipv4 unicast",
      line,
      "end",
    ];
    expect(said()).toEqual([
      ...inFamily("network 10.100.0.3/32 route-map G1"),
      ...inFamily("no network 10.100.0.3/32"),
    ]);
    expect((await session()).resets).toBe(before.resets);
    const told = rig.routerLog(from).match(/(?<=rcvd .*)10\.100\.0\.\d+\/32/g) ?? [];
    expect([...new Set(told)]).toEqual(["10.100.0.3/32"]);
  });

  test("a line that isn't accepted, or that FRR refuses, is named; the others are in force", async () => {
    const text = `${slowTimers}\n  neighbor 10.0.0.1 pasword hush\n  neighbor 10.9.9.9 activate\nlog extended metallb\n${permit}`;
    const refusals = await refusalsOf(announcing(1, { extras: text }));
    expect(refusals.map(({ line, cause, daemon }) => ({ line, cause, daemon }))).toEqual([
      { line: "log extended metallb", cause: { kind: "extras", number: 8, by: "not said" }, daemon: "" },
      { line: "neighbor 10.0.0.1 pasword ****", cause: { kind: "extras", number: 6, by: "daemon" }, daemon: "bgpd" },
      { line: "neighbor 10.9.9.9 activate", cause: { kind: "extras", number: 7, by: "daemon" }, daemon: "bgpd" },
    ]);
    expect(JSON.stringify(refusals)).not.toContain("hush");
    await eventually("we have the router's", () => heard(["172.16.1.0/24"]));

    // Not repeated, until the next look.
    const said = rig.commands();
    expect(await refusalsOf(announcing(1, { extras: text }))).toHaveLength(3);
    expect(said()).toEqual([]);
    now += 181_000;
    expect(await refusalsOf(announcing(1, { extras: text }))).toHaveLength(3);
    expect(said()).toContainEqual(expect.stringContaining("pasword"));

    // The next speaker says so too, though it says nothing to FRR.
    await restart();
    const after = rig.commands();
    expect(await refusalsOf(announcing(1, { extras: text }))).toHaveLength(3);
    expect(after()).toEqual([]);
    await backend.apply(announcing(1, { extras: slowTimers + permit }), patience);
  });

  test("a speaker that starts anew finds its FRR as it left it", async () => {
    const desired = announcing(3, { extras: permit + slowTimers });
    await backend.apply(desired, patience);
    await eventually("both know", async () => (await hears(3)()) && heard(["172.16.1.0/24"]));
    await eventually("all is told that follows a session's start", isOld);
    const before = await session();
    expect(statSync(kept()).mode & 0o777).toBe(0o600);
    const said = rig.commands();
    await restart();
    await backend.apply(desired, patience);
    expect(said()).toEqual([]);

    // Without what the last one left, it says all of it again; nobody notices.
    rmSync(kept());
    await restart();
    await backend.apply(desired, patience);
    expect(existsSync(kept())).toBe(true);
    expect(await session()).toEqual(before);
    expect(await heard(["172.16.1.0/24"])).toBe(true);
  });

  test("the text is edited, and goes: what it added is gone, what it replaced is back, and the session stays", async () => {
    const timers = { holdTimeSeconds: 90, keepaliveSeconds: 30 };
    const plain = announcing(2, { timers });
    await backend.apply(plain, patience);
    await eventually("the router has ours", hears(2));
    const bare = lineSet(await rig.running());
    const before = await session();

    await backend.apply(announcing(2, { timers, extras: permit + slowTimers }), patience);
    await eventually("we have the router's", () => heard(["172.16.1.0/24"]));
    const said = rig.commands();
    await backend.apply(announcing(2, { timers, extras: slowTimers }), patience);
    await eventually("nothing is let in any longer", () => heard([]));
    expect(said().filter((line) => /^no neighbor|timers 30 90/.test(line))).toEqual([]);
    expect(await lines("prefix-list", "timers 7")).toEqual(["neighbor 10.0.0.1 timers 7 21"]);

    await backend.apply(plain, patience);
    expect(lineSet(await rig.running())).toEqual(bare);
    expect(existsSync(kept())).toBe(false);
    expect((await session()).resets).toBe(before.resets);
    expect(await rig.routes()).toEqual(["10.100.0.0/32", "10.100.0.1/32", "172.16.1.0/24", "192.168.7.0/24"]);
  });

  test("a family that the text closes stays closed, through an edit of the peer and a new speaker", async () => {
    const extras = "router bgp 64513\n address-family ipv6\n  no neighbor 10.0.0.1 activate";
    const both = { dualStackAddressFamily: true, extras };
    await backend.apply(announcing(1, both), patience);
    await eventually("the router has ours", hears(1));
    expect((await lines("activate")).length).toBe(1);
    await backend.apply(announcing(1, { ...both, connectTimeSeconds: 3 }), patience);
    await eventually("the session stands", hears(1));
    expect((await lines("activate")).length).toBe(1);
    const said = rig.commands();
    await restart();
    await backend.apply(announcing(1, { ...both, connectTimeSeconds: 3 }), patience);
    expect(said()).toEqual([]);
    await backend.apply(announcing(1, { dualStackAddressFamily: true }), patience);
    expect((await lines("activate")).length).toBe(2);
  });

  test("a second peer comes and goes while the text speaks of it", async () => {
    const extras = `${permit}router bgp 64513\n neighbor fd00::1 description the other one\n`;
    const refusals = await refusalsOf(announcing(1, { extras }));
    expect(refusals).toMatchObject([{ line: "neighbor fd00::1 description the other one" }]);
    await eventually("the first has it", hears(1));
    await eventually("all is told that follows a session's start", isOld);
    const before = await session();
    const two = { ...announcing(1, { extras }), routers: [routerOf([peered(1), peered(1, "fd00::1")])] };
    await backend.apply(two, patience);
    expect(await lines("the other one")).toHaveLength(1);
    expect(await refusalsOf(announcing(1, { extras }))).toHaveLength(1);
    expect(await lines("the other one")).toEqual([]);
    expect(await session()).toEqual(before);
  });

  test("entries of outbound maps that the text names are its own", async () => {
    const extras = "route-map 10.0.0.1-out permit 1\n set metric 77\n on-match next\n";
    await backend.apply(announcing(2), patience);
    await eventually("the router has ours", hears(2));
    await backend.apply(announcing(2, { extras }), patience);
    await eventually("with a metric", async () => (await rig.route("10.100.0.1/32"))?.med === 77);
    await backend.apply(announcing(3, { extras }), patience);
    await eventually("a new one too", async () => (await rig.route("10.100.0.2/32"))?.med === 77);
    await backend.apply(announcing(3), patience);
    await eventually("without again", async () => (await rig.route("10.100.0.2/32"))?.med === 0);
    expect(plan(announcing(3), await rig.running()).steps).toEqual([]);
  });

  test("lines for bfdd, and a network of its own", async () => {
    const extras =
      "bfd\n profile slow\n  receive-interval 900\nrouter bgp 64513\n address-family ipv4\n  network 10.7.0.0/24 route-map G1\n";
    await backend.apply(announcing(1, { extras }), patience);
    await eventually("the router has both", async () => (await rig.routes()).includes("10.7.0.0/24"));
    expect(await lines("receive-interval")).toEqual(["receive-interval 900"]);
    await backend.apply(announcing(2, { extras }), patience);
    await eventually("and another", hears(2));
    expect(await rig.routes()).toContain("10.7.0.0/24");
    await backend.apply(announcing(2), patience);
    await eventually("its own is gone", async () => !(await rig.routes()).includes("10.7.0.0/24"));
    expect(await lines("receive-interval")).toEqual([]);
  });

  test("what a person changes is set right, in the text's lines as in ours", async () => {
    const desired = announcing(1, { extras: permit + slowTimers });
    await backend.apply(desired, patience);
    await eventually("we have the router's", () => heard(["172.16.1.0/24"]));
    const whole = lineSet(await rig.running());
    const inRouter = ["configure terminal", "router bgp 64513"];
    await rig.vty("node", "bgpd", ...inRouter, "neighbor 10.0.0.1 timers 5 15", "neighbor 10.0.0.1 port 1790", "end");
    now += 181_000;
    await backend.apply({ ...desired }, patience);
    expect(lineSet(await rig.running())).toEqual(whole);
    expect(backend.takeNews()).toMatchObject([{ kind: "drift", daemon: "bgpd" }]);
  });

  test("bgpd is killed: the text is back with it", async () => {
    const desired = announcing(3, { extras: permit + slowTimers });
    await backend.apply(desired, patience);
    await eventually("both know", async () => (await hears(3)()) && heard(["172.16.1.0/24"]));
    const whole = lineSet(await rig.running());
    await rig.kill("node", "bgpd");
    rig.startDaemon("node", "bgpd");
    await eventually("both know again", async () => {
      await backend.apply(desired, patience).catch((error: unknown) => expect(error).toBeInstanceOf(ApplyError));
      // A bgpd that has no router yet answers with a warning.
      return (await hears(3)()) && heard(["172.16.1.0/24"]).catch(() => false);
    });
    expect(lineSet(await rig.running())).toEqual(whole);
    await rig.vty("node", "bgpd", "configure terminal", "log commands", "end");
  });
});

const createBackend = (): FrrBackend => createFrrBackend({ socketDir: rig.socketDir("node"), now: () => now });

async function restart(): Promise<void> {
  await backend.close();
  backend = createBackend();
}

const kept = (): string => join(rig.socketDir("node"), "metallb-extras.json");

const peered = (count: number, neighbor = "10.0.0.1", over: Partial<Peer> = {}) => ({
  peer: peerOf(neighbor, { connectTimeSeconds: 1, ...over }),
  paths: Array.from({ length: count }, (_, i) => pathOf(`10.100.0.${i}/32`)),
});

function announcing(count: number, { extras, ...over }: Partial<Peer> & { extras?: string } = {}): BgpDesired {
  return desiredOf([routerOf([peered(count, "10.0.0.1", over)])], extras === undefined ? {} : { extras });
}

async function refusalsOf(desired: BgpDesired): Promise<readonly Refusal[]> {
  const thrown = await backend.apply(desired, patience).catch((error: unknown) => error);
  if (!(thrown instanceof ApplyError)) throw thrown ?? new Error("nothing was refused");
  return thrown.refusals;
}

/** Whether the router has as many of our prefixes. */
const hears = (count: number) => async (): Promise<boolean> =>
  (await rig.routes()).filter((prefix) => prefix.startsWith("10.100.")).length === count;

/** Whether our table has just these of the router's. */
async function heard(prefixes: readonly string[]): Promise<boolean> {
  const { routes } = await rig.json("node", "bgpd", "show bgp ipv4 unicast json");
  const all = Object.keys((routes as Record<string, unknown> | undefined) ?? {});
  return all.filter((one) => !one.startsWith("10.")).join() === prefixes.join();
}

/** What the router counts of the session with us. */
async function session(): Promise<{ readonly resets: number; readonly updates: number }> {
  const shown = await rig.json("router", "bgpd", "show bgp neighbors 10.0.0.2 json");
  const neighbor = shown["10.0.0.2"] as { connectionsDropped: number; messageStats: { updatesRecv: number } };
  return { resets: neighbor.connectionsDropped, updates: neighbor.messageStats.updatesRecv };
}

/** Within its first second a session may tell its table a second time (FRR bgpd/bgp_route.c, bgp_announce_route). */
async function isOld(): Promise<boolean> {
  const shown = await rig.json("router", "bgpd", "show bgp neighbors 10.0.0.2 json");
  return ((shown["10.0.0.2"] as { bgpTimerUpMsec?: number }).bgpTimerUpMsec ?? 0) >= 2_000;
}

/** Lines of our FRR's configuration that hold one of these texts. */
async function lines(...texts: readonly string[]): Promise<string[]> {
  return [...lineSet(await rig.running())]
    .map((line) => line.split(" / ").at(-1) ?? "")
    .filter((line) => texts.some((text) => line.includes(text)));
}

function lineSet({ zebra, bgpd, bfdd, networks }: Tree): string[] {
  const of = (block: Tree["bgpd"], path: string): string[] =>
    [...block].flatMap(([line, body]) => [`${path}${line}`, ...of(body, `${path}${line} / `)]);
  const prefixes = [...networks].flatMap(([vrf, own]) => [...own].map((entry) => `${vrf} ${entry.join(" ")}`));
  return [...of(zebra, ""), ...of(bgpd, ""), ...of(bfdd, ""), ...prefixes].toSorted();
}
