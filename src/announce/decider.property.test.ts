import fc from "fast-check";
import { expect, test } from "vitest";
import type { EndpointSlice, Service } from "../api/core.ts";
import type { Config } from "../config/config.ts";
import { decide, Decider, type DecideInput } from "./decide.ts";
import { advertisement, config, node, peer, pool, service, snapshot } from "./testing/world.ts";

/** Worlds in which Services share addresses, aggregates and peers. */
const addresses = ["10.100.0.1", "10.100.0.2", "10.100.1.1", "fd00::1", "10.200.0.1", "host.example"];

const configs: readonly Config[] = [
  config({
    pools: [pool("first", ["10.100.0.0/16", "fd00::/64"])],
    peers: [peer("one", "10.0.0.1"), peer("two", "10.0.0.2", { dualStackAddressFamily: true })],
    bgpAdvertisements: [
      advertisement("all"),
      advertisement("wide", { aggregationLength: 24, peers: ["two"], asPathPrepend: 1 }),
      advertisement("gold", { localPref: 5, serviceSelectors: [{ matchLabels: { tier: "gold" } }], peers: ["one"] }),
    ],
  }),
  config({ peers: [peer("red", "10.0.0.1", { vrf: "red" }), peer("one", "fd00::9")] }),
  config({ peers: [] }),
];

const services = fc.uniqueArray(
  fc.record({
    name: fc.constantFrom("a", "b", "c", "d"),
    has: fc.subarray(addresses, { maxLength: 2 }),
    tier: fc.constantFrom("gold", "lead"),
    type: fc.constantFrom("LoadBalancer", "LoadBalancer", "ClusterIP"),
    loadBalancerClass: fc.constantFrom("", "", "other"),
    isServed: fc.boolean(),
  }),
  { selector: ({ name }) => name },
);

const steps = fc.array(
  fc.record({
    services,
    /** What of the turn before is kept as the same objects. */
    keeps: fc.boolean(),
    config: fc.constantFrom(...configs),
    isExcluded: fc.constantFrom(false, false, true),
  }),
  { minLength: 2, maxLength: 8 },
);

type Turn = typeof steps extends fc.Arbitrary<(infer T)[]> ? T : never;

/** A Service that is said to be the same again is the same object, as in a cache. */
class Objects {
  readonly #known = new Map<string, Service>();
  readonly #slices = new Map<string, readonly EndpointSlice[]>();

  inputOf({ services: made, keeps, config: parsed, isExcluded }: Turn): DecideInput {
    if (!keeps) this.#known.clear();
    const all = made.map(({ name, has, tier, type, loadBalancerClass }) => {
      const identity = JSON.stringify([name, has, tier, type, loadBalancerClass]);
      const made = this.#known.get(identity) ?? service(name, { has, labels: { tier }, type, loadBalancerClass });
      this.#known.set(identity, made);
      return made;
    });
    const excluded = { "node.kubernetes.io/exclude-from-external-load-balancers": "" };
    const world = snapshot(all, { nodes: [node("n1", isExcluded ? { labels: excluded } : {})] });
    const endpointSlices = new Map(
      made.filter(({ isServed }) => isServed).map(({ name }) => this.#slicesOf(name, world)),
    );
    return { config: parsed, snapshot: { ...world, endpointSlices }, node: "n1", ignoreExcludeLB: false, lbClass: "" };
  }

  #slicesOf(name: string, world: DecideInput["snapshot"]): readonly [string, readonly EndpointSlice[]] {
    const key = `default/${name}`;
    const slices = this.#slices.get(key) ?? world.endpointSlices.get(key) ?? [];
    this.#slices.set(key, slices);
    return [key, slices];
  }
}

test("what is remembered from turn to turn changes no answer", () => {
  fc.assert(
    fc.property(steps, (turns) => {
      const decider = new Decider();
      const objects = new Objects();
      for (const turn of turns) {
        const input = objects.inputOf(turn);
        const fresh = decide(input);
        expect(decider.decide(input)).toEqual(fresh);
        const again = decider.decide(input);
        expect(again.desired).toBe(decider.decide(input).desired);
        expect(again).toEqual(fresh);
      }
    }),
    { numRuns: 300 },
  );
});

test("one Service among others: what does not change is the same object as before", () => {
  const others = [service("a", { has: ["10.100.0.1"] }), service("b", { has: ["10.100.0.2"] })];
  const input = (all: readonly Service[]): DecideInput => {
    const world = snapshot(all);
    const endpointSlices = new Map(all.map(({ metadata: { name } }) => [`default/${name}`, slices] as const));
    return { config: only, snapshot: { ...world, endpointSlices }, node: "n1", ignoreExcludeLB: false, lbClass: "" };
  };
  const only = configs[0] as Config;
  const slices = snapshot(others).endpointSlices.get("default/a") ?? [];
  const decider = new Decider();
  const before = decider.decide(input(others));
  const after = decider.decide(input([...others, service("c", { has: ["10.100.1.1"] })]));
  expect(after.announcements.slice(0, 2).every((one, i) => one === before.announcements[i])).toBe(true);
  const pathsOf = (of: typeof before) => of.desired.routers[0]?.peers[0]?.paths ?? [];
  expect(pathsOf(before)).toHaveLength(2);
  expect(pathsOf(after).filter((path) => pathsOf(before).includes(path))).toHaveLength(2);
});

test("a turn about something else gets the very same answer; another class does not", () => {
  const world = configs[0] as Config;
  const decider = new Decider();
  const input = {
    config: world,
    snapshot: snapshot([service("web")]),
    node: "n1",
    ignoreExcludeLB: false,
    lbClass: "",
  };
  const first = decider.decide(input);
  expect(decider.decide({ ...input, snapshot: { ...input.snapshot } })).toBe(first);
  expect(decider.decide({ ...input, lbClass: "other" })).toEqual(decide({ ...input, lbClass: "other" }));
});
