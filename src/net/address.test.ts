import { isIP } from "node:net";
import fc from "fast-check";
import ipaddr from "ipaddr.js";
import { describe, expect, test } from "vitest";
import { type Address, addressFrom, bitsOf, compareAddresses, familyOf, parseAddress } from "./address.ts";

const v4 = fc.bigInt({ min: 0n, max: 2n ** 32n - 1n }).map((bits) => addressFrom("ipv4", bits));
const v6 = fc.bigInt({ min: 0n, max: 2n ** 128n - 1n }).map((bits) => addressFrom("ipv6", bits));
/** IPv6 with many zero groups, where the printing rules bite. */
const sparse = fc
  .array(fc.oneof(fc.constant(0), fc.constant(0), fc.nat(0xffff)), { minLength: 8, maxLength: 8 })
  .map((groups) => groups.map((group) => group.toString(16)).join(":"));

describe("parseAddress", () => {
  test.each([
    ["10.0.0.1", "10.0.0.1"],
    ["0.0.0.0", "0.0.0.0"],
    ["255.255.255.255", "255.255.255.255"],
    ["::", "::"],
    ["::1", "::1"],
    ["1::", "1::"],
    ["FD00::A", "fd00::a"],
    ["2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"],
    ["2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"],
    ["0:0:1:0:0:0:1:0", "0:0:1::1:0"],
    ["::ffff:1.2.3.4", "1.2.3.4"],
    ["::ffff:102:304", "1.2.3.4"],
    ["64:ff9b::1.2.3.4", "64:ff9b::102:304"],
    ["1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"],
  ])("%s is %s", (text, canonical) => expect(parseAddress(text)).toBe(canonical));

  test.each([
    "",
    "1",
    "1.2.3",
    "1.2.3.4.5",
    "256.0.0.1",
    "01.2.3.4",
    "1.2.3.4 ",
    " 1.2.3.4",
    "1.2.3.-4",
    "1.2.3.4/24",
    "0x1.2.3.4",
    ":",
    ":::",
    "1::2::3",
    "1:2:3:4:5:6:7",
    "1:2:3:4:5:6:7:8:9",
    "1:2:3:4:5:6:7:8::",
    "12345::",
    "g::",
    "fe80::1%eth0",
    "1.2.3.4::",
    "::1.2.3.4:5",
    ":1:2:3:4:5:6:7",
    "1:2:3:4:5:6:7:",
    "::256.1.1.1",
    "1::\n",
    "[::1]",
  ])("%j is no address", (text) => expect(parseAddress(text)).toBeUndefined());

  test("agrees with ipaddr.js on every address", () => {
    // ipaddr.js takes ::1.2.3.4 for ::ffff:1.2.3.4; RFC 4291 §2.5.5.1 and Go don't.
    const any = fc.oneof(v4, v6, sparse, fc.ipV4(), fc.ipV6()).filter((text) => !/^::[0-9]+\./.test(text));
    fc.assert(
      fc.property(any, (text) => {
        const oracle = ipaddr.process(text);
        const ours = parseAddress(text);
        expect(ours).toBeDefined();
        expect(familyOf(ours as Address)).toBe(oracle.kind());
        expect(ours).toBe(oracle.kind() === "ipv6" ? (oracle as ipaddr.IPv6).toRFC5952String() : oracle.toString());
      }),
      { numRuns: 1000 },
    );
  });

  test("takes exactly what the C library takes", () => {
    const letters = fc.constantFrom(...Array.from("0123456789abcf.:%/ "), "::", "1.2.3.4", "ffff", "00");
    const near = fc.array(letters, { maxLength: 16 }).map((parts) => parts.join(""));
    fc.assert(
      fc.property(fc.oneof(near, fc.ipV4Extended(), fc.ipV6()), (text) => {
        expect(parseAddress(text) !== undefined).toBe(isIP(text) !== 0 && !text.includes("%"));
      }),
      { numRuns: 3000 },
    );
  });

  test("is its own inverse, and the bits'", () => {
    fc.assert(
      fc.property(fc.oneof(v4, v6), (address) => {
        expect(parseAddress(address)).toBe(bitsOf(address) >> 32n === 0xffffn ? expect.any(String) : address);
        expect(addressFrom(familyOf(address), bitsOf(address))).toBe(address);
      }),
    );
  });
});

test("addresses are ordered by family, then by value", () => {
  const sorted = (["fd00::1", "10.0.0.2", "9.255.0.1", "::", "10.0.0.10"] as Address[]).sort(compareAddresses);
  expect(sorted).toEqual(["9.255.0.1", "10.0.0.2", "10.0.0.10", "::", "fd00::1"]);
  expect(compareAddresses("::1" as Address, "::1" as Address)).toBe(0);
});
