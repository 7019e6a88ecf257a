import { PassThrough } from "node:stream";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createLog } from "../runtime/log.ts";
import { KubeClient } from "./client.ts";
import { Reach } from "./reach.ts";
import { nodes } from "./resource.ts";
import { status, TestServer } from "./test-server.ts";

let now: number;
let lines: string[];
let ended: number;
let reach: Reach;
const refusedConnection = new Error("connect ECONNREFUSED");

beforeEach(() => {
  now = 0;
  lines = [];
  ended = 0;
  reach = new Reach(() => now);
  const out = new PassThrough();
  out.on("data", (line: Buffer) => lines.push((JSON.parse(line.toString()) as { msg: string }).msg));
  reach.report(createLog("all", "test", out), "all stays", () => ended++);
});

test("an absence begins with the first request that fails, is said once, and ends with an answer", () => {
  for (const at of [0, 1_000, 2_500, 60_000]) {
    now = at;
    reach.failed(refusedConnection);
  }
  const since = reach.awaySince;
  expect(since).toBeInstanceOf(Date);
  expect(lines).toEqual(["the API server does not answer; all stays"]);
  reach.answered();
  reach.answered();
  expect(reach.awaySince).toBeUndefined();
  expect(lines.slice(1)).toEqual(["the API server answers again"]);
  expect(ended).toBe(1);
  expect(reach.takeAbsences()).toMatchObject([{ from: since }]);
  expect(reach.takeAbsences()).toEqual([]);
});

test("a connection that is made anew is no absence worth a word", () => {
  reach.failed(refusedConnection);
  now = 1_900;
  reach.failed(refusedConnection);
  reach.answered();
  expect([lines, reach.takeAbsences(), ended]).toEqual([[], [], 0]);
});

test("what nobody asks for does not pile up", () => {
  for (let i = 0; i < 100; i++) {
    reach.failed(refusedConnection);
    now += 5_000;
    reach.failed(refusedConnection);
    reach.answered();
  }
  expect(reach.takeAbsences().length).toBe(16);
});

let server: TestServer | undefined;
afterEach(async () => {
  await server?.close();
  server = undefined;
});

test("a client sees that the server is gone and comes back; a refusal is an answer, and its own abort is no failure", async () => {
  const started = await TestServer.start();
  server = started.server;
  using client = new KubeClient(started.access, "test");
  const get = (signal = new AbortController().signal) => client.get(nodes, { name: "n1" }, signal).catch(() => {});
  await get();
  expect(client.reach.awaySince).toBeUndefined();
  await get(AbortSignal.abort());
  expect(client.reach.awaySince).toBeUndefined();
  server.answer = (request) => (request.socket.destroy(), true);
  await get();
  expect(client.reach.awaySince).toBeInstanceOf(Date);
  server.answer = (_, response) => (status(response, 403, "Forbidden"), true);
  await get();
  expect(client.reach.awaySince).toBeUndefined();
});
