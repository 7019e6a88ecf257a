import fc from "fast-check";
import { expect, test } from "vitest";
import { changedKeys, edited, PersistentSet } from "./persistent.ts";

const key = fc.integer({ min: 0, max: 400 });
const value = fc.option(fc.integer({ min: 0, max: 2 }), { nil: undefined });
/** Many at once now and then, so that a version has too many edits for its base. */
const changes = fc.oneof(
  { weight: 8, arbitrary: fc.array(fc.tuple(key, value), { maxLength: 6 }) },
  fc.array(fc.tuple(key, value), { minLength: 60, maxLength: 150 }),
);

function plainly(map: ReadonlyMap<number, number>, changed: readonly (readonly [number, number | undefined])[]) {
  const next = new Map(map);
  for (const [at, to] of changed) {
    if (to === undefined) next.delete(at);
    else next.set(at, to);
  }
  return next;
}

const ascending = (items: Iterable<number>) => [...items].sort((a, b) => a - b);
const sorted = <T>(items: Iterable<[number, T]>) => [...items].sort(([a], [b]) => a - b);

test("each version says what a copy would say, and leaves all earlier ones as they were", () => {
  fc.assert(
    fc.property(fc.array(changes, { maxLength: 12 }), (steps) => {
      const versions: ReadonlyMap<number, number>[] = [new Map([[1, 1]])];
      const copies: ReadonlyMap<number, number>[] = [new Map([[1, 1]])];
      for (const step of steps) {
        versions.push(edited(versions.at(-1) ?? new Map(), step));
        copies.push(plainly(copies.at(-1) ?? new Map(), step));
      }
      for (const [i, version] of versions.entries()) {
        const copy = copies[i] ?? new Map<number, number>();
        expect(sorted(version)).toEqual(sorted(copy));
        expect(version.size).toBe(copy.size);
        expect([...version.keys()].length).toBe(copy.size);
        expect(ascending(version.values())).toEqual(ascending(copy.values()));
        for (let at = 0; at <= 400; at++) {
          expect(version.get(at)).toBe(copy.get(at));
          expect(version.has(at)).toBe(copy.has(at));
        }
        const told: [number, number][] = [];
        version.forEach((one, at) => told.push([at, one]));
        expect(told).toEqual([...version]);
      }
    }),
  );
});

test("what differs between any two versions is found, and nothing else", () => {
  fc.assert(
    fc.property(fc.array(changes, { minLength: 2, maxLength: 8 }), fc.nat(), fc.nat(), (steps, i, j) => {
      const versions: ReadonlyMap<number, number>[] = [new Map()];
      for (const step of steps) versions.push(edited(versions.at(-1) ?? new Map(), step));
      const [a, b] = [versions[i % versions.length] ?? new Map(), versions[j % versions.length] ?? new Map()];
      const all = [...new Set([...a.keys(), ...b.keys()])];
      expect(ascending(changedKeys(a, b))).toEqual(ascending(all.filter((at) => a.get(at) !== b.get(at))));
    }),
  );
});

test("one change in many shares the rest: the base is one and the same", () => {
  const base = new Map(Array.from({ length: 10_000 }, (_, i) => [i, i]));
  const next = edited(base, [
    [3, undefined],
    [10_000, 1],
  ]);
  expect(next.size).toBe(10_000);
  expect([...changedKeys(base, next)]).toEqual([3, 10_000]);
  expect(
    edited(next, [
      [3, 3],
      [10_000, undefined],
    ]),
  ).toBe(base);
});

test("sets: members, size, what is in one only, also beside a plain set", () => {
  const changed = fc.array(fc.tuple(fc.integer({ min: 0, max: 30 }), fc.boolean()));
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 30 })), changed, (items, step) => {
      const before = PersistentSet.of(items);
      const after = before.with(step);
      const plain = new Set(items);
      for (const [item, isMember] of step) {
        if (isMember) plain.add(item);
        else plain.delete(item);
      }
      expect(new Set(after)).toEqual(plain);
      expect(after.size).toBe(plain.size);
      for (const item of plain) expect(after.has(item)).toBe(true);
      const only = new Set(items).symmetricDifference(plain);
      expect(PersistentSet.difference(before, after)).toEqual(only);
      expect(PersistentSet.difference(new Set(items), after)).toEqual(only);
      expect(PersistentSet.difference(after, after).size).toBe(0);
    }),
  );
});
