import { afterEach, beforeEach, expect, test } from "vitest";
import type { Service } from "../api/core.ts";
import { isConflict, isNotFound } from "./api-error.ts";
import { KubeClient } from "./client.ts";
import { services } from "./resource.ts";
import { json, TestServer } from "./test-server.ts";

let server: TestServer;
let client: KubeClient;
const { signal } = new AbortController();
const web = { namespace: "default", name: "web" };
const collection = "/api/v1/namespaces/default/services";
const service = (name: string) => ({ metadata: { name, namespace: "default" }, spec: { type: "LoadBalancer" } });

beforeEach(async () => {
  const started = await TestServer.start();
  server = started.server;
  client = new KubeClient(started.access, "test");
});
afterEach(async () => {
  client[Symbol.dispose]();
  await server.close();
});

test("an object arrives trimmed, complete and frozen", async () => {
  const annotations = { "kubectl.kubernetes.io/last-applied-configuration": "{}", mine: "1" };
  server.put(collection, { ...service("web"), metadata: { ...web, annotations, managedFields: [{ manager: "x" }] } });
  const object = await client.get(services, web, signal);
  expect(object).toMatchObject({ apiVersion: "v1", kind: "Service" });
  expect(object.metadata.annotations).toEqual({ mine: "1" });
  expect(object.metadata).not.toHaveProperty("managedFields");
  expect(Object.isFrozen(object.spec)).toBe(true);
});

test("a long list comes in pages of 250", async () => {
  for (let i = 0; i < 600; i++) server.put(collection, service(`s${i}`));
  const sizes: number[] = [];
  for await (const page of client.pages(services, { namespace: "default" }, signal)) sizes.push(page.items.length);
  expect(sizes).toEqual([250, 250, 100]);
});

test("what is not there is an ApiError that says what was asked", async () => {
  const error = await client.get(services, web, signal).catch((e: unknown) => e);
  expect(isNotFound(error)).toBe(true);
  expect(error).toMatchObject({ name: "ApiError", code: "refused", status: 404, reason: "NotFound" });
  expect(String(error)).toContain("GET /api/v1/namespaces/default/services/web");
});

test("a stale version is a conflict; the right one is not", async () => {
  const { metadata } = server.put(collection, service("web"));
  const write = (resourceVersion: string | undefined) =>
    client.patch(
      services,
      web,
      { kind: "merge", subresource: "status", body: { metadata: { resourceVersion }, status: { loadBalancer: {} } } },
      signal,
    );
  expect(isConflict(await write("1").catch((e: unknown) => e))).toBe(true);
  const written = await write(metadata.resourceVersion);
  expect(written.status).toEqual({ loadBalancer: {} });
});

test("apply names its manager and the kind", async () => {
  server.put(collection, service("web"));
  await client.patch(services, web, { kind: "apply", fieldManager: "me", body: { metadata: web } }, signal);
  const last = server.requests.at(-1);
  expect(last?.query.get("fieldManager")).toBe("me");
  expect(last?.query.get("force")).toBe("true");
  expect(last?.body).toMatchObject({ apiVersion: "v1", kind: "Service" });
});

test("deleting what is gone is no error", async () => {
  server.put(collection, service("web"));
  await client.delete(services, web, signal);
  await client.delete(services, web, signal);
  expect(server.objects.size).toBe(0);
});

test("a server that is not there is unreachable, and says where", async () => {
  await server.close();
  const error = await client.get(services, web, signal).catch((e: unknown) => e);
  expect(error).toMatchObject({ code: "unreachable" });
});

test("an answer that is not JSON is malformed", async () => {
  server.answer = (_, response) => Boolean(response.end("<html>"));
  await expect(client.get(services, web, signal)).rejects.toMatchObject({ code: "malformed" });
});

test("an abort is the signal's reason, and the token is in no error", async () => {
  const stop = new AbortController();
  server.answer = () => {
    stop.abort(new Error("stopped"));
    return true;
  };
  await expect(client.get(services, web, stop.signal)).rejects.toThrow("stopped");
  server.answer = (_, response) => (json(response, 403, { reason: "Forbidden", message: "no" }), true);
  const error = await client.get(services, web, signal).catch((e: unknown) => e);
  expect(JSON.stringify([String(error), error])).not.toContain("secret-token");
});

test("a read over a connection that the server just closed is asked again", async () => {
  server.put(collection, service("web"));
  await client.get(services, web, signal);
  let cuts = 0;
  server.answer = (request) => {
    if (cuts++ > 0) return false;
    request.socket.destroy();
    return true;
  };
  expect((await client.get(services, web, signal)).metadata.name).toBe("web");
});

test("a watch yields events whole, however they are cut", async () => {
  const event = (name: string) =>
    JSON.stringify({ type: "ADDED", object: { metadata: { name, resourceVersion: "9" } } });
  const bookmark = JSON.stringify({ type: "BOOKMARK", object: { metadata: { resourceVersion: "12" } } });
  const text = Buffer.from(`${event("ä")}\n${event("b")}\n${bookmark}\n`);
  server.answer = (_, response) => {
    response.writeHead(200);
    void (async () => {
      for (const byte of text) await new Promise((resolve) => response.write(Buffer.of(byte), resolve));
      response.end();
    })();
    return true;
  };
  const seen: unknown[] = [];
  for await (const e of client.watch<Service>(services, { resourceVersion: "1" }, signal)) {
    seen.push(e.type === "BOOKMARK" ? e.resourceVersion : e.object.metadata.name);
  }
  expect(seen).toEqual(["ä", "b", "12"]);
});
