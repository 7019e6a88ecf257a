import type { Brand } from "../std/brand.ts";
import {
  type Address,
  addressFrom,
  bitsOf,
  compareAddresses,
  type Family,
  familyOf,
  parseAddress,
  widthOf,
} from "./address.ts";

/** `address/length` in canonical text, host bits zero. Made by `parsePrefix` and `prefixOf` only. */
export type Prefix = Brand<string, "Prefix">;

/** Reads `address/length`; host bits are cleared (`1.2.3.4/24` is `1.2.3.0/24`). `undefined` when malformed. */
export function parsePrefix(text: string): Prefix | undefined {
  const slash = text.indexOf("/");
  if (slash < 0) return undefined;
  const address = parseAddress(text.slice(0, slash));
  const length = text.slice(slash + 1);
  if (!address || !/^(0|[1-9][0-9]{0,2})$/.test(length)) return undefined;
  if (Number(length) > widthOf(familyOf(address))) return undefined;
  return prefixOf(address, Number(length));
}

/** The prefix of `length` bits that holds `address`. */
export function prefixOf(address: Address, length: number): Prefix {
  const family = familyOf(address);
  // A single address has no host bits to clear; nearly all prefixes that we make are such.
  if (length === widthOf(family)) return `${address}/${length}` as Prefix;
  const hostBits = BigInt(widthOf(family) - length);
  return `${addressFrom(family, (bitsOf(address) >> hostBits) << hostBits)}/${length}` as Prefix;
}

export const prefixAddress = (prefix: Prefix): Address => prefix.slice(0, prefix.indexOf("/")) as Address;
export const prefixLength = (prefix: Prefix): number => Number(prefix.slice(prefix.indexOf("/") + 1));
export const prefixFamily = (prefix: Prefix): Family => familyOf(prefixAddress(prefix));

/** Order: family, address, then shorter first. */
export const comparePrefixes = (a: Prefix, b: Prefix): number =>
  compareAddresses(prefixAddress(a), prefixAddress(b)) || prefixLength(a) - prefixLength(b);
