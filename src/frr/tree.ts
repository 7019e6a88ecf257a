import type { Family } from "../net/address.ts";

/** The daemons we configure. `owners.ts` says which takes which line. */
export type DaemonName = "zebra" | "bgpd" | "bfdd";

/**
 * The lines of one context in FRR's canonical spelling, each with the lines below it (empty for a plain line).
 * Order carries no meaning in FRR's configuration, so two blocks are equal when they hold the same lines.
 */
export type Block = ReadonlyMap<string, Block>;

/**
 * `network` lines of all families: VRF → prefix → what follows it, such as `route-map G1`.
 *
 * They stand apart from the lines of their contexts because there are thousands: what follows is the same few texts over and
 * over, and a turn that adds a Service builds no line but one.
 */
export type Networks = ReadonlyMap<string, ReadonlyMap<string, string>>;

/** A node's whole FRR configuration, as far as it is ours. */
export interface Tree extends Readonly<Record<DaemonName, Block>> {
  /** Bgpd's. */
  readonly networks: Networks;
}

export const emptyBlock: Block = new Map();
export const emptyTree: Tree = { zebra: emptyBlock, bgpd: emptyBlock, bfdd: emptyBlock, networks: new Map() };

/** A context of plain lines. */
export const plainLines = (lines: Iterable<string>): Block => new Map([...lines].map((line) => [line, emptyBlock]));

/** The lines of a context; none where it isn't there. */
export const blockAt = (root: Block, context: readonly string[]): Block =>
  context.reduce((block, line) => block.get(line) ?? emptyBlock, root);

/** With other lines in a context; unchanged where it isn't there. */
export function withBlockAt(root: Block, [first, ...rest]: readonly string[], block: Block): Block {
  if (first === undefined) return block;
  const inner = root.get(first);
  return inner === undefined ? root : new Map(root).set(first, withBlockAt(inner, rest, block));
}

/** `router bgp 64513 vrf red`; the default VRF is the empty name. */
export const routerLine = (asn: number, vrf: string): string => `router bgp ${asn}${vrf === "" ? "" : ` vrf ${vrf}`}`;

/** Reads what `routerLine` writes. */
export function readRouterLine(line: string): { readonly asn: number; readonly vrf: string } | undefined {
  const words = line.split(" ");
  if (words[0] !== "router" || words[1] !== "bgp" || words[2] === undefined) return undefined;
  return { asn: Number(words[2]), vrf: words[4] ?? "" };
}

/** What follows the prefix in a `network` line. */
export const groupSuffix = (group: number): string => `route-map G${group}`;

/** The group that such a text names. */
export function suffixGroup(suffix: string): number | undefined {
  const found = /^route-map G(\d+)$/.exec(suffix);
  return found ? Number(found[1]) : undefined;
}

export const families: readonly Family[] = ["ipv4", "ipv6"];
/** Opens a family to a neighbor. */
export const activateLine = (neighbor: string): string => `neighbor ${neighbor} activate`;
export const familyLine = (family: Family): string => `address-family ${family} unicast`;

/** MetalLB resolves BGP next hops through the default route. */
export const nextHopTracking: Block = plainLines(["ip nht resolve-via-default", "ipv6 nht resolve-via-default"]);
