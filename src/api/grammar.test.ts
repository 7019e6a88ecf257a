import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  addressGrammar,
  communityGrammar,
  connectTimeGrammar,
  type Grammar,
  linuxNameGrammar,
  objectNameGrammar,
  passwordGrammar,
  poolEntryGrammar,
  routerIdGrammar,
} from "./grammar.ts";

const table: readonly [string, Grammar<unknown>, readonly string[], readonly string[]][] = [
  [
    "address",
    addressGrammar,
    ["10.0.0.1", "fd00::1", "::ffff:1.2.3.4"],
    ["10.0.0.300", "10.0.0.1/24", "fe80::1%eth0", " 10.0.0.1"],
  ],
  ["router ID", routerIdGrammar, ["10.0.0.1"], ["fd00::1", "1", "10.0.0"]],
  ["connect time", connectTimeGrammar, ["1s", "65535s", "1m"], ["0s", "500ms", "1.5s", "65536s", "19h"]],
  [
    "interface",
    linuxNameGrammar,
    ["eth0", "net1.100", "bond0:1", "a"],
    [
      "",
      "a b",
      "a/b",
      "eth0!",
      "e?",
      '"a"',
      "sixteen-letters-",
      "10.0.0.1",
      "fd00::1",
      "eth\n0",
      "é",
      ".",
      "..",
      "all",
    ],
  ],
  ["password", passwordGrammar, ["s3cret!", "a"], ["", "two words", "line\nbreak", "naïve", "x".repeat(81)]],
  ["object name", objectNameGrammar, ["rack-1", "a.b"], ["Rack", "a b", "-a", "a\n", ""]],
  [
    "pool entry",
    poolEntryGrammar,
    ["10.0.0.0/24", "10.0.0.9/24", "10.0.0.1-10.0.0.9", "10.0.0.1 - 10.0.0.9", "fd00::/64", "fd00::1-fd00::2"],
    ["10.0.0.1", "10.0.0.0/33", "10.0.0.9-10.0.0.1", "10.0.0.1-fd00::1", "10.0.0.1-", " 10.0.0.0/24", ""],
  ],
  [
    "community",
    communityGrammar,
    ["64512:100", "0:0", "65535:65535", "large:4294967295:0:1"],
    ["65536:1", "1", "no-export", "large:1:2", "ext:1:2:3", "1:2:3:4", "large:4294967296:0:0", "1:2\n", "+1:2"],
  ],
];

describe.each(table)("%s", (_, grammar, valid, invalid) => {
  test.each(valid)("takes %j", (text) => expect(grammar.parse(text)).toMatchObject({ ok: true }));
  test.each(invalid)("refuses %j", (text) => expect(grammar.parse(text)).toMatchObject({ ok: false }));
});

test("a password that is refused is not repeated", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme", minLength: 5 }), (text) => {
      const parsed = passwordGrammar.parse(text);
      return parsed.ok || !parsed.error.includes(text);
    }),
  );
});

test.each(["\n", "\r\n", " ", "\n\n"])(
  "what ends the line in FRR's file, as echo's %j does, is no part of a password",
  (end) => {
    expect(passwordGrammar.parse(`secret${end}`)).toEqual({ ok: true, value: "secret" });
    expect(passwordGrammar.parse(end).ok).toBe(false);
    expect(passwordGrammar.parse(`secret${end}x`).ok).toBe(false);
  },
);
