import { parsePrefix } from "../net/prefix.ts";
import { compareCommunities, type StandardCommunity } from "../net/community.ts";
import { communityNumber } from "./community.ts";
import { isOurs } from "./owners.ts";
import { type Block, type DaemonName, networkPrefix, nextHopTracking } from "./tree.ts";

/**
 * Reads one daemon's `show running-config` and keeps what is ours.
 *
 * FRR indents a context's lines by one space (FRR lib/command.c, config_write); comments and `exit` carry nothing.
 */
export function parseRunning(daemon: DaemonName, text: string): Block {
  const root = new Map<string, Block>();
  const open: Map<string, Block>[] = [root];
  for (const raw of text.split("\n")) {
    const line = raw.trim();
    if (
      line === "" ||
      line.startsWith("!") ||
      /^(exit|exit-.*|end|Building configuration.*|Current configuration:)$/.test(line)
    )
      continue;
    const depth = Math.min(raw.length - raw.trimStart().length, open.length - 1);
    const body = new Map<string, Block>();
    open[depth]?.set(canonical(line), body);
    open.length = depth + 1;
    open.push(body);
  }
  return new Map([...root].filter(([line]) => isOurs(daemon, line)));
}

/**
 * Reads zebra's `show running-config`.
 *
 * From 9.1 on next hops resolve through the default route anyway, and zebra's socket refuses the lines (mgmtd owns them): they
 * count as set.
 */
export function parseZebra(text: string): Block {
  const release = /^frr version (\d+)\.(\d+)/m.exec(text);
  const [major, minor] = [Number(release?.[1]), Number(release?.[2])];
  return major > 9 || (major === 9 && minor >= 1) ? nextHopTracking : parseRunning("zebra", text);
}

/** One spelling for what FRR releases print differently: names of well-known communities, and `::a.b.c.d`. */
function canonical(line: string): string {
  if (line.startsWith("network ")) return canonicalNetwork(line);
  if (line.startsWith("set community ")) return sortedSet("set community", line, communityNumber);
  if (line.startsWith("set large-community ")) return sortedSet("set large-community", line, (word) => word);
  return line;
}

function canonicalNetwork(line: string): string {
  const text = networkPrefix(line) ?? "";
  const prefix = parsePrefix(text);
  return prefix === undefined || prefix === text ? line : line.replace(text, prefix);
}

function sortedSet(command: string, line: string, spell: (word: string) => string): string {
  const words = line
    .slice(command.length + 1)
    .split(" ")
    .map((word) => spell(word) as StandardCommunity);
  return `${command} ${words.toSorted(compareCommunities).join(" ")}`;
}
