import type { Brand } from "../std/brand.ts";

/** "ipv4" or "ipv6". */
export type Family = "ipv4" | "ipv6";

/** An IP address in canonical text (dotted quad, or RFC 5952), without zone. Made by `parseAddress` only. */
export type Address = Brand<string, "Address">;

/** Width of a family's addresses in bits. */
export const widthOf = (family: Family): 32 | 128 => (family === "ipv4" ? 32 : 128);

export const familyOf = (address: Address): Family => (address.includes(":") ? "ipv6" : "ipv4");

/**
 * Reads an IPv4 or IPv6 address; `undefined` when the text is neither.
 *
 * IPv4 takes exactly four decimal octets without leading zeros (as Go's net/netip does, so that "010" can't mean 8).
 * IPv4-mapped IPv6 (`::ffff:1.2.3.4`) becomes the IPv4 address, as MetalLB's net.IP does. Zones are refused.
 */
export function parseAddress(text: string): Address | undefined {
  const bits = text.includes(":") ? ipv6Bits(text) : ipv4Bits(text);
  if (bits === undefined) return undefined;
  if (!text.includes(":")) return ipv4Text(bits);
  return bits >> 32n === 0xffffn ? ipv4Text(bits & 0xffffffffn) : ipv6Text(bits);
}

/** The address as an unsigned integer of its family's width. */
export function bitsOf(address: Address): bigint {
  const bits = familyOf(address) === "ipv4" ? ipv4Bits(address) : ipv6Bits(address);
  if (bits === undefined) throw new Error(`bug: ${address} is not canonical`);
  return bits;
}

/** The address of `family` whose integer value is `bits`. */
export const addressFrom = (family: Family, bits: bigint): Address =>
  family === "ipv4" ? ipv4Text(bits) : ipv6Text(bits);

/** Order: IPv4 before IPv6, then by value. */
export function compareAddresses(a: Address, b: Address): number {
  const [left, right] = [familyOf(a), familyOf(b)];
  if (left !== right) return left === "ipv4" ? -1 : 1;
  const [x, y] = [bitsOf(a), bitsOf(b)];
  return x < y ? -1 : x > y ? 1 : 0;
}

/** Character by character: ten thousand Services make this the hottest function there is. */
function ipv4Bits(text: string): bigint | undefined {
  let [value, octet, dots] = [0, none, 0];
  for (let i = 0; i < text.length; i++) {
    const digit = text.charCodeAt(i) - 48;
    if (digit >= 0 && digit <= 9) {
      if (octet === 0) return undefined;
      octet = octet === none ? digit : octet * 10 + digit;
      if (octet > 255) return undefined;
    } else if (text[i] === "." && octet !== none) {
      value = value * 256 + octet;
      octet = none;
      dots++;
    } else return undefined;
  }
  return dots === 3 && octet !== none ? BigInt(value * 256 + octet) : undefined;
}

/** No digit of the octet read yet. */
const none = -1;

function ipv6Bits(text: string): bigint | undefined {
  const halves = text.split("::");
  if (halves.length > 2) return undefined;
  const head = groups(halves[0] ?? "", halves.length === 1);
  const tail = halves.length === 2 ? groups(halves[1] ?? "", true) : [];
  if (!head || !tail) return undefined;
  const missing = 8 - head.length - tail.length;
  if (halves.length === 1 ? missing !== 0 : missing < 1) return undefined;
  return [...head, ...Array<number>(missing).fill(0), ...tail].reduce((sum, g) => (sum << 16n) | BigInt(g), 0n);
}

/** Sixteen-bit groups of one side of `::`; a dotted quad may stand last in the text. */
function groups(text: string, last: boolean): number[] | undefined {
  if (text === "") return [];
  const parts = text.split(":");
  const out: number[] = [];
  for (const [i, part] of parts.entries()) {
    if (part.includes(".") && last && i === parts.length - 1) {
      const quad = ipv4Bits(part);
      if (quad === undefined) return undefined;
      out.push(Number(quad >> 16n), Number(quad & 0xffffn));
    } else if (/^[0-9a-fA-F]{1,4}$/.test(part)) out.push(Number.parseInt(part, 16));
    else return undefined;
  }
  return out;
}

const ipv4Text = (bits: bigint): Address => {
  const n = Number(bits);
  return `${n >>> 24}.${(n >>> 16) & 255}.${(n >>> 8) & 255}.${n & 255}` as Address;
};

/** RFC 5952 §4: lower case, no leading zeros, the first longest run of two or more zero groups as `::`. */
function ipv6Text(bits: bigint): Address {
  const parts: string[] = [];
  for (let shift = 112n; shift >= 0n; shift -= 16n) parts.push(((bits >> shift) & 0xffffn).toString(16));
  let [best, bestLength] = [-1, 1];
  for (let i = 0; i < 8; i++) {
    let length = 0;
    while (parts[i + length] === "0") length++;
    if (length > bestLength) [best, bestLength] = [i, length];
    i += length;
  }
  if (best < 0) return parts.join(":") as Address;
  return `${parts.slice(0, best).join(":")}::${parts.slice(best + bestLength).join(":")}` as Address;
}
