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
  if (!text.includes(":")) {
    const bits = ipv4Bits(text);
    return bits === undefined ? undefined : ipv4Text(bits);
  }
  const groups = ipv6Groups(text);
  if (groups === undefined) return undefined;
  return isMapped(groups) ? ipv4Text(bitsOfGroups(groups) & 0xffffffffn) : ipv6Text(groups);
}

/** The address as an unsigned integer of its family's width. */
export function bitsOf(address: Address): bigint {
  if (familyOf(address) === "ipv6") return bitsOfGroups(ipv6Groups(address) ?? notCanonical(address));
  return ipv4Bits(address) ?? notCanonical(address);
}

/** The address of `family` whose integer value is `bits`. */
export const addressFrom = (family: Family, bits: bigint): Address =>
  family === "ipv4" ? ipv4Text(bits) : ipv6Text(groupsOfBits(bits));

/** Order: IPv4 before IPv6, then by value. */
export function compareAddresses(a: Address, b: Address): number {
  const [left, right] = [familyOf(a), familyOf(b)];
  if (left !== right) return left === "ipv4" ? -1 : 1;
  const [x, y] = [bitsOf(a), bitsOf(b)];
  return x < y ? -1 : x > y ? 1 : 0;
}

function notCanonical(address: Address): never {
  throw new Error(`bug: ${address} is not canonical`);
}

/** RFC 4291 §2.5.5.2. */
const isMapped = (groups: readonly number[]): boolean =>
  groups[5] === 0xffff && groups.slice(0, 5).every((group) => group === 0);

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

/** RFC 4291 §2.2: the eight 16-bit groups. Character by character as well. */
function ipv6Groups(text: string): number[] | undefined {
  const out: number[] = [];
  let gap = text.startsWith("::") ? 0 : none;
  for (let at = gap === none ? 0 : 2; at < text.length; ) {
    const colon = text.indexOf(":", at);
    const end = colon < 0 ? text.length : colon;
    if (colon < 0 && text.includes(".", at)) {
      const quad = ipv4Bits(text.slice(at));
      if (quad === undefined) return undefined;
      out.push(Number(quad >> 16n), Number(quad & 0xffffn));
      break;
    }
    const group = hexGroup(text, at, end);
    if (group === undefined || end === text.length - 1) return undefined;
    out.push(group);
    at = end + 1;
    if (colon >= 0 && text[at] === ":") {
      if (gap !== none) return undefined;
      gap = out.length;
      at++;
    }
  }
  if (gap === none) return out.length === 8 ? out : undefined;
  return out.length < 8 ? out.toSpliced(gap, 0, ...Array<number>(8 - out.length).fill(0)) : undefined;
}

/** One to four hexadecimal digits. */
function hexGroup(text: string, start: number, end: number): number | undefined {
  if (end === start || end > start + 4) return undefined;
  let value = 0;
  for (let i = start; i < end; i++) {
    const code = text.charCodeAt(i);
    const letter = code | 32;
    if (code >= 48 && code <= 57) value = value * 16 + code - 48;
    else if (letter >= 97 && letter <= 102) value = value * 16 + letter - 87;
    else return undefined;
  }
  return value;
}

const bitsOfGroups = (groups: readonly number[]): bigint => {
  const pair = (i: number) => BigInt((groups[i] ?? 0) * 65536 + (groups[i + 1] ?? 0));
  return (pair(0) << 96n) | (pair(2) << 64n) | (pair(4) << 32n) | pair(6);
};

const groupsOfBits = (bits: bigint): number[] => {
  const words = [bits >> 96n, (bits >> 64n) & 0xffffffffn, (bits >> 32n) & 0xffffffffn, bits & 0xffffffffn];
  return words.map(Number).flatMap((word) => [word >>> 16, word & 0xffff]);
};

const ipv4Text = (bits: bigint): Address => {
  const n = Number(bits);
  return `${n >>> 24}.${(n >>> 16) & 255}.${(n >>> 8) & 255}.${n & 255}` as Address;
};

/** RFC 5952 §4: lower case, no leading zeros, the first longest run of two or more zero groups as `::`. */
function ipv6Text(groups: readonly number[]): Address {
  let [best, bestLength] = [-1, 1];
  for (let i = 0; i < 8; i++) {
    let length = 0;
    while (groups[i + length] === 0) length++;
    if (length > bestLength) [best, bestLength] = [i, length];
    i += length;
  }
  if (best < 0) return hexText(groups) as Address;
  return `${hexText(groups.slice(0, best))}::${hexText(groups.slice(best + bestLength))}` as Address;
}

const hexText = (groups: readonly number[]): string => groups.map((group) => group.toString(16)).join(":");
