import fc from "fast-check";
import ipaddr from "ipaddr.js";
import { expect, test } from "vitest";
import { comparePrefixes, parsePrefix, type Prefix, prefixAddress, prefixFamily, prefixLength } from "./prefix.ts";

test.each([
  ["1.2.3.4/24", "1.2.3.0/24"],
  ["0.0.0.0/0", "0.0.0.0/0"],
  ["10.0.0.1/32", "10.0.0.1/32"],
  ["fd00::ffff/64", "fd00::/64"],
  ["FD00::1/128", "fd00::1/128"],
  ["::/0", "::/0"],
])("%s is %s", (text, canonical) => expect(parsePrefix(text)).toBe(canonical));

test.each([
  "",
  "1.2.3.4",
  "1.2.3.4/",
  "1.2.3.4/33",
  "1.2.3.4/-1",
  "1.2.3.4/08",
  "::/129",
  "/24",
  "1.2.3.4/24/24",
  "1.2.3.4/24 ",
  "1.2.3.4/+4",
  "1.2.3/24",
])("%j is no prefix", (text) => expect(parsePrefix(text)).toBeUndefined());

test("a prefix in IPv4-mapped form counts the IPv4 bits", () => {
  expect(parsePrefix("::ffff:1.2.3.4/24")).toBe("1.2.3.0/24");
});

const network4 = fc.tuple(fc.ipV4(), fc.nat(32));
const network6 = fc.tuple(fc.ipV6(), fc.nat(128)).filter(([address]) => ipaddr.process(address).kind() === "ipv6");

test("agrees with ipaddr.js on every network", () => {
  fc.assert(
    fc.property(fc.oneof(network4, network6), ([address, length]) => {
      const text = `${address}/${length}`;
      const prefix = parsePrefix(text) as Prefix;
      const oracle =
        prefixFamily(prefix) === "ipv4"
          ? ipaddr.IPv4.networkAddressFromCIDR(text)
          : ipaddr.IPv6.networkAddressFromCIDR(text);
      expect(ipaddr.parse(prefixAddress(prefix)).toNormalizedString()).toBe(oracle.toNormalizedString());
      expect(prefixLength(prefix)).toBe(length);
      expect(parsePrefix(prefix)).toBe(prefix);
    }),
    { numRuns: 1000 },
  );
});

test("prefixes are ordered by family, address, length", () => {
  const sorted = (["::/0", "10.0.0.0/24", "10.0.0.0/8", "9.0.0.0/8"] as Prefix[]).sort(comparePrefixes);
  expect(sorted).toEqual(["9.0.0.0/8", "10.0.0.0/8", "10.0.0.0/24", "::/0"]);
});
