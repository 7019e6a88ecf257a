import type { BgpDesired, Router, RouterPeer } from "../announce/desired.ts";
import { pathAt } from "../announce/offers.ts";
import { comparePrefixes, type Prefix, prefixFamily } from "../net/prefix.ts";
import { differences } from "../std/differences.ts";
import { sameItems } from "../std/equal.ts";
import { edited } from "../std/persistent.ts";
import { diff } from "./diff.ts";
import { type KnownGroups, knownGroups, recipeOf } from "./groups.ts";
import { type Limits, type Plan, plan } from "./plan.ts";
import type { RefusedLine } from "./refused.ts";
import { familiesOf, neighborOf, outboundMap, prependedAsn } from "./render/neighbor.ts";
import { groupSuffix, type Tree } from "./tree.ts";

/** So many prefixes are looked at one by one; more are cheaper in one go. */
const few = 256;

/**
 * The same ways as `plan`'s, from what the last one was made of.
 *
 * Where nothing but some prefixes is other than before, and each of them belongs to a group that runs, only they are gone through: of ten
 * thousand, one that comes costs what it would cost alone.
 */
export class Planner {
  /** Whose outcome runs, unless it was not taken: then what runs is another value. */
  #last: { readonly desired: BgpDesired; readonly wanted: Tree; readonly groups: KnownGroups | undefined } | undefined;

  plan<R extends RefusedLine>(desired: BgpDesired, running: Tree, limits: Limits<R> = {}): Plan<R> {
    const short = this.#short(desired, running, limits);
    if (short) {
      this.#last = { desired, wanted: short.wanted, groups: short.groups };
      return { wanted: short.wanted, steps: short.steps, standing: [] };
    }
    const whole = plan(desired, running, limits);
    this.#last = whole.standing.length > 0 ? undefined : { desired, wanted: whole.wanted, groups: undefined };
    return whole;
  }

  #short(desired: BgpDesired, running: Tree, { refused = [] }: Limits<RefusedLine>) {
    const last = this.#last;
    if (
      last === undefined ||
      refused.length > 0 ||
      !isSameFrame(last.desired, desired) ||
      !isSameTree(last.wanted, running)
    )
      return undefined;
    const groups = last.groups ?? knownGroups(running);
    const before = new Map<string, Map<Prefix, string>>();
    const after = new Map<string, Map<Prefix, string>>();
    for (const [i, router] of desired.routers.entries()) {
      const prefixes = changedPrefixes(last.desired.routers[i] ?? router, router);
      const numbers = prefixes && numbersFor(router, prefixes, groups);
      if (!numbers) return undefined;
      const networks = running.networks.get(router.vrf);
      before.set(router.vrf, new Map(prefixes.flatMap((prefix) => pair(prefix, networks?.get(prefix)))));
      after.set(router.vrf, new Map(numbers.map(([prefix, number]) => [prefix, groupSuffix(number)])));
    }
    const steps = diff({ ...running, networks: before }, { ...running, networks: after });
    return { groups, steps, wanted: steps.length === 0 ? running : withNetworks(running, before, after) };
  }
}

const pair = <K, V>(key: K, value: V | undefined): readonly (readonly [K, V])[] =>
  value === undefined ? [] : [[key, value]];

/** Whether everything but the paths is the same. */
function isSameFrame(a: BgpDesired, b: BgpDesired): boolean {
  const isSame = a.bfdProfiles === b.bfdProfiles && a.extras === b.extras && a.routers.length === b.routers.length;
  return isSame && a.routers.every((router, i) => isSameRouter(router, b.routers[i]));
}

function isSameRouter(a: Router, b: Router | undefined): boolean {
  if (a === b) return true;
  if (a.vrf !== b?.vrf || a.myASN !== b.myASN || a.routerID !== b.routerID) return false;
  return sameItems(a.peers.map(peerOf), b.peers.map(peerOf));
}

const peerOf = ({ peer }: RouterPeer) => peer;

/** Whether what runs is the very tree that was wanted. */
const isSameTree = (a: Tree, b: Tree): boolean =>
  a.bgpd === b.bgpd && a.zebra === b.zebra && a.bfdd === b.bfdd && a.networks === b.networks;

/** `undefined`: too many. */
function changedPrefixes(before: Router, after: Router): readonly Prefix[] | undefined {
  const prefixes = new Set<Prefix>();
  for (const [i, { paths }] of after.peers.entries()) {
    const changes = differences(before.peers[i]?.paths ?? [], paths, (a, b) => comparePrefixes(a.prefix, b.prefix));
    if (changes.length > few) return undefined;
    for (const change of changes) for (const path of [change.before, change.after]) if (path) prefixes.add(path.prefix);
  }
  return [...prefixes];
}

/** Each prefix that is wanted, with a group that says of it what is wanted; `undefined` where there is none for one of them. */
function numbersFor(
  router: Router,
  prefixes: readonly Prefix[],
  groups: KnownGroups,
): readonly (readonly [Prefix, number])[] | undefined {
  if (prefixes.length === 0) return [];
  const { vrf, peers } = router;
  const maps = peers.map(({ peer }) => outboundMap(vrf, neighborOf(peer)));
  const known = new Map(
    [...(groups.networks.get(vrf)?.numbers ?? [])].map((number) => [recipesUnder(number, maps, groups), number]),
  );
  const found: (readonly [Prefix, number])[] = [];
  for (const prefix of prefixes) {
    const recipes = peers.map((peer) => recipeFor(peer, prefix));
    if (recipes.every((recipe) => recipe === undefined)) continue;
    const number = known.get(JSON.stringify(recipes.map((recipe) => recipe ?? null)));
    if (number === undefined || !groups.numbers.has(number)) return undefined;
    found.push([prefix, number]);
  }
  return found;
}

const recipesUnder = (number: number, maps: readonly string[], { entries }: KnownGroups): string =>
  JSON.stringify(maps.map((map) => entries.get(map)?.get(number) ?? null));

function recipeFor({ peer, paths }: RouterPeer, prefix: Prefix): string | undefined {
  if (!familiesOf(peer).includes(prefixFamily(prefix))) return undefined;
  const path = pathAt(paths, prefix);
  return path && recipeOf(path.attributes, prependedAsn(peer));
}

type Changes = ReadonlyMap<string, ReadonlyMap<Prefix, string>>;

function withNetworks(running: Tree, before: Changes, after: Changes): Tree {
  const networks = new Map(running.networks);
  for (const [vrf, set] of after) {
    const gone = before.get(vrf) ?? new Map<Prefix, string>();
    if (set.size + gone.size === 0) continue;
    const removed = Array.from(gone.keys(), (prefix) => [prefix, undefined] as const);
    networks.set(vrf, edited(networks.get(vrf) ?? new Map<string, string>(), [...removed, ...set]));
  }
  return { ...running, networks };
}
