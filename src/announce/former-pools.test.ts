import { describe, expect, test } from "vitest";
import type { Config } from "../config/config.ts";
import { decide } from "./decide.ts";
import { type FormerPools, formerForMs, formerPoolsAfter } from "./former-pools.ts";
import { advertisement, config, pool, service, snapshot } from "./testing/world.ts";

const whole = config({ pools: [pool("p", ["10.100.0.0/24"])] });
const half = config({ pools: [pool("p", ["10.100.0.0/25"])] });
const none: readonly FormerPools[] = [];

describe("which former pools count", () => {
  test.each<[string, Config]>([
    ["shrinks", half],
    ["goes", config({ pools: [] })],
    ["is split", config({ pools: [pool("p", ["10.100.0.0/25"]), pool("q", ["10.100.0.128/25"])] })],
  ])("that of a pool which %s, for a while", (_, after) => {
    const former = formerPoolsAfter({ config: whole, former: none }, after, 1_000);
    expect(former).toEqual([{ config: whole, until: 1_000 + formerForMs }]);
    expect(formerPoolsAfter({ config: after, former }, after, 1_000 + formerForMs - 1)).toBe(former);
    expect(formerPoolsAfter({ config: after, former }, after, 1_000 + formerForMs)).toEqual([]);
  });

  test.each<[string, Config]>([
    ["grows", config({ pools: [pool("p", ["10.100.0.0/23"])] })],
    ["is renamed in one step", config({ pools: [pool("q", ["10.100.0.0/24"])] })],
    ["stays", config({ pools: [pool("p", ["10.100.0.0/24"])], peers: [] })],
  ])("none of a pool which %s", (_, after) => {
    expect(formerPoolsAfter({ config: whole, former: none }, after, 0)).toBe(none);
  });

  test("none at the start", () => {
    expect(formerPoolsAfter({ config: undefined, former: none }, half, 0)).toBe(none);
  });
});

describe("what is announced of former pools", () => {
  const one = service("a", { has: ["10.100.0.200"] });
  const before = config({
    pools: [pool("p", ["10.100.0.0/24"])],
    bgpAdvertisements: [advertisement("old", { pools: ["p"] })],
  });
  const former = [{ config: before, until: 0 }];
  const decisionIn = (now: Config, given = former) =>
    decide({
      config: now,
      snapshot: snapshot([one]),
      node: "n1",
      ignoreExcludeLB: false,
      lbClass: "",
      former: given,
    }).announcements[0]?.decision;

  const no = { kind: "not-announced" };

  test("an address that no pool has goes on as it was", () => {
    expect(decisionIn(half)).toEqual(decisionIn(before, []));
    expect(decisionIn(half, [])).toMatchObject({ ...no, reason: "ipNotAllowed" });
  });

  test("an address that another pool has goes on as it was until an advertisement has that pool", () => {
    const q = pool("q", ["10.100.0.0/24"]);
    expect(decisionIn(config({ pools: [q], bgpAdvertisements: [] }))).toEqual(decisionIn(before, []));
    expect(decisionIn(config({ pools: [q], bgpAdvertisements: [] }), [])).toMatchObject({ ...no, reason: "notOwner" });
    const announced = config({ pools: [q], bgpAdvertisements: [advertisement("new", { pools: ["q"], localPref: 7 })] });
    expect(decisionIn(announced)).toEqual(decisionIn(announced, []));
  });

  test("where several former pools had an address, the newest says how", () => {
    const older = config({ pools: [pool("o", ["10.100.0.0/16"])], bgpAdvertisements: [] });
    expect(decisionIn(half, [...former, { config: older, until: 0 }])).toEqual(decisionIn(before, []));
  });
});
