import type { Step } from "../diff.ts";
import { type Block, type DaemonName, emptyBlock, familyLine, readRouterLine, type Tree } from "../tree.ts";

type Lines = Map<string, Lines>;

/** FRR's configuration as its daemons hold it, changed by one command at a time, as FRR would. */
export class ModelOfFrr {
  readonly #roots: Readonly<Record<DaemonName, Lines>>;

  constructor(tree: Tree) {
    const copy = (block: Block): Lines => new Map([...block].map(([line, body]) => [line, copy(body)]));
    this.#roots = { zebra: copy(tree.zebra), bgpd: copy(tree.bgpd), bfdd: copy(tree.bfdd) };
    for (const [router, body] of this.#roots.bgpd) {
      for (const [prefix, suffix] of tree.networks.get(vrfOf(router) ?? "none") ?? []) {
        const context = familyLine(prefix.includes(":") ? "ipv6" : "ipv4");
        const family: Lines = body.get(context) ?? new Map();
        body.set(context, family.set(`network ${prefix} ${suffix}`, new Map()));
      }
    }
  }

  /** As parsed from what FRR would show. */
  get tree(): Tree {
    const networks = new Map<string, Map<string, string>>();
    const without = (block: Block, vrf: string): Block =>
      new Map(
        [...block].flatMap(([line, body]) => {
          const [word, prefix = "", ...suffix] = line.split(" ");
          if (word !== "network") return [[line, without(body, vrfOf(line) ?? vrf)] as const];
          networks.set(vrf, (networks.get(vrf) ?? new Map<string, string>()).set(prefix, suffix.join(" ")));
          return [];
        }),
      );
    return { ...this.#roots, bgpd: without(this.#roots.bgpd, ""), networks };
  }

  /** `after` runs after each command that changes something. */
  take(step: Step, after: () => void = () => {}): void {
    if (step.kind === "settle") return;
    let path: Lines[] = [this.#roots[step.daemon]];
    for (const line of [...step.context, ...step.lines]) {
      path = run(path, line);
      after();
    }
  }
}

/** Runs a line in the innermost context that takes it; returns the contexts that are open then. */
function run(path: Lines[], line: string): Lines[] {
  const depth = contextDepth(line);
  if (depth !== undefined) {
    const parent = path[depth];
    if (!parent) throw new Error(`"${line}" outside its context`);
    const body = parent.get(line) ?? new Map();
    parent.set(line, body);
    return [...path.slice(0, depth + 1), body];
  }
  if (/^(no )?route-map /.test(line) || line.startsWith("no router bgp ")) {
    path[0]?.delete(line.replace(/^no /, ""));
    return path.slice(0, 1);
  }
  apply(path.at(-1) ?? new Map(), line);
  return path;
}

function contextDepth(line: string): number | undefined {
  if (/^(router bgp|route-map|bfd$)/.test(line)) return 0;
  return /^(address-family|profile) /.test(line) ? 1 : undefined;
}

/** Lines that replace one another, in words of this model alone. */
const single = [
  /^network \S+/,
  /^neighbor \S+ (interface )?remote-as/,
  /^neighbor \S+ timers connect/,
  /^neighbor \S+ timers(?= \d)/,
  /^neighbor \S+ (local-as|port|password|update-source|ebgp-multihop|bfd profile)/,
  /^bgp router-id/,
  /^bgp route-map delay-timer/,
  /^set (as-path prepend|community|large-community|local-preference|metric|tag)/,
  /^(receive-interval|transmit-interval|detect-multiplier|minimum-ttl|echo receive-interval|echo transmit-interval)/,
];
const defaults = new Set([
  "receive-interval 300",
  "transmit-interval 300",
  "detect-multiplier 3",
  "minimum-ttl 254",
  "echo receive-interval 50",
  "echo transmit-interval 50",
]);
const negativeDefaults = /^no (bgp|ip|ipv6) /;

function apply(lines: Lines, line: string): void {
  const neighbor = /^no neighbor (\S+)$/.exec(line)?.[1];
  if (neighbor !== undefined) return removeNeighbor(lines, neighbor);
  if (line.startsWith("no ") && !negativeDefaults.test(line)) return remove(lines, line.slice(3));
  if (lines.delete(`no ${line}`)) return;
  const place = single.find((pattern) => pattern.test(line));
  const isSame = (other: string): boolean => place !== undefined && place.exec(other)?.[0] === place.exec(line)?.[0];
  for (const other of lines.keys()) if (isSame(other)) lines.delete(other);
  if (!defaults.has(line)) lines.set(line, new Map());
}

/** `no` takes the whole line, or the beginning that names it. Removing what isn't there is no harm. */
function remove(lines: Lines, line: string): void {
  const begins = (known: string): boolean => known.startsWith(`${line} `) && !known.startsWith(`${line} connect `);
  for (const known of lines.keys()) if (known === line || begins(known)) lines.delete(known);
}

function removeNeighbor(router: Lines, neighbor: string): void {
  const of = (line: string): boolean => line.startsWith(`neighbor ${neighbor} `);
  for (const [line, body] of router) {
    if (of(line)) router.delete(line);
    for (const inner of body.keys()) if (of(inner)) body.delete(inner);
    if (line.startsWith("address-family ") && body.size === 0) router.delete(line);
  }
}

const vrfOf = (line: string): string | undefined => readRouterLine(line)?.vrf;

/** What a neighbor is told of a prefix by this configuration; `undefined`: nothing. */
export function told(
  { bgpd, networks }: Tree,
  { vrf, neighbor, prefix }: { vrf: string; neighbor: string; prefix: string },
): string | undefined {
  const router = [...bgpd].find(([line]) => vrfOf(line) === vrf)?.[1] ?? emptyBlock;
  const family = [...(router.get(familyLine(prefix.includes(":") ? "ipv6" : "ipv4")) ?? emptyBlock).keys()];
  const group = networks.get(vrf)?.get(prefix)?.replace("route-map ", "");
  const isThere = [...router.keys()].some(
    (line) => line.startsWith(`neighbor ${neighbor} `) && line.includes("remote-as"),
  );
  if (group === undefined || !isThere || !family.includes(`neighbor ${neighbor} activate`)) return undefined;
  const begin = `neighbor ${neighbor} route-map `;
  const map = family.find((line) => line.startsWith(begin) && line.endsWith(" out"))?.slice(begin.length, -4);
  if (map === undefined) return "everything, unfiltered";
  const tag = [...(bgpd.get(`route-map ${group} permit 10`) ?? emptyBlock).keys()].find((line) =>
    line.startsWith("set tag "),
  );
  const match = tag?.replace("set", "match") ?? "none";
  const entry = [...bgpd].find(([line, body]) => line.startsWith(`route-map ${map} permit `) && body.has(match))?.[1];
  return (
    entry &&
    [...entry.keys()]
      .filter((line) => line.startsWith("set "))
      .toSorted()
      .join(", ")
  );
}
