import { allocate } from "../src/allocate/allocate.ts";
import { chooseAutomatically, type Market, openMarket, verdicts } from "../src/allocate/market.ts";
import type { AllocationResult, Memory } from "../src/allocate/outcome.ts";
import { bothRequired, forAll, pool, service, written } from "../src/allocate/testing/world.ts";
import { familiesOf, readWish } from "../src/allocate/wish.ts";
import type { Service } from "../src/api/core.ts";
import { serviceWrites } from "../src/status/service-status.ts";
import { Simulation } from "../tests/allocate/simulation.ts";
import { collectGarbage } from "../src/runtime/garbage.ts";
import { leastMs, type Row } from "./bench.ts";

const pools = [pool("v4", ["10.0.0.0/14"]), pool("v6", ["fd00::/64"])];
const sizes = [10, 100, 1_000, 10_000, 100_000];
const more = 2_000;
const rounds = 10;

/** What addresses cost, one by one and for a whole cluster, and what a start writes. */
export function rows(): readonly Row[] {
  return [
    ...growthOf("IPv4", "used", sizes, inUse({ clusterIPs: ["10.96.0.1"] })),
    ...growthOf("IPv6 /64", "used", sizes, inUse({ clusterIPs: ["fd96::1"] })),
    ...growthOf("one sharing key, one port", "used", sizes, inUse(sharing(0))),
    ...growthOf("one sharing key, ports of their own", "used", sizes, inUse(sharing)),
    ...growthOf("the last of many pools has room", "pools", sizes.slice(0, -1), lastPool),
    ...growthOf("a namespace for each pool", "pools", sizes.slice(0, -2), ownNamespace),
    ...growthOf("nothing to be had, and why", "pools", sizes.slice(0, -2), nothing),
    ...wholeCluster(),
    ...simulated(),
  ];
}

/** A market of some size, and the Services that come to it next. */
interface Scene {
  readonly market: Market;
  readonly next: readonly Service[];
}

/** Allocations per second in scenes of each size: round by round over all sizes, so that what else the machine does falls on each. */
function growthOf(what: string, of: string, all: readonly number[], scene: (size: number) => Scene): readonly Row[] {
  const times = Array.from({ length: rounds }, () => all.map((size) => msOf(scene(size))));
  const rates = all.map((_, i) => (more / Math.min(...times.map((round) => round[i] ?? Infinity))) * 1000);
  const found = rates.map((value, i) => ({ what: `allocate: ${what}, ${all[i]} ${of}`, value, unit: "Services/s" }));
  const growth = Math.max(...rates) / Math.min(...rates);
  return [...found, { what: `allocate: ${what}, fastest to slowest`, value: growth, unit: "times", budget: 2 }];
}

/** From reading the Service on. The processor's time would be the better measure, but is told in steps of 4 ms. */
function msOf({ market, next }: Scene): number {
  const before = performance.now();
  for (const one of next) serve(market, one);
  return performance.now() - before;
}

/** Gives a Service an address, or finds out why there is none. */
function serve(market: Market, one: Service): void {
  const wish = readWish(one);
  if (!wish.shape.ok) throw new Error("bug: a Service without clusterIPs");
  const chosen = chooseAutomatically(market, wish, wish.shape.value);
  if (chosen) market.ledger.hold(wish.claim, chosen);
  else verdicts(market, wish, familiesOf(wish.shape.value));
}

type Asked = NonNullable<Parameters<typeof service>[1]>;

function filled(market: Market, used: number, services: readonly Service[]): Scene {
  for (const one of services.slice(0, used)) serve(market, one);
  return { market, next: services.slice(used, used + more) };
}

/** Two pools of which so many addresses are in use, or shared by so many. */
function inUse(asked: Asked | ((i: number) => Asked)): (used: number) => Scene {
  const services = many((i) => service(`s${i}`, typeof asked === "function" ? asked(i) : asked));
  return (used) => filled(openMarket(pools), used, services);
}

/** Under one key, the Services differ by port only. */
function sharing(i: number): Asked {
  const protocol = ["TCP", "UDP", "SCTP"][Math.floor(i / 65_535)] ?? "TCP";
  return { annotations: { "metallb.io/allow-shared-ip": "k" }, ports: [{ protocol, port: (i % 65_535) + 1 }] };
}

function many(make: (i: number) => Service, count = 102_000): readonly Service[] {
  return Array.from({ length: count }, (_, i) => make(i));
}

const numbered = (i: number): string => `p${String(i).padStart(6, "0")}`;
const small = (i: number): string => `10.${128 + (i >> 16)}.${(i >> 8) & 255}.${i & 255}/32`;

/** All pools of one address are taken but for the last, which is large. */
function lastPool(count: number): Scene {
  const full = Array.from({ length: count - 1 }, (_, i) => pool(numbered(i), [small(i)]));
  const market = openMarket([...full, pool("zlast", ["10.0.0.0/14"])]);
  return filled(
    market,
    count - 1,
    many((i) => service(`s${i}`), count + more),
  );
}

/** Each pool is for one namespace, and each Service of the next. */
function ownNamespace(count: number): Scene {
  const own = (i: number) =>
    pool(numbered(i), [`10.${i >> 8}.${i & 255}.0/24`], { allocation: { ...forAll, namespaces: [numbered(i)] } });
  const inside = (one: Service, i: number): Service => ({
    ...one,
    metadata: { ...one.metadata, namespace: numbered(i % count) },
  });
  return {
    market: openMarket(Array.from({ length: count }, (_, i) => own(i))),
    next: many((i) => inside(service(`s${i}`), i), more),
  };
}

/** Every pool is full: each Service is told so of each pool. */
function nothing(count: number): Scene {
  const market = openMarket(Array.from({ length: count }, (_, i) => pool(numbered(i), [small(i)])));
  return filled(
    market,
    count,
    many((i) => service(`s${i}`), count + more),
  );
}

const count = 10_000;

function wholeCluster(): readonly Row[] {
  const fresh = Array.from({ length: count }, (_, i) => service(`s${i}`, { ...bothRequired, born: i }));
  const first = pass(fresh);
  const settled = first.outcomes.map(written);
  const before = heapMB();
  const start = pass(settled);
  const heap = heapMB() - before;
  const { memory } = start;
  const what = `allocate: ${count} dual-stack Services`;
  return [
    { what: `${what}, all new`, value: leastMs(() => pass(fresh), { runs: 5 }), unit: "ms", budget: 2_000 },
    { what: `${what}, after a start`, value: leastMs(() => pass(settled), { runs: 5 }), unit: "ms", budget: 2_000 },
    { what: `${what}, unchanged`, value: leastMs(() => pass(settled, memory), { runs: 10 }), unit: "ms", budget: 500 },
    { what: `${what}, kept from pass to pass`, value: heap, unit: "MB", budget: 50 },
    { what: `${what}, writes of a start`, value: serviceWrites(start.outcomes).length, unit: "writes", budget: 0 },
    { what: `${what}, writes of all new`, value: serviceWrites(first.outcomes).length, unit: "writes", budget: count },
  ];
}

const pass = (services: readonly Service[], memory?: Memory): AllocationResult =>
  allocate({ config: { pools }, services, lbClass: "", ...(memory && { memory }) });

/** After a collection. */
function heapMB(): number {
  collectGarbage();
  return process.memoryUsage().heapUsed / 2 ** 20;
}

/** Steps of tests/allocate, worlds of 250 as there. STEPS for more. */
function simulated(): readonly Row[] {
  const steps = Number(process.env["STEPS"] ?? 20_000);
  const seed = Number(process.env["SEED"] ?? 1);
  const start = performance.now();
  for (let done = 0; done < steps; done += 250) {
    const world = new Simulation(seed + done / 250);
    for (let i = 1; i <= 250; i++) {
      world.step();
      if (i % 25 === 0) world.settle();
    }
  }
  const rate = (steps / (performance.now() - start)) * 1000;
  return [{ what: `allocate: ${steps} random steps beside the model, seed ${seed}`, value: rate, unit: "steps/s" }];
}
