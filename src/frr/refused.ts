import type { RefusedSets } from "./groups.ts";
import { neighborOfLine, placeOf, removalOf } from "./lines.ts";
import {
  activateLine,
  type Block,
  blockAt,
  type DaemonName,
  families,
  familyLine,
  readRouterLine,
  type Tree,
  withBlockAt,
} from "./tree.ts";

/** A line that a daemon refused. */
export interface RefusedLine {
  readonly daemon: DaemonName;
  /** The contexts that it stands in, from the top. */
  readonly context: readonly string[];
  /** As it was sent, with the secret that may be in it. */
  readonly line: string;
  /** What was wanted of the neighbor, profile or place that the line belongs to; absent while nobody has looked. */
  readonly subject?: string;
  /** Whether something runs in the place of the line, and stays. */
  readonly isKept?: boolean;
}

/** Those that are still wanted as they were when they were refused: the daemon's answer would be the same. */
export const standingOf = <R extends RefusedLine>(refused: readonly R[], wanted: Tree, running: Tree): readonly R[] =>
  refused.flatMap((one) => {
    const subject = subjectOf(wanted, one);
    if (one.subject !== undefined && one.subject !== subject) return [];
    return [one.subject === undefined ? { ...one, subject, isKept: isKept(running, one) } : one];
  });

/** Those that are not known yet, each once: the groups of a map may share a line. */
export function freshAmong<R extends RefusedLine>(found: readonly R[], known: readonly RefusedLine[]): readonly R[] {
  const isIn = (one: R, others: readonly RefusedLine[]): boolean => others.some((other) => isSameLine(one, other));
  return found.filter((one, i) => !isIn(one, known) && !isIn(one, found.slice(0, i)));
}

/** Whether two are one, whatever number the group has that they belong to. */
const isSameLine = (a: RefusedLine, b: RefusedLine): boolean =>
  a.daemon === b.daemon && a.line === b.line && withoutNumbers(a.context) === withoutNumbers(b.context);

const withoutNumbers = (context: readonly string[]): string =>
  context.map((line) => line.replace(/^(route-map \S+ permit) \d+$/, "$1")).join("\n");

/** Without the lines of a neighbor that could not be made: bgpd refuses them since it knows none of that name. */
export function withoutConsequences<R extends RefusedLine>(refused: readonly R[]): readonly R[] {
  const makes = ({ line }: RefusedLine): boolean => line.startsWith("neighbor ") && line.includes(" remote-as ");
  const unmade = new Set(refused.filter(makes).map(({ context, line }) => `${context[0]} ${ownerOf(line)}`));
  return refused.filter((one) => makes(one) || !unmade.has(`${one.context[0]} ${ownerOf(one.line)}`));
}

/** `set` lines that may not be in an outbound map; what to do without them is decided with the groups. */
export function refusedSets(standing: readonly RefusedLine[]): RefusedSets {
  const sets = new Map<string, Set<string>>();
  for (const one of standing) {
    const map = outboundMapOf(one);
    if (map !== undefined) sets.set(map, (sets.get(map) ?? new Set()).add(one.line));
  }
  return sets;
}

/**
 * What is left to want without the refused lines: in their place stays what runs there.
 *
 * A neighbor that does not run yet is left out whole: without its `local-as` or its password it would be another session than the one that is
 * wanted.
 */
export const withoutRefused = (wanted: Tree, running: Tree, refused: readonly RefusedLine[]): Tree =>
  refused.reduce((tree, one) => withoutOne(tree, running, one), wanted);

/** While it is the same, so is the daemon's answer. Empty for what is not wanted any longer, or for what takes something away. */
function subjectOf(wanted: Tree, refused: RefusedLine): string {
  const { daemon, context, line } = refused;
  const owner = ownerOf(line);
  const router = context[0] ?? "";
  if (owner !== undefined) return linesOf(routerBlocks(wanted, router), (other) => neighborOfLine(other) === owner);
  const map = outboundMapOf(refused);
  if (map !== undefined) return isSetIn(wanted, map, line) ? line : "";
  if (daemon === "bfdd" && context.length > 0)
    return linesOf([blockAt(wanted.bfdd, [context[0] ?? "", context[1] ?? line])]);
  const network = networkOf(line);
  if (network !== undefined) return wanted.networks.get(readRouterLine(router)?.vrf ?? "")?.has(network) ? "there" : "";
  const place = placeOf(line);
  return linesOf([blockAt(wanted[daemon], context)], (other) => placeOf(other) === place);
}

function isKept(running: Tree, { daemon, context, line }: RefusedLine): boolean {
  const owner = ownerOf(line);
  if (owner !== undefined) return isActive(running, context[0] ?? "", owner);
  const place = placeOf(line);
  return [...blockAt(running[daemon], context).keys()].some((other) => placeOf(other) === place);
}

function withoutOne(tree: Tree, running: Tree, refused: RefusedLine): Tree {
  const { daemon, context, line } = refused;
  if (outboundMapOf(refused) !== undefined) return tree;
  const vrf = readRouterLine(context[0] ?? line)?.vrf;
  if (vrf !== undefined && context.length === 0) return withRouterOf(tree, running, vrf);
  const network = networkOf(line);
  if (network !== undefined && vrf !== undefined) return withNetworkOf(tree, running, vrf, network);
  const owner = ownerOf(line);
  if (owner !== undefined && !isActive(running, context[0] ?? "", owner))
    return withoutNeighbor(tree, context[0] ?? "", owner);
  const held = heldBlock(blockAt(tree[daemon], context), blockAt(running[daemon], context), line);
  return { ...tree, [daemon]: withBlockAt(tree[daemon], context, held) };
}

/** A context in which the place of one line is as it runs. */
function heldBlock(wanted: Block, running: Block, line: string): Block {
  const place = placeOf(line);
  const stays = [...running].filter(([other]) => placeOf(other) === place || removalOf(other) === line);
  return new Map([...[...wanted].filter(([other]) => placeOf(other) !== place), ...stays]);
}

function withRouterOf(tree: Tree, running: Tree, vrf: string): Tree {
  const isOther = ([line]: readonly [string, Block]): boolean => readRouterLine(line)?.vrf !== vrf;
  const old = [...running.bgpd].filter((entry) => !isOther(entry));
  const networks = new Map(tree.networks);
  const kept = running.networks.get(vrf);
  if (kept && old.length > 0) networks.set(vrf, kept);
  else networks.delete(vrf);
  return { ...tree, bgpd: new Map([...[...tree.bgpd].filter(isOther), ...old]), networks };
}

function withNetworkOf(tree: Tree, running: Tree, vrf: string, prefix: string): Tree {
  const own = new Map(tree.networks.get(vrf));
  const suffix = running.networks.get(vrf)?.get(prefix);
  if (suffix === undefined) own.delete(prefix);
  else own.set(prefix, suffix);
  return { ...tree, networks: new Map(tree.networks).set(vrf, own) };
}

function withoutNeighbor(tree: Tree, router: string, neighbor: string): Tree {
  const without = (block: Block): Block =>
    new Map(
      [...block].filter(([line]) => neighborOfLine(line) !== neighbor).map(([line, body]) => [line, without(body)]),
    );
  const body = tree.bgpd.get(router);
  return body === undefined ? tree : { ...tree, bgpd: new Map(tree.bgpd).set(router, without(body)) };
}

/** Whether a neighbor runs whole: its families come last. */
const isActive = ({ bgpd }: Tree, router: string, neighbor: string): boolean =>
  families.some((family) => blockAt(bgpd, [router, familyLine(family)]).has(activateLine(neighbor)));

/** The neighbor that a line sets something of, or takes something from. */
const ownerOf = (line: string): string | undefined => neighborOfLine(line.replace(/^no /, ""));

const networkOf = (line: string): string | undefined => /^(?:no )?network (\S+)/.exec(line)?.[1];

/** The map in which a refused line was to set an attribute. */
export const outboundMapOf = ({ context, line }: RefusedLine): string | undefined =>
  line.startsWith("set ") ? /^route-map (\S+-out) permit /.exec(context[0] ?? "")?.[1] : undefined;

const isSetIn = ({ bgpd }: Tree, map: string, line: string): boolean =>
  [...bgpd].some(([entry, body]) => entry.startsWith(`route-map ${map} permit `) && body.has(line));

const routerBlocks = ({ bgpd }: Tree, router: string): Block[] => [
  blockAt(bgpd, [router]),
  ...families.map((family) => blockAt(bgpd, [router, familyLine(family)])),
];

const linesOf = (blocks: readonly Block[], which: (line: string) => boolean = () => true): string =>
  blocks.flatMap((block) => [...block.keys()].filter(which)).join("\n");
