import fc from "fast-check";
import ipaddr from "ipaddr.js";
import { expect, test } from "vitest";
import { type Address, addressFrom, bitsOf, type Family, parseAddress, widthOf } from "./address.ts";
import { parsePrefix, type Prefix, prefixLength } from "./prefix.ts";
import { inRange, prefixesOf, type Range, rangeBetween, rangeOfPrefix, rangeSize, rangesOverlap } from "./range.ts";

const between = (first: string, last: string) =>
  rangeBetween(parseAddress(first) as Address, parseAddress(last) as Address);

test("a range is of one family and in order", () => {
  expect(between("10.0.0.1", "10.0.0.1")).toEqual({ family: "ipv4", first: 0x0a000001n, last: 0x0a000001n });
  expect(between("10.0.0.2", "10.0.0.1")).toBeUndefined();
  expect(between("10.0.0.1", "fd00::1")).toBeUndefined();
});

test.each([
  [
    "192.168.10.0",
    "192.168.10.150",
    ["192.168.10.0/25", "192.168.10.128/28", "192.168.10.144/30", "192.168.10.148/31", "192.168.10.150/32"],
  ],
  ["0.0.0.0", "255.255.255.255", ["0.0.0.0/0"]],
  ["::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", ["::/0"]],
  ["10.0.0.255", "10.0.1.0", ["10.0.0.255/32", "10.0.1.0/32"]],
  ["fd00::1", "fd00::2", ["fd00::1/128", "fd00::2/128"]],
])("%s to %s is covered by %j", (first, last, prefixes) => {
  expect(prefixesOf(between(first, last) as Range)).toEqual(prefixes);
});

const rangeOf = (family: Family) => {
  const bits = fc.bigInt({ min: 0n, max: (1n << BigInt(widthOf(family))) - 1n });
  return fc.tuple(bits, bits).map(([a, b]): Range => ({ family, first: a < b ? a : b, last: a < b ? b : a }));
};
const range = fc.oneof(rangeOf("ipv4"), rangeOf("ipv6"));

test("the cover is exact: end to end, in order, and no shorter one exists", () => {
  fc.assert(
    fc.property(range, (whole) => {
      const parts = prefixesOf(whole).map(rangeOfPrefix);
      expect(parts[0]?.first).toBe(whole.first);
      expect(parts.at(-1)?.last).toBe(whole.last);
      for (const [i, part] of parts.slice(1).entries()) {
        expect(part.first).toBe((parts[i]?.last ?? 0n) + 1n);
        expect(mergeable(parts[i] as Range, part)).toBe(false);
      }
    }),
    { numRuns: 300 },
  );
});

/** Two neighbours of one size of which the first is aligned are one prefix, and the cover was not the least. */
const mergeable = (a: Range, b: Range): boolean =>
  rangeSize(a) === rangeSize(b) && a.first % (2n * rangeSize(a)) === 0n;

test("membership is ipaddr.js' match", () => {
  const net4 = fc.tuple(fc.ipV4(), fc.nat(32)).map(([a, length]) => parsePrefix(`${a}/${length}`) as Prefix);
  fc.assert(
    fc.property(net4, fc.ipV4(), (prefix, text) => {
      const address = parseAddress(text) as Address;
      const [network, length] = ipaddr.IPv4.parseCIDR(prefix);
      expect(inRange(rangeOfPrefix(prefix), address)).toBe(ipaddr.IPv4.parse(text).match(network, length));
      expect(rangeSize(rangeOfPrefix(prefix))).toBe(1n << BigInt(32 - prefixLength(prefix)));
    }),
    { numRuns: 500 },
  );
});

test("ranges overlap if and only if one holds the other's first address", () => {
  fc.assert(
    fc.property(range, range, (a, b) => {
      const holds = (outer: Range, inner: Range) => inRange(outer, addressFrom(inner.family, inner.first));
      expect(rangesOverlap(a, b)).toBe(a.family === b.family && (holds(a, b) || holds(b, a)));
      expect(rangesOverlap(b, a)).toBe(rangesOverlap(a, b));
    }),
  );
});

test("families don't mix", () => {
  expect(inRange(rangeOfPrefix("0.0.0.0/0" as Prefix), "::1" as Address)).toBe(false);
  expect(rangesOverlap(rangeOfPrefix("0.0.0.0/0" as Prefix), rangeOfPrefix("::/0" as Prefix))).toBe(false);
  expect(bitsOf("::1" as Address)).toBe(1n);
});
