import { type Address, addressFrom, bitsOf, type Family, familyOf, widthOf } from "./address.ts";
import { type Prefix, prefixAddress, prefixFamily, prefixLength } from "./prefix.ts";

/** Addresses first…last, both included, of one family. */
export interface Range {
  readonly family: Family;
  readonly first: bigint;
  readonly last: bigint;
}

export function rangeOfPrefix(prefix: Prefix): Range {
  const family = prefixFamily(prefix);
  const first = bitsOf(prefixAddress(prefix));
  return { family, first, last: first + (1n << BigInt(widthOf(family) - prefixLength(prefix))) - 1n };
}

/** The range from one address to another; `undefined` when they are of two families or the first is after the last. */
export function rangeBetween(first: Address, last: Address): Range | undefined {
  const family = familyOf(first);
  if (family !== familyOf(last)) return undefined;
  const range = { family, first: bitsOf(first), last: bitsOf(last) };
  return range.first <= range.last ? range : undefined;
}

export const rangeSize = (range: Range): bigint => range.last - range.first + 1n;

export const inRange = (range: Range, address: Address): boolean =>
  range.family === familyOf(address) && range.first <= bitsOf(address) && bitsOf(address) <= range.last;

export const rangesOverlap = (a: Range, b: Range): boolean =>
  a.family === b.family && a.first <= b.last && b.first <= a.last;

/** The least list of prefixes that covers a range exactly, in ascending order. */
export function prefixesOf(range: Range): Prefix[] {
  const width = widthOf(range.family);
  const out: Prefix[] = [];
  let at = range.first;
  while (at <= range.last) {
    let hostBits = 0;
    while (
      hostBits < width &&
      (at & (1n << BigInt(hostBits))) === 0n &&
      at + (1n << BigInt(hostBits + 1)) - 1n <= range.last
    ) {
      hostBits++;
    }
    out.push(`${addressFrom(range.family, at)}/${width - hostBits}` as Prefix);
    at += 1n << BigInt(hostBits);
  }
  return out;
}
