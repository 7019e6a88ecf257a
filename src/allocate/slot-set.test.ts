import fc from "fast-check";
import { expect, test } from "vitest";
import { SlotSet } from "./slot-set.ts";

test("the lowest absent slot of an empty set is 0, and of 0…n-1 it is n", () => {
  const set = new SlotSet();
  for (let n = 0n; n < 2100n; n++) {
    expect(set.lowestAbsent()).toBe(n);
    set.add(n);
  }
});

test("a slot near 2^128 costs no more than one near 0", () => {
  const set = new SlotSet();
  set.add((1n << 128n) - 1n);
  expect(set.has((1n << 128n) - 1n)).toBe(true);
  expect(set.lowestAbsent()).toBe(0n);
});

test("it agrees with a plain Set over any additions", () => {
  const slots = fc.array(fc.oneof(fc.bigInt(0n, 70n), fc.bigInt(0n, 1n << 100n)), { maxLength: 300 });
  fc.assert(
    fc.property(slots, (added) => {
      const [set, plain] = [new SlotSet(), new Set<bigint>()];
      for (const slot of added) {
        set.add(slot);
        plain.add(slot);
        let lowest = 0n;
        while (plain.has(lowest)) lowest++;
        expect(set.lowestAbsent()).toBe(lowest);
        expect(set.size).toBe(BigInt(plain.size));
      }
    }),
  );
});
