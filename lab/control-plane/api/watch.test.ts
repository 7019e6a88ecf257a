import { describe, expect, test } from "vitest";
import { configMap, inMemory } from "./in-memory.ts";
import { type Notice, watch, type WatchOptions } from "./watch.ts";

const id = { group: "", resource: "configmaps" };
const base: WatchOptions = {
  labelSelector: undefined,
  fieldSelector: undefined,
  resourceVersion: undefined,
  sendInitialEvents: false,
  bookmarks: false,
};

const brief = (notice: Notice): string =>
  notice.type === "BOOKMARK"
    ? `BOOKMARK${notice.initialEnd ? " initial-end" : ""}`
    : `${notice.type} ${notice.object.metadata.name}`;

async function started(options: Partial<WatchOptions>) {
  const cluster = await inMemory({ history: { count: 5, ageMs: -1 } });
  const stop = new AbortController();
  const open = () =>
    watch(cluster.store, cluster.target("", "configmaps", "default"), { ...base, ...options }, stop.signal);
  return { ...cluster, stop, open };
}

async function take(notices: AsyncIterable<Notice>, count: number): Promise<Notice[]> {
  const taken: Notice[] = [];
  for await (const notice of notices) if (taken.push(notice) === count) break;
  return taken;
}

describe("a watch", () => {
  test("without a resourceVersion begins with what exists, then tells changes in order", async () => {
    const { api, open } = await started({});
    await api.create(id, configMap("a", {}));
    const notices = open();
    await api.create(id, configMap("b", {}));
    await api.patch(id, "default", "a", { data: { x: "1" } });
    await api.delete(id, "default", "b");
    expect((await take(notices, 4)).map(brief)).toEqual(["ADDED a", "ADDED b", "MODIFIED a", "DELETED b"]);
  });

  test("resumes after a resourceVersion without gaps or repeats", async () => {
    const first = await started({});
    const a = await first.api.create(id, configMap("a", {}));
    await first.api.create(id, configMap("b", {}));
    await first.api.create(id, configMap("c", {}));
    const resumed = watch(
      first.store,
      first.target("", "configmaps", "default"),
      { ...base, resourceVersion: a.metadata.resourceVersion },
      first.stop.signal,
    );
    expect((await take(resumed, 2)).map(brief)).toEqual(["ADDED b", "ADDED c"]);
  });

  test("from before the retained history is refused with 410", async () => {
    const { api, store, target, stop } = await started({});
    const a = await api.create(id, configMap("a", {}));
    for (let turn = 0; turn < 20; turn++) await api.patch(id, "default", "a", { data: { turn: String(turn) } });
    const late = () =>
      watch(store, target("", "configmaps"), { ...base, resourceVersion: a.metadata.resourceVersion }, stop.signal);
    expect(late).toThrow(expect.objectContaining({ code: 410, reason: "Expired" }));
  });

  test("tells entering a selector as ADDED and leaving it as DELETED, with the new revision", async () => {
    const { api, open } = await started({ labelSelector: "tier=front" });
    await api.create(id, configMap("a", {}));
    const notices = open();
    await api.patch(id, "default", "a", { metadata: { labels: { tier: "front" } } });
    await api.patch(id, "default", "a", { data: { x: "1" } });
    const left = await api.patch(id, "default", "a", { metadata: { labels: { tier: "back" } } });
    const seen = await take(notices, 3);
    expect(seen.map(brief)).toEqual(["ADDED a", "MODIFIED a", "DELETED a"]);
    expect(seen[2]).toMatchObject({
      object: { metadata: { labels: { tier: "front" }, resourceVersion: left.metadata.resourceVersion } },
    });
  });

  test("that asks for initial events gets a bookmark after the last of them", async () => {
    const { api, open } = await started({ sendInitialEvents: true, resourceVersion: "1" });
    await api.create(id, configMap("a", {}));
    await api.create(id, configMap("b", {}));
    expect((await take(open(), 3)).map(brief)).toEqual(["ADDED a", "ADDED b", "BOOKMARK initial-end"]);
  });

  test("hears nothing of other namespaces", async () => {
    const { api, open } = await started({});
    const namespace = { apiVersion: "v1", kind: "Namespace", metadata: { name: "other" } };
    await api.create({ group: "", resource: "namespaces" }, namespace);
    const notices = open();
    await api.create(id, { ...configMap("far", {}), metadata: { name: "far", namespace: "other" } });
    await api.create(id, configMap("near", {}));
    expect((await take(notices, 1)).map(brief)).toEqual(["ADDED near"]);
  });

  test("ends when its signal fires", async () => {
    const { stop, open } = await started({});
    const reading = take(open(), 1);
    stop.abort();
    expect(await reading).toEqual([]);
  });
});
