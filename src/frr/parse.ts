import { parsePrefix } from "../net/prefix.ts";
import { compareCommunities, type StandardCommunity } from "../net/community.ts";
import { communityNumber } from "./community.ts";
import { exhaustive } from "../std/exhaustive.ts";
import { isOurs } from "./owners.ts";
import {
  type Block,
  type DaemonName,
  families,
  familyLine,
  nextHopTracking,
  readRouterLine,
  type Tree,
} from "./tree.ts";

/** What one daemon's `show running-config` tells of the tree. */
export function parseRunning(daemon: DaemonName, text: string): Partial<Tree> {
  switch (daemon) {
    case "zebra":
      return { zebra: parseZebra(text) };
    case "bgpd":
      return parseBgpd(text);
    case "bfdd":
      return { bfdd: parseBlock("bfdd", text, () => false) };
    default:
      return exhaustive(daemon);
  }
}

/**
 * From 9.1 on next hops resolve through the default route anyway, and zebra's socket refuses the lines (mgmtd owns them): they
 * count as set.
 */
function parseZebra(text: string): Block {
  const release = /^frr version (\d+)\.(\d+)/m.exec(text);
  const [major, minor] = [Number(release?.[1]), Number(release?.[2])];
  return major > 9 || (major === 9 && minor >= 1) ? nextHopTracking : parseBlock("zebra", text, () => false);
}

const ownFamilies: ReadonlySet<string> = new Set(families.map(familyLine));

function parseBgpd(text: string): Partial<Tree> {
  const networks = new Map<string, Map<string, string>>();
  const take = (line: string, path: readonly string[]): boolean => {
    const vrf = readRouterLine(path[0] ?? "")?.vrf;
    const [word, prefix = "", ...suffix] = line.split(" ");
    // Of unicast: in other families it means other routes.
    if (vrf === undefined || word !== "network" || !ownFamilies.has(path[1] ?? "")) return false;
    const known = networks.get(vrf) ?? new Map<string, string>();
    networks.set(vrf, known.set(parsePrefix(prefix) ?? prefix, suffix.join(" ")));
    return true;
  };
  return { bgpd: parseBlock("bgpd", text, take), networks };
}

/**
 * The lines that are ours, but for those that `take` takes.
 *
 * FRR indents a context's lines by one space (FRR lib/command.c, config_write); comments and `exit` carry nothing.
 */
function parseBlock(daemon: DaemonName, text: string, take: (line: string, path: readonly string[]) => boolean): Block {
  const root = new Map<string, Block>();
  const open: Map<string, Block>[] = [root];
  const path: string[] = [];
  for (const raw of text.split("\n")) {
    const line = raw.trim();
    if (line === "" || line.startsWith("!") || carriesNothing.test(line)) continue;
    const depth = Math.min(raw.length - raw.trimStart().length, open.length - 1);
    path.length = depth;
    if (take(line, path)) continue;
    const body = new Map<string, Block>();
    open[depth]?.set(canonical(line), body);
    open.length = depth + 1;
    open.push(body);
    path.push(line);
  }
  return new Map([...root].filter(([line]) => isOurs(daemon, line)));
}

const carriesNothing = /^(exit|exit-.*|end|Building configuration.*|Current configuration:)$/;

/** One spelling for what FRR releases print differently: names of well-known communities, and the usual hop count (10). */
function canonical(line: string): string {
  if (line.endsWith(" ebgp-multihop")) return `${line} 255`;
  if (line.startsWith("set community ")) return sortedSet("set community", line, communityNumber);
  if (line.startsWith("set large-community ")) return sortedSet("set large-community", line, (word) => word);
  return line;
}

function sortedSet(command: string, line: string, spell: (word: string) => string): string {
  const words = line
    .slice(command.length + 1)
    .split(" ")
    .map((word) => spell(word) as StandardCommunity);
  return `${command} ${words.toSorted(compareCommunities).join(" ")}`;
}
