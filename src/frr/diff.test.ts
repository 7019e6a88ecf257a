import { expect, test } from "vitest";
import type { BgpDesired, Path } from "../announce/desired.ts";
import type { Peer } from "../config/config.ts";
import { plan } from "./plan.ts";
import { render } from "./render.ts";
import { asnOf, desiredOf, pathOf, peerOf, routerOf } from "./testing/desired.ts";
import { emptyTree, type Tree } from "./tree.ts";

const announcing = (paths: readonly Path[], over: Partial<Peer> = {}): BgpDesired =>
  desiredOf([routerOf([{ peer: peerOf("10.0.0.1", over), paths }])]);

const some = [
  pathOf("10.100.0.1/32", { communities: ["64512:100"] }),
  pathOf("10.100.0.2/32", { communities: ["64512:100"] }),
];

/** Each step as its context and lines on one line of text. */
const commands = (running: Tree, next: BgpDesired): string[] =>
  plan(next, running).steps.map((step) =>
    step.kind === "settle" ? `settle ${step.prefixes.join(" ")}` : [...step.context, ...step.lines].join(" / "),
  );

test("a Service in an existing group is one line", () => {
  const more = [...some, pathOf("10.100.0.3/32", { communities: ["64512:100"] })];
  expect(commands(render(announcing(some), emptyTree), announcing(more))).toEqual([
    "router bgp 64513 / address-family ipv4 unicast / network 10.100.0.3/32 route-map G1",
  ]);
});

test("other attributes are a new group, and one line that points there; the old group stays", () => {
  const edited = some.map((path, i) => (i === 0 ? pathOf(path.prefix, { communities: ["64512:200"] }) : path));
  expect(commands(render(announcing(some), emptyTree), announcing(edited))).toEqual([
    "route-map G2 permit 10 / set tag 2 / route-map 10.0.0.1-out permit 2 / match tag 2 / set community 64512:200 / set tag 4294967295",
    "router bgp 64513 / address-family ipv4 unicast / network 10.100.0.1/32 route-map G2",
  ]);
});

test("a group that was left is found again", () => {
  const first = render(announcing(some), emptyTree);
  const away = plan(announcing(some.map(({ prefix }) => pathOf(prefix))), first).wanted;
  expect(commands(away, announcing(some))).toEqual([
    "router bgp 64513 / address-family ipv4 unicast / network 10.100.0.1/32 route-map G1 / network 10.100.0.2/32 route-map G1",
  ]);
});

test("a changed aggregation length announces before it withdraws; what is merely gone goes first", () => {
  const running = render(announcing([...some, pathOf("10.200.0.1/32", { communities: ["64512:100"] })]), emptyTree);
  expect(commands(running, announcing([pathOf("10.100.0.0/24", { communities: ["64512:100"] })]))).toEqual([
    "router bgp 64513 / address-family ipv4 unicast / no network 10.200.0.1/32",
    "router bgp 64513 / address-family ipv4 unicast / network 10.100.0.0/24 route-map G1",
    "router bgp 64513 / address-family ipv4 unicast / no network 10.100.0.1/32 / no network 10.100.0.2/32",
  ]);
});

test("on a fresh bgpd all prefixes settle before a neighbor, and a neighbor starts in one piece", () => {
  const steps = commands(
    { ...emptyTree, zebra: render(desiredOf([]), emptyTree).zebra },
    announcing(some, { connectTimeSeconds: 3 }),
  );
  expect(steps.slice(-5)).toEqual([
    "router bgp 64513 / address-family ipv4 unicast / network 10.100.0.1/32 route-map G1 / network 10.100.0.2/32 route-map G1",
    "settle 10.100.0.2/32",
    "router bgp 64513 / neighbor 10.0.0.1 remote-as 64512",
    "router bgp 64513 / address-family ipv4 unicast / neighbor 10.0.0.1 route-map 10.0.0.1-in in / neighbor 10.0.0.1 route-map 10.0.0.1-out out",
    "router bgp 64513 / neighbor 10.0.0.1 timers connect 3 / address-family ipv4 unicast / neighbor 10.0.0.1 activate",
  ]);
});

test("another AS number makes the router anew, with its prefixes before its neighbors", () => {
  const running = render(announcing(some), emptyTree);
  const other = desiredOf([
    routerOf([{ peer: peerOf("10.0.0.1", { myASN: asnOf(64600) }), paths: some }], { myASN: asnOf(64600) }),
  ]);
  const steps = commands(running, other);
  expect(steps[0]).toBe("no router bgp 64513");
  expect(steps.indexOf("settle 10.100.0.2/32")).toBeGreaterThan(0);
  expect(steps.findIndex((step) => step.includes("remote-as"))).toBeGreaterThan(steps.indexOf("settle 10.100.0.2/32"));
});

test("a value replaces another; a password is taken away without being named", () => {
  const running = render(announcing(some, { password: "secret", peerPort: 1179 }), emptyTree);
  expect(commands(running, announcing(some, { peerPort: 1180 }))).toEqual([
    "router bgp 64513 / no neighbor 10.0.0.1 password / neighbor 10.0.0.1 port 1180",
  ]);
});

test("unused groups go with a later change, when there are many", () => {
  let running = emptyTree;
  for (let value = 1; value <= 40; value++)
    running = plan(announcing([pathOf("10.0.0.1/32", { localPref: value })]), running).wanted;
  const groups = (tree: Tree): number => [...tree.bgpd.keys()].filter((line) => line.startsWith("route-map G")).length;
  expect(groups(running)).toBeLessThanOrEqual(36);
  expect(plan(announcing([pathOf("10.0.0.1/32", { localPref: 40 })]), running).steps).toEqual([]);
});
