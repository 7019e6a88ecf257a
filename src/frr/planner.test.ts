import fc from "fast-check";
import { expect, test } from "vitest";
import type { BgpDesired, Path } from "../announce/desired.ts";
import type { Peer } from "../config/config.ts";
import { comparePrefixes } from "../net/prefix.ts";
import { plan } from "./plan.ts";
import { Planner } from "./planner.ts";
import { neighborOf } from "./render/neighbor.ts";
import { desiredOf, pathOf, peerOf, routerOf } from "./testing/desired.ts";
import { ModelOfFrr, told } from "./testing/daemon.ts";
import { emptyTree, type Tree } from "./tree.ts";

const prefixes = ["10.0.0.1/32", "10.0.0.2/32", "10.0.0.0/24", "10.1.0.0/24", "fd00::1/128", "fd00::/64"];
const attributes = [{}, { communities: ["64512:1"] }, { communities: ["64512:1"], localPref: 5 }];
/** A path that stays is the same object, as `decide` has it. */
const paths = prefixes.map((prefix) => attributes.map((over) => pathOf(prefix, over)));
const [tor, spine, red] = [
  peerOf("192.0.2.1", { dualStackAddressFamily: true }),
  peerOf("192.0.2.2"),
  peerOf("fd01::1", { vrf: "red" }),
];

/** For each prefix the attributes of its path; below 0 there is none. */
type Offer = readonly number[];

const offered = (peer: Peer, offer: Offer): { readonly peer: Peer; readonly paths: readonly Path[] } => ({
  peer,
  paths: offer.flatMap((choice, i) => paths[i]?.[choice] ?? []).toSorted((a, b) => comparePrefixes(a.prefix, b.prefix)),
});

const profiles = { bfdProfiles: [] };

const worldOf = (offers: readonly Offer[]): BgpDesired =>
  desiredOf(
    [
      routerOf([offered(tor, offers[0] ?? []), offered(spine, offers[1] ?? [])]),
      routerOf([offered(red, offers[2] ?? [])], { vrf: "red" }),
    ],
    profiles,
  );

/** What each peer is told of each prefix. */
const allTold = (tree: Tree): readonly (string | undefined)[] =>
  [tor, spine, red].flatMap((peer) =>
    prefixes.map((prefix) => told(tree, { vrf: peer.vrf, neighbor: neighborOf(peer), prefix })),
  );

const offer = fc.array(fc.integer({ min: -1, max: attributes.length - 1 }), {
  minLength: prefixes.length,
  maxLength: prefixes.length,
});

test("from what it remembers it goes no other way than `plan`: every peer is told the same, and then there is nothing left to do", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(offer, offer, offer), { minLength: 2, maxLength: 8 }), (turns) => {
      const planner = new Planner();
      let running: Tree = emptyTree;
      for (const offers of turns) {
        const desired = worldOf(offers);
        const { wanted, steps } = planner.plan(desired, running);
        const [model, reference] = [new ModelOfFrr(running), new ModelOfFrr(running)];
        for (const step of steps) model.take(step);
        for (const step of plan(desired, running).steps) reference.take(step);
        expect(allTold(model.tree)).toEqual(allTold(reference.tree));
        expect(plan(desired, wanted).steps).toEqual([]);
        expect(plan(desired, model.tree).steps).toEqual([]);
        running = wanted;
      }
    }),
  );
});

test("a prefix more in a group that runs is one line, and nothing else is made anew", () => {
  const planner = new Planner();
  const none = [-1, -1, -1, -1, -1, -1];
  const { wanted: running } = planner.plan(worldOf([[1, -1, -1, -1, -1, -1], none, none]), emptyTree);
  const more = planner.plan(worldOf([[1, 1, -1, -1, -1, -1], none, none]), running);
  expect(more.steps.flatMap((step) => (step.kind === "settle" ? [] : step.lines))).toEqual([
    expect.stringMatching(/^network 10\.0\.0\.2\/32 route-map G\d+$/),
  ]);
  expect(more.wanted.bgpd).toBe(running.bgpd);
  const back = planner.plan(worldOf([[1, -1, -1, -1, -1, -1], none, none]), more.wanted);
  expect(back.steps.flatMap((step) => (step.kind === "settle" ? [] : step.lines))).toEqual(["no network 10.0.0.2/32"]);
  expect(planner.plan(worldOf([[1, -1, -1, -1, -1, -1], none, none]), back.wanted).steps).toEqual([]);
});

test("what runs is another thing than was wanted: the whole of it is looked at", () => {
  const planner = new Planner();
  const none = [-1, -1, -1, -1, -1, -1];
  const world = worldOf([[1, -1, -1, -1, -1, -1], none, none]);
  planner.plan(world, emptyTree);
  expect(planner.plan(world, emptyTree).steps).toEqual(plan(world, emptyTree).steps);
});
