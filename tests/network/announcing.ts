import { Decider } from "../../src/announce/decide.ts";
import { service, snapshot as worldOf } from "../../src/announce/testing/world.ts";
import type { Service } from "../../src/api/core.ts";
import type { Snapshot } from "../../src/api/snapshot.ts";
import { createFrrBackend, type FrrBackend } from "../../src/backends/frr/backend.ts";
import { ApplyError } from "../../src/backends/backend.ts";
import { addressFrom, bitsOf, familyOf, parseAddress } from "../../src/net/address.ts";
import { configReader } from "../../src/programs/config-reader.ts";

const node = "n1";

/** Services with an address each, counted up from `first` (such as `10.100.0.0`), and with an endpoint on the node. */
export function servicesFrom(name: string, first: string, count: number): Service[] {
  const start = parseAddress(first);
  if (start === undefined) throw new Error(`bug: ${first} is no address`);
  return Array.from({ length: count }, (_, i) => {
    const address = addressFrom(familyOf(start), bitsOf(start) + BigInt(i));
    return service(`${name}-${i}`, { has: [address] });
  });
}

/** A world of one node in which every Service has an endpoint that is ready. */
export const worldWith = (services: readonly Service[], parts: Partial<Snapshot>): Snapshot => ({
  ...worldOf(services),
  ...parts,
});

/** The speaker's way from objects to FRR, without the API server: snapshot → config → desired → FRR. */
export class Announcing implements AsyncDisposable {
  readonly #socketDir: string;
  readonly #signal = AbortSignal.timeout(900_000);
  readonly #read = configReader(node);
  readonly #decider = new Decider();
  #backend: FrrBackend;

  constructor(socketDir: string) {
    this.#socketDir = socketDir;
    this.#backend = createFrrBackend({ socketDir });
  }

  get backend(): FrrBackend {
    return this.#backend;
  }

  /** Rejects when an object is wrong, or FRR doesn't take the outcome. */
  async apply(snapshot: Snapshot): Promise<void> {
    const { config, problems } = this.#read(snapshot);
    if (problems.length > 0) throw new Error(`bug: the test's objects are wrong: ${problems[0]?.message}`);
    const { desired } = this.#decider.decide({ config, snapshot, node, ignoreExcludeLB: false, lbClass: "" });
    await this.#backend.apply(desired, this.#signal);
  }

  /** As when the speaker's process ends and another begins. */
  async restart(): Promise<void> {
    await this.#backend.close();
    this.#backend = createFrrBackend({ socketDir: this.#socketDir });
  }

  /** Keeps FRR at this snapshot while `work` runs, whatever happens to its daemons. */
  async keeping<T>(snapshot: Snapshot, work: () => Promise<T>): Promise<T> {
    const over = new AbortController();
    const loop = (async () => {
      for await (const _ of this.#backend.changes(over.signal)) await this.apply(snapshot).catch(unlessApply);
    })();
    try {
      return await work();
    } finally {
      over.abort();
      await loop;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#backend.close();
  }
}

/** A daemon that is away rings when it is back. */
function unlessApply(error: unknown): void {
  if (!(error instanceof ApplyError)) throw error;
}
