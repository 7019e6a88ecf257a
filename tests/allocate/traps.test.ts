import { describe, expect, test } from "vitest";
import type { Service } from "../../src/api/core.ts";
import type { Pool } from "../../src/config/config.ts";
import { serviceWrites } from "../../src/status/service-status.ts";
import { allocate } from "../../src/allocate/allocate.ts";
import type { Memory } from "../../src/allocate/outcome.ts";
import { bothRequired, dual, forAll, got, pool, service, written } from "../../src/allocate/testing/world.ts";

/** What MetalLB's controller gets wrong, by reading its code: here each is as a person would expect. */

const first = pool("first", ["10.100.0.0/24"]);
const both = pool("both", ["10.46.0.0/24", "fd46::/64"]);

const run = (pools: readonly Pool[], services: readonly Service[], memory?: Memory) =>
  allocate({ config: { pools }, services, lbClass: "", ...(memory && { memory }) });

const shares = { annotations: { "metallb.io/allow-shared-ip": "k" } };

/** What each pass gives while every write arrives, and how many writes there are. */
function passes(pools: readonly Pool[], services: readonly Service[], count: number) {
  let [now, memory]: [readonly Service[], Memory | undefined] = [services, undefined];
  return Array.from({ length: count }, () => {
    const result = run(pools, now, memory);
    [now, memory] = [result.outcomes.map(written), result.memory];
    return {
      given: result.outcomes.map(got),
      writes: serviceWrites(result.outcomes).length,
      events: result.outcomes.flatMap(({ events }) => events.map(({ reason }) => reason)),
    };
  });
}

describe("no oscillation", () => {
  const families: readonly [string, Parameters<typeof service>[1]][] = [
    ["PreferDualStack with one clusterIP", { ipFamilyPolicy: "PreferDualStack" }],
    ["PreferDualStack with one IPv6 clusterIP", { clusterIPs: ["fd96::1"], ipFamilyPolicy: "PreferDualStack" }],
    ["PreferDualStack with two", dual],
    ["PreferDualStack, IPv6 first", { ...dual, ipFamilies: ["IPv6", "IPv4"] }],
    ["RequireDualStack", bothRequired],
    ["RequireDualStack with one clusterIP", { ipFamilyPolicy: "RequireDualStack" }],
    ["SingleStack with two clusterIPs", { clusterIPs: ["10.96.0.1", "fd96::1"] }],
    ["no clusterIP", { clusterIPs: [] }],
  ];
  const pools: readonly [string, readonly Pool[]][] = [
    ["a dual-stack pool", [both]],
    ["an IPv4 pool", [first]],
    ["a pool of each family", [first, pool("v6", ["fd06::/64"])]],
  ];
  const cases = families.flatMap(([family, asked]) =>
    pools.map(([what, some]) => [family, what, asked, some] as const),
  );

  test.each(cases)("%s and %s: the second pass writes nothing and says nothing", (_, __, asked, some) => {
    const [one, ...more] = passes(some, [service("a", asked)], 4);
    for (const pass of more) expect(pass).toEqual({ given: one?.given, writes: 0, events: [] });
  });

  test("one family of two in a single-family pool is said once, not with every pass", () => {
    const said = passes([first], [service("a", dual)], 4).map(({ events }) => events);
    expect(said).toEqual([["IPAllocated", "AdditionalAssignFailed"], [], [], []]);
  });

  test('a request written "v6,v4" is stored in one order and never reordered', () => {
    const asks = { ...dual, annotations: { "metallb.io/loadBalancerIPs": "fd46::9,10.46.0.9" } };
    const [one, two] = passes([both], [service("a", asks)], 2);
    expect([one?.given, two?.given, two?.writes]).toEqual([[["10.46.0.9", "fd46::9"]], [["10.46.0.9", "fd46::9"]], 0]);
  });
});

describe("a restart", () => {
  test("shared addresses are restored in one pass, without a write", () => {
    const services = [80, 443, 53].map((port) =>
      service(`s${port}`, { ...shares, ports: [{ port }], has: ["10.100.0.7"] }),
    );
    const [pass] = passes([first], services, 1);
    expect(pass).toEqual({ given: [["10.100.0.7"], ["10.100.0.7"], ["10.100.0.7"]], writes: 0, events: [] });
  });

  test("Services with addresses go before those without, whatever their names and ages", () => {
    const [pass] = passes([first], [service("a"), service("z", { has: ["10.100.0.0"], born: 9 })], 1);
    expect(pass?.given).toEqual([["10.100.0.1"], ["10.100.0.0"]]);
  });

  test("the status as an API server reads it back, with ipMode, is no reason to write", () => {
    expect(passes([first], [service("a", { has: ["10.100.0.7"] })], 1)[0]?.writes).toBe(0);
  });

  test("a pool that was gone through a restart gives back the address, not the lowest", () => {
    const gone = run([], [service("a", { has: ["10.100.0.7"] })]);
    expect(run([first], gone.outcomes.map(written), gone.memory).outcomes.map(got)).toEqual([["10.100.0.7"]]);
  });
});

describe("who waits is served when another", () => {
  const tiny = pool("first", ["10.100.0.7/32"]);
  const ports = (...numbers: number[]) => ({ ports: numbers.map((port) => ({ port })) });

  test("drops a port on a shared address", () => {
    const a = service("a", { ...shares, ...ports(80, 443), has: ["10.100.0.7"] });
    const b = service("b", { ...shares, ...ports(443) });
    const { outcomes, memory } = run([tiny], [a, b]);
    expect(outcomes.map(got)[1]).toMatch(/full/);
    const fewer = service("a", { ...shares, ...ports(80), has: ["10.100.0.7"] });
    expect(run([tiny], [fewer, b], memory).outcomes.map(got)).toEqual([["10.100.0.7"], ["10.100.0.7"]]);
  });

  test("shrinks from two families to one, once its status says so", () => {
    const narrow = pool("first", ["10.100.0.7/32", "fd00::7/128"]);
    const waits = service("b", { clusterIPs: ["fd96::1"] });
    const before = run([narrow], [service("a", { ...dual, has: ["10.100.0.7", "fd00::7"] }), waits]);
    expect(before.outcomes.map(got)[1]).toMatch(/full/);
    const shrunk = run([narrow], [service("a", { has: ["10.100.0.7", "fd00::7"] }), waits], before.memory);
    expect(shrunk.outcomes.map(got)[0]).toEqual(["10.100.0.7"]);
    const after = run([narrow], shrunk.outcomes.map(written), shrunk.memory);
    expect(after.outcomes.map(got)).toEqual([["10.100.0.7"], ["fd00::7"]]);
  });
});

describe("pools", () => {
  test("namespaceSelectors that match nobody let nobody in, with serviceSelectors too", () => {
    const selecting = { ...forAll, namespaces: [], serviceSelectors: [{ matchLabels: { app: "web" } }] };
    const nobody = pool("nobody", ["10.9.0.0/24"], { allocation: selecting });
    const one = service("a", { labels: { app: "web" } });
    expect(run([nobody, first], [one]).outcomes.map(got)).toEqual([["10.100.0.0"]]);
  });

  test("serviceAllocation holds for a requested address too", () => {
    const others = pool("others", ["10.9.0.0/24"], { allocation: { ...forAll, namespaces: ["x"] } });
    const asks = service("a", { annotations: { "metallb.io/loadBalancerIPs": "10.9.0.1" } });
    expect(run([others], [asks]).outcomes.map(got)).toEqual(["pool others not compatible for ip assignment"]);
  });

  test("one family from a pinned pool goes before both from a general one", () => {
    const pinned = pool("pinned", ["10.9.0.0/24"], { allocation: forAll });
    expect(run([both, pinned], [service("a", dual)]).outcomes.map(got)[0]).toContain("10.9.0.0");
  });

  test("the family that comes later stands after the one that was there", () => {
    const one = service("a", { ...dual, has: ["fd46::7"], from: "both" });
    expect(run([both], [one]).outcomes.map(got)).toEqual([["fd46::7", "10.46.0.0"]]);
  });

  test("general pools are tried in one order, whatever the order of events", () => {
    const pools = ["c", "a", "b"].map((name, i) => pool(name, [`10.${i}.0.0/32`]));
    const services = ["x", "y", "z"].map((name) => service(name));
    const given = run(pools, services).outcomes.map(got);
    expect(run(pools.toReversed(), services.toReversed()).outcomes.map(got)).toEqual(given);
    expect(given).toEqual([["10.1.0.0"], ["10.2.0.0"], ["10.0.0.0"]]);
  });

  test("counters: an entry with nothing usable counts 0, and what stands after a huge one counts in full", () => {
    const buggy = pool("buggy", ["10.0.0.0/32", "10.0.1.0/24"], { avoidBuggyIPs: true });
    const huge = pool("huge", ["fd00::/48", "fd01::/64", "10.2.0.0/24"]);
    expect(run([buggy, huge], []).pools.map(({ total }) => total)).toEqual([
      { ipv4: 254n, ipv6: 0n },
      { ipv4: 256n, ipv6: (1n << 80n) + (1n << 64n) },
    ]);
  });
});

describe("what is others' stays", () => {
  test("a status that another implementation wrote, on a Service of any type", () => {
    const foreign = { status: { loadBalancer: { ingress: [{ ip: "192.0.2.1" }] } } };
    const { outcomes } = run([first], [{ ...service("a", { type: "ClusterIP" }), ...foreign }]);
    expect(serviceWrites(outcomes)).toEqual([]);
  });
});

describe("a status that somebody edits is put right", () => {
  const held = () => {
    const { outcomes, memory } = run([first], [service("a", { has: ["10.100.0.7"] }), service("b", { born: 5 })]);
    return { services: outcomes.map(written), memory };
  };
  const edited = (one: Service, ...ips: string[]): Service => ({
    ...one,
    metadata: { ...one.metadata, resourceVersion: "99" },
    status: { loadBalancer: { ingress: ips.map((ip) => ({ ip })) } },
  });

  test.each<[string, readonly string[]]>([
    ["emptied", []],
    ["another free address of the pool", ["10.100.0.99"]],
    ["another's address", ["10.100.0.0"]],
    ["an address of no pool", ["192.0.2.1"]],
    ["no address at all", ["nonsense"]],
    ["its own and another", ["10.100.0.99", "10.100.0.7"]],
  ])("%s", (_, ips) => {
    const { services, memory } = held();
    const [a, b] = services as [Service, Service];
    const { outcomes } = run([first], [edited(a, ...ips), b], memory);
    expect(outcomes.map(got)).toEqual([["10.100.0.7"], ["10.100.0.0"]]);
    const [, ...others] = serviceWrites(outcomes).map(({ kind }) => kind);
    expect(others).toEqual([]);
    expect(outcomes.map(written)[0]?.status?.loadBalancer?.ingress?.map(({ ip }) => ip)).toEqual(["10.100.0.7"]);
  });
});

describe("writes that are late", () => {
  test("who gave way to another on a shared address does not come back while its status still names it", () => {
    const ports = (port: number) => ({ ports: [{ port }], has: ["10.100.0.7"] });
    const b = service("b", { ...shares, ...ports(443), born: 5 });
    const one = run([first], [service("a", { ...shares, ...ports(80) }), b]);
    const alone = service("a", ports(80));
    const two = run([first], [alone, b], one.memory);
    const three = run([first], [alone, b], two.memory);
    for (const { outcomes } of [two, three]) expect(outcomes.map(got)).toEqual([["10.100.0.0"], ["10.100.0.7"]]);
  });

  test("nor while it waits for another", () => {
    const tiny = pool("first", ["10.100.0.7/32"]);
    const ports = (port: number) => ({ ports: [{ port }], has: ["10.100.0.7"] });
    const b = service("b", { ...shares, ...ports(443), born: 5 });
    const one = run([tiny], [service("a", { ...shares, ...ports(80) }), b]);
    const alone = service("a", ports(80));
    const two = run([tiny], [alone, b], one.memory);
    const three = run([tiny], [alone, b], two.memory);
    for (const { outcomes } of [two, three]) expect(outcomes.map(got)[1]).toEqual(["10.100.0.7"]);
  });

  const versioned = (one: Service, resourceVersion: string): Service => ({
    ...one,
    metadata: { ...one.metadata, resourceVersion },
  });

  test("an address on its way into a status is closed to others, though the pool was gone in between", () => {
    const a = versioned(service("a"), "1");
    const one = run([first], [a]);
    const two = run([pool("other", ["10.9.0.0/24"])], [a], one.memory);
    const three = run([first], [versioned(service("0"), "2"), a], two.memory);
    expect([...one.outcomes, ...two.outcomes, ...three.outcomes].map(got)).toEqual([
      ["10.100.0.0"],
      ["10.9.0.0"],
      ["10.100.0.1"],
      ["10.100.0.0"],
    ]);
  });
});
