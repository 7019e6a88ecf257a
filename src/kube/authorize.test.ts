import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { PathAuthorizer } from "./authorize.ts";
import { KubeClient } from "./client.ts";
import { json, status, TestServer } from "./test-server.ts";

let server: TestServer;
let client: KubeClient;
const { signal } = new AbortController();

beforeEach(async () => {
  const started = await TestServer.start();
  server = started.server;
  client = new KubeClient(started.access, "test");
  server.answer = (request, response, body) => {
    const spec = (body as { spec: { token?: string; user?: string; nonResourceAttributes?: object } }).spec;
    if (request.url?.endsWith("/tokenreviews") === true) {
      const known = spec.token === "scraper" || spec.token === "nobody-special";
      const user = { username: spec.token, uid: "1", groups: ["system:authenticated"] };
      json(response, 201, { status: known ? { authenticated: true, user } : { authenticated: false } });
    } else {
      json(response, 201, { status: { allowed: spec.user === "scraper" } });
    }
    return true;
  };
});
afterEach(async () => {
  client[Symbol.dispose]();
  await server.close();
});

test("who may read is let in, who may not is forbidden, who is nobody is not authenticated", async () => {
  const metrics = new PathAuthorizer(client, "/metrics");
  expect(await metrics.judge("Bearer scraper", signal)).toBe("ok");
  expect(await metrics.judge("Bearer nobody-special", signal)).toBe(403);
  expect(await metrics.judge("Bearer forged", signal)).toBe(401);
  expect(await metrics.judge(undefined, signal)).toBe(401);
  const asked = server.requests.findLast(({ path }) => path.endsWith("/subjectaccessreviews"));
  expect(asked?.body).toMatchObject({ spec: { nonResourceAttributes: { path: "/metrics", verb: "get" } } });
});

test("answers are kept, failures are not", async () => {
  const metrics = new PathAuthorizer(client, "/metrics");
  const real = server.answer;
  server.answer = (_, response) => (status(response, 500, "InternalError"), true);
  await expect(metrics.judge("Bearer scraper", signal)).rejects.toMatchObject({ status: 500 });
  server.answer = real;
  expect(await metrics.judge("Bearer scraper", signal)).toBe("ok");
  const asked = server.requests.length;
  expect(await metrics.judge("Bearer scraper", signal)).toBe("ok");
  expect(server.requests.length).toBe(asked);
});

test("while the API server is away, whom it let in stays in, and nobody else comes in", async () => {
  const metrics = new PathAuthorizer(client, "/metrics");
  expect(await metrics.judge("Bearer scraper", signal)).toBe("ok");
  expect(await metrics.judge("Bearer nobody-special", signal)).toBe(403);
  server.answer = (request) => (request.socket.destroy(), true);
  const real = performance.now.bind(performance);
  const clock = vi.spyOn(performance, "now").mockImplementation(() => real() + 120_000);
  try {
    expect(await metrics.judge("Bearer scraper", signal)).toBe("ok");
    await expect(metrics.judge("Bearer nobody-special", signal)).rejects.toMatchObject({ code: "unreachable" });
    await expect(metrics.judge("Bearer new", signal)).rejects.toMatchObject({ code: "unreachable" });
    clock.mockImplementation(() => real() + 2 * 3_600_000);
    await expect(metrics.judge("Bearer scraper", signal)).rejects.toMatchObject({ code: "unreachable" });
  } finally {
    clock.mockRestore();
  }
});
