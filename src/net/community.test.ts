import fc from "fast-check";
import { expect, test } from "vitest";
import { compareCommunities, type LargeCommunity, parseCommunity, type StandardCommunity } from "./community.ts";

const part = (bits: number) => fc.integer({ min: 0, max: 2 ** bits - 1 });

test("two 16-bit numbers are a standard community, in canonical text", () => {
  fc.assert(
    fc.property(part(16), part(16), (a, b) => {
      expect(parseCommunity(`${a}:00${b}`)).toEqual({ ok: true, value: { kind: "standard", value: `${a}:${b}` } });
    }),
  );
});

test("large and three 32-bit numbers are a large community", () => {
  fc.assert(
    fc.property(part(32), part(32), part(32), (a, b, c) => {
      expect(parseCommunity(`large:${a}:${b}:${c}`)).toEqual({
        ok: true,
        value: { kind: "large", value: `${a}:${b}:${c}` },
      });
    }),
  );
});

test.each([
  ["no-export", "format"],
  ["4259840001", "format"],
  ["1:2:3", "format"],
  ["", "format"],
  ["65536:1", "value"],
  ["a:b", "value"],
  ["rt:1:2:3", "value"],
  ["large:1:2:4294967296", "value"],
  [":", "value"],
])("%j is wrong in its %s", (text, error) => expect(parseCommunity(text)).toEqual({ ok: false, error }));

test("communities are ordered as numbers", () => {
  const sorted = (["2:1", "10:1", "2:10", "2:9"] as StandardCommunity[]).sort(compareCommunities);
  expect(sorted).toEqual(["2:1", "2:9", "2:10", "10:1"]);
  expect(compareCommunities("1:2:3" as LargeCommunity, "1:2:3" as LargeCommunity)).toBe(0);
});
