import { allocate } from "../src/allocate/allocate.ts";
import { chooseAutomatically, openMarket } from "../src/allocate/market.ts";
import type { AllocationResult, Memory } from "../src/allocate/outcome.ts";
import { bothRequired, pool, service, written } from "../src/allocate/testing/world.ts";
import { readWish } from "../src/allocate/wish.ts";
import type { Service } from "../src/api/core.ts";
import { serviceWrites } from "../src/status/service-status.ts";
import { Simulation } from "../tests/allocate/simulation.ts";
import { leastMs, type Row } from "./bench.ts";

const pools = [pool("v4", ["10.0.0.0/14"]), pool("v6", ["fd00::/64"])];
const sizes = [10, 100, 1_000, 10_000, 100_000];
const more = 2_000;

/** What addresses cost, one by one and for a whole cluster, and what a start writes. */
export function rows(): readonly Row[] {
  return [...growthOf("IPv4", "10.96.0.1"), ...growthOf("IPv6 /64", "fd96::1"), ...wholeCluster(), ...simulated()];
}

function growthOf(what: string, clusterIP: string): readonly Row[] {
  const services = Array.from({ length: 100_000 + more }, (_, i) => service(`s${i}`, { clusterIPs: [clusterIP] }));
  // Round by round over all sizes, so that what else the machine does falls on each of them.
  const rounds = Array.from({ length: 10 }, () => sizes.map((used) => cpuMsOf(services, used)));
  const rates = sizes.map((_, i) => (more / Math.min(...rounds.map((round) => round[i] ?? Infinity))) * 1000);
  const found = rates.map((value, i) => ({ what: `allocate: ${what}, ${sizes[i]} used`, value, unit: "addresses/s" }));
  const growth = Math.max(...rates) / Math.min(...rates);
  return [...found, { what: `allocate: ${what}, fastest to slowest`, value: growth, unit: "times", budget: 2 }];
}

/** What `more` allocations cost this thread in ms, from reading the Service on, in a market where so many addresses are taken. */
function cpuMsOf(services: readonly Service[], used: number): number {
  const market = openMarket(pools);
  const take = (one: Service): void => {
    const wish = readWish(one);
    const chosen = wish.shape.ok ? chooseAutomatically(market, wish, wish.shape.value) : undefined;
    if (!chosen) throw new Error("bug: the bench's pools are too small");
    market.ledger.hold(wish.claim, chosen);
  };
  services.slice(0, used).forEach(take);
  const next = services.slice(used, used + more);
  const before = cpuMs();
  next.forEach(take);
  return cpuMs() - before;
}

function cpuMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
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

/** After a collection, where the flag --expose-gc allows one. */
function heapMB(): number {
  globalThis.gc?.();
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
