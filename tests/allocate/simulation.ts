import { isDeepStrictEqual } from "node:util";
import { allocate } from "../../src/allocate/allocate.ts";
import type { Memory, Outcome } from "../../src/allocate/outcome.ts";
import type { Service } from "../../src/api/core.ts";
import type { Pool } from "../../src/config/config.ts";
import { type Address, parseAddress } from "../../src/net/address.ts";
import { serviceWrites } from "../../src/status/service-status.ts";
import { isFor, isIn, mayShare, Model, remainders, type Verdict } from "./model.ts";
import {
  edited,
  pick,
  poolNames,
  type Random,
  randomFrom,
  randomPool,
  randomService,
  renamed,
} from "./random-world.ts";

const keys = ["default/p", "default/q", "default/r", "default/s", "elsewhere/t", "elsewhere/u"];
/** These never ask to share, so that nobody may ever have an address that their status names. */
const loners = new Set(["default/s", "elsewhere/t"]);
const sharingNote = "metallb.io/allow-shared-ip";
const mark = "metallb.io/ip-allocated-from-pool";

/** A write on its way to the API server. */
interface Flight {
  readonly version: string | undefined;
  readonly body: Record<string, unknown>;
}

/** What the last pass saw and decided, to judge the next by. */
interface Before {
  readonly service: Service;
  readonly addresses: readonly Address[];
  /** Whether it was left without what it asks for, or nobody knows. */
  readonly isWaiting: boolean;
}

/**
 * An API server, one controller after the other, and all that can come between them: objects change while a pass looks
 * at older ones, in any order; writes arrive late, or never, or without an answer; controllers are replaced.
 *
 * Every `step` throws at the first thing that is not as the rules say.
 */
export class Simulation {
  readonly #random: Random;
  readonly #api = new Map<string, Service>();
  #apiPools = new Map<string, Pool>();
  #seen = new Map<string, Service>();
  #pools = new Map<string, Pool>();
  /** Under these names there are pools that are wrong, for now. */
  #refused: readonly string[] = [];
  #flights = new Map<string, Flight>();
  #memory: Memory = new Map();
  #model = new Model();
  #before = new Map<string, Before>();
  #isFresh = true;
  /** Somebody else wrote into a status: until all is quiet, two may have one address. */
  #isTampered = false;
  #version = 0;
  readonly #trace: string[] = [];

  constructor(seed: number) {
    this.#random = randomFrom(seed);
    for (const name of poolNames) this.#apiPools.set(name, randomPool(this.#random, name));
  }

  /** What happened last, for whoever has to understand a failure. */
  get trace(): readonly string[] {
    return this.#trace;
  }

  step(): void {
    this.#happen();
    this.#deliver();
    for (const key of this.#flights.keys()) if (this.#random(4) > 0) this.#land(key);
    this.#write(this.#pass(), (key) => !this.#flights.has(key));
    this.#checkStatuses();
  }

  /** Lets everything arrive, until nothing is left to write; then the statuses must say what was decided. */
  settle(): void {
    for (let round = 0; ; round++) {
      for (const key of this.#flights.keys()) this.#arrive(key);
      this.#see();
      const outcomes = this.#pass();
      if (this.#write(outcomes, () => true) === 0) break;
      if (round > 2 * keys.length) throw new Error("it never ends");
    }
    this.#isTampered &&= this.#hasStrangers();
    this.#checkStatuses();
  }

  /** What lies in no pool is another implementation's, and stays until a pool has it. */
  #hasStrangers(): boolean {
    const pools = [...this.#pools.values()].filter(({ name }) => !this.#refused.includes(name));
    return [...this.#api.values()].some((service) =>
      statusOf(service).some((address) => !pools.some((pool) => isIn(pool, address))),
    );
  }

  #happen(): void {
    const random = this.#random;
    const key = pick(random, keys);
    const service = this.#api.get(key);
    const choice = random(40);
    if (choice < 6) this.#happenToPools();
    else if (choice === 6) this.#restart();
    else if (choice === 7 && service) this.#tamper(key, service);
    else if (choice < 14 && service) this.#remove(key);
    else if (service) this.#put(key, this.#allowed(key, edited(random, service)), "edit");
    else this.#put(key, this.#allowed(key, randomService(random, key, `uid-${this.#version}`)), "create");
  }

  #happenToPools(): void {
    const name = pick(this.#random, poolNames);
    const present = this.#apiPools.get(name);
    const choice = this.#random(5);
    this.#apiPools = new Map(this.#apiPools);
    if (choice === 4) return this.#spoil(name);
    if (choice === 0) this.#apiPools.delete(name);
    else if (choice === 1 && present)
      this.#apiPools.set(name, renamed(present, present.name === name ? `${name}2` : name));
    else this.#apiPools.set(name, randomPool(this.#random, name));
    const now = this.#apiPools.get(name);
    this.#tell(`pool ${name}: ${now ? `${now.name} ${now.entries.map(({ text }) => text).join()}` : "deleted"}`);
  }

  /** A pool becomes one that nobody can read, or is read again. */
  #spoil(name: string): void {
    const own = this.#apiPools.get(name)?.name ?? name;
    const isWrong = this.#refused.includes(own);
    this.#refused = isWrong ? this.#refused.filter((one) => one !== own) : [...this.#refused, own];
    this.#tell(`pool ${own} is ${isWrong ? "right again" : "wrong"}`);
  }

  /** Writes under way have arrived or not, by the time that the next leader begins; it reads everything afresh. */
  #restart(): void {
    for (const key of this.#flights.keys()) this.#land(key);
    this.#flights.clear();
    this.#memory = new Map();
    this.#model.forget();
    this.#isFresh = true;
    this.#see();
    this.#tell("restart");
  }

  /** Somebody's hand in a status. */
  #tamper(key: string, service: Service): void {
    const ip = pick(this.#random, ["10.0.0.0", "10.0.0.1", "fd01::", "192.0.2.1"]);
    this.#isTampered = true;
    this.#put(key, { ...service, status: { loadBalancer: { ingress: this.#random(2) ? [{ ip }] : [] } } }, "tamper");
  }

  #remove(key: string): void {
    this.#api.delete(key);
    this.#tell(`delete ${key}`);
  }

  #put(key: string, service: Service, why: string): void {
    const metadata = { ...service.metadata, resourceVersion: String(++this.#version) };
    this.#api.set(key, { ...service, metadata });
    this.#tell(
      `${why} ${key} v${this.#version} ${JSON.stringify([service.spec, metadata.annotations, service.status])}`,
    );
  }

  #allowed(key: string, service: Service): Service {
    if (!loners.has(key)) return service;
    const { [sharingNote]: _, ...annotations } = service.metadata.annotations ?? {};
    return { ...service, metadata: { ...service.metadata, annotations } };
  }

  /** Mostly everything is seen at once; sometimes some objects stay behind. */
  #deliver(): void {
    if (this.#random(4) > 0) return this.#see();
    for (const key of new Set([...this.#api.keys(), ...this.#seen.keys()])) {
      if (this.#random(2) === 0) this.#learn(key);
    }
    if (this.#random(2) === 0) this.#pools = this.#apiPools;
  }

  #see(): void {
    this.#seen = new Map(this.#api);
    this.#pools = this.#apiPools;
  }

  #learn(key: string): void {
    const now = this.#api.get(key);
    if (now) this.#seen.set(key, now);
    else this.#seen.delete(key);
  }

  /** A write arrives, or is lost; its answer too. */
  #land(key: string): void {
    if (this.#random(4) === 0) this.#flights.delete(key);
    else if (this.#arrive(key) && this.#random(4) > 0) this.#learn(key);
  }

  #arrive(key: string): boolean {
    const flight = this.#flights.get(key);
    const service = this.#api.get(key);
    this.#flights.delete(key);
    // The patch names the version that it was decided on; the API server refuses it on any other.
    if (!flight || !service || service.metadata.resourceVersion !== flight.version) return false;
    this.#put(key, merged(service, flight.body) as Service, "write");
    return true;
  }

  #write(outcomes: readonly Outcome[], isTaken: (key: string) => boolean): number {
    const writes = serviceWrites(outcomes);
    for (const write of writes) {
      if (write.kind !== "patch-status") throw new Error(`a Service is written by ${write.kind}`);
      const key = `${write.object.namespace}/${write.object.name}`;
      const version = this.#seen.get(key)?.metadata.resourceVersion;
      if (isTaken(key)) this.#flights.set(key, { version, body: write.body as Record<string, unknown> });
    }
    return writes.length;
  }

  #pass(): readonly Outcome[] {
    const services = shuffled(this.#random, [...this.#seen.values()]);
    const all = shuffled(this.#random, [...this.#pools.values()]);
    const pools = all.filter(({ name }) => !this.#refused.includes(name));
    const refused = all.map(({ name }) => name).filter((name) => this.#refused.includes(name));
    const left = remainders(pools, services, refused);
    const {
      outcomes,
      pools: counts,
      memory,
    } = allocate({ config: { pools, refusedPools: refused }, services, lbClass: "", memory: this.#memory });
    const verdicts = this.#model.pass(pools, services, refused);
    this.#memory = memory;
    this.#tell(`pass ${outcomes.map(({ key, state }) => `${key} ${addressesIn(state).join()}`).join("; ")}`);
    if (outcomes.length !== verdicts.size) throw new Error("the model handles other Services");
    for (const outcome of outcomes) agree(outcome, verdicts.get(outcome.key));
    for (const { pool, assigned } of counts) {
      const used = { ipv4: BigInt(this.#model.used(pool, "ipv4")), ipv6: BigInt(this.#model.used(pool, "ipv6")) };
      if (used.ipv4 !== assigned.ipv4 || used.ipv6 !== assigned.ipv6) throw new Error(`pool ${pool} is counted wrong`);
    }
    this.#checkAssignments(outcomes, [...pools, ...left]);
    this.#remember(outcomes);
    return outcomes;
  }

  /** No address twice unless sharing permits, none outside its pool, none of a pool that is not for the Service. */
  #checkAssignments(outcomes: readonly Outcome[], pools: readonly Pool[]): void {
    for (const [i, { key, service, state }] of outcomes.entries()) {
      for (const address of addressesIn(state)) {
        const source = pools.find((pool) => isIn(pool, address));
        if (!source || !isFor(source, service)) throw new Error(`${key} has ${address}, which is not for it`);
        const others = outcomes.slice(i + 1).filter((other) => addressesIn(other.state).includes(address));
        const rival = others.find((other) => !mayShare(service, other.service));
        if (rival) throw new Error(`${key} and ${rival.key} both have ${address}`);
      }
      this.#checkCause(key, service, addressesIn(state), pools);
    }
  }

  /** An address that a Service loses, it loses for one of the causes that the rules name. */
  #checkCause(key: string, service: Service, now: readonly Address[], pools: readonly Pool[]): void {
    const before = this.#before.get(key);
    if (!before || before.service.metadata.uid !== service.metadata.uid || this.#isTampered) return;
    if (!isDeepStrictEqual(wishOf(before.service), wishOf(service))) return;
    if (before.isWaiting && asks(service)) return;
    for (const address of before.addresses) {
      if (now.includes(address)) continue;
      const source = pools.find((pool) => isIn(pool, address));
      if (!source || !isFor(source, service)) continue;
      // A new leader knows what the statuses say, and not which of two Services on one address has changed.
      if (this.#isFresh && (!statusOf(service).includes(address) || this.#isContested(key, service, address))) continue;
      throw new Error(`${key} lost ${address} without a cause`);
    }
  }

  #isContested(key: string, service: Service, address: Address): boolean {
    return [...this.#seen].some(
      ([other, one]) => other !== key && statusOf(one).includes(address) && !mayShare(service, one),
    );
  }

  #remember(outcomes: readonly Outcome[]): void {
    this.#isFresh = false;
    this.#before = new Map(
      outcomes.map(({ key, service, state }) => [
        key,
        { service, addresses: addressesIn(state), isWaiting: state.kind !== "assigned" || state.unmet !== undefined },
      ]),
    );
  }

  /** At every moment, whatever was lost or late: what a loner's status names, no other status names. */
  #checkStatuses(): void {
    if (this.#isTampered) return;
    for (const key of loners) {
      const own = this.#api.get(key);
      if (!own) continue;
      for (const [other, service] of this.#api) {
        const both = other === key ? [] : statusOf(service).filter((address) => statusOf(own).includes(address));
        if (both.length > 0) throw new Error(`the statuses of ${key} and ${other} both name ${both.join()}`);
      }
    }
  }

  #tell(line: string): void {
    this.#trace.push(line);
    if (this.#trace.length > 60) this.#trace.splice(0, 30);
  }
}

function agree({ key, state }: Outcome, verdict: Verdict | undefined): void {
  const refusal = state.kind === "waiting" ? state.refusal : state.kind === "assigned" ? state.unmet : undefined;
  const [is, should] = [
    `${state.kind} ${addressesIn(state).join()} ${refusal?.kind ?? ""}`,
    `${verdict?.kind} ${verdict?.addresses.join()} ${verdict?.refused ?? ""}`,
  ];
  if (is !== should) throw new Error(`${key}: allocated "${is}", by the model "${should}"`);
}

const addressesIn = (state: Outcome["state"]): readonly Address[] => (state.kind === "assigned" ? state.addresses : []);

const statusOf = ({ status }: Service): Address[] =>
  (status?.loadBalancer?.ingress ?? []).flatMap(({ ip }) => parseAddress(ip ?? "") ?? []);

/** All that a person can say in a Service. */
function wishOf({ spec, metadata: { annotations, labels } }: Service): unknown {
  const { [mark]: _, ...notes } = annotations ?? {};
  return [spec, notes, labels];
}

/** Whether it asks for certain addresses. */
function asks({ spec, metadata: { annotations = {} } }: Service): boolean {
  return (
    "metallb.io/loadBalancerIPs" in annotations || "metallb.io/address-pool" in annotations || !!spec.loadBalancerIP
  );
}

/** RFC 7386. */
function merged(target: unknown, patch: unknown): unknown {
  if (typeof patch !== "object" || patch === null || Array.isArray(patch)) return patch;
  const out: Record<string, unknown> = { ...(typeof target === "object" ? target : {}) };
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) delete out[name];
    else out[name] = merged(out[name], value);
  }
  return out;
}

function shuffled<T>(random: Random, items: readonly T[]): T[] {
  const out = [...items];
  for (let i = out.length - 1; i > 0; i--) {
    const j = random(i + 1);
    [out[i], out[j]] = [out[j] as T, out[i] as T];
  }
  return out;
}
