import type { Prefix } from "../net/prefix.ts";

/** The daemons we configure. `owners.ts` says which takes which line. */
export type DaemonName = "zebra" | "bgpd" | "bfdd";

/**
 * The lines of one context in FRR's canonical spelling, each with the lines below it (empty for a plain line).
 * Order carries no meaning in FRR's configuration, so two blocks are equal when they hold the same lines.
 */
export type Block = ReadonlyMap<string, Block>;

/** A node's whole FRR configuration, as far as it is ours. */
export type Tree = Readonly<Record<DaemonName, Block>>;

export const emptyBlock: Block = new Map();
export const emptyTree: Tree = { zebra: emptyBlock, bgpd: emptyBlock, bfdd: emptyBlock };

/** A context of plain lines. */
export const plainLines = (lines: Iterable<string>): Block => new Map([...lines].map((line) => [line, emptyBlock]));

/** `router bgp 64513 vrf red`; the default VRF is the empty name. */
export const routerLine = (asn: number, vrf: string): string => `router bgp ${asn}${vrf === "" ? "" : ` vrf ${vrf}`}`;

/** Reads what `routerLine` writes. */
export function readRouterLine(line: string): { readonly asn: number; readonly vrf: string } | undefined {
  const words = line.split(" ");
  if (words[0] !== "router" || words[1] !== "bgp" || words[2] === undefined) return undefined;
  return { asn: Number(words[2]), vrf: words[4] ?? "" };
}

/** `network 192.0.2.0/24 route-map G1`. */
export const networkLine = (prefix: Prefix, group: number): string => `network ${prefix} route-map G${group}`;

/** The prefix of a `network` line, as text; `undefined` for another line. */
export function networkPrefix(line: string): string | undefined {
  if (!line.startsWith("network ")) return undefined;
  const end = line.indexOf(" ", 8);
  return end < 0 ? line.slice(8) : line.slice(8, end);
}

/** The group number that a `network` line sets. */
export function networkGroup(line: string): number | undefined {
  const at = line.lastIndexOf(" route-map G");
  return at < 0 ? undefined : Number(line.slice(at + 12));
}

export const families = ["ipv4", "ipv6"] as const;
export const familyLine = (family: "ipv4" | "ipv6"): string => `address-family ${family} unicast`;

/** MetalLB resolves BGP next hops through the default route. */
export const nextHopTracking: Block = plainLines(["ip nht resolve-via-default", "ipv6 nht resolve-via-default"]);
