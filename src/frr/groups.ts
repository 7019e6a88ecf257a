import type { PathAttributes, Router } from "../announce/desired.ts";
import type { Asn } from "../net/asn.ts";
import { type Prefix, prefixFamily } from "../net/prefix.ts";
import { compareText, sortedBy } from "../std/order.ts";
import { familiesOf, neighborOf, outboundMap, prependedAsn } from "./render/neighbor.ts";
import { type Block, plainLines, readRouterLine, suffixGroup, type Tree } from "./tree.ts";

/**
 * A tag group: prefixes that every peer of a router gets alike.
 *
 * `network P route-map G7` tags a prefix with 7, which stays inside bgpd; each peer's outbound map has an entry 7 that
 * matches the tag and sets what this peer is told. Bgpd lets an edited route-map reach a peer only when told to, so a group
 * never changes: a prefix whose attributes change is pointed at another group, one line, and is never missing.
 */
export interface Group {
  readonly number: number;
  readonly prefixes: readonly Prefix[];
  /** Outbound map → what its entry sets. A map without an entry denies the prefix. */
  readonly entries: ReadonlyMap<string, Recipe>;
}

/** The `set` lines of an outbound entry, joined by newlines; two alike are one text. */
export type Recipe = string;

/** Route-map sequence numbers end at 65535, which is the map's closing deny. */
const lastNumber = 65_534;

/** @param prepended see `prependedAsn` */
export function recipeOf(attributes: PathAttributes, prepended: Asn | undefined): Recipe {
  const lines = attributeOrder.map((name) => attributeLine(name, attributes, prepended));
  return lines.filter((line) => line !== undefined).join("\n");
}

type AttributeLine<A extends keyof PathAttributes> = (
  value: NonNullable<PathAttributes[A]>,
  prepended: Asn | undefined,
) => string | undefined;

/** Every attribute, in the alphabetical order of the lines: one left out doesn't compile. */
const attributeLines: { readonly [A in keyof Required<PathAttributes>]: AttributeLine<A> } = {
  asPathPrepend: (times, asn) =>
    times === 0 || asn === undefined ? undefined : `set as-path prepend ${Array(times).fill(asn).join(" ")}`,
  communities: (list) => (list.length === 0 ? undefined : `set community ${list.join(" ")}`),
  largeCommunities: (list) => (list.length === 0 ? undefined : `set large-community ${list.join(" ")}`),
  localPref: (value) => (value === 0 ? undefined : `set local-preference ${value}`),
  med: (value) => `set metric ${value}`,
};

const attributeOrder = Object.keys(attributeLines) as readonly (keyof PathAttributes)[];

function attributeLine<A extends keyof PathAttributes>(
  name: A,
  attributes: PathAttributes,
  prepended: Asn | undefined,
): string | undefined {
  const line: AttributeLine<A> = attributeLines[name];
  const value = attributes[name];
  return value === undefined || value === null ? undefined : line(value, prepended);
}

/** The attribute that a `set` line comes from; `undefined` for one that none renders. */
export const attributeOf = (
  line: string,
  attributes: PathAttributes,
  prepended: Asn | undefined,
): keyof PathAttributes | undefined =>
  attributeOrder.find((name) => attributeLine(name, attributes, prepended) === line);

/**
 * Removes the tag again on the way out.
 *
 * Bgpd doesn't repeat an UPDATE that says nothing new, but takes a new tag for news although no peer sees it. With one tag
 * for all, a prefix that moves between groups costs only those peers an UPDATE whose attributes changed.
 */
const outgoingTag = "set tag 4294967295";

export const groupMap = (number: number): readonly [string, Block] => [
  `route-map G${number} permit 10`,
  plainLines([`set tag ${number}`]),
];

export const outboundEntry = (map: string, number: number, recipe: Recipe): readonly [string, Block] => [
  `route-map ${map} permit ${number}`,
  plainLines([`match tag ${number}`, ...recipe.split("\n").filter((line) => line !== ""), outgoingTag]),
];

/** The groups that a configuration holds, recognised by what they do. */
export interface KnownGroups {
  /** Numbers of intact groups. */
  readonly numbers: ReadonlySet<number>;
  /** Numbers that anything uses, intact or not. */
  readonly taken: ReadonlySet<number>;
  /** Outbound map → number → recipe. */
  readonly entries: ReadonlyMap<string, ReadonlyMap<number, Recipe>>;
  /** By VRF. */
  readonly networks: ReadonlyMap<string, GroupedNetworks>;
  /** VRF → outbound maps in force for a neighbor. */
  readonly attached: ReadonlyMap<string, ReadonlySet<string>>;
}

/** Finds the groups of a configuration. An entry or group that was tampered with is taken, and not known; so is a `reserved` number. */
export function knownGroups({ bgpd, networks: lines }: Tree, reserved: ReadonlySet<number> = new Set()): KnownGroups {
  const numbers = new Set<number>();
  const taken = new Set(reserved);
  const entries = new Map<string, Map<number, Recipe>>();
  const networks = new Map([...lines].map(([vrf, of]) => [vrf, groupsOf(of)]));
  const attached = new Map<string, ReadonlySet<string>>();
  for (const [line, body] of bgpd) {
    const map = /^route-map (\S+) permit (\d+)$/.exec(line);
    const group = /^route-map G(\d+) permit 10$/.exec(line);
    const router = readRouterLine(line);
    if (group) noteGroup(Number(group[1]), body, numbers, taken);
    else if (map?.[1] !== undefined) noteEntry(map[1], Number(map[2]), body, entries, taken);
    else if (router) attached.set(router.vrf, attachedMaps(body));
  }
  for (const used of networks.values()) for (const number of used.numbers) taken.add(number);
  for (const number of reserved) numbers.delete(number);
  return { numbers, taken, entries, networks, attached };
}

function noteGroup(number: number, body: Block, numbers: Set<number>, taken: Set<number>): void {
  taken.add(number);
  if (body.size === 1 && body.has(`set tag ${number}`)) numbers.add(number);
}

function noteEntry(
  map: string,
  number: number,
  body: Block,
  entries: Map<string, Map<number, Recipe>>,
  taken: Set<number>,
) {
  taken.add(number);
  if (!body.has(`match tag ${number}`) || !body.has(outgoingTag)) return;
  const sets = [...body.keys()].filter((line) => line !== `match tag ${number}` && line !== outgoingTag);
  const known = entries.get(map) ?? new Map<number, Recipe>();
  entries.set(map, known.set(number, sets.toSorted(compareText).join("\n")));
}

interface GroupedNetworks {
  readonly numbers: ReadonlySet<number>;
  readonly groupOf: (prefix: Prefix) => number | undefined;
}

function groupsOf(lines: ReadonlyMap<string, string>): GroupedNetworks {
  const numbers = new Map([...new Set(lines.values())].map((suffix) => [suffix, suffixGroup(suffix)]));
  return {
    numbers: new Set([...numbers.values()].filter((number) => number !== undefined)),
    groupOf: (prefix) => numbers.get(lines.get(prefix) ?? ""),
  };
}

function attachedMaps(router: Block): Set<string> {
  const maps = [...router.values()].flatMap((body) => [...body.keys()].map((line) => outboundMapIn(line)));
  return new Set(maps.filter((map) => map !== undefined));
}

const outboundMapIn = (line: string): string | undefined =>
  line.startsWith("neighbor ") ? /^neighbor \S+ route-map (\S+) out$/.exec(line)?.[1] : undefined;

/** Outbound map → `set` lines that bgpd refuses in it. */
export type RefusedSets = ReadonlyMap<string, ReadonlySet<string>>;

/**
 * Sorts the prefixes of all routers into numbered groups.
 *
 * A number is kept wherever what runs under it already says what is wanted to every peer that is there and stays; a peer
 * that is new may get its entry added, since it has heard nothing yet. So a Service in an existing group, a new peer and a
 * peer that goes move no prefix of another. The result depends on its arguments only, whatever the order of prefixes.
 *
 * A prefix whose attributes are refused for a peer keeps those that it runs with, and is not told to that peer if there are none.
 */
export function numberGroups(
  routers: readonly Router[],
  known: KnownGroups,
  refused: RefusedSets = new Map(),
): ReadonlyMap<string, readonly Group[]> {
  const wanted = routers.flatMap((router) => matrixOf(router, known, refused));
  const numbers = claimNumbers(routers, wanted, known);
  const groups = wanted.map((group) => ({ ...group, number: numbers.get(group) ?? 0 }));
  return Map.groupBy(
    groups.toSorted((a, b) => a.number - b.number),
    ({ vrf }) => vrf,
  );
}

interface WantedGroup {
  readonly vrf: string;
  readonly prefixes: Prefix[];
  readonly entries: ReadonlyMap<string, Recipe>;
  /** Tells groups apart, in every run alike. */
  readonly content: string;
}

/** Prefixes of one router by what its peers get. A prefix of a family that a session doesn't carry is not for that peer. */
function matrixOf({ vrf, peers }: Router, known: KnownGroups, refused: RefusedSets): WantedGroup[] {
  const rows = new Rows();
  const rowOf = new Map<Prefix, number>();
  const maps = peers.map(({ peer }) => outboundMap(vrf, neighborOf(peer)));
  for (const [i, { peer, paths }] of peers.entries()) {
    const carried = familiesOf(peer);
    const prepended = prependedAsn(peer);
    const substitute = substituteFor({ vrf, map: maps[i] ?? "", prepended }, known, refused);
    for (const { prefix, attributes } of paths) {
      if (carried.length < 2 && !carried.includes(prefixFamily(prefix))) continue;
      const before = rowOf.get(prefix) ?? 0;
      const held = substitute?.(prefix, attributes);
      if (held === undefined) rowOf.set(prefix, rows.extend(before, i, attributes, prepended));
      else if (held.recipe !== undefined) rowOf.set(prefix, rows.extendWith(before, i, held.recipe));
    }
  }
  const members = new Map<number, Prefix[]>();
  for (const [prefix, row] of rowOf) {
    const others = members.get(row);
    if (others) others.push(prefix);
    else members.set(row, [prefix]);
  }
  return [...members].map(([row, prefixes]) => {
    const entries = rows.entriesOf(row, maps);
    return { vrf, prefixes, entries, content: JSON.stringify([vrf, ...entries]) };
  });
}

interface Outbound {
  readonly vrf: string;
  readonly map: string;
  readonly prepended: Asn | undefined;
}

/** For attributes that are refused in this map, what the prefix runs with; for others, `undefined`. */
function substituteFor({ vrf, map, prepended }: Outbound, known: KnownGroups, refused: RefusedSets) {
  const lines = refused.get(map);
  if (lines === undefined) return undefined;
  const isRefused = (recipe: Recipe): boolean => recipe.split("\n").some((line) => lines.has(line));
  const verdicts = new Map<PathAttributes, boolean>();
  return (prefix: Prefix, attributes: PathAttributes): { readonly recipe: Recipe | undefined } | undefined => {
    if (!computed(verdicts, attributes, () => isRefused(recipeOf(attributes, prepended)))) return undefined;
    const number = known.networks.get(vrf)?.groupOf(prefix);
    return { recipe: number === undefined ? undefined : known.entries.get(map)?.get(number) };
  };
}

interface Row {
  readonly before: number;
  readonly peer: number;
  readonly recipe: Recipe;
}

/**
 * Rows of the matrix by number; 0 is the empty one, and each other one is a shorter one and a peer's recipe.
 *
 * Ten thousand prefixes share a handful of rows, and most of their attributes are the very same object: a prefix costs a few
 * look-ups by number, and no text is built for it.
 */
class Rows {
  readonly #rows: (Row | undefined)[] = [undefined];
  readonly #next = new Map<number, Map<number, Map<number, number>>>();
  readonly #recipes = new Map<Recipe, number>();
  /** By the AS number that is prepended. */
  readonly #known = new Map<
    Asn | undefined,
    Map<PathAttributes, { readonly index: number; readonly recipe: Recipe }>
  >();

  #last:
    | { readonly before: number; readonly peer: number; readonly attributes: PathAttributes; readonly row: number }
    | undefined;

  extend(before: number, peer: number, attributes: PathAttributes, prepended: Asn | undefined): number {
    // Neighboring prefixes mostly are alike: the last answer spares five look-ups out of six.
    const last = this.#last;
    if (last?.before === before && last.peer === peer && last.attributes === attributes) return last.row;
    const row = this.#row(before, peer, this.#recipe(attributes, prepended));
    this.#last = { before, peer, attributes, row };
    return row;
  }

  extendWith(before: number, peer: number, recipe: Recipe): number {
    return this.#row(before, peer, { recipe, index: this.#indexOf(recipe) });
  }

  #row(before: number, peer: number, { index, recipe }: { readonly index: number; readonly recipe: Recipe }): number {
    const byPeer = computed(this.#next, before, () => new Map<number, Map<number, number>>());
    const byRecipe = computed(byPeer, peer, () => new Map<number, number>());
    return computed(byRecipe, index, () => this.#rows.push({ before, peer, recipe }) - 1);
  }

  #indexOf = (recipe: Recipe): number => computed(this.#recipes, recipe, () => this.#recipes.size);

  #recipe(attributes: PathAttributes, prepended: Asn | undefined) {
    const known = computed(this.#known, prepended, () => new Map());
    return computed(known, attributes, () => {
      const recipe = recipeOf(attributes, prepended);
      return { recipe, index: this.#indexOf(recipe) };
    });
  }

  entriesOf(row: number, maps: readonly string[]): ReadonlyMap<string, Recipe> {
    const cells: [string, Recipe][] = [];
    for (let at = this.#rows[row]; at !== undefined; at = this.#rows[at.before])
      cells.push([maps[at.peer] ?? "", at.recipe]);
    return new Map(cells.reverse());
  }
}

function computed<K, V>(map: Map<K, V>, key: K, value: () => V): V {
  const known = map.get(key);
  if (known !== undefined) return known;
  const made = value();
  map.set(key, made);
  return made;
}

interface Claim {
  readonly group: WantedGroup;
  readonly number: number;
  /** Prefixes of the group that run under this number now. */
  readonly members: number;
}

/** Running numbers go to the groups that hold most of their prefixes; what is left gets the smallest free ones. */
function claimNumbers(routers: readonly Router[], wanted: readonly WantedGroup[], known: KnownGroups) {
  const numbers = new Map<WantedGroup, number>();
  const given = new Set<number>();
  for (const { group, number } of claimsOf(routers, wanted, known)) {
    if (numbers.has(group) || given.has(number)) continue;
    numbers.set(group, number);
    given.add(number);
  }
  const fresh = freshNumbers(new Set([...known.taken, ...given]));
  for (const group of sortedBy(wanted, ({ content }) => content)) {
    if (!numbers.has(group)) numbers.set(group, fresh.next().value);
  }
  return numbers;
}

/** Which running numbers already do what a group needs, best claim first. */
function claimsOf(routers: readonly Router[], wanted: readonly WantedGroup[], known: KnownGroups): Claim[] {
  const staying = new Map(routers.map((router) => [router.vrf, stayingMaps(router, known)]));
  const fitting = Map.groupBy(usableNumbers(staying, known), ({ signature }) => signature);
  const claims = wanted.flatMap((group) => {
    const recipes = (staying.get(group.vrf) ?? []).map((map) => group.entries.get(map));
    const members = membersOf(group, known);
    const numbers = fitting.get(signatureOf(group.vrf, recipes)) ?? [];
    return numbers.map(({ number }) => ({ group, number, members: members.get(number) ?? 0 }));
  });
  return claims.toSorted(
    (a, b) => b.members - a.members || a.number - b.number || compareText(a.group.content, b.group.content),
  );
}

/** Maps of wanted peers that are in force: what these peers hear under a number must not change. */
function stayingMaps({ vrf, peers }: Router, known: KnownGroups): string[] {
  const maps = peers.map(({ peer }) => outboundMap(vrf, neighborOf(peer)));
  return maps.filter((map) => known.attached.get(vrf)?.has(map));
}

/** Each intact number that no other VRF's prefixes use, with what the staying peers hear under it. */
function usableNumbers(staying: ReadonlyMap<string, readonly string[]>, known: KnownGroups) {
  const users = new Map<number, Set<string>>();
  for (const [vrf, networks] of known.networks) {
    for (const number of networks.numbers) users.set(number, (users.get(number) ?? new Set()).add(vrf));
  }
  return [...staying].flatMap(([vrf, maps]) =>
    [...known.numbers]
      .filter((number) => [...(users.get(number) ?? [])].every((user) => user === vrf))
      .map((number) => {
        const recipes = maps.map((map) => known.entries.get(map)?.get(number));
        return { number, signature: signatureOf(vrf, recipes) };
      }),
  );
}

const signatureOf = (vrf: string, recipes: readonly (Recipe | undefined)[]): string =>
  JSON.stringify([vrf, ...recipes.map((recipe) => recipe ?? null)]);

function membersOf({ vrf, prefixes }: WantedGroup, known: KnownGroups): Map<number, number> {
  const running = known.networks.get(vrf);
  const members = new Map<number, number>();
  for (const prefix of prefixes) {
    const number = running?.groupOf(prefix);
    if (number !== undefined) members.set(number, (members.get(number) ?? 0) + 1);
  }
  return members;
}

function* freshNumbers(taken: ReadonlySet<number>): Generator<number, never> {
  for (let number = 1; number <= lastNumber; number++) if (!taken.has(number)) yield number;
  throw new Error(`bug: more than ${lastNumber} groups of prefixes`);
}
