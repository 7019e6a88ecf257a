import fc from "fast-check";
import { expect, test } from "vitest";
import type { Service, ServiceSpec } from "../api/core.ts";
import type { Pool } from "../config/config.ts";
import { familyOf, parseAddress } from "../net/address.ts";
import { inRange } from "../net/range.ts";
import { allocate } from "./allocate.ts";
import type { Memory, Outcome } from "./outcome.ts";
import { bothRequired, dual, forAll, pool, service, written } from "./testing/world.ts";

/** A small world, so that Services are in each other's way. */
const candidates: readonly Pool[] = [
  pool("a", ["10.0.0.0/30"]),
  pool("b", ["fd00::/126"]),
  pool("c", ["10.0.1.0-10.0.1.2", "fd01::-fd01::2"], {
    allocation: { ...forAll, priority: 1, namespaces: ["default"] },
  }),
  pool("d", ["10.0.2.254-10.0.3.2"], { avoidBuggyIPs: true }),
  pool("e", ["10.0.4.0/31"], { autoAssign: false }),
  pool("f", ["10.0.5.0/31"], {
    allocation: { ...forAll, serviceSelectors: [{ matchLabels: { app: "web" } }] },
  }),
];
const pools = fc.subarray([...candidates], { minLength: 1 });

const annotations = fc.record(
  {
    "metallb.io/address-pool": fc.constantFrom("a", "c", "e", "zz"),
    "metallb.io/allow-shared-ip": fc.constantFrom("k", "l"),
    "metallb.io/loadBalancerIPs": fc.constantFrom("10.0.0.1", "10.0.1.1,fd01::1", "fd00::2", "10.0.4.0", "x"),
  },
  { requiredKeys: [] },
);
const families = fc.constantFrom<Partial<ServiceSpec>[]>(
  {},
  {},
  { clusterIPs: ["fd96::1"] },
  dual,
  bothRequired,
  { ...dual, ipFamilies: ["IPv6", "IPv4"] },
  { ipFamilyPolicy: "PreferDualStack" },
  { ipFamilyPolicy: "RequireDualStack" },
  { ...dual, ipFamilyPolicy: "SingleStack" },
  { clusterIPs: [] },
);
const has = fc.subarray(["10.0.0.0", "10.0.0.1", "10.0.1.0", "10.0.2.255", "10.0.4.1", "fd00::", "fd01::1"], {
  maxLength: 2,
});

const one = (name: string): fc.Arbitrary<Service> =>
  fc
    .tuple(annotations, families, has, fc.constantFrom(80, 443), fc.constantFrom("web", "db"), fc.nat(3))
    .map(([notes, family, addresses, port, app, born]) =>
      service(name, { annotations: notes, ...family, has: addresses, ports: [{ port }], labels: { app }, born }),
    );
const services = fc.tuple(...["p", "q", "r", "s", "t", "u", "v", "w"].map(one)).chain((all) => fc.subarray([...all]));

const world = fc.record({ pools, services });

const pass = (config: readonly Pool[], given: readonly Service[], memory?: Memory) =>
  allocate({ config: { pools: config }, services: given, lbClass: "", ...(memory && { memory }) });

const addressesOf = ({ state }: Outcome) => (state.kind === "assigned" ? state.addresses : []);

const runs = { numRuns: 2000 };

test("shuffled input gives equal output", () => {
  const shuffled = world.chain((w) =>
    fc.record({
      w: fc.constant(w),
      pools: fc.shuffledSubarray([...w.pools], { minLength: w.pools.length }),
      services: fc.shuffledSubarray([...w.services], { minLength: w.services.length }),
    }),
  );
  fc.assert(
    fc.property(shuffled, ({ w, ...other }) => {
      expect(pass(other.pools, other.services)).toEqual(pass(w.pools, w.services));
    }),
    runs,
  );
});

test("no two Services have one address unless they may share it, and each address lies in a pool", () => {
  fc.assert(
    fc.property(world, (w) => {
      const holders = new Map<string, Service[]>();
      for (const outcome of pass(w.pools, w.services).outcomes) {
        const addresses = addressesOf(outcome);
        expect(new Set(addresses.map(familyOf)).size).toBe(addresses.length);
        for (const address of addresses) {
          const others = holders.get(address) ?? [];
          for (const other of others) expect(mayShare(outcome.service, other)).toBe(true);
          holders.set(address, [...others, outcome.service]);
          expect(w.pools.some((p) => p.entries.some(({ range }) => inRange(range, address)))).toBe(true);
        }
      }
    }),
    runs,
  );
});

/** The rule as plainly as possible; ports are one each here and the policy is Cluster. */
function mayShare(a: Service, b: Service): boolean {
  const [x, y] = [a, b].map((s) => s.metadata.annotations?.["metallb.io/allow-shared-ip"]);
  return x !== undefined && x === y && a.spec.ports?.[0]?.port !== b.spec.ports?.[0]?.port;
}

/** Whether it has all that it asks for. */
const isContent = ({ state }: Outcome): boolean => state.kind === "assigned" && state.unmet === undefined;

const byKey = (outcomes: readonly Outcome[]) => new Map(outcomes.map((outcome) => [outcome.key, outcome]));

/** What both passes know and the first left content has not moved in the second. */
function expectSteady(before: readonly Outcome[], after: readonly Outcome[]): void {
  const later = byKey(after);
  for (const outcome of before.filter(isContent)) {
    const same = later.get(outcome.key);
    if (same) expect(addressesOf(same).toSorted()).toEqual(addressesOf(outcome).toSorted());
  }
}

test("what a pass gave stays in the next, with memory and after a restart, and soon nothing changes any more", () => {
  fc.assert(
    fc.property(world, (w) => {
      const first = pass(w.pools, w.services);
      expectSteady(first.outcomes, pass(w.pools, first.outcomes.map(written)).outcomes);
      let [now, rounds] = [first, 0];
      for (let changes = true; changes && rounds < 20; rounds++) {
        const next = pass(w.pools, now.outcomes.map(written), now.memory);
        expectSteady(now.outcomes, next.outcomes);
        changes = next.outcomes.some(
          (outcome) => outcome.before.toSorted().join() !== addressesOf(outcome).toSorted().join(),
        );
        now = next;
      }
      expect(rounds).toBeLessThanOrEqual(w.services.length + 2);
      const last = pass(w.pools, now.outcomes.map(written), now.memory);
      expect(last.outcomes.flatMap(({ events }) => events)).toEqual([]);
      expect(pass(w.pools, now.outcomes.map(written)).pools).toEqual(now.pools);
    }),
    runs,
  );
});

test("an address that a status still names is given to no one else, whether or not its Service keeps it", () => {
  fc.assert(
    fc.property(world, (w) => {
      const { outcomes } = pass(w.pools, w.services);
      const named = outcomes.flatMap(({ before }) => before);
      for (const other of outcomes) {
        // What two statuses name was wrong before: whoever keeps it may share it further.
        const own = other.before.filter((text) => named.filter((each) => each === text).length === 1);
        const strangers = outcomes.filter(
          ({ key, service: each }) => key !== other.key && !mayShare(each, other.service),
        );
        expect(strangers.flatMap(addressesOf).filter((address) => own.includes(address))).toEqual([]);
      }
    }),
    runs,
  );
});

test("what a pass gave stays while the statuses that say so arrive in any order, newcomers or not", () => {
  fc.assert(
    fc.property(world, fc.array(fc.boolean(), { minLength: 8, maxLength: 8 }), one("0"), (w, arrived, come) => {
      const first = pass(w.pools, w.services);
      const seen = first.outcomes.map((outcome, i) => (arrived[i] ? written(outcome) : outcome.service));
      const newcomer = { ...come, status: {} };
      expectSteady(first.outcomes, pass(w.pools, [newcomer, ...seen], first.memory).outcomes);
    }),
    runs,
  );
});

test("no Service's address moves because another comes or goes", () => {
  fc.assert(
    fc.property(world, fc.nat(7), one("x"), (w, gone, come) => {
      const before = pass(w.pools, w.services);
      const settled = before.outcomes.map(written);
      const newcomer = { ...come, status: {} };
      const after = pass(w.pools, [...settled.filter((_, i) => i !== gone), newcomer], before.memory);
      expectSteady(before.outcomes, after.outcomes);
    }),
    runs,
  );
});

test("an address that it could keep is never taken from a Service that asks for nothing else", () => {
  fc.assert(
    fc.property(world, (w) => {
      const outcomes = pass(w.pools, w.services).outcomes;
      for (const { service: each, state, before, events } of outcomes) {
        if (state.kind !== "assigned") continue;
        const asks = Object.keys(each.metadata.annotations ?? {}).some((k) => /address-pool|loadBalancerIPs/.test(k));
        const lost = before.filter((text) => !state.addresses.some((address) => address === parseAddress(text)));
        if (lost.length > 0 && !asks) expect(events.map(({ reason }) => reason)).toContain("ClearAssignment");
      }
    }),
    runs,
  );
});
