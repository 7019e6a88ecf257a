import { describe, expect, test } from "vitest";
import type { Service } from "../api/core.ts";
import type { Pool } from "../config/config.ts";
import { allocate } from "./allocate.ts";
import type { Memory, Outcome } from "./outcome.ts";
import { type Lingering, lingeringAfter, lingerMs } from "./stand-ins.ts";
import { verdictText } from "./verdict.ts";
import { bothRequired, dual, forAll, got, pool, service, written } from "./testing/world.ts";

const first = pool("first", ["10.100.0.0/24"]);

const run = (pools: readonly Pool[], services: readonly Service[], memory?: Memory) =>
  allocate({ config: { pools }, services, lbClass: "", ...(memory && { memory }) });

const assignments = (pools: readonly Pool[], services: readonly Service[], memory?: Memory) =>
  Object.fromEntries(run(pools, services, memory).outcomes.map((o) => [o.service.metadata.name, got(o)]));

const only = (outcomes: readonly Outcome[]): Outcome => {
  const [outcome] = outcomes;
  if (!outcome || outcomes.length !== 1) throw new Error("not one outcome");
  return outcome;
};

const said = (pools: readonly Pool[], one: Service) =>
  only(run(pools, [one]).outcomes).events.map(({ reason, message }) => `${reason}: ${message}`);

const wants = (ips: string) => ({ annotations: { "metallb.io/loadBalancerIPs": ips } });
const from = (name: string) => ({ annotations: { "metallb.io/address-pool": name } });
const shares = (key: string) => ({ annotations: { "metallb.io/allow-shared-ip": key } });

describe("which address", () => {
  test("the lowest free one, the network address included", () => {
    expect(assignments([first], [service("a"), service("b", { born: 1 })])).toEqual({
      a: ["10.100.0.0"],
      b: ["10.100.0.1"],
    });
  });

  test("the older Service is served first", () => {
    expect(assignments([first], [service("a", { born: 9 }), service("b", { born: 1 })])).toEqual({
      a: ["10.100.0.1"],
      b: ["10.100.0.0"],
    });
  });

  test("a requested address is not given to another that would take any", () => {
    expect(assignments([first], [service("a"), service("b", { born: 9, ...wants("10.100.0.0") })])).toEqual({
      a: ["10.100.0.1"],
      b: ["10.100.0.0"],
    });
  });

  test("avoidBuggyIPs skips x.x.x.0 and x.x.x.255, also at the seam of two /24", () => {
    const seam = pool("first", ["10.0.0.254-10.0.1.2"], { avoidBuggyIPs: true });
    const services = ["a", "b", "c", "d"].map((name) => service(name));
    expect(assignments([seam], services)).toEqual({
      a: ["10.0.0.254"],
      b: ["10.0.1.1"],
      c: ["10.0.1.2"],
      d: 'no available IPs: pool "first" is full (3/3 IPv4)',
    });
  });

  test("entries are used in the order in which they are listed", () => {
    const listed = pool("first", ["10.2.0.9/32", "10.1.0.0/31"]);
    expect(assignments([listed], [service("a"), service("b"), service("c")])).toEqual({
      a: ["10.2.0.9"],
      b: ["10.1.0.0"],
      c: ["10.1.0.1"],
    });
  });

  test("a Service without a class is ours, one of another class is not", () => {
    expect(assignments([first], [service("a"), service("b", { loadBalancerClass: "other" })])).toEqual({
      a: ["10.100.0.0"],
    });
  });
});

test.each<[string, string, boolean]>([
  ["", "", true],
  ["foo", "", false],
  ["bar", "", false],
  ["", "foo", false],
  ["foo", "foo", true],
  ["bar", "foo", false],
])("a Service of class %j, and a controller of class %j: handled %j", (loadBalancerClass, lbClass, isHandled) => {
  const one = service("a", loadBalancerClass === "" ? {} : { loadBalancerClass });
  expect(allocate({ config: { pools: [first] }, services: [one], lbClass }).outcomes.length === 1).toBe(isHandled);
});

describe("which pool", () => {
  const second = pool("second", ["10.200.0.0/24"]);

  test("general pools by name", () => {
    expect(assignments([second, first], [service("a")])).toEqual({ a: ["10.100.0.0"] });
  });

  test("pinned pools before general ones, lower positive priority first, 0 last", () => {
    const pinned = (name: string, priority: number, at: string) =>
      pool(name, [at], { allocation: { ...forAll, priority } });
    const pools = [
      first,
      pinned("p0", 0, "10.0.0.0/32"),
      pinned("p9", 9, "10.0.9.0/32"),
      pinned("p1", 1, "10.0.1.0/32"),
    ];
    const services = ["a", "b", "c", "d"].map((name) => service(name));
    expect(assignments(pools, services)).toEqual({
      a: ["10.0.1.0"],
      b: ["10.0.9.0"],
      c: ["10.0.0.0"],
      d: ["10.100.0.0"],
    });
  });

  test("a pool for namespaces that don't exist is for nobody, even when asked for", () => {
    const nowhere = pool("first", ["10.0.0.0/24"], { allocation: { ...forAll, namespaces: [] } });
    expect(assignments([nowhere], [service("a"), service("b", from("first"))])).toEqual({
      a: 'no available IPs: pool "first" is for other namespaces',
      b: "pool first not compatible for ip assignment",
    });
  });

  test("serviceSelectors choose by label", () => {
    const web = pool("web", ["10.9.0.0/24"], {
      allocation: { ...forAll, serviceSelectors: [{ matchLabels: { app: "web" } }] },
    });
    expect(assignments([web, first], [service("a", { labels: { app: "web" } }), service("b")])).toEqual({
      a: ["10.9.0.0"],
      b: ["10.100.0.0"],
    });
  });

  test("autoAssign false keeps a pool for those who ask for it or its addresses", () => {
    const reserved = pool("reserved", ["10.9.0.0/24"], { autoAssign: false });
    const services = [service("a"), service("b", from("reserved")), service("c", wants("10.9.0.7"))];
    expect(assignments([reserved], services)).toEqual({
      a: 'no available IPs: pool "reserved" has autoAssign false',
      b: ["10.9.0.0"],
      c: ["10.9.0.7"],
    });
  });

  test("a named pool that is unknown or full does not fall through to others", () => {
    const tiny = pool("tiny", ["10.9.0.0/32"]);
    const services = [service("a", from("tiny")), service("b", from("tiny")), service("c", from("nope"))];
    expect(assignments([tiny, first], services)).toEqual({
      a: ["10.9.0.0"],
      b: 'no available IPs in pool tiny: pool "tiny" is full (1/1 IPv4)',
      c: 'unknown pool "nope"',
    });
  });

  test("many pools are told together, by what is said of them, and each speaks for itself in the value", () => {
    const tiny = Array.from({ length: 20 }, (_, i) => pool(`p${i + 10}`, [`10.9.0.${i}/32`]));
    const off = Array.from({ length: 9 }, (_, i) => pool(`q${i}`, [`10.8.0.${i}/32`], { autoAssign: false }));
    const services = [...tiny.map((_, i) => service(`s${i}`, { born: i })), service("late", { born: 99 })];
    const late = run([...tiny, ...off, pool("v6", ["fd00::/64"])], services).outcomes.find(
      ({ key }) => key === "default/late",
    );
    expect(late && got(late)).toBe(
      'no available IPs: 20 pools are full (20/20 IPv4), the first "p10"; ' +
        '9 pools have autoAssign false, the first "q0"; pool "v6" has no IPv4 addresses',
    );
    expect(late?.state.kind === "waiting" && late.state.refusal.pools).toHaveLength(30);
  });

  test("the annotation's name from before 0.14.9 counts, and the present one wins even when empty", () => {
    const old = { "metallb.universe.tf/address-pool": "second" };
    const both = { ...old, "metallb.io/address-pool": "" };
    const services = [service("a", { annotations: old }), service("b", { annotations: both })];
    expect(assignments([first, second], services)).toEqual({ a: ["10.200.0.0"], b: ["10.100.0.0"] });
  });
});

describe("requested addresses", () => {
  test.each<[string, Parameters<typeof service>[1], readonly string[] | string]>([
    ["by annotation", wants("10.100.0.9"), ["10.100.0.9"]],
    ["by spec.loadBalancerIP", { loadBalancerIP: "10.100.0.9" }, ["10.100.0.9"]],
    [
      "by both, even when equal",
      { ...wants("10.100.0.9"), loadBalancerIP: "10.100.0.9" },
      "invalid requested loadbalancer IPs: service can not have both metallb.io/loadBalancerIPs and svc.Spec.LoadBalancerIP",
    ],
    ["outside all pools", wants("10.1.1.1"), '["10.1.1.1"] is not allowed in config'],
    ["not an address", wants("ten"), 'invalid requested loadbalancer IPs: "ten" is not an IP address'],
    [
      "two of one family",
      wants("10.100.0.1, 10.100.0.2"),
      'invalid requested loadbalancer IPs: ["10.100.0.1" "10.100.0.2"]: at most one address of each family can be requested',
    ],
    [
      "of the other family",
      wants("fd00::1"),
      'requested loadBalancer IP(s) ["fd00::1"] does not match the ipFamily of the service',
    ],
    [
      "of one family for a Service of two",
      { ...dual, ...wants("10.100.0.1") },
      'requested loadBalancer IP(s) ["10.100.0.1"] does not match the ipFamily of the service',
    ],
    [
      "in another pool than the one named",
      { annotations: { "metallb.io/loadBalancerIPs": "10.100.0.1", "metallb.io/address-pool": "v6" } },
      'requested loadBalancer IP(s) ["10.100.0.1"] not compatible with requested address pool v6',
    ],
    ["v6 before v4 is given in the one order", { ...dual, ...wants("fd00::1,10.100.0.1") }, ["10.100.0.1", "fd00::1"]],
  ])("%s", (_, asked, expected) => {
    expect(assignments([first, pool("v6", ["fd00::/64"])], [service("a", asked)])).toEqual({ a: expected });
  });
});

describe("sharing an address", () => {
  const one = pool("first", ["10.100.0.1/32"]);
  const at = (port: number, protocol = "TCP") => ({ ports: [{ port, protocol }] });
  const local = (app: string) => ({ externalTrafficPolicy: "Local" as const, selector: { app } });

  test.each<[string, Parameters<typeof service>[1], Parameters<typeof service>[1], boolean]>([
    ["equal keys and different ports", { ...shares("k"), ...at(80) }, { ...shares("k"), ...at(443) }, true],
    [
      "equal keys and one port in two protocols",
      { ...shares("k"), ...at(53) },
      { ...shares("k"), ...at(53, "UDP") },
      true,
    ],
    ["equal keys and the same port", { ...shares("k"), ...at(80) }, { ...shares("k"), ...at(80) }, false],
    ["different keys", { ...shares("k"), ...at(80) }, { ...shares("l"), ...at(443) }, false],
    ["no keys", at(80), at(443), false],
    ["empty keys", { ...shares(""), ...at(80) }, { ...shares(""), ...at(443) }, false],
    [
      "policy Local with equal selectors",
      { ...shares("k"), ...at(80), ...local("x") },
      { ...shares("k"), ...at(443), ...local("x") },
      true,
    ],
    [
      "policy Local with different selectors",
      { ...shares("k"), ...at(80), ...local("x") },
      { ...shares("k"), ...at(443), ...local("y") },
      false,
    ],
    ["Local and Cluster", { ...shares("k"), ...at(80), ...local("x") }, { ...shares("k"), ...at(443) }, false],
  ])("%s", (_, a, b, isShared) => {
    const result = assignments([one], [service("a", a), service("b", b)]);
    expect(result["a"]).toEqual(["10.100.0.1"]);
    expect(Array.isArray(result["b"])).toBe(isShared);
  });

  test("an address that may be shared is taken before a free one after it, not before a free one before it", () => {
    const holder = service("a", {
      annotations: { ...shares("k").annotations, ...wants("10.100.0.5").annotations },
      ...at(80),
    });
    const held = written(only(run([first], [holder]).outcomes));
    expect(assignments([first], [held, service("b", { ...shares("k"), ...at(443) })])["b"]).toEqual(["10.100.0.0"]);
    const blocker = pool("first", ["10.100.0.5-10.100.0.9"]);
    expect(assignments([blocker], [held, service("b", { ...shares("k"), ...at(443) })])["b"]).toEqual(["10.100.0.5"]);
  });

  test("Services of two namespaces may share", () => {
    const other = service("b", { ...shares("k"), ...at(443) });
    const elsewhere = { ...other, metadata: { ...other.metadata, namespace: "elsewhere" } };
    expect(assignments([one], [service("a", { ...shares("k"), ...at(80) }), elsewhere])).toEqual({
      a: ["10.100.0.1"],
      b: ["10.100.0.1"],
    });
  });

  test("who is alone on its address may change key and ports, and keeps it", () => {
    const { outcomes, memory } = run([first], [service("a", { ...shares("k"), ...at(80) })]);
    const changed = service("a", { ...shares("l"), ...at(443), has: ["10.100.0.0"] });
    expect(outcomes.map(got)).toEqual([["10.100.0.0"]]);
    expect(assignments([first], [changed], memory)).toEqual({ a: ["10.100.0.0"] });
  });

  test("the same port on two addresses: the next with that key goes to the first where its own port is free", () => {
    const has = (ip: string, port: number) => ({ ...shares("k"), ...at(port), has: [ip] });
    const held = [service("a", has("10.100.0.0", 80)), service("b", has("10.100.0.1", 80))];
    const come = [
      service("c", { ...shares("k"), ...at(443), born: 7 }),
      service("d", { ...shares("k"), ...at(443), born: 8 }),
    ];
    expect(assignments([first], [...held, ...come])).toMatchObject({ c: ["10.100.0.0"], d: ["10.100.0.1"] });
  });

  test("both families are shared in the pool where both may be, though one alone may be in an earlier one", () => {
    const pools = [pool("p", ["10.1.0.0/32", "fd01::/128"]), pool("q", ["10.2.0.0/32", "fd02::/128"])];
    const held = [
      service("a", { ...dual, ...shares("k"), ...at(80), has: ["10.1.0.0"], from: "p" }),
      service("b", { clusterIPs: ["fd96::1"], ...at(443), has: ["fd01::"], from: "p" }),
      service("c", { ...dual, ...shares("k"), ...at(80), has: ["10.2.0.0", "fd02::"], from: "q" }),
    ];
    const come = service("d", { ...bothRequired, ...shares("k"), ...at(443), born: 9 });
    expect(assignments(pools, [...held, come])["d"]).toEqual(["10.2.0.0", "fd02::"]);
  });

  test("of many who share, the cause names a few", () => {
    const crowd = Array.from({ length: 12 }, (_, i) => service(`s${i + 10}`, { ...shares("k"), ...at(i), born: i }));
    const asks = service("z", { ...wants("10.100.0.1"), born: 99 });
    expect(assignments([one], [...crowd.map((each) => written(only(run([one], [each]).outcomes))), asks])["z"]).toBe(
      'can\'t change sharing key for "default/z", address also in use by ' +
        "default/s10,default/s11,default/s12,default/s13,default/s14 and others",
    );
  });

  test("when requested, the cause names who stands in the way", () => {
    const services = [service("a", { has: ["10.100.0.1"] }), service("b", { ...shares("k"), ...wants("10.100.0.1") })];
    expect(assignments([one], services)["b"]).toBe(
      'can\'t change sharing key for "default/b", address also in use by default/a',
    );
  });
});

describe("families", () => {
  const v4 = pool("v4", ["10.4.0.0/24"]);
  const v6 = pool("v6", ["fd06::/64"]);
  const both = pool("zboth", ["10.46.0.0/24", "fd46::/64"]);

  test.each<[string, readonly Pool[], Parameters<typeof service>[1], readonly string[] | string]>([
    ["IPv6 alone", [v4, v6], { clusterIPs: ["fd96::1"] }, ["fd06::"]],
    ["one clusterIP with PreferDualStack is one family", [both], { ipFamilyPolicy: "PreferDualStack" }, ["10.46.0.0"]],
    ["both from one pool, though others come first", [v4, v6, both], dual, ["10.46.0.0", "fd46::"]],
    ["both from two pools when none has both", [v4, v6], bothRequired, ["10.4.0.0", "fd06::"]],
    ["preferred but not to be had", [v4], dual, ["10.4.0.0"]],
    ["preferred, the primary family first", [v6], { ...dual, ipFamilies: ["IPv6", "IPv4"] }, ["fd06::"]],
    ["required but not to be had", [v4], bothRequired, 'no available IPs: pool "v4" has no IPv6 addresses'],
    [
      "required with one clusterIP",
      [both],
      { ipFamilyPolicy: "RequireDualStack" },
      "Service requires dual stack but not enough clusterips [10.96.0.1]",
    ],
    ["no clusterIP", [both], { clusterIPs: [] }, "the Service has no clusterIP"],
  ])("%s", (_, pools, asked, expected) => {
    expect(assignments(pools, [service("a", asked)])).toEqual({ a: expected });
  });
});

describe("changes (controller.md §8): what happens to a Service that has an address", () => {
  const has = { has: ["10.100.0.7"] };
  const forWeb = { ...forAll, serviceSelectors: [{ matchLabels: { app: "web" } }] };
  const wide = pool("first", ["10.100.0.0/24", "fd00::/64"]);

  test.each<[string, readonly Pool[], Service, readonly string[] | string]>([
    ["pool extended", [pool("first", ["10.100.0.0/16"])], service("a", has), ["10.100.0.7"]],
    ["pool renamed", [pool("other", ["10.100.0.0/24"])], service("a", has), ["10.100.0.7"]],
    ["pool split", [pool("x", ["10.100.0.0/29"]), pool("y", ["10.100.0.8/29"])], service("a", has), ["10.100.0.7"]],
    [
      "dual pool split by family",
      [pool("x", ["10.100.0.0/24"]), pool("y", ["fd00::/64"])],
      service("a", { ...dual, has: ["10.100.0.7", "fd00::7"] }),
      ["10.100.0.7", "fd00::7"],
    ],
    ["pool shrunk", [pool("first", ["10.100.0.0/30"])], service("a", has), ["10.100.0.0"]],
    ["pool deleted, another has room", [pool("z", ["10.9.0.0/24"])], service("a", has), ["10.9.0.0"]],
    ["all pools deleted", [], service("a", has), "no available IPs: there is no IPAddressPool"],
    [
      "avoidBuggyIPs turned on",
      [pool("first", ["10.100.0.0/24"], { avoidBuggyIPs: true })],
      service("a", { has: ["10.100.0.255"] }),
      ["10.100.0.1"],
    ],
    [
      "pool no longer for its namespace",
      [pool("first", ["10.100.0.0/24"], { allocation: { ...forAll, namespaces: ["x"] } }), pool("z", ["10.9.0.0/24"])],
      service("a", has),
      ["10.9.0.0"],
    ],
    [
      "pool's serviceSelectors no longer match it",
      [pool("first", ["10.100.0.0/24"], { allocation: forWeb }), pool("z", ["10.9.0.0/24"])],
      service("a", { ...has, labels: { app: "db" } }),
      ["10.9.0.0"],
    ],
    [
      "its labels still match the pool's serviceSelectors",
      [pool("first", ["10.100.0.0/24"], { allocation: forWeb })],
      service("a", { ...has, labels: { app: "web" } }),
      ["10.100.0.7"],
    ],
    [
      "autoAssign turned off",
      [pool("first", ["10.100.0.0/24"], { autoAssign: false })],
      service("a", has),
      ["10.100.0.7"],
    ],
    [
      "a better pool appears",
      [pool("first", ["10.100.0.0/24"]), pool("best", ["10.9.0.0/24"], { allocation: { ...forAll, priority: 1 } })],
      service("a", has),
      ["10.100.0.7"],
    ],
    [
      "priority changed",
      [
        pool("first", ["10.100.0.0/24"], { allocation: { ...forAll, priority: 9 } }),
        pool("z", ["10.9.0.0/24"], { allocation: { ...forAll, priority: 1 } }),
      ],
      service("a", has),
      ["10.100.0.7"],
    ],
    ["pool becomes dual, both preferred", [wide], service("a", { ...dual, ...has }), ["10.100.0.7", "fd00::"]],
    [
      "dual pool becomes single: the address that is left stays",
      [first],
      service("a", { ...dual, has: ["10.100.0.7", "fd00::7"] }),
      ["10.100.0.7"],
    ],
    ["clusterIPs shrink to one family", [wide], service("a", { has: ["10.100.0.7", "fd00::7"] }), ["10.100.0.7"]],
    ["clusterIPs change family", [wide], service("a", { clusterIPs: ["fd96::1"], ...has }), ["fd00::"]],
    [
      "pool annotation names another pool",
      [first, pool("z", ["10.9.0.0/24"])],
      service("a", { ...has, ...from("z") }),
      ["10.9.0.0"],
    ],
    [
      "pool annotation names a pool that is not there: it stays",
      [first],
      service("a", { ...has, ...from("z") }),
      ["10.100.0.7"],
    ],
    [
      "pool annotation names its own pool",
      [pool("better", ["10.9.0.0/24"]), first],
      service("a", { ...has, ...from("first") }),
      ["10.100.0.7"],
    ],
    [
      "pool annotation names the pool of one of its two addresses: that one stays",
      [pool("v6", ["fd06::/64"]), wide],
      service("a", { ...dual, has: ["10.100.0.7", "fd06::7"], ...from("first") }),
      ["10.100.0.7", "fd00::"],
    ],
    ["requested address changed", [first], service("a", { ...has, ...wants("10.100.0.9") }), ["10.100.0.9"]],
    [
      "requested address not to be had: it stays",
      [first],
      service("a", { ...has, ...wants("10.9.0.9") }),
      ["10.100.0.7"],
    ],
    ["request becomes invalid: it stays", [first], service("a", { ...has, ...wants("ten") }), ["10.100.0.7"]],
    ["type is LoadBalancer no more", [first], service("a", { ...has, type: "ClusterIP" }), []],
    [
      "the same in a controller with another class",
      [first],
      service("a", { ...has, type: "ClusterIP", loadBalancerClass: "x" }),
      [],
    ],
  ])("%s", (_, pools, one, expected) => {
    expect(assignments(pools, [one])).toEqual({ a: expected });
  });

  const z = pool("z", ["10.9.0.0/24"]);
  const removed: readonly [string, Parameters<typeof service>[1], readonly string[]][] = [
    ["pool annotation", from("z"), ["10.9.0.0"]],
    ["requested address", wants("10.9.0.9"), ["10.9.0.9"]],
    ["spec.loadBalancerIP", { loadBalancerIP: "10.9.0.9" }, ["10.9.0.9"]],
  ];
  test.each(removed)("%s removed: it keeps what it got, with memory and after a restart", (_, asked, given) => {
    const { outcomes, memory } = run([first, z], [service("a", asked)]);
    expect(outcomes.map(got)).toEqual([given]);
    const plain = service("a", { has: given, from: "z" });
    expect(assignments([first, z], [plain], memory)).toEqual({ a: given });
    expect(assignments([first, z], [plain])).toEqual({ a: given });
  });

  test("pool annotation changed from one pool to another: it moves", () => {
    const { outcomes, memory } = run([first, z], [service("a", from("first"))]);
    expect(outcomes.map(got)).toEqual([["10.100.0.0"]]);
    const moved = service("a", { has: ["10.100.0.0"], ...from("z") });
    expect(assignments([first, z], [moved], memory)).toEqual({ a: ["10.9.0.0"] });
  });

  test("its labels change so that its pool is no longer for it: it moves", () => {
    const web = pool("web", ["10.9.0.0/24"], { allocation: forWeb });
    const { outcomes, memory } = run([web, first], [service("a", { labels: { app: "web" } })]);
    expect(outcomes.map(got)).toEqual([["10.9.0.0"]]);
    const changed = service("a", { has: ["10.9.0.0"], from: "web", labels: { app: "db" } });
    expect(assignments([web, first], [changed], memory)).toEqual({ a: ["10.100.0.0"] });
  });

  test("type is LoadBalancer no more: its address is free for the one that waits, once its status says so", () => {
    const tiny = pool("first", ["10.100.0.7/32"]);
    const services = [service("a", { ...has, type: "ClusterIP" }), service("b")];
    const { outcomes, memory } = run([tiny], services);
    expect(outcomes.map(got)).toEqual([[], 'no available IPs: pool "first" is full (1/1 IPv4)']);
    expect(assignments([tiny], outcomes.map(written), memory)["b"]).toEqual(["10.100.0.7"]);
  });

  test("marked for deletion, while finalizers delay it: it keeps its address", () => {
    const one = service("a", has);
    const dying = { ...one, metadata: { ...one.metadata, deletionTimestamp: "2026-01-01T00:00:00Z" } };
    expect(assignments([first], [dying, service("0")])).toEqual({ "0": ["10.100.0.0"], a: ["10.100.0.7"] });
  });

  test("sharing key changed: the one that changed it moves, not the older nor the other", () => {
    const a = service("a", { ...shares("k"), ports: [{ port: 80 }], has: ["10.100.0.7"] });
    const b = service("b", { ...shares("k"), ports: [{ port: 443 }], has: ["10.100.0.7"], born: 5 });
    const { memory } = run([first], [a, b]);
    const changed = {
      ...a,
      metadata: { ...a.metadata, annotations: { ...a.metadata.annotations, ...shares("l").annotations } },
    };
    expect(assignments([first], [changed, b], memory)).toEqual({ a: ["10.100.0.0"], b: ["10.100.0.7"] });
  });

  test("a deleted Service's address is free for the one that waits", () => {
    const tiny = pool("first", ["10.100.0.7/32"]);
    expect(assignments([tiny], [service("a", has), service("b")])["b"]).toMatch(/full \(1\/1 IPv4\)/);
    expect(assignments([tiny], [service("b")])).toEqual({ b: ["10.100.0.7"] });
  });

  test("a Service that moves away lets the one in that asked for its address, once its status says so", () => {
    const services = [service("a", wants("10.100.0.7")), service("z", { ...has, born: 9, ...wants("10.100.0.9") })];
    const { outcomes, memory } = run([first], services);
    expect(outcomes.map(got)).toEqual([
      'can\'t change sharing key for "default/a", address also in use by default/z',
      ["10.100.0.9"],
    ]);
    expect(assignments([first], outcomes.map(written), memory)).toEqual({ a: ["10.100.0.7"], z: ["10.100.0.9"] });
  });

  test("when its pool comes back, so does its address", () => {
    const { memory, outcomes } = run([first], [service("a", has)]);
    const gone = run([], outcomes.map(written), memory);
    expect(gone.outcomes.map(got)).toEqual(["no available IPs: there is no IPAddressPool"]);
    expect(assignments([first], [...gone.outcomes.map(written), service("0")], gone.memory)).toEqual({
      "0": ["10.100.0.0"],
      a: ["10.100.0.7"],
    });
  });

  test("an assignment that the snapshot doesn't show yet is not given to a newcomer that sorts first", () => {
    const { memory } = run([first], [service("b")]);
    expect(assignments([first], [service("a"), service("b")], memory)).toEqual({
      a: ["10.100.0.1"],
      b: ["10.100.0.0"],
    });
  });

  test("another implementation's address stays beside ours", () => {
    const one = { ...service("a"), status: { loadBalancer: { ingress: [{ ip: "192.0.2.1" }, { hostname: "h" }] } } };
    expect(only(run([first], [one]).outcomes)).toMatchObject({ before: [], state: { addresses: ["10.100.0.0"] } });
  });
});

describe("why a Service waits, as a value: what each pool has to say", () => {
  const pools = [
    pool("full", ["10.9.0.0/32"]),
    pool("off", ["10.8.0.0/24"], { autoAssign: false }),
    pool("others", ["10.7.0.0/24"], { allocation: { ...forAll, namespaces: ["x"] } }),
    pool("v6", ["fd00::/64"]),
    pool("web", ["10.6.0.0/24"], { allocation: { ...forAll, serviceSelectors: [{ matchLabels: { app: "web" } }] } }),
  ];
  const reasons = (asked: Parameters<typeof service>[1]) => {
    const holder = service("holder", { has: ["10.9.0.0"], from: "full" });
    const state = run(pools, [holder, service("a", { born: 9, ...asked })]).outcomes[0]?.state;
    return state?.kind === "waiting"
      ? Object.fromEntries(state.refusal.pools.map((one) => [one.pool, verdictText(one)]))
      : state;
  };

  test("of a Service that asks for nothing", () => {
    expect(reasons({})).toEqual({
      full: 'pool "full" is full (1/1 IPv4)',
      off: 'pool "off" has autoAssign false',
      others: 'pool "others" is for other namespaces',
      v6: 'pool "v6" has no IPv4 addresses',
      web: 'pool "web" is for Services with other labels',
    });
  });

  test("of one that names a pool", () => {
    const notAsked = (name: string, asked: string) => `pool "${name}" is not the one asked for, "${asked}"`;
    expect(reasons(from("full"))).toEqual({
      full: 'pool "full" is full (1/1 IPv4)',
      ...Object.fromEntries(["off", "others", "v6", "web"].map((name) => [name, notAsked(name, "full")])),
    });
    expect(reasons(from("others"))).toMatchObject({
      full: notAsked("full", "others"),
      others: 'pool "others" is for other namespaces',
    });
    expect(reasons(from("nope"))).toMatchObject({ full: notAsked("full", "nope"), off: notAsked("off", "nope") });
  });

  test("of one that asks for addresses", () => {
    expect(reasons(wants("10.9.0.0"))).toEqual({
      full: 'pool "full" can\'t give what is asked for: can\'t change sharing key for "default/a", address also in use by default/holder',
      off: 'pool "off" does not have ["10.9.0.0"]',
      others: 'pool "others" is for other namespaces',
      v6: 'pool "v6" does not have ["10.9.0.0"]',
      web: 'pool "web" is for Services with other labels',
    });
    expect(reasons({ ...dual, ...wants("10.9.0.0,fd00::5") })).toMatchObject({
      v6: 'pool "v6" could give ["fd00::5"]',
    });
  });

  test("as it is when the Service is looked at, whoever was told before", () => {
    const tiny = pool("tiny", ["10.9.0.0/32"]);
    const both = (name: string, born: number) => service(name, { ...bothRequired, born });
    expect(assignments([tiny], [both("a", 1), service("b", { born: 2 }), both("c", 3)])).toEqual({
      a: 'no available IPs: pool "tiny" has no IPv6 addresses',
      b: ["10.9.0.0"],
      c: 'no available IPs: pool "tiny" is full (1/1 IPv4)',
    });
  });

  test("of one that is itself at fault: nothing", () => {
    for (const asked of [wants("ten"), wants("fd00::1"), { clusterIPs: [] }]) expect(reasons(asked)).toEqual({});
  });
});

describe("events", () => {
  test.each<[string, Service, readonly string[], (readonly Pool[])?]>([
    ["assigned", service("a"), ['IPAllocated: Assigned IP ["10.100.0.0"]']],
    ["nothing new", service("a", { has: ["10.100.0.3"] }), []],
    [
      "no longer allowed",
      service("a", { has: ["10.1.0.3"] }),
      [
        'ClearAssignment: current IP for "default/a" not allowed by config, will attempt for new IP assignment: ["10.1.0.3"] is not allowed in config',
        'IPAllocated: Assigned IP ["10.100.0.0"]',
      ],
    ],
    [
      "a failed wish leaves what it has",
      service("a", { has: ["10.100.0.3"], ...from("nope") }),
      ['AllocationFailed: Failed to allocate IP for "default/a": unknown pool "nope"; it keeps ["10.100.0.3"]'],
    ],
    [
      "an invalid request",
      service("a", { has: ["10.100.0.3"], ...wants("x") }),
      ['LoadBalancerFailed: invalid requested loadbalancer IPs: "x" is not an IP address; it keeps ["10.100.0.3"]'],
    ],
    [
      "only one of two families",
      service("a", { has: ["10.100.0.3"], ...dual }),
      [
        'AdditionalAssignFailed: cannot assign additional IP in PreferDualStack: no available IPs: pool "first" has no IPv6 addresses',
      ],
    ],
    [
      "a status with two addresses of one family",
      service("a", { has: ["10.100.0.3", "10.100.0.4"] }),
      [
        'nolbIPsIPFamily: Failed to retrieve LBIPs IPFamily for ["10.100.0.3" "10.100.0.4"]: not one address of each family',
        'ClearAssignment: current IP for "default/a" not allowed by config, will attempt for new IP assignment: ["10.100.0.4"] does not match the ipFamily of the service',
      ],
    ],
    [
      "clusterIPs from which nothing can be told take nothing away",
      service("a", { has: ["10.100.0.3"], clusterIPs: ["10.96.0.1", "10.96.0.2"] }),
      [
        'noclusterIPsIPFamily: the clusterIPs [10.96.0.1 10.96.0.2] are not one address of each family; it keeps ["10.100.0.3"]',
      ],
    ],
    [
      "the second family that is lacking is the one spoken of, not the first",
      service("a", { has: ["10.100.0.3"], ...dual, ...from("only") }),
      [
        'AdditionalAssignFailed: cannot assign additional IP in PreferDualStack: no available IPs: pool "only" has no IPv6 addresses',
      ],
      [pool("only", ["10.100.0.3/32"])],
    ],
    [
      "an annotation from before 0.14.9",
      service("a", { annotations: { "metallb.universe.tf/address-pool": "first" } }),
      [
        'IPAllocated: Assigned IP ["10.100.0.0"]',
        "deprecatedAnnotation: Service uses deprecated annotation metallb.universe.tf/address-pool",
      ],
    ],
    [
      "dual stack without clusterIPs for it",
      service("a", { ipFamilyPolicy: "RequireDualStack" }),
      ["not enough clusterips: Service requires dual stack but not enough clusterips [10.96.0.1]"],
    ],
  ])("%s", (_, one, expected, pools = [first]) => {
    expect(said(pools, one)).toEqual(expected);
  });

  test("what was said is not said again", () => {
    const waiting = service("a", from("nope"));
    const { memory } = run([first], [waiting]);
    expect(only(run([first], [waiting], memory).outcomes).events).toEqual([]);
  });
});

test("counters are exact in pools of any size; a shared address counts once", () => {
  const huge = pool("huge", ["fd00::/64", "10.0.0.0/30"], { avoidBuggyIPs: true });
  const both = (name: string, port: number) => service(name, { ...dual, ...shares("k"), ports: [{ port }] });
  expect(run([huge], [both("a", 80), both("b", 81)]).pools).toEqual([
    { pool: "huge", total: { ipv4: 3n, ipv6: 1n << 64n }, assigned: { ipv4: 1n, ipv6: 1n } },
  ]);
});

describe("a pool that is wrong and of which no good value is known", () => {
  const q = pool("q", ["10.9.0.0/24"]);
  const pass = (services: readonly Service[], pools: readonly Pool[] = [q]) =>
    allocate({ config: { pools, refusedPools: ["p"] }, services, lbClass: "" });
  const has = { has: ["10.100.0.7"], from: "p" };

  test.each<[string, Service]>([
    ["asks for nothing", service("a", has)],
    ["asks for that pool", service("a", { ...has, ...from("p") })],
    ["asks for that address", service("a", { ...has, ...wants("10.100.0.7") })],
    ["was marked by a MetalLB before 0.14.9", marked(service("a", has), "metallb.universe.tf/ip-allocated-from-pool")],
  ])("takes nothing from a Service that %s", (_, one) => {
    const { outcomes, pools } = pass([one]);
    expect(only(outcomes)).toMatchObject({ state: { addresses: ["10.100.0.7"], pools: ["p"] }, events: [] });
    expect(pools.map((counters) => counters.pool)).toEqual(["q"]);
  });

  test("takes nothing where there is no other pool, and from none of two who share", () => {
    const shared = [80, 443].map((port) => service(`s${port}`, { ...has, ...shares("k"), ports: [{ port }] }));
    const both = service("v", { ...dual, has: ["10.100.0.9", "fd00::9"], from: "p" });
    expect(pass([...shared, both], []).outcomes.map(got)).toEqual([
      ["10.100.0.7"],
      ["10.100.0.7"],
      ["10.100.0.9", "fd00::9"],
    ]);
  });

  test("gives nothing, and says so to all who wait", () => {
    const services = [service("a", has), service("b", { ...from("p"), born: 1 })];
    expect(pass(services).outcomes.map(got)[1]).toBe("pool p is not in force: its spec is refused");
    expect(pass([service("a", has), service("b", { born: 1 })], []).outcomes.map(got)[1]).toBe(
      'no available IPs: pool "p" is not in force: its spec is refused',
    );
  });

  test("keeps nothing that another pool has by now, and nothing of a Service that another pool served", () => {
    const taken = pool("q", ["10.100.0.0/24"], { allocation: { ...forAll, namespaces: ["x"] } });
    expect(only(pass([service("a", has)], [taken, pool("z", ["10.8.0.0/24"])]).outcomes)).toMatchObject({
      state: { addresses: ["10.8.0.0"] },
    });
    expect(pass([service("a", { ...has, from: "q" })]).outcomes.map(got)).toEqual([["10.9.0.0"]]);
  });

  test("once it is right again, its Services have what they had", () => {
    const { outcomes, memory } = pass([service("a", has)]);
    const good = pool("p", ["10.100.0.0/24"]);
    expect(assignments([q, good], outcomes.map(written), memory)).toEqual({ a: ["10.100.0.7"] });
  });

  test("a Service that is of another type gives its address up all the same", () => {
    expect(only(pass([service("a", { ...has, type: "ClusterIP" })]).outcomes).state.kind).toBe("not-load-balancer");
  });
});

describe("a pool that loses addresses by one write and gives them back by another", () => {
  const half = pool("first", ["10.100.0.0/25"]);
  const rest = pool("rest", ["10.100.0.128/25"]);
  const has = { has: ["10.100.0.200"] };

  /** A pass each, at those times in milliseconds; every write arrives. */
  function passes(one: Service, ...steps: readonly (readonly [readonly Pool[], number])[]) {
    const result = run([first], [one]);
    let [memory, services] = [result.memory, result.outcomes.map(written)];
    let last = { pools: [first] as readonly Pool[], lingering: new Map() as Lingering, outcomes: result.outcomes };
    return steps.map(([pools, now]) => {
      const lingering = lingeringAfter(last, { pools }, now);
      const passed = allocate({ config: { pools }, services, lbClass: "", memory, lingering });
      [memory, services] = [passed.memory, passed.outcomes.map(written)];
      last = { pools, lingering, outcomes: passed.outcomes };
      return { ...only(passed.outcomes), pools: passed.pools };
    });
  }

  test.each<[string, Service, string]>([
    ["asks for nothing: it stays", service("a", has), "10.100.0.200"],
    ["asks for that address: it stays", service("a", { ...has, ...wants("10.100.0.200") }), "10.100.0.200"],
    ["asks for the pool that gave it away: it moves then", service("a", { ...has, ...from("first") }), "10.100.0.0"],
  ])("a Service keeps its address until another pool has it, and if it %s", (_, one, then) => {
    const [shrunk, split] = passes(one, [[half], 0], [[half, rest], lingerMs - 1]);
    expect(shrunk).toMatchObject({ state: { addresses: ["10.100.0.200"], pools: ["first"] }, events: [] });
    expect(shrunk?.pools).toMatchObject([{ pool: "first", assigned: { ipv4: 0n } }]);
    expect(split?.state).toMatchObject({ addresses: [then] });
  });

  test("nobody's after a while, it has to go, and asks for another", () => {
    const both = passes(service("a", has), [[half], 0], [[half], lingerMs]);
    expect(both.map(got)).toEqual([["10.100.0.200"], ["10.100.0.0"]]);
    expect(both[1]?.events.map(({ reason }) => reason)).toEqual(["ClearAssignment", "IPAllocated"]);
  });

  test("nobody new gets it meanwhile", () => {
    const { outcomes, memory } = run([first], [service("a", has)]);
    const lingering = lingeringAfter({ pools: [first], lingering: new Map(), outcomes }, { pools: [half] }, 0);
    const services = [...outcomes.map(written), service("b", { ...wants("10.100.0.200"), born: 5 })];
    const passed = allocate({ config: { pools: [half] }, services, lbClass: "", memory, lingering });
    expect(passed.outcomes.map(got)).toEqual([
      ["10.100.0.200"],
      'can\'t change sharing key for "default/b", address also in use by default/a',
    ]);
  });
});

test("what a Service of another class has of our pools, nobody else gets; who has it already keeps it", () => {
  const other = (ip: string) => service(`x${ip}`, { loadBalancerClass: "other", has: [ip] });
  const services = [other("10.100.0.0"), other("10.100.0.1"), service("b", { has: ["10.100.0.1"] }), service("a")];
  expect(assignments([first], services)).toEqual({ a: ["10.100.0.2"], b: ["10.100.0.1"] });
  expect(assignments([first], [other("10.100.0.0"), service("a", wants("10.100.0.0"))])).toEqual({
    a: 'can\'t change sharing key for "default/a", address also in use by default/x10.100.0.0',
  });
});

describe("marks and statuses that an older MetalLB left", () => {
  test("an address of no pool, marked under the annotation's old name, is replaced and not left beside the new one", () => {
    const one = marked(service("a", { has: ["192.0.2.9"] }), "metallb.universe.tf/ip-allocated-from-pool");
    expect(written(only(run([first], [one]).outcomes)).status?.loadBalancer?.ingress).toEqual([{ ip: "10.100.0.0" }]);
  });

  test("annotations of the old prefix are spoken of when the Service is marked, though its address stays", () => {
    const asked = { has: ["10.100.0.3"], annotations: { "metallb.universe.tf/allow-shared-ip": "k" } };
    const one = marked(service("a", asked), "metallb.universe.tf/ip-allocated-from-pool");
    const message = "Service uses deprecated annotation metallb.universe.tf/allow-shared-ip";
    const { outcomes, memory } = run([first], [one]);
    expect(only(outcomes).events.map((note) => note.message)).toEqual([message]);
    expect(run([first], [one], memory).outcomes.flatMap(({ events }) => events)).toEqual([]);
    expect(only(run([first], outcomes.map(written)).outcomes).events).toEqual([]);
  });

  test("an address that is not written as RFC 5952 has it is no new one", () => {
    const v6 = pool("first", ["fd00::/64"]);
    expect(said([v6], service("a", { clusterIPs: ["fd96::1"], has: ["FD00:0::0009"] }))).toEqual([]);
  });
});

/** A Service whose mark is under another name. */
function marked(one: Service, name: string): Service {
  const { "metallb.io/ip-allocated-from-pool": mark = "", ...others } = one.metadata.annotations ?? {};
  return { ...one, metadata: { ...one.metadata, annotations: { ...others, [name]: mark } } };
}
