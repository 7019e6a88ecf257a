import { expect, test } from "vitest";
import type { Refusal, RefusalCause } from "../announce/refusal.ts";
import { advertisement, config, peer, pool } from "../announce/testing/world.ts";
import type { Asn, Config, StandardCommunity } from "../config/config.ts";
import { parsePrefix, type Prefix } from "../net/prefix.ts";
import { ownRefusals, refusalProblems } from "./refusals.ts";

const refusal = (cause: RefusalCause, over: Partial<Refusal> = {}): Refusal => ({
  daemon: "bgpd",
  context: [],
  line: "a line",
  words: "% no such thing\n",
  cause,
  isKept: false,
  ...over,
});

const told = (one: Refusal, world: Config = config()) =>
  refusalProblems([one], world).map(({ object, field, message }) => [object.kind, object.name, field, message]);

test("a peer's field, with its value, the daemon's words, and what becomes of the session", () => {
  const tor = peer("tor", "10.0.0.1", { localASN: 64512 as Asn });
  expect(told(refusal({ kind: "peer", peer: tor, field: "localASN" }))).toEqual([
    [
      "BGPPeer",
      "tor",
      "spec.localASN",
      `BGPPeer tor: spec.localASN is 64512, which is refused by FRR's bgpd ("no such thing"): there is no session with this peer; change or remove it`,
    ],
  ]);
  const [kept] = told(refusal({ kind: "peer", peer: tor, field: "localASN" }, { isKept: true }));
  expect(kept?.[3]).toContain("the session goes on with what it had");
});

test("a line of bgpextras is named by its number, on the ConfigMap", () => {
  const ref = { apiVersion: "v1", kind: "ConfigMap", name: "bgpextras", namespace: "metallb-system" };
  const world = config({ extras: { ref, text: "a line" } });
  const cause = { kind: "extras", number: 7 } as const;
  expect(told(refusal({ ...cause, by: "daemon" }), world)).toEqual([
    [
      "ConfigMap",
      "bgpextras",
      "data.extras",
      `ConfigMap bgpextras: data.extras line 7 ("a line") is refused by FRR's bgpd ("no such thing"): the other lines are in force; change or remove it`,
    ],
  ]);
  const [unsaid] = told(refusal({ ...cause, by: "not said" }, { words: "it is a command" }), world);
  expect(unsaid?.[3]).toBe(`ConfigMap bgpextras: data.extras line 7 ("a line") is not given to FRR: it is a command`);
});

test("a password is never shown", () => {
  const tor = peer("tor", "10.0.0.1", { password: "a secret" });
  expect(told(refusal({ kind: "peer", peer: tor, field: "password" }))).toEqual([
    [
      "BGPPeer",
      "tor",
      "spec.password",
      `BGPPeer tor: spec.password is refused by FRR's bgpd ("no such thing"): there is no session with this peer; change or remove it`,
    ],
  ]);
});

test("a router's settings are on each of its peers", () => {
  const peers = [peer("a", "10.0.0.1"), peer("b", "10.0.0.2")].map((one) => ({ peer: one, paths: [] }));
  const router = { vrf: "", myASN: 64513 as Asn, peers };
  const found = told(refusal({ kind: "router", router, field: "myASN" }));
  expect(found.map(([, name, field]) => [name, field])).toEqual([
    ["a", "spec.myASN"],
    ["b", "spec.myASN"],
  ]);
});

test("attributes are on those advertisements that made them", () => {
  const list = (...values: string[]) => values as StandardCommunity[];
  const attributes = { localPref: 0, asPathPrepend: 0, communities: list("1:1", "2:2"), largeCommunities: [] };
  const prefix = parsePrefix("10.100.0.1/32") as Prefix;
  const world = config({
    pools: [pool("first", ["10.100.0.0/24"]), pool("other", ["10.101.0.0/24"])],
    bgpAdvertisements: [
      advertisement("one", { communities: list("1:1") }),
      advertisement("two", { communities: list("2:2") }),
      advertisement("none"),
      advertisement("more", { communities: list("1:1", "3:3") }),
      advertisement("elsewhere", { communities: list("1:1"), pools: ["other"] }),
      advertisement("wider", { communities: list("1:1"), aggregationLength: 24 }),
      advertisement("to-others", { communities: list("1:1"), peers: ["b"] }),
    ],
  });
  const cause = { kind: "attribute", peer: peer("tor", "10.0.0.1"), attribute: "communities" } as const;
  const found = told(refusal({ ...cause, samples: [{ prefix, attributes }] }), world);
  expect(found.map(([kind, name, field]) => [kind, name, field])).toEqual([
    ["BGPAdvertisement", "one", "spec.communities"],
    ["BGPAdvertisement", "two", "spec.communities"],
  ]);
});

test("a prefix is on the pool that holds it; what no object asks for is a sentence", () => {
  const prefix = parsePrefix("10.100.0.1/32") as Prefix;
  expect(told(refusal({ kind: "prefix", prefix })).map(([kind, name]) => [kind, name])).toEqual([
    ["IPAddressPool", "first"],
  ]);
  expect(told(refusal({ kind: "own" }))).toEqual([]);
  expect(ownRefusals([refusal({ kind: "own" })])).toBe('bgpd: "a line": "no such thing"');
  expect(ownRefusals([refusal({ kind: "prefix", prefix })])).toBeUndefined();
});

test("a daemon that repeats a long line is cut short", () => {
  const words = `% Unknown command: set community ${"65000:1 ".repeat(300)}`;
  const [found] = told(refusal({ kind: "prefix", prefix: parsePrefix("10.100.0.1/32") as Prefix }, { words }));
  expect(String(found?.[3]).length).toBeLessThan(400);
});
