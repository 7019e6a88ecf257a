import { readAdvertised, readAdvertisedTo, readSent, type ShownSent } from "../../frr/show.ts";
import type { Family } from "../../net/address.ts";
import { prefixFamily, type Prefix } from "../../net/prefix.ts";
import { sameItems } from "../../std/equal.ts";
import { type Members, PersistentSet } from "../../std/persistent.ts";
import type { Daemon } from "./daemon.ts";
import { showPrefix } from "./take.ts";

/** Above this, one question for the whole table costs bgpd less than one for each prefix. */
const fewPrefixes = 128;

const none: PersistentSet<Prefix> = PersistentSet.of([]);

/** How long a command's prefixes count as just changed: bgpd holds its queue for 50 ms, more under load. */
const recentMs = 5_000;

interface Known {
  readonly stamp: string;
  readonly prefixes: PersistentSet<Prefix>;
}

/** A neighbor's tables, one for each family, and all of their prefixes. */
interface Sent {
  readonly tables: readonly PersistentSet<Prefix>[];
  readonly all: PersistentSet<Prefix>;
}

/**
 * What each peer was told (RFC 4271 §3.2), asked from bgpd as seldom as possible: its answer is 3–7 ms long for a thousand
 * prefixes, and it does nothing else meanwhile.
 *
 * A table whose version and counts stand is not asked again. After a few changed prefixes only these are, and the result must
 * agree with bgpd's own count; otherwise, the whole table is.
 */
export class AdjRibOut {
  readonly #bgpd: Daemon;
  readonly #now: () => number;
  #known = new Map<string, Known>();
  #sent: ReadonlyMap<string, Sent> = new Map();
  #recent = new Map<string, { readonly prefix: Prefix; readonly vrf: string; readonly at: number }>();

  constructor(bgpd: Daemon, now: () => number) {
    this.#bgpd = bgpd;
    this.#now = now;
  }

  /** Notes prefixes that a command concerned. */
  touch(vrf: string, prefixes: readonly Prefix[]): void {
    for (const prefix of prefixes) this.#recent.set(`${vrf} ${prefix}`, { prefix, vrf, at: this.#now() });
  }

  /** Asks for everything next time: bgpd is another one, or may have been changed by others. */
  forget(): void {
    this.#known.clear();
    this.#recent.clear();
  }

  /** `VRF NEIGHBOR` → prefixes of both families. */
  async read(signal: AbortSignal): Promise<ReadonlyMap<string, Members<Prefix>>> {
    const shown = readSent((await this.#bgpd.show("show bgp vrf all summary json", signal)) || "{}");
    const answers = await this.#recentAnswers(shown, signal);
    const known = new Map<string, Known>();
    const tables = new Map<string, PersistentSet<Prefix>[]>();
    for (const row of shown) {
      const key = `${row.vrf} ${row.family} ${row.neighbor}`;
      const table = await this.#table(row, this.#known.get(key), answers, signal);
      known.set(key, table);
      const neighbor = `${row.vrf} ${row.neighbor}`;
      tables.set(neighbor, [...(tables.get(neighbor) ?? []), table.prefixes]);
    }
    this.#known = known;
    this.#sent = new Map([...tables].map(([neighbor, of]) => [neighbor, this.#joined(neighbor, of)]));
    return new Map([...this.#sent].map(([neighbor, { all }]) => [neighbor, all]));
  }

  /** The same set as last time when its tables are. */
  #joined(neighbor: string, tables: readonly PersistentSet<Prefix>[]): Sent {
    const before = this.#sent.get(neighbor) ?? { tables: [], all: none };
    if (sameItems(before.tables, tables)) return before;
    const [first = none, ...others] = tables.filter(({ size }) => size > 0);
    if (others.length === 0) return { tables, all: first };
    const changes = tables.flatMap((table, i) => [...PersistentSet.difference(before.tables[i] ?? none, table)]);
    const isTold = (prefix: Prefix): boolean => tables.some((table) => table.has(prefix));
    return { tables, all: before.all.with(changes.map((prefix) => [prefix, isTold(prefix)])) };
  }

  async #table(
    row: ShownSent,
    before: Known | undefined,
    answers: readonly Answer[],
    signal: AbortSignal,
  ): Promise<Known> {
    const { stamp, count } = row;
    if (count === 0) return { stamp, prefixes: none };
    if (before?.stamp === stamp) return before;
    const prefixes = before && updated(before.prefixes, row, answers);
    if (prefixes?.size === count) return { stamp, prefixes };
    return { stamp, prefixes: PersistentSet.of(await this.#whole(row, signal)) };
  }

  async #whole({ vrf, family, neighbor }: ShownSent, signal: AbortSignal): Promise<Prefix[]> {
    const of = `vrf ${vrf === "" ? "default" : vrf} ${family} unicast neighbors ${neighbor}`;
    return readAdvertised((await this.#bgpd.show(`show bgp ${of} advertised-routes json`, signal)) || "{}");
  }

  /** Who is told the prefixes that changed lately; empty when nothing moved, or when they are many. */
  async #recentAnswers(shown: readonly ShownSent[], signal: AbortSignal): Promise<Answer[]> {
    const oldest = this.#now() - recentMs;
    this.#recent = new Map([...this.#recent].filter(([, { at }]) => at >= oldest));
    const moved = shown.some(
      ({ vrf, family, neighbor, stamp }) => this.#known.get(`${vrf} ${family} ${neighbor}`)?.stamp !== stamp,
    );
    if (!moved || this.#recent.size > fewPrefixes) return [];
    const asked = [...this.#recent.values()].map(async ({ vrf, prefix }) => {
      const json = (await this.#bgpd.show(showPrefix(vrf, prefix), signal)) || "{}";
      return { vrf, prefix, family: prefixFamily(prefix), neighbors: new Set(readAdvertisedTo(json)) };
    });
    return Promise.all(asked);
  }
}

interface Answer {
  readonly vrf: string;
  readonly family: Family;
  readonly prefix: Prefix;
  readonly neighbors: ReadonlySet<string>;
}

function updated(
  before: PersistentSet<Prefix>,
  { vrf, family, neighbor }: ShownSent,
  answers: readonly Answer[],
): PersistentSet<Prefix> | undefined {
  const own = answers.filter((answer) => answer.vrf === vrf && answer.family === family);
  if (own.length === 0) return undefined;
  return before.with(own.map(({ prefix, neighbors }) => [prefix, neighbors.has(neighbor)]));
}
