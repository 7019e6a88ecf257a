import fc from "fast-check";
import { expect, test } from "vitest";
import { Ascending } from "./ascending.ts";
import { Commons } from "./commons.ts";

const numbers = fc.array(fc.bigInt({ min: 0n, max: 30n }), { maxLength: 20 });
const least = (items: readonly bigint[]): bigint | undefined => items.reduce<bigint | undefined>(lower, undefined);
const lower = (a: bigint | undefined, b: bigint): bigint => (a === undefined || b < a ? b : a);

test("the first number that a part of the others lacks is the one that a search finds", () => {
  fc.assert(
    fc.property(numbers, numbers, fc.bigInt({ min: 0n, max: 31n }), (some, rest, from) => {
      const [all, part] = [new Ascending(), new Ascending()];
      for (const item of [...some, ...rest]) all.add(item);
      for (const item of some) part.add(item);
      const later = [...some, ...rest].filter((item) => item >= from);
      expect(all.firstNotIn(undefined, from)).toBe(least(later));
      expect(all.firstNotIn(part, from)).toBe(least(later.filter((item) => !some.includes(item))));
    }),
  );
});

const ports = fc.subarray(["TCP/80", "TCP/443", "UDP/53"]);

test("the first address where some ports are free is the one that a search finds", () => {
  const holders = fc.array(fc.tuple(fc.bigInt({ min: 0n, max: 9n }), ports), { maxLength: 20 });
  fc.assert(
    fc.property(holders, ports, fc.bigInt({ min: 0n, max: 10n }), (held, wanted, from) => {
      const commons = new Commons();
      for (const [place, taken] of held) commons.add(place, taken);
      const isFree = (place: bigint) =>
        held.every(([other, taken]) => other !== place || !taken.some((port) => wanted.includes(port)));
      const places = held.map(([place]) => place).filter((place) => place >= from && isFree(place));
      expect(commons.firstFor(wanted, from)).toBe(least(places));
    }),
  );
});
