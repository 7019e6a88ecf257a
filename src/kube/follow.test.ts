import { afterEach, beforeEach, expect, test } from "vitest";
import type { Service } from "../api/core.ts";
import { monotonicMs } from "../runtime/clock.ts";
import { createLog } from "../runtime/log.ts";
import { KubeClient } from "./client.ts";
import { Watched } from "./follow.ts";
import { services } from "./resource.ts";
import { status, TestServer } from "./test-server.ts";

const collection = "/api/v1/services";
const service = (name: string, type = "LoadBalancer") => ({ metadata: { name, namespace: "default" }, spec: { type } });
const log = createLog("none", "test");

let server: TestServer;
let client: KubeClient;
let stop: AbortController;
let changes: number;
let watched: Watched<Service>;
let following: Promise<void>;

beforeEach(async () => {
  const started = await TestServer.start();
  server = started.server;
  client = new KubeClient(started.access, "test");
  stop = new AbortController();
  changes = 0;
  watched = new Watched(services, {}, () => changes++);
  server.put(collection, service("a"));
  server.put(collection, service("c"));
  following = watched.follow(client, log, stop.signal);
  await expect.poll(() => server.watches).toBe(1);
});
afterEach(async () => {
  stop.abort();
  await following;
  client[Symbol.dispose]();
  await server.close();
});

const names = () => watched.cache.items.map(({ metadata }) => metadata.name);
const lists = () => server.requests.filter(({ query }) => query.get("watch") === null).length;
const lastWatch = () => server.requests.findLast(({ query }) => query.get("watch") === "true")?.query;

test("the list is there, and then each change, in order", async () => {
  expect(names()).toEqual(["a", "c"]);
  server.put(collection, service("b"));
  await expect.poll(names).toEqual(["a", "b", "c"]);
  server.remove(collection, "a");
  await expect.poll(names).toEqual(["b", "c"]);
  expect(lastWatch()?.get("allowWatchBookmarks")).toBe("true");
});

test("a watch that ends on time resumes from the last version, without a list", async () => {
  const { metadata } = server.put(collection, service("b"));
  await expect.poll(names).toContain("b");
  server.endWatches();
  await expect.poll(() => server.watches).toBe(1);
  expect(lastWatch()?.get("resourceVersion")).toBe(metadata.resourceVersion);
  expect(lists()).toBe(1);
});

test("a list from before a given time is asked for again, and until then nothing is synced", async () => {
  // A watch that is dead without anyone having noticed.
  server.objects.delete(`${collection}/c`);
  watched.notBefore(monotonicMs());
  expect(watched.cache.synced).toBe(false);
  await expect.poll(() => watched.cache.synced).toBe(true);
  expect(names()).toEqual(["a"]);
  server.put(collection, service("b"));
  await expect.poll(names).toEqual(["a", "b"]);
  expect(lists()).toBe(2);
});

test("a list from after a given time is good enough", async () => {
  watched.notBefore(0);
  expect(watched.cache.synced).toBe(true);
  server.put(collection, service("b"));
  await expect.poll(names).toEqual(["a", "b", "c"]);
  expect(lists()).toBe(1);
});

test("a bookmark moves the point of return", async () => {
  server.tell(collection, { type: "BOOKMARK", object: { metadata: { resourceVersion: "777" } } });
  server.put(collection, service("b"));
  await expect.poll(names).toContain("b");
  server.tell(collection, { type: "BOOKMARK", object: { metadata: { resourceVersion: "778" } } });
  server.endWatches();
  await expect.poll(() => lastWatch()?.get("resourceVersion")).toBe("778");
});

test("a cut connection resumes after a wait", async () => {
  server.cut();
  await expect.poll(() => server.watches).toBe(1);
  server.put(collection, service("d"));
  await expect.poll(names).toContain("d");
  expect(lists()).toBe(1);
});

test("a forgotten version lists again: what went is gone, what stayed is the same object", async () => {
  const before = watched.cache.get("default/c");
  server.objects.delete(`${collection}/a`);
  const expired = { kind: "Status", status: "Failure", code: 410, reason: "Expired", message: "too old" };
  server.tell(collection, { type: "ERROR", object: expired });
  await expect.poll(names).toEqual(["c"]);
  expect(watched.cache.get("default/c")).toBe(before);
  expect(lists()).toBe(2);
});

test("410 as the answer to the watch itself lists again too", async () => {
  let refused = false;
  server.answer = (request, response) => {
    if (refused || !request.url?.includes("watch=true")) return false;
    refused = true;
    status(response, 410, "Expired");
    return true;
  };
  server.endWatches();
  await expect.poll(() => server.watches).toBe(1);
  expect(lists()).toBe(2);
});

test("a server that refuses is asked again, ever more slowly, and the cache keeps what it knew", async () => {
  server.answer = (_, response) => (status(response, 500, "InternalError"), true);
  server.cut();
  const asked = server.requests.length;
  await expect.poll(() => server.requests.length).toBe(asked + 2);
  expect(names()).toEqual(["a", "c"]);
});
