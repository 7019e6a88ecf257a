import { afterEach, beforeEach, expect, test } from "vitest";
import { createLog } from "../runtime/log.ts";
import { KubeClient } from "./client.ts";
import { elect, type Leadership } from "./lease.ts";
import { type Stored, status, TestServer } from "./test-server.ts";

const lease = "/apis/coordination.k8s.io/v1/namespaces/metallb-system/leases/metallb-controller";
const log = createLog("none", "test");

let server: TestServer;
let client: KubeClient;
let stops: AbortController[];
let elections: Promise<void>[];

beforeEach(async () => {
  const started = await TestServer.start();
  server = started.server;
  client = new KubeClient(started.access, "test");
  [stops, elections] = [[], []];
});
afterEach(async () => {
  for (const stop of stops) stop.abort();
  await Promise.all(elections);
  client[Symbol.dispose]();
  await server.close();
});

/** A candidate that does nothing as leader but lead; so long that a pause of this process ends no term. */
function candidate(identity: string, durationMs = 60_000) {
  const stop = new AbortController();
  const terms: Leadership[] = [];
  const lead = (leadership: Leadership) => {
    terms.push(leadership);
    return new Promise<void>((resolve) => leadership.signal.addEventListener("abort", () => resolve()));
  };
  const timing = { durationMs, renewDeadlineMs: durationMs / 2, retryMs: 50 };
  const options = {
    client,
    namespace: "metallb-system",
    name: "metallb-controller",
    identity,
    log,
    ...timing,
  };
  const ended = elect(options, lead, stop.signal);
  stops.push(stop);
  elections.push(ended);
  return { stop, ended, terms, leads: () => terms.some((term) => term.isProven()) };
}

const holder = () => (server.objects.get(lease)?.["spec"] as { holderIdentity?: string } | undefined)?.holderIdentity;

test("one of two leads, and keeps leading", async () => {
  const [a, b] = [candidate("a"), candidate("b")];
  await expect.poll(() => [a.leads(), b.leads()].filter(Boolean).length).toBe(1);
  const first = server.objects.get(lease)?.metadata.resourceVersion;
  const leader = a.leads() ? a : b;
  await expect
    .poll(() => Number(server.objects.get(lease)?.metadata.resourceVersion) - Number(first))
    .toBeGreaterThan(10);
  expect(leader.terms).toHaveLength(1);
  expect((leader === a ? b : a).terms).toHaveLength(0);
});

test("a leader that stops gives the lease back, and the other takes over before it could expire", async () => {
  const a = candidate("a");
  await expect.poll(a.leads).toBe(true);
  const b = candidate("b");
  a.stop.abort();
  await a.ended;
  expect(a.leads()).toBe(false);
  await expect.poll(b.leads).toBe(true);
  expect(holder()).toBe("b");
});

test("a renewal that is under way when the leader stops does not keep the lease", async () => {
  const a = candidate("a");
  await expect.poll(a.leads).toBe(true);
  let renewal: Stored | undefined;
  let isLanded = false;
  server.answer = (request, _, body) => {
    if (request.method !== "PUT" || isLanded) return false;
    if (renewal === undefined) {
      renewal = body as Stored;
      return true;
    }
    // The lease comes back, and what was under way lands just before.
    isLanded = true;
    server.put(lease.slice(0, lease.lastIndexOf("/")), renewal);
    return false;
  };
  await expect.poll(() => renewal).toBeDefined();
  a.stop.abort();
  await a.ended;
  expect([isLanded, holder()]).toEqual([true, ""]);
});

test("a leader that can't renew ends its term before anyone else may begin one", async () => {
  const a = candidate("a", 3000);
  await expect.poll(a.leads).toBe(true);
  // From here on a's writes fail, as behind a cut cable; b's connection works.
  server.answer = (request, response, body) => {
    const by = (body as { spec?: { holderIdentity?: string } } | undefined)?.spec?.holderIdentity;
    if (request.method !== "PUT" || by !== "a") return false;
    status(response, 503, "ServiceUnavailable");
    return true;
  };
  const b = candidate("b", 3000);
  let both = false;
  await expect
    .poll(
      () => {
        both ||= a.leads() && b.leads();
        return b.leads();
      },
      { interval: 5 },
    )
    .toBe(true);
  expect(both).toBe(false);
  expect(a.terms[0]?.signal.aborted).toBe(true);
});

test("a lease that someone else took ends the term at once", async () => {
  const a = candidate("a");
  await expect.poll(a.leads).toBe(true);
  const old = server.objects.get(lease);
  const spec = { holderIdentity: "intruder", leaseDurationSeconds: 60 };
  if (old) server.put(lease.slice(0, lease.lastIndexOf("/")), { ...old, spec });
  await expect.poll(a.leads).toBe(false);
  expect(a.terms).toHaveLength(1);
  expect(holder()).toBe("intruder");
});

test("a lease that somebody deletes is nobody else's before it would have expired: its holder may not know yet", async () => {
  const collection = lease.slice(0, lease.lastIndexOf("/"));
  const spec = { holderIdentity: "other", leaseDurationSeconds: 5 };
  server.put(collection, { metadata: { name: "metallb-controller", namespace: "metallb-system" }, spec });
  let [reads, seen] = [0, 0];
  server.answer = ({ method }) => {
    if (method === "GET" && server.objects.has(lease)) [reads, seen] = [reads + 1, performance.now()];
    return false;
  };
  const b = candidate("b");
  await expect.poll(() => reads).toBeGreaterThan(2);
  server.remove(collection, "metallb-controller");
  await expect.poll(b.leads).toBe(true);
  expect((b.terms[0]?.since ?? 0) - seen).toBeGreaterThan(5_000);
});

test("the same identity takes its own lease again without waiting", async () => {
  const spec = { holderIdentity: "a", leaseDurationSeconds: 3600 };
  server.put(lease.slice(0, lease.lastIndexOf("/")), {
    metadata: { name: "metallb-controller", namespace: "metallb-system" },
    spec,
  });
  await expect.poll(candidate("a").leads).toBe(true);
});
