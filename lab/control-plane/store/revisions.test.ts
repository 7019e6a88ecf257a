import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import type { ApiObject } from "../types.ts";
import type { Change } from "./history.ts";
import { StaleWrite, Store } from "./revisions.ts";

const things = { group: "example.com", resource: "things" };
const directories: string[] = [];

afterEach(() => {
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true });
});

const thing = (name: string, size = 0): ApiObject => ({
  apiVersion: "example.com/v1",
  kind: "Thing",
  metadata: { name, namespace: "default" },
  size,
});

const memory = (count = 100): Store => new Store({ file: ":memory:", now: () => 0, history: { count, ageMs: -1 } });

const version = (object: ApiObject): string => object.metadata.resourceVersion ?? "";

describe("the store", () => {
  test("gives each commit the next revision, over all resources", () => {
    const store = memory();
    const first = store.commit(things, thing("a"), undefined);
    const second = store.commit({ group: "", resource: "others" }, thing("a"), undefined);
    expect(Number(version(second))).toBe(Number(version(first)) + 1);
    expect(store.revision).toBe(Number(version(second)));
  });

  test("refuses a write that is based on something else than what it holds", () => {
    const store = memory();
    const first = store.commit(things, thing("a"), undefined);
    expect(() => store.commit(things, thing("a"), undefined)).toThrow(StaleWrite);
    const second = store.commit(things, thing("a", 1), version(first));
    expect(() => store.commit(things, thing("a", 2), version(first))).toThrow(StaleWrite);
    expect(() => store.remove(things, "default", "a", version(first))).toThrow(StaleWrite);
    expect(store.get(things, "default", "a")).toBe(second);
  });

  test("hands out frozen objects that later changes of the input do not reach", () => {
    const store = memory();
    const input = { ...thing("a"), list: [{ deep: 1 }] };
    const stored = store.commit(things, input, undefined);
    input.list[0] = { deep: 2 };
    expect(stored["list"]).toEqual([{ deep: 1 }]);
    expect(() => Object.assign((stored["list"] as object[])[0] ?? {}, { deep: 3 })).toThrow(TypeError);
  });

  test("a removed object carries the revision of its removal", () => {
    const store = memory();
    const changes: Change[] = [];
    store.subscribe((change) => changes.push(change));
    const stored = store.commit(things, thing("a"), undefined);
    const removed = store.remove(things, "default", "a", version(stored));
    expect(Number(version(removed))).toBe(Number(version(stored)) + 1);
    expect(changes.map((change) => [change.type, change.revision])).toEqual([
      ["ADDED", Number(version(stored))],
      ["DELETED", Number(version(removed))],
    ]);
    expect(store.list(things)).toEqual([]);
  });

  test("shows a list as it was at an earlier revision", () => {
    const store = memory();
    const a = store.commit(things, thing("a"), undefined);
    const b = store.commit(things, thing("b"), undefined);
    const then = store.revision;
    store.remove(things, "default", "a", version(a));
    store.commit(things, thing("b", 9), version(b));
    store.commit(things, thing("c"), undefined);
    expect(store.listAt(things, then)).toEqual([a, b]);
    expect(store.list(things).map((object) => object.metadata.name)).toEqual(["b", "c"]);
  });

  test("knows no changes from before its history", () => {
    const store = memory(3);
    const start = store.revision;
    let last = store.commit(things, thing("a"), undefined);
    for (let size = 1; size < 20; size++) last = store.commit(things, thing("a", size), version(last));
    expect(store.changesAfter(things, start)).toBeUndefined();
    expect(store.changesAfter(things, store.revision - 2)?.map((change) => change.now["size"])).toEqual([18, 19]);
    store.compact();
    expect(store.changesAfter(things, store.revision - 1)).toBeUndefined();
    expect(store.changesAfter(things, store.revision)).toEqual([]);
  });

  test("survives a restart, and its revisions never go back", async () => {
    const directory = mkdtempSync(join(tmpdir(), "store-"));
    directories.push(directory);
    const options = { file: join(directory, "data"), now: () => 0 };
    const before = new Store(options);
    const kept = before.commit(things, thing("kept", 1), undefined);
    const gone = before.commit(things, thing("gone"), undefined);
    before.remove(things, "default", "gone", version(gone));
    const secret = await before.setting("key", () => "secret");
    const revision = before.revision;
    before.close();

    const after = new Store(options);
    expect(after.list(things)).toEqual([kept]);
    expect(after.revision).toBeGreaterThan(revision);
    expect(after.changesAfter(things, revision)).toBeUndefined();
    expect(await after.setting("key", () => "another")).toBe(secret);
    after.close();
  });
});
