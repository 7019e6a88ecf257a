import { type Family } from "../net/address.ts";
import { prefixAddress, type Prefix, parsePrefix, prefixLength, prefixOf } from "../net/prefix.ts";
import { neighborOfLine, placeOf, removalOf } from "./lines.ts";
import {
  activateLine,
  type Block,
  type DaemonName,
  emptyBlock,
  families,
  familyLine,
  readRouterLine,
  type Tree,
} from "./tree.ts";

/** One step of an ordered change. Steps are taken one after another. */
export type Step =
  | {
      readonly kind: "lines";
      readonly daemon: DaemonName;
      /** Context lines from the top, each to be accepted before the next. */
      readonly context: readonly string[];
      readonly lines: readonly string[];
    }
  /**
   * Starts a neighbor: lines that must reach bgpd in one piece, contexts within included.
   *
   * Setting the connect timer starts the session at once, but bgpd may send its OPEN as soon as it has gone through its
   * input; without a family in it the peer refuses (FRR 8.4: "AddPath Capability length error") and the next try is a second
   * later. Without the timer's push bgpd waits that second too (FRR bgpd/bgpd.c, peer_timers_connect_set; BGP_INIT_START_TIMER).
   *
   * An unnumbered neighbor starts by itself as soon as the other end is heard, and then neither its connect timer nor what its
   * OPEN says would be ours. So it is made shut down, in one piece too, and its start ends that (FRR bgpd/bgp_zebra.c,
   * bgp_start_interface_nbrs).
   */
  | {
      readonly kind: "start";
      readonly daemon: "bgpd";
      readonly context: readonly string[];
      readonly lines: readonly string[];
    }
  /**
   * Waits until bgpd has taken in these prefixes of a new router, the last sent of each family.
   *
   * A neighbor that is up before them gets an early End-of-RIB and drops what it kept for a graceful restart (RFC 4724 §4.1).
   */
  | { readonly kind: "settle"; readonly vrf: string; readonly prefixes: readonly Prefix[] };

/**
 * The steps from what runs to what is wanted; none when they are equal.
 *
 * Order: prefixes and neighbors that go; objects before what refers to them; new lines before old ones go; all
 * prefixes before a neighbor; at last what is no longer referred to. Two things can't be added before they are removed: a router
 * that changes its AS number and a neighbor that changes `remote-as`; both end their sessions in any case.
 */
export function diff(running: Tree, wanted: Tree): Step[] {
  const bgpd = bgpdSteps(running, wanted);
  const steps = [
    ...plainSteps("zebra", running.zebra, wanted.zebra),
    ...profileAdds(running.bfdd, wanted.bfdd),
    ...bgpd,
    ...profileRemovals(running.bfdd, wanted.bfdd),
  ];
  return steps.filter((step) => step.kind === "settle" || step.lines.length > 0);
}

const lines = (daemon: DaemonName, context: readonly string[], body: readonly string[]): Step => ({
  kind: "lines",
  daemon,
  context,
  lines: body,
});

/** Lines to set, new and changed. */
const added = (running: Block, wanted: Block): string[] => [...wanted.keys()].filter((line) => !running.has(line));

/** Commands for lines to take away, last first; a line whose place gets another value is replaced by it. */
function removed(running: Block, wanted: Block): string[] {
  const gone = [...running.keys()].filter((line) => !wanted.has(line)).toReversed();
  if (gone.length === 0) return [];
  const places = new Set([...wanted.keys()].map(placeOf));
  return gone.filter((line) => !places.has(placeOf(line)) && !wanted.has(removalOf(line))).map(removalOf);
}

function plainSteps(daemon: DaemonName, running: Block, wanted: Block): Step[] {
  return [lines(daemon, [], [...added(running, wanted), ...removed(running, wanted)])];
}

const profilesOf = (bfdd: Block): Block => bfdd.get("bfd") ?? emptyBlock;

function profileAdds(running: Block, wanted: Block): Step[] {
  const [now, next] = [profilesOf(running), profilesOf(wanted)];
  return [...next].flatMap(([profile, body]) => {
    const context = ["bfd", profile];
    const old = now.get(profile);
    // An empty profile is made by entering it.
    if (old === undefined) return [lines("bfdd", ["bfd"], [profile, ...body.keys()])];
    return [lines("bfdd", context, [...added(old, body), ...removed(old, body)])];
  });
}

function profileRemovals(running: Block, wanted: Block): Step[] {
  const [now, next] = [profilesOf(running), profilesOf(wanted)];
  const others = [...running.keys()].filter((line) => line !== "bfd").map(removalOf);
  return [lines("bfdd", ["bfd"], removed(now, next)), lines("bfdd", [], others)];
}

function bgpdSteps(from: Tree, to: Tree): Step[] {
  const [running, wanted] = [from.bgpd, to.bgpd];
  const replaced = replacedRouters(running, wanted);
  const kept = new Map([...running].filter(([line]) => !replaced.includes(line)));
  const changes = [...wanted].flatMap(([line, next]) => {
    const vrf = readRouterLine(line)?.vrf;
    if (vrf === undefined) return [];
    const old = kept.get(line);
    const networks = networkChanges(old ? from.networks.get(vrf) : undefined, to.networks.get(vrf));
    return [routerChange({ line, vrf, running: old, wanted: next, networks })];
  });
  const [nowPlain, nextPlain] = [plainOf(kept), plainOf(wanted)];
  return [
    ...replaced.flatMap((line) => goodbyes(line, running, wanted)),
    lines("bgpd", [], replaced.map(removalOf)),
    ...changes.flatMap(({ withdrawals }) => withdrawals),
    lines("bgpd", [], added(nowPlain, nextPlain)),
    ...routeMapEdits(kept, wanted),
    ...changes.flatMap(({ prefixes }) => prefixes),
    ...changes.flatMap(({ neighbors }) => neighbors),
    ...changes.flatMap(({ removals }) => removals),
    ...goneRouters(kept, wanted).flatMap((line) => goodbyes(line, kept, wanted)),
    lines("bgpd", [], goneRouters(kept, wanted).map(removalOf)),
    lines("bgpd", [], goneRouteMaps(kept, wanted).map(removalOf)),
    lines("bgpd", [], removed(nowPlain, nextPlain)),
  ];
}

const isRouteMap = (line: string): boolean => line.startsWith("route-map ");
const plainOf = (bgpd: Block): Block =>
  new Map([...bgpd].filter(([line]) => !isRouteMap(line) && !readRouterLine(line)));

/** Routers whose VRF gets another AS number: bgpd refuses to change it. */
function replacedRouters(running: Block, wanted: Block): string[] {
  const vrfs = new Set([...wanted.keys()].flatMap((line) => readRouterLine(line)?.vrf ?? []));
  return goneRouters(running, wanted).filter((line) => vrfs.has(readRouterLine(line)?.vrf ?? "no such VRF"));
}

const goneRouters = (running: Block, wanted: Block): string[] =>
  [...running.keys()].filter((line) => readRouterLine(line) && !wanted.has(line));

/**
 * Before a router goes, the neighbors that go with it for good: bgpd tells each that it is taken away (Cease), at which the routes leave. Of
 * a router that goes whole a session with graceful restart is not told, and its routes stay for the restart time (seen on FRR 8.4).
 */
function goodbyes(line: string, running: Block, wanted: Block): Step[] {
  const next = [...wanted].find(([other]) => readRouterLine(other)?.vrf === readRouterLine(line)?.vrf)?.[1];
  const stay = partsOf(next ?? emptyBlock).neighbors;
  const gone = [...partsOf(running.get(line) ?? emptyBlock).neighbors.keys()].filter((neighbor) => !stay.has(neighbor));
  return [
    lines(
      "bgpd",
      [line],
      gone.map((neighbor) => `no neighbor ${neighbor}`),
    ),
  ];
}

const goneRouteMaps = (running: Block, wanted: Block): string[] =>
  [...running.keys()].filter((line) => isRouteMap(line) && !wanted.has(line));

/** New and edited entries, groups before the outbound maps that match their tags (as rendered). */
function routeMapEdits(running: Block, wanted: Block): Step[] {
  const fresh: string[] = [];
  const edits: Step[] = [];
  for (const [line, body] of wanted) {
    if (!isRouteMap(line)) continue;
    const old = running.get(line);
    // One step for all new entries: entering each as a context of its own would cost a round trip for each.
    if (old === undefined) fresh.push(line, ...body.keys());
    else edits.push(lines("bgpd", [line], [...removed(old, body), ...added(old, body)]));
  }
  return [lines("bgpd", [], fresh), ...edits];
}

interface RouterChange {
  /** Prefixes and neighbors that go: a neighbor must not hear of what others are about to be told. */
  readonly withdrawals: readonly Step[];
  /** The router itself, its settings and its prefixes. */
  readonly prefixes: readonly Step[];
  readonly neighbors: readonly Step[];
  readonly removals: readonly Step[];
}

interface RouterPair {
  readonly line: string;
  readonly vrf: string;
  /** Absent for a router to be made. */
  readonly running: Block | undefined;
  readonly wanted: Block;
  readonly networks: readonly NetworkChange[];
}

function routerChange({ line, vrf, running, wanted, networks }: RouterPair): RouterChange {
  const [old, next] = [partsOf(running ?? emptyBlock), partsOf(wanted)];
  const inFamilies = (bodyOf: (family: Family, i: number) => readonly string[]): Step[] =>
    families.map((family, i) => lines("bgpd", [line, familyLine(family)], bodyOf(family, i)));
  const gone = [...old.neighbors.keys()].filter((neighbor) => !next.neighbors.has(neighbor));
  return {
    withdrawals: [
      ...inFamilies((_, i) => networks[i]?.withdrawn ?? []),
      lines(
        "bgpd",
        [line],
        gone.map((neighbor) => `no neighbor ${neighbor}`),
      ),
    ],
    prefixes: [
      // Named in a step of its own: a router may be wanted with no line in it.
      lines("bgpd", [], running ? [] : [line]),
      lines("bgpd", [line], added(old.settings, next.settings)),
      ...inFamilies((_, i) => networks[i]?.set ?? []),
      // Before any new neighbor starts: a group's number may have passed to one that never was to hear of these.
      ...inFamilies((_, i) => networks[i]?.covered ?? []),
      ...(running ? [] : settled(vrf, networks)),
    ],
    neighbors: [...next.neighbors.keys()].flatMap((neighbor) => neighborSteps(line, neighbor, old, next)),
    removals: [
      ...inFamilies((family) => removed(old[family].others, next[family].others)),
      ...foreignFamilies(line, running ?? emptyBlock, wanted),
      lines("bgpd", [line], removed(old.settings, next.settings)),
    ],
  };
}

/** Families that we announce nothing in: only an administrator's own lines stand there. */
function foreignFamilies(router: string, running: Block, wanted: Block): Step[] {
  const own = families.map(familyLine);
  const found = [...new Set([...running.keys(), ...wanted.keys()])].filter(
    (line) => line.startsWith("address-family ") && !own.includes(line),
  );
  return found.map((family) => {
    const [now, next] = [running, wanted].map((block) => block.get(family) ?? emptyBlock) as [Block, Block];
    return lines("bgpd", [router, family], [...added(now, next), ...removed(now, next)]);
  });
}

function settled(vrf: string, networks: readonly NetworkChange[]): Step[] {
  const prefixes = networks.flatMap(({ last }) => last ?? []);
  return prefixes.length === 0 ? [] : [{ kind: "settle", vrf, prefixes }];
}

/** A context's lines by what they are about. */
interface Parts {
  readonly neighbors: ReadonlyMap<string, Block>;
  readonly others: Block;
}

interface RouterParts extends Record<Family, Parts> {
  readonly neighbors: ReadonlyMap<string, Block>;
  readonly settings: Block;
}

function partsOf(router: Block): RouterParts {
  const { neighbors, others } = split(router);
  const settings = new Map([...others].filter(([line]) => !line.startsWith("address-family ")));
  const of = (family: Family): Parts => split(router.get(familyLine(family)) ?? emptyBlock);
  return { neighbors, settings, ipv4: of("ipv4"), ipv6: of("ipv6") };
}

function split(block: Block): Parts {
  const neighbors = new Map<string, Map<string, Block>>();
  const others = new Map<string, Block>();
  for (const [line, body] of block) {
    const neighbor = neighborOfLine(line);
    if (neighbor === undefined) others.set(line, body);
    else neighbors.set(neighbor, (neighbors.get(neighbor) ?? new Map<string, Block>()).set(line, body));
  }
  return { neighbors, others };
}

/** One family's prefixes. */
interface NetworkChange {
  /** Prefixes that go and touch none that comes: first of all, so that nobody is sent where nobody answers. */
  readonly withdrawn: readonly string[];
  /** New prefixes, and those that move to another group. */
  readonly set: readonly string[];
  /** The last of them. */
  readonly last: Prefix | undefined;
  /** Prefixes that go while a wider or narrower one comes (a changed aggregation length): only once that one is there. */
  readonly covered: readonly string[];
}

/** In the order of `families`. */
function networkChanges(
  running: ReadonlyMap<string, string> = new Map(),
  wanted: ReadonlyMap<string, string> = new Map(),
): NetworkChange[] {
  const changed = changedKeys(running, wanted);
  const gone = [...running.keys()].filter((prefix) => !wanted.has(prefix));
  const overlaps = overlapWith(gone.length === 0 ? [] : changed.filter((prefix) => !running.has(prefix)));
  return families.map((family) => {
    const ofFamily = (prefix: string): boolean => prefix.includes(":") === (family === "ipv6");
    const [set, removals] = [changed.filter(ofFamily), gone.filter(ofFamily)];
    return {
      withdrawn: removals.filter((prefix) => !overlaps(prefix)).map((prefix) => `no network ${prefix}`),
      set: set.map((prefix) => `network ${prefix} ${wanted.get(prefix)}`),
      last: parsePrefix(set.at(-1) ?? ""),
      covered: removals.filter(overlaps).map((prefix) => `no network ${prefix}`),
    };
  });
}

/** Written as a loop: it passes over ten thousand prefixes to find one. */
function changedKeys(running: ReadonlyMap<string, string>, wanted: ReadonlyMap<string, string>): string[] {
  const changed: string[] = [];
  for (const [prefix, suffix] of wanted) if (running.get(prefix) !== suffix) changed.push(prefix);
  return changed;
}

/** Whether a prefix lies in, or holds, one of `others`. */
function overlapWith(others: readonly string[]): (text: string) => boolean {
  const prefixes = others.flatMap((text) => parsePrefix(text) ?? []);
  const exact = new Set<string>(prefixes);
  const lengths = [...new Set(prefixes.map(prefixLength))];
  return (text) => {
    const prefix = parsePrefix(text);
    if (prefix === undefined || prefixes.length === 0) return false;
    const length = prefixLength(prefix);
    return (
      lengths.some((other) => other < length && exact.has(prefixOf(prefixAddress(prefix), other))) ||
      prefixes.some((other) => prefixLength(other) > length && prefixOf(prefixAddress(other), length) === prefix)
    );
  };
}

function neighborSteps(router: string, neighbor: string, running: RouterParts, wanted: RouterParts): Step[] {
  const [now, next] = [running, wanted].map((parts) => parts.neighbors.get(neighbor) ?? emptyBlock) as [Block, Block];
  const identity = [...next.keys()].find((line) => line.includes(" remote-as ")) ?? "";
  if (!now.has(identity)) return newNeighbor(router, neighbor, now, wanted);
  return [
    lines("bgpd", [router], [...removed(now, next), ...added(now, next)]),
    ...families.map((family) =>
      lines("bgpd", [router, familyLine(family)], familyEdit(neighbor, running[family], wanted[family])),
    ),
  ];
}

/** A family opens with its route-maps in place and closes before they go: without them it would pass everything. */
function familyEdit(neighbor: string, running: Parts, wanted: Parts): string[] {
  const [now, next] = [running, wanted].map((parts) => parts.neighbors.get(neighbor) ?? emptyBlock) as [Block, Block];
  const activate = activateLine(neighbor);
  const removals = removed(now, next);
  return [
    ...removals.filter((line) => line === `no ${activate}`),
    ...added(now, next).filter((line) => line !== activate),
    ...removals.filter((line) => line !== `no ${activate}`),
    ...(next.has(activate) && !now.has(activate) ? [activate] : []),
  ];
}

/** Everything but its start first; see `Step`. */
function newNeighbor(router: string, neighbor: string, running: Block, wanted: RouterParts): Step[] {
  const session = [...(wanted.neighbors.get(neighbor) ?? emptyBlock).keys()];
  const timer = session.find((line) => line.startsWith(`neighbor ${neighbor} timers connect `));
  const activate = activateLine(neighbor);
  const bodies = families.map(
    (family) => [family, [...(wanted[family].neighbors.get(neighbor) ?? emptyBlock).keys()]] as const,
  );
  const active = bodies.filter(([, body]) => body.includes(activate));
  const shutdown = `neighbor ${neighbor} shutdown`;
  const unnumbered = session.filter((line) => line.startsWith(`neighbor ${neighbor} interface `));
  return [
    lines("bgpd", [router], running.size > 0 ? [`no neighbor ${neighbor}`] : []),
    startStep(router, unnumbered.length > 0 ? [...unnumbered, shutdown] : []),
    lines(
      "bgpd",
      [router],
      session.filter((line) => line !== timer && !unnumbered.includes(line)),
    ),
    ...bodies.map(([family, body]) =>
      lines(
        "bgpd",
        [router, familyLine(family)],
        body.filter((line) => line !== activate),
      ),
    ),
    startStep(router, [
      ...(unnumbered.length > 0 ? [`no ${shutdown}`] : []),
      timer ?? `no neighbor ${neighbor} timers connect`,
      ...active.flatMap(([family]) => [familyLine(family), activate]),
    ]),
  ];
}

const startStep = (router: string, startLines: readonly string[]): Step => ({
  kind: "start",
  daemon: "bgpd",
  context: [router],
  lines: startLines,
});
