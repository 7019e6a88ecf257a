import { afterEach, beforeEach, expect, test } from "vitest";
import { createLog } from "../runtime/log.ts";
import { KubeClient } from "./client.ts";
import { EventRecorder, type Happening } from "./events.ts";
import { status, TestServer } from "./test-server.ts";

const collection = "/api/v1/namespaces/default/events";
const assigned: Happening = {
  object: { apiVersion: "v1", kind: "Service", name: "web", namespace: "default" },
  type: "Normal",
  reason: "nodeAssigned",
  message: 'announcing from node "n1" with protocol "bgp"',
};

let server: TestServer;
let client: KubeClient;
let recorder: EventRecorder;
const { signal } = new AbortController();

beforeEach(async () => {
  const started = await TestServer.start();
  server = started.server;
  client = new KubeClient(started.access, "test");
  const options = { client, component: "metallb-speaker", host: "n1", log: createLog("none", "test") };
  recorder = new EventRecorder(options, signal);
});
afterEach(async () => {
  client[Symbol.dispose]();
  await server.close();
});

const written = () => [...server.objects].filter(([key]) => key.startsWith(collection)).map(([, event]) => event);

test("an event names its object and source, and can be sorted by time", async () => {
  recorder.record(assigned);
  await expect.poll(() => written().length).toBe(1);
  const [event] = written();
  expect(event).toMatchObject({
    involvedObject: assigned.object,
    reason: "nodeAssigned",
    source: { component: "metallb-speaker", host: "n1" },
    count: 1,
  });
  expect(event?.["lastTimestamp"]).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
  expect(event?.["firstTimestamp"]).toBe(event?.["lastTimestamp"]);
});

test("a repeat counts; another message is another event", async () => {
  for (const happening of [assigned, assigned, { ...assigned, message: "other" }, assigned]) recorder.record(happening);
  await expect.poll(() => written().map(({ count }) => count)).toEqual([3, 1]);
});

test("thousands at once are all written, in order", async () => {
  const many = Array.from({ length: 3_000 }, (_, i) => ({ ...assigned, message: String(i) }));
  for (const happening of many) recorder.record(happening);
  await expect.poll(() => written().length, { timeout: 100_000 }).toBe(many.length);
  expect(written().map((event) => event["message"])).toEqual(many.map(({ message }) => message));
});

test("an event that has expired is written anew", async () => {
  recorder.record(assigned);
  await expect.poll(() => written().length).toBe(1);
  for (const { metadata } of written()) server.remove(collection, metadata.name);
  recorder.record(assigned);
  await expect.poll(() => written().map(({ count }) => count)).toEqual([1]);
});

test("a refused event does not stop the next", async () => {
  let refused = 0;
  server.answer = (_, response) => {
    if (refused++ > 0) return false;
    status(response, 403, "Forbidden");
    return true;
  };
  recorder.record(assigned);
  recorder.record({ ...assigned, message: "second" });
  await expect.poll(() => written().map(({ message }) => message)).toEqual(["second"]);
});

test("what happens while the API server is away is written once it is back, once and in order", async () => {
  let cut = 3;
  server.answer = (request) => {
    if (cut-- <= 0) return false;
    request.socket.destroy();
    return true;
  };
  recorder.record(assigned);
  recorder.record({ ...assigned, message: "second" });
  await expect.poll(() => written().map(({ message }) => message)).toEqual([assigned.message, "second"]);
});

test("an event whose answer was lost is not written twice", async () => {
  let lost = 1;
  server.answer = (request, _response, body) => {
    if (lost-- <= 0) return false;
    server.put(collection, body as Parameters<typeof server.put>[1]);
    request.socket.destroy();
    return true;
  };
  recorder.record(assigned);
  await expect.poll(() => server.requests.length).toBe(2);
  recorder.record({ ...assigned, message: "second" });
  await expect.poll(() => written().length).toBe(2);
});
