import { masked } from "../std/masked.ts";
import type { Step } from "./diff.ts";
import type { DaemonName } from "./tree.ts";

/** A line of an administrator's own FRR configuration (ConfigMap `bgpextras`), as it is said to a daemon. */
export interface ExtraLine {
  /** In the text, from 1. */
  readonly number: number;
  readonly daemon: DaemonName;
  /** The contexts that it stands in, from the top. */
  readonly context: readonly string[];
  readonly line: string;
}

/** A line that is not said to FRR. */
export interface RefusedExtra {
  readonly number: number;
  /** Without secrets. */
  readonly line: string;
  /** What is wrong with it, and what would be accepted. */
  readonly why: string;
}

export interface Extras {
  readonly lines: readonly ExtraLine[];
  readonly refused: readonly RefusedExtra[];
}

export const noExtras: Extras = { lines: [], refused: [] };

/**
 * Reads the text as FRR reads its configuration file: indentation means nothing, and a context stays open until another one opens or
 * `exit` closes it. A line that is not accepted leaves the others in force; what follows in a context that isn't is left out with it.
 *
 * Differs: MetalLB appends the text as it stands, and a line that FRR refuses leaves the node's whole configuration as it was.
 *
 * @see FRR lib/command.c, cmd_execute_command: a line is tried in the context that is open, then in those around it
 */
export function readExtras(text: string): Extras {
  const lines: ExtraLine[] = [];
  const refused: RefusedExtra[] = [];
  let open: readonly string[] = [];
  let isSkipping = false;
  const numbered = numbering();
  for (const [i, raw] of text.split("\n").entries()) {
    const line = canonical(raw);
    if (line === "" || /^[!#]/.test(line)) continue;
    const depth = depthOf(line, open);
    const isLeft = isSkipping;
    // A context that isn't accepted ends where another begins.
    if (isClosing.test(line) || (depth === 0 && !ofVrf.test(line))) isSkipping = false;
    if (isSkipping) continue;
    if (isClosing.test(line)) {
      open = isLeft ? open : open.slice(0, -1);
      continue;
    }
    const own = depth === undefined ? open : open.slice(0, depth);
    const judgement = judge(line);
    if (judgement === undefined)
      lines.push({ number: i + 1, daemon: daemonOf(line, own), context: own, line: numbered(line) });
    else if (judgement !== "nothing") refused.push({ number: i + 1, line: shown(line), why: judgement });
    isSkipping = judgement !== undefined && foreignContext.test(line);
    const opens = judgement === undefined && opener.test(line) && (own.length < 2 || !line.startsWith("profile "));
    open = opens ? [...own, line] : own;
  }
  return { lines, refused };
}

/** FRR takes a line word by word. A family without a kind is the unicast one. */
function canonical(raw: string): string {
  const line = raw
    .replace(/\r$/, "")
    .replace(/[ \t]+/g, " ")
    .trim();
  return /^address-family ipv[46]$/.test(line) ? `${line} unicast` : line;
}

/**
 * Gives entries of lists the number that FRR would give them: FRR 10 takes an entry without one for another entry each time that it is
 * said (bgpd of 10.3; 8.4 knows it again).
 */
function numbering(): (line: string) => string {
  const last = new Map<string, number>();
  return (line) => {
    const found = listEntry.exec(line);
    if (found === null) return line;
    const [, list = "", typed, entry = ""] = found;
    const before = last.get(list) ?? 0;
    const number = typed === undefined ? before - (before % 5) + 5 : Number(typed);
    last.set(list, Math.max(before, number));
    return `${list} seq ${number} ${entry}`;
  };
}

const listEntry =
  /^((?:ip(?:v6)? prefix-list|(?:ip(?:v6)? )?access-list|bgp as-path access-list|bgp (?:large-|ext)?community-list (?:standard|expanded)) \S+) (?:seq (\d{1,10}) )?((?:permit|deny) .*)$/;

/** FRR's own ends of a context, abbreviated too. None is said: each turn enters its contexts from the top. */
const isClosing = /^(?:exi?t?|quit?|exit-\S+)$/;

const opener = /^(?:router bgp|route-map|bfd|rpki|profile|peer|address-family|bmp targets|vni)\b/;

/** Contexts of daemons or of FRR's parts that are not ours. */
const foreignContext = /^(?:interface|vrf|router (?!bgp\b)\S+|key chain|pbr-map|nexthop-group|segment-routing|line) ?/;

/** Lines that FRR also knows in a `vrf`, where they mean that one. */
const ofVrf = /^(?:no )?ip(?:v6)? (?:nht|route|protocol|router-id|import-table) /;

/** How many contexts are around a line that can only stand there; `undefined` where it stands in what is open. */
function depthOf(line: string, open: readonly string[]): number | undefined {
  if (atTop.test(line) || foreignContext.test(line)) return 0;
  const [first] = open;
  // Of a peer, `profile` is a setting: FRR tries what is open first.
  const isOfPeer = open[1]?.startsWith("peer ") && line.startsWith("profile ");
  if (first === "bfd" && !isOfPeer && /^(?:no )?(?:profile|peer) /.test(line)) return 1;
  if (first?.startsWith("router bgp") && /^(?:no )?(?:address-family|bmp targets) /.test(line)) return 1;
  return undefined;
}

/** Lines that FRR knows at the top alone. */
const atTop =
  /^(?:no )?(?:router|route-map|bfd$|rpki$|ip(?:v6)? (?:prefix-list|access-list|nht|route|protocol|router-id|forwarding|import-table)|access-list|bgp (?:as-path|community-list|large-community-list|extcommunity-list|route-map) |frr |service |log |debug |hostname |zebra )/;

function daemonOf(line: string, context: readonly string[]): DaemonName {
  const first = (context[0] ?? line).replace(/^no /, "");
  if (/^ip(?:v6)? nht /.test(first)) return "zebra";
  return first === "bfd" ? "bfdd" : "bgpd";
}

/** FRR's buffer for a line is 4096 bytes (lib/vty.c). */
const longest = 4_000;

/** Why a line is not said to FRR; "nothing" where that needs no word. First words may be abbreviated, as FRR takes them. */
const rules: readonly (readonly [RegExp, string])[] = [
  [/^(?:frr (?:version|defaults) |service integrated-vtysh-config$|line vty$)/, "nothing"],
  [
    /^(?:end?|exi?t?|quit?|do|conf\S*|wr\S*|cop\S*|show?|clear?|list|find)(?: |$)/,
    "it is a command, and no configuration; accepted are lines as they stand in FRR's configuration",
  ],
  [
    /^(?:no )?(?:lo|log|deb\S*)(?: |$)/,
    "FRR's logs are set up by the speaker (--log-level), which learns from them what happens; remove it",
  ],
  [
    /^(?:no )?(?:hostn\S*|domainn\S*|pas\S*|ena\S*|serv\S*|banner) ?/,
    "it belongs to FRR's container, which nobody logs in to; remove it",
  ],
  [/^no router bgp\b/, "routers are made and removed with their BGPPeers; accepted are lines in `router bgp`"],
  [
    /^(?:no )?(?:interface|vrf|ip route|ipv6 route|ip(?:v6)? (?:protocol|router-id|forwarding|import-table)|router (?!bgp\b)|key chain|pbr|nexthop-group|segment-routing|line|zebra|mpls|agentx)\b/,
    "it is for a part of FRR that the speaker does not configure; accepted are lines for bgpd, bfdd and `ip nht`",
  ],
];

function judge(line: string): string | undefined {
  if (/\p{Cc}/u.test(line)) return "it has control characters; accepted is plain text";
  const bytes = new TextEncoder().encode(line).length;
  if (bytes > longest) return `it has ${bytes} bytes; FRR takes lines of up to ${longest}`;
  return rules.find(([pattern]) => pattern.test(line))?.[1];
}

/** A line as a person may see it. */
function shown(line: string): string {
  const safe = masked(line.replace(/\p{Cc}/gu, "?"));
  return safe.length > 80 ? `${safe.slice(0, 80)}…` : safe;
}

/** The steps that say a daemon's lines, in the order of the text. */
export function extrasSteps({ lines }: Extras, daemon: DaemonName): Extract<Step, { kind: "lines" }>[] {
  const own = lines.filter((one) => one.daemon === daemon);
  const steps: { kind: "lines"; daemon: DaemonName; context: readonly string[]; lines: string[] }[] = [];
  for (const [i, { context, line }] of own.entries()) {
    // Entered by the step that follows.
    if (isSameContext([...context, line], own[i + 1]?.context ?? [])) continue;
    const last = steps.at(-1);
    if (last && isSameContext(last.context, context)) last.lines.push(line);
    else steps.push({ kind: "lines", daemon, context, lines: [line] });
  }
  return steps;
}

/** Those for bgpd's lists and route-maps, which need nothing else to be there. */
export const policySteps = ({ lines, refused }: Extras) =>
  extrasSteps({ lines: lines.filter((one) => isPolicy(one) && !one.line.startsWith("no ")), refused }, "bgpd");

/** Whether a line is of a list or a route-map. */
export const isPolicy = ({ context, line }: Pick<ExtraLine, "context" | "line">): boolean =>
  policy.test(context[0] ?? line);

const policy =
  /^(?:route-map|ip(?:v6)? (?:prefix-list|access-list)|access-list|bgp (?:as-path|community-list|large-community-list|extcommunity-list)) /;

export const isSameContext = (a: readonly string[], b: readonly string[]): boolean => a.join("\n") === b.join("\n");

/** Numbers of entries in outbound maps that the text names: they are its own, and no group of ours may have them. */
export function reservedNumbers({ lines }: Extras): ReadonlySet<number> {
  const found = lines.flatMap(({ line }) => /^(?:no )?route-map \S+-out (?:permit|deny) (\d+)$/.exec(line)?.[1] ?? []);
  return new Set(found.map(Number).filter((number) => number < 65_535));
}
