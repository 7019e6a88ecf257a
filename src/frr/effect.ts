import { type Extras, isPolicy, isSameContext } from "./extras.ts";
import type { Step } from "./diff.ts";
import { contextsOf, neighborOfLine, placeOf, removalOf } from "./lines.ts";
import {
  type Block,
  blockAt,
  type DaemonName,
  emptyBlock,
  families,
  familyLine,
  readRouterLine,
  type Tree,
  withBlockAt,
} from "./tree.ts";

/** One line of a daemon's running configuration, in FRR's spelling. */
export interface EffectLine {
  readonly daemon: DaemonName;
  readonly context: readonly string[];
  readonly line: string;
}

/**
 * What an administrator's lines make of our configuration, learned from what runs: FRR writes abbreviations out, numbers entries and
 * leaves defaults away, so what was typed doesn't say it.
 */
export interface Effect {
  /** Lines that stand there beyond ours, contexts before what is in them. */
  readonly added: readonly EffectLine[];
  /** Lines of ours that are not there. */
  readonly suppressed: readonly EffectLine[];
}

export const noEffect: Effect = { added: [], suppressed: [] };

const daemons: readonly DaemonName[] = ["zebra", "bgpd", "bfdd"];

export function effectBetween(rendered: Tree, running: Tree): Effect {
  return { added: beyond(running, rendered), suppressed: beyond(rendered, running) };
}

/** Lines of one tree that the other lacks. */
const beyond = (tree: Tree, other: Tree): EffectLine[] =>
  daemons.flatMap((daemon) => [
    ...blockBeyond(daemon, [], tree[daemon], other[daemon]),
    ...(daemon === "bgpd" ? networksBeyond(tree, other) : []),
  ]);

const blockBeyond = (daemon: DaemonName, context: readonly string[], block: Block, other: Block): EffectLine[] =>
  [...block].flatMap(([line, body]) => [
    ...(other.has(line) ? [] : [{ daemon, context, line }]),
    ...blockBeyond(daemon, [...context, line], body, other.get(line) ?? emptyBlock),
  ]);

function networksBeyond(tree: Tree, { networks }: Tree): EffectLine[] {
  const found: EffectLine[] = [];
  for (const [vrf, own] of tree.networks) {
    const router = [...tree.bgpd.keys()].find((line) => readRouterLine(line)?.vrf === vrf);
    if (router === undefined) continue;
    for (const [prefix, suffix] of own) {
      if (networks.get(vrf)?.get(prefix) === suffix) continue;
      const context = [router, familyLine(prefix.includes(":") ? "ipv6" : "ipv4")];
      found.push({ daemon: "bgpd", context, line: `network ${prefix} ${suffix}`.trimEnd() });
    }
  }
  return found;
}

/** What would run without the administrator's lines: all that is planned is planned from there. */
export function undone(running: Tree, { added, suppressed }: Effect): Tree {
  const bare = added.reduce(withoutLine, running);
  return suppressed.filter((one) => hasPlace(bare, one, suppressed)).reduce(withLine, bare);
}

/** What runs once the administrator's lines are said on top of what is rendered. */
export const effective = (rendered: Tree, { added, suppressed }: Effect): Tree =>
  added.reduce(withLine, suppressed.reduce(withoutLine, rendered));

/** Of a neighbor that isn't there, nothing is suppressed: a bgpd that lost its configuration has lost this too. */
function hasPlace(tree: Tree, { daemon, context, line }: EffectLine, suppressed: readonly EffectLine[]): boolean {
  const neighbor = neighborOfLine(line);
  const [router = ""] = context;
  if (daemon !== "bgpd" || neighbor === undefined) return true;
  const makes = (other: string): boolean => neighborOfLine(other) === neighbor && other.includes(" remote-as ");
  return (
    [...blockAt(tree.bgpd, [router]).keys()].some(makes) ||
    suppressed.some((one) => one.context[0] === router && makes(one.line))
  );
}

/** Without what would be suppressed of lines that are not rendered any longer. */
export const within = ({ added, suppressed }: Effect, rendered: Tree): Effect => ({
  added,
  suppressed: suppressed.filter((one) => has(rendered, one)),
});

/** Whether all is as it was learned, as far as this daemon goes. */
export const isIntact = ({ added, suppressed }: Effect, running: Tree, daemon: DaemonName): boolean =>
  added.every((one) => one.daemon !== daemon || has(running, one)) &&
  suppressed.every((one) => one.daemon !== daemon || !has(running, one));

function has(tree: Tree, { daemon, context, line }: EffectLine): boolean {
  const network = networkOf(context, line);
  if (network !== undefined) return tree.networks.get(network.vrf)?.get(network.prefix) === network.suffix;
  return blockAt(tree[daemon], context).has(line);
}

function withoutLine(tree: Tree, one: EffectLine): Tree {
  const { daemon, context, line } = one;
  const network = networkOf(context, line);
  if (network === undefined) {
    const rest = new Map(blockAt(tree[daemon], context));
    return rest.delete(line) ? { ...tree, [daemon]: withBlockAt(tree[daemon], context, rest) } : tree;
  }
  const own = new Map(tree.networks.get(network.vrf));
  if (own.get(network.prefix) !== network.suffix) return tree;
  own.delete(network.prefix);
  return { ...tree, networks: new Map(tree.networks).set(network.vrf, own) };
}

/** Where the context is not there, the line isn't either. */
function withLine(tree: Tree, { daemon, context, line }: EffectLine): Tree {
  const network = networkOf(context, line);
  if (network === undefined) {
    const block = blockAt(tree[daemon], context);
    const body = block.get(line) ?? emptyBlock;
    return { ...tree, [daemon]: withBlockAt(tree[daemon], context, new Map(block).set(line, body)) };
  }
  if (!tree.bgpd.has(context[0] ?? "")) return tree;
  const own = new Map(tree.networks.get(network.vrf)).set(network.prefix, network.suffix);
  return { ...tree, networks: new Map(tree.networks).set(network.vrf, own) };
}

function networkOf(context: readonly string[], line: string) {
  const vrf = readRouterLine(context[0] ?? "")?.vrf;
  const [word, prefix, ...suffix] = line.split(" ");
  if (vrf === undefined || word !== "network" || prefix === undefined) return undefined;
  // Bgpd's own families; `network` means something else in others.
  if (!families.some((family) => context[1] === familyLine(family))) return undefined;
  return { vrf, prefix, suffix: suffix.join(" ") };
}

/**
 * What of an effect stays when the text becomes another: lines that it says literally, and what they replace or take away. The rest is
 * undone before the new text is said, so that nothing flaps that both texts hold.
 */
export function keptBy({ added, suppressed }: Effect, { lines }: Extras): Effect {
  const says = (one: EffectLine, is: (line: string) => boolean): boolean =>
    lines.some(({ daemon, context, line }) => daemon === one.daemon && isSameContext(context, one.context) && is(line));
  const isLiteral = (one: EffectLine): boolean => says(one, (line) => line === one.line);
  const kept = withContexts(added, isLiteral);
  const isReplaced = (one: EffectLine): boolean =>
    kept.some((other) => isSameContext(other.context, one.context) && placeOf(other.line) === placeOf(one.line));
  const isTaken = (line: string, one: EffectLine): boolean =>
    line === removalOf(one.line) || (line.startsWith("no ") && `${one.line} `.startsWith(`${line.slice(3)} `));
  const stays = (one: EffectLine): boolean => isReplaced(one) || says(one, (line) => isTaken(line, one));
  return { added: kept, suppressed: withContexts(suppressed, stays) };
}

/** Those for which it holds, and the contexts around them. */
function withContexts(lines: readonly EffectLine[], holds: (one: EffectLine) => boolean): readonly EffectLine[] {
  const found = lines.filter(holds);
  return lines.filter((one) => found.includes(one) || found.some((inner) => isIn(inner, one)));
}

const isIn = (inner: EffectLine, { daemon, context, line }: EffectLine): boolean =>
  inner.daemon === daemon &&
  inner.context.length > context.length &&
  isSameContext([...context, line], inner.context.slice(0, context.length + 1));

/**
 * Whether a step of ours may change what the administrator's lines mean: anything but prefixes that they don't speak of, and groups.
 */
export function touchesExtras(step: Step, { added }: Effect): boolean {
  if (step.kind !== "lines") return step.kind === "start";
  const named = new Set(added.flatMap(({ context, line }) => networkOf(context, line)?.prefix ?? []));
  const contexts = contextsOf(step.context, step.lines);
  return step.lines.some((line, i) => {
    const prefix = /^(?:no )?network (\S+)/.exec(line)?.[1];
    if (prefix !== undefined) return named.has(prefix);
    return !ofGroup.test(contexts[i]?.[0] ?? line);
  });
}

const ofGroup = /^(?:no )?route-map (?:G\d+|\S+-out) (?:permit|deny) \d+$/;

/** "in": what peers told; "out": what they are told. */
export type Direction = "in" | "out";

/**
 * In which directions lists and route-maps differ that are in force: bgpd goes by them for what comes from then on, and must be asked to
 * for the rest. A list counts for what goes out only where a map does that isn't a peer's inbound one.
 */
export function policyChanges(a: Effect, b: Effect): readonly Direction[] {
  const [before, after] = [policyOf(a), policyOf(b)];
  const differ = (counts: (map: string) => boolean): boolean => {
    const of = (lines: readonly PolicyLine[]) => JSON.stringify(lines.filter((one) => counts(mapOf(one))));
    return of(before) !== of(after);
  };
  const hasOut = [...before, ...after].some((one) => mapOf(one) !== "" && !mapOf(one).endsWith("-in"));
  return [
    ...(differ((map) => !map.endsWith("-out")) ? (["in"] as const) : []),
    ...(hasOut && differ((map) => !map.endsWith("-in")) ? (["out"] as const) : []),
  ];
}

type PolicyLine = readonly [sign: string, ...path: readonly string[]];

const policyOf = ({ added, suppressed }: Effect): readonly PolicyLine[] =>
  [...added.map((one) => ({ ...one, sign: "+" })), ...suppressed.map((one) => ({ ...one, sign: "-" }))].flatMap(
    (one): PolicyLine[] => (isPolicy(one) ? [[one.sign, ...one.context, one.line]] : []),
  );

/** The route-map that a line belongs to; empty for a list. */
const mapOf = ([, first = ""]: PolicyLine): string => /^route-map (\S+)/.exec(first)?.[1] ?? "";
