import { parsePrefix, comparePrefixes } from "../net/prefix.ts";
import { type Block, emptyBlock, familyLine, readRouterLine, type Tree } from "./tree.ts";

/** The tree as FRR's configuration file would say it, prefixes sorted. Passwords are masked. */
export function print({ zebra, bfdd, bgpd, networks }: Tree): string {
  const routers = [...bgpd].map(([line, body]) => [line, withNetworks(line, body, networks)] as const);
  return [...blockLines(zebra, ""), ...blockLines(bfdd, ""), ...blockLines(new Map(routers), "")].join("\n");
}

function withNetworks(line: string, body: Block, networks: Tree["networks"]): Block {
  const own = networks.get(readRouterLine(line)?.vrf ?? "no router");
  if (own === undefined || own.size === 0) return body;
  const merged = new Map(body);
  for (const prefix of [...own.keys()].flatMap((text) => parsePrefix(text) ?? []).toSorted(comparePrefixes)) {
    const family = familyLine(prefix.includes(":") ? "ipv6" : "ipv4");
    const known = [...(merged.get(family) ?? emptyBlock)];
    const at = known.findLastIndex(([text]) => text.startsWith("network ")) + 1;
    merged.set(family, new Map(known.toSpliced(at, 0, [`network ${prefix} ${own.get(prefix)}`, emptyBlock])));
  }
  return merged;
}

const blockLines = (block: Block, indent: string): string[] =>
  [...block].flatMap(([line, body]) => [
    `${indent}${line.replace(/( password ).*/, "$1****")}`,
    ...blockLines(body, `${indent} `),
  ]);
