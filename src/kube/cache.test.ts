import fc from "fast-check";
import { expect, test } from "vitest";
import type { KubeObject } from "../api/object.ts";
import { Cache } from "./cache.ts";

const object = (name: string, resourceVersion: number, labels = {}): KubeObject => ({
  apiVersion: "v1",
  kind: "Thing",
  metadata: { name, namespace: "n", uid: name, resourceVersion: String(resourceVersion), labels },
});

function filled(...objects: KubeObject[]) {
  let changes = 0;
  const cache = new Cache<KubeObject>(() => changes++);
  cache.replace(objects, "10");
  return { cache, changes: () => changes };
}

test("an empty kind is synced once listed, and says so", () => {
  const { cache, changes } = filled();
  expect([cache.synced, changes(), cache.items]).toEqual([true, 1, []]);
});

test("nothing new: the same array and no wake-up", () => {
  const { cache, changes } = filled(object("a", 1));
  const before = cache.items;
  cache.replace([object("a", 1)], "11");
  expect(cache.items).toBe(before);
  expect(changes()).toBe(1);
});

test("only a new version: kept, in silence", () => {
  const { cache, changes } = filled(object("a", 1));
  cache.receive({ type: "MODIFIED", object: object("a", 12) });
  expect(cache.get("n/a")?.metadata.resourceVersion).toBe("12");
  expect(changes()).toBe(1);
});

test("what the watch repeats of our own write is no change", () => {
  const { cache, changes } = filled(object("a", 1));
  cache.learn(object("a", 13, { mine: "yes" }));
  const before = cache.items;
  cache.receive({ type: "MODIFIED", object: object("a", 13, { mine: "yes" }) });
  expect(cache.items).toBe(before);
  expect(changes()).toBe(2);
});

test("a list that somebody has read never changes", () => {
  const { cache } = filled(object("a", 1), object("b", 2));
  const before = cache.items;
  cache.receive({ type: "DELETED", object: object("a", 11) });
  cache.receive({ type: "MODIFIED", object: object("b", 12, { new: "yes" }) });
  expect(before).toEqual([object("a", 1), object("b", 2)]);
  expect(cache.items).toEqual([object("b", 12, { new: "yes" })]);
});

test("the answer to our own write is known at once, and the watch's late words don't undo it", () => {
  const { cache } = filled(object("a", 1));
  cache.learn(object("a", 13, { mine: "yes" }));
  cache.receive({ type: "MODIFIED", object: object("a", 12) });
  expect(cache.get("n/a")?.metadata.labels).toEqual({ mine: "yes" });
});

test("the answer to our own write does not raise the dead", () => {
  const { cache } = filled(object("a", 1));
  cache.receive({ type: "DELETED", object: object("a", 14) });
  cache.learn(object("a", 13));
  expect(cache.items).toEqual([]);
});

test("a late deletion of a former object of that name leaves the new one", () => {
  const { cache } = filled();
  cache.learn(object("a", 20));
  cache.receive({ type: "DELETED", object: object("a", 19) });
  expect(cache.items).toHaveLength(1);
});

test("any events: sorted, the same as a plain map", () => {
  const step = fc.record({ name: fc.constantFrom("a", "b", "c", "aa", "b-1"), gone: fc.boolean() });
  fc.assert(
    fc.property(fc.array(step), (steps) => {
      const { cache } = filled();
      const model = new Map<string, string>();
      for (const [i, { name, gone }] of steps.entries()) {
        const next = object(name, 100 + i);
        cache.receive({ type: gone ? "DELETED" : "MODIFIED", object: next });
        if (gone) model.delete(name);
        else model.set(name, String(100 + i));
      }
      expect(cache.items.map(({ metadata }) => [metadata.name, metadata.resourceVersion])).toEqual(
        [...model].toSorted(([a], [b]) => (a < b ? -1 : 1)),
      );
    }),
  );
});
