import { eventually } from "./testing/namespaces.ts";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { BgpDesired, Path } from "../../announce/desired.ts";
import type { Peer } from "../../config/config.ts";
import { asnOf, desiredOf, pathOf, peerOf, routerOf } from "../../frr/testing/desired.ts";
import type { Prefix } from "../../net/prefix.ts";
import { ApplyError } from "../backend.ts";
import { createFrrBackend, type FrrBackend } from "./backend.ts";
import { generations } from "./testing/generations.ts";
import { Rig } from "./testing/rig.ts";

/** What FRR refuses although our validation lets it through: the rest stands, and is not disturbed. */

/** Each test has its own limit; all of them together have none. */
const patience = new AbortController().signal;
/** FRR 8.4 and 10.3 take 256 words in a line. */
const tooMany = Array.from({ length: 300 }, (_, i) => `65000:${i}`);

let rig: Rig;
let backend: FrrBackend;
let now = 0;

describe.each(generations)("FRR $release", ({ release }) => {
  beforeAll(async () => {
    rig = await Rig.start(generations.find((one) => one.release === release));
    await rig.acceptSessions();
    await rig.vty("node", "bgpd", "configure terminal", "log commands", "end");
  });
  afterAll(async () => {
    await rig?.[Symbol.asyncDispose]();
  });
  beforeEach(() => {
    backend = createFrrBackend({ socketDir: rig.socketDir("node"), now: () => now });
  });
  afterEach(async () => {
    await backend.apply(desiredOf([]), patience);
    await backend.close();
  });

  test("a peer of which a line is refused is left out, and the other one does not notice", async () => {
    await backend.apply(both({ first: paths(3) }), patience);
    await eventually("the first has its routes", hears("10.0.0.2", 3));
    const before = await neighbor("10.0.0.2");
    const wrong = both({ first: paths(3), second: paths(3), secondPeer: { password: "with blank" } });
    expect(await refusalsOf(wrong)).toMatchObject([
      { line: "neighbor fd00::1 password ****", cause: { kind: "peer", field: "password" }, isKept: false },
    ]);
    expect(await neighbor("10.0.0.2")).toEqual(before);
    const { sessions } = await backend.observe(patience);
    expect(sessions.map((session) => session.neighbor)).toEqual(["10.0.0.1"]);

    // The same again, and other edits: the line isn't said again, nothing is read again, and the rest goes through.
    const said = rig.commands();
    expect(await refusalsOf(wrong)).toHaveLength(1);
    expect(await refusalsOf({ ...wrong })).toHaveLength(1);
    expect(said()).toEqual([]);
    expect(
      await refusalsOf(both({ first: paths(4), second: paths(4), secondPeer: { password: "with blank" } })),
    ).toHaveLength(1);
    await eventually("the first has the new route", hears("10.0.0.2", 4));
    expect(said()).toEqual([
      "configure terminal",
      "router bgp 64513",
      "address-family ipv4 unicast",
      "network 10.100.0.3/32 route-map G1",
      "end",
    ]);

    // Corrected: it is said at once, and the session comes up.
    await backend.apply(both({ first: paths(4), second: paths(4) }), patience);
    await eventually("the second has its routes", hears("fd00::2", 4));
  });

  test("a refused edit leaves the session as it was", async () => {
    const good = { first: paths(2), second: paths(2), secondPeer: { localASN: asnOf(65001) } };
    await backend.apply(both(good), patience);
    await eventually("both have their routes", async () => (await hears("10.0.0.2", 2)()) && hears("fd00::2", 2)());
    const before = [await neighbor("10.0.0.2"), await neighbor("fd00::2")];
    // FRR 10 takes a local AS that is the other end's; what it refuses is a second word of a password.
    const edit: Partial<Peer> = release === "8.4" ? { localASN: asnOf(64512) } : { password: "with blank" };
    const wrong = both({ ...good, secondPeer: { ...good.secondPeer, ...edit } });
    expect(await refusalsOf(wrong)).toMatchObject([
      { cause: { kind: "peer", field: Object.keys(edit)[0] }, isKept: true },
    ]);
    expect([await neighbor("10.0.0.2"), await neighbor("fd00::2")]).toEqual(before);
    await backend.apply(both(good), patience);
    expect([await neighbor("10.0.0.2"), await neighbor("fd00::2")]).toEqual(before);
  });

  test("attributes that are refused for one peer: it keeps what it knows, and is told nothing without them", async () => {
    const plain = paths(2);
    await backend.apply(both({ first: plain, second: plain }), patience);
    await eventually("both have their routes", async () => (await hears("10.0.0.2", 2)()) && hears("fd00::2", 2)());
    const before = [await neighbor("10.0.0.2"), await neighbor("fd00::2")];
    const marked = paths(3, tooMany);
    expect(await refusalsOf(both({ first: plain, second: marked }))).toMatchObject([
      { cause: { kind: "attribute", attribute: "communities", peer: { name: "fd00::1" } } },
    ]);
    expect([await neighbor("10.0.0.2"), await neighbor("fd00::2")]).toEqual(before);

    // The other peer is told new prefixes; the one whose attributes are refused isn't.
    expect(await refusalsOf(both({ first: paths(3), second: marked }))).toHaveLength(1);
    await eventually("the first has the new route", hears("10.0.0.2", 3));
    expect(await prefixesFrom("fd00::2")).toEqual(plain.map(({ prefix }) => prefix));
    const said = rig.commands();
    expect(await refusalsOf(both({ first: paths(3), second: marked }))).toHaveLength(1);
    expect(said()).toEqual([]);

    await backend.apply(both({ first: paths(3), second: paths(3, ["64512:7"]) }), patience);
    await eventually("the second has the new route", hears("fd00::2", 3));
  });

  test("what is refused is asked again after a minute, and of a daemon that is new", async () => {
    const wrong = both({ first: paths(1), second: paths(1), secondPeer: { password: "with blank" } });
    await refusalsOf(wrong);
    const said = rig.commands();
    now += 181_000;
    expect(await refusalsOf(wrong)).toHaveLength(1);
    expect(said()).toContainEqual(expect.stringContaining("password"));
    await rig.kill("node", "bgpd");
    rig.startDaemon("node", "bgpd");
    await eventually("the first session is back", async () => {
      await backend.apply(wrong, patience).catch((error: unknown) => expect(error).toBeInstanceOf(ApplyError));
      return hears("10.0.0.2", 1)();
    });
    expect(await refusalsOf(wrong)).toHaveLength(1);
  });
});

/** Two sessions with one router, over IPv4 and over IPv6, both for IPv4. */
const both = (of: {
  readonly first: readonly Path[];
  readonly second?: readonly Path[];
  readonly secondPeer?: Partial<Peer>;
}): BgpDesired =>
  desiredOf([
    routerOf([
      { peer: peerOf("10.0.0.1", { connectTimeSeconds: 1 }), paths: of.first },
      ...(of.second
        ? [
            {
              peer: peerOf("fd00::1", { connectTimeSeconds: 1, dualStackAddressFamily: true, ...of.secondPeer }),
              paths: of.second,
            },
          ]
        : []),
    ]),
  ]);

const paths = (count: number, communities: readonly string[] = []): Path[] => {
  const { attributes } = pathOf("10.100.0.0/32", { communities });
  return Array.from({ length: count }, (_, i) => ({ ...pathOf(`10.100.0.${i}/32`), attributes }));
};

async function refusalsOf(desired: BgpDesired): Promise<ApplyError["refusals"]> {
  const error = await backend.apply(desired, patience).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof ApplyError)) throw error ?? new Error("nothing was refused");
  expect(error.code).toBe("rejected");
  return error.refusals;
}

/** What the router counts of a session: how often it came up, and the UPDATEs in it. */
async function neighbor(address: string): Promise<object> {
  const shown = (await rig.json("router", "bgpd", `show bgp neighbors ${address} json`))[address] as {
    readonly connectionsEstablished: number;
    readonly connectionsDropped: number;
    readonly messageStats: { readonly updatesRecv: number };
  };
  const { connectionsEstablished, connectionsDropped, messageStats } = shown;
  return { connectionsEstablished, connectionsDropped, updates: messageStats.updatesRecv };
}

async function prefixesFrom(address: string): Promise<Prefix[]> {
  const shown = await rig.json("router", "bgpd", `show bgp ipv4 unicast neighbors ${address} routes json`);
  return Object.keys((shown["routes"] as object | undefined) ?? {}).toSorted() as Prefix[];
}

const hears = (address: string, count: number) => async (): Promise<boolean> =>
  (await prefixesFrom(address)).length === count && rig.toldAll(address);
