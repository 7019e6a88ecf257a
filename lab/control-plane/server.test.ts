import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import type { IncomingMessage } from "node:http";
import { request as httpsRequest } from "node:https";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterEach, expect, test } from "vitest";
import { type ControlPlane, type ControlPlaneOptions, startControlPlane } from "./server.ts";
import { ApiStatusError, type ApiObject, type PodRuntime } from "./types.ts";

const runtime: PodRuntime = {
  exec: () => Promise.reject(new ApiStatusError(500, "InternalError", "no containers here")),
  // oxlint-disable-next-line require-yield -- a container that never ran has no output
  async *logs() {
    throw new ApiStatusError(400, "BadRequest", 'container "main" in pod "p" is waiting to start: ContainerCreating');
  },
};

const endings: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const end of endings.splice(0).toReversed()) await end();
});

async function started(options: Partial<ControlPlaneOptions> = {}): Promise<ControlPlane> {
  const signal = new AbortController().signal;
  const cluster = await startControlPlane({ host: "127.0.0.1", port: 0, certNames: [], runtime, signal, ...options });
  endings.push(() => cluster.close());
  return cluster;
}

interface Call {
  readonly method?: string;
  readonly body?: unknown;
  readonly headers?: Record<string, string>;
  /** null: none at all. */
  readonly token?: string | null;
  /** Another address under which the same server is reached. */
  readonly url?: string;
}

async function response(cluster: ControlPlane, path: string, call: Call = {}): Promise<IncomingMessage> {
  const token = call.token === undefined ? cluster.adminToken : call.token;
  const request = httpsRequest(`${call.url ?? cluster.url}${path}`, {
    ca: cluster.caPem,
    method: call.method ?? "GET",
    agent: false,
    headers: {
      "content-type": "application/json",
      ...(token === null ? {} : { authorization: `Bearer ${token}` }),
      ...call.headers,
    },
  });
  request.end(call.body === undefined ? undefined : JSON.stringify(call.body));
  const [incoming] = (await once(request, "response")) as [IncomingMessage];
  return incoming;
}

async function ask(cluster: ControlPlane, path: string, call: Call = {}) {
  const incoming = await response(cluster, path, call);
  const body = await text(incoming);
  const json =
    body.startsWith("{") && !body.trimEnd().includes("\n") ? (JSON.parse(body) as Record<string, unknown>) : {};
  return { code: incoming.statusCode, headers: incoming.headers, body, json };
}

const configMap = (name: string): ApiObject => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name, namespace: "default" },
});
const configMaps = { group: "", resource: "configmaps" };
const collection = "/api/v1/namespaces/default/configmaps";
const patience = { timeout: 30_000, interval: 20 };

test("a restart keeps objects, authority and tokens", async () => {
  const directory = mkdtempSync(join(tmpdir(), "server-"));
  endings.push(() => rmSync(directory, { recursive: true }));
  const dataFile = join(directory, "data");
  const before = await started({ dataFile });
  await before.api.create(configMaps, configMap("kept"));
  const token = before.issueToken("default", "robot");
  await before.close();

  const after = await started({ dataFile });
  expect(after.caPem).toBe(before.caPem);
  expect(after.adminToken).toBe(before.adminToken);
  expect((await ask(after, `${collection}/kept`, { token })).code).toBe(200);
});

test("a connection taken elsewhere is served as its own", async () => {
  const cluster = await started();
  const listener = createServer((socket) => cluster.accept(socket)).listen(0, "127.0.0.1");
  endings.push(() => void listener.close());
  await once(listener, "listening");
  const url = `https://127.0.0.1:${(listener.address() as AddressInfo).port}`;
  expect((await ask(cluster, "/api/v1/namespaces/default", { url })).json).toMatchObject({ kind: "Namespace" });
});

test("only health and version need no token", async () => {
  const cluster = await started();
  for (const path of ["/healthz", "/livez", "/readyz"])
    expect((await ask(cluster, path, { token: null })).body).toBe("ok");
  expect((await ask(cluster, "/version", { token: null })).json).toMatchObject({ major: "1" });
  expect(await ask(cluster, "/api", { token: null })).toMatchObject({
    code: 401,
    json: { kind: "Status", reason: "Unauthorized" },
  });
  expect((await ask(cluster, "/api", { token: "a.b.c" })).code).toBe(401);
});

test("what is not served is a Status under /api, and plain text elsewhere", async () => {
  const cluster = await started();
  expect(await ask(cluster, "/apis/example.com/v1/things")).toMatchObject({
    code: 404,
    json: { kind: "Status", reason: "NotFound" },
  });
  expect(await ask(cluster, "/nowhere")).toMatchObject({ code: 404, body: "404 page not found\n" });
  expect(await ask(cluster, `${collection}/none`)).toMatchObject({
    code: 404,
    json: { message: 'configmaps "none" not found', details: { name: "none", kind: "configmaps" } },
  });
});

test("discovery comes whole or in parts, and is not sent twice", async () => {
  const cluster = await started();
  const accept = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json";
  const whole = await ask(cluster, "/apis", { headers: { accept } });
  expect(whole.headers["content-type"]).toBe("application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList");
  expect(whole.json).toMatchObject({ kind: "APIGroupDiscoveryList" });
  const again = await ask(cluster, "/apis", { headers: { accept, "if-none-match": String(whole.headers.etag) } });
  expect(again).toMatchObject({ code: 304, body: "" });
  const old = await ask(cluster, "/apis", { headers: { accept: accept.replace("v=v2;", "v=v2beta1;") } });
  expect(old.json["apiVersion"]).toBe("apidiscovery.k8s.io/v2beta1");
  expect((await ask(cluster, "/apis")).json).toMatchObject({ kind: "APIGroupList" });
  expect((await ask(cluster, "/apis/apps/v1")).json).toMatchObject({
    kind: "APIResourceList",
    resources: expect.arrayContaining([expect.objectContaining({ name: "deployments/scale", group: "autoscaling" })]),
  });
});

test("each OpenAPI document has a URL that changes with its content", async () => {
  const cluster = await started();
  const index = async () =>
    (await ask(cluster, "/openapi/v3")).json["paths"] as Record<string, { serverRelativeURL: string }>;
  const before = await index();
  const url = before["apis/apps/v1"]?.serverRelativeURL ?? "";
  expect((await ask(cluster, url)).headers["cache-control"]).toContain("immutable");
  await cluster.api.create({ group: "apiextensions.k8s.io", resource: "customresourcedefinitions" }, crd);
  const after = await index();
  expect(after["apis/example.com/v1"]).toBeDefined();
  expect(after["apis/apps/v1"]).toEqual(before["apis/apps/v1"]);
});

test("unknown fields are refused, warned of or dropped, as the client wishes", async () => {
  const cluster = await started();
  const body = { ...configMap("a"), colour: "red" };
  const post = (validation: string) =>
    ask(cluster, `${collection}?fieldValidation=${validation}&dryRun=All`, { method: "POST", body });
  expect(await post("Strict")).toMatchObject({
    code: 400,
    json: { message: 'strict decoding error: unknown field "colour"' },
  });
  expect(await post("Warn")).toMatchObject({
    code: 201,
    headers: { warning: String.raw`299 - "unknown field \"colour\""` },
  });
  expect((await post("Ignore")).headers["warning"]).toBeUndefined();
});

test("a watch streams events as lines", async () => {
  const cluster = await started();
  await cluster.api.create(configMaps, configMap("a"));
  const stream = await ask(cluster, `${collection}?watch=true&timeoutSeconds=1`);
  expect(stream.code).toBe(200);
  expect(
    stream.body
      .trimEnd()
      .split("\n")
      .map((line) => (JSON.parse(line) as { type: string }).type),
  ).toEqual(["ADDED"]);
  const initial = await ask(
    cluster,
    `${collection}?watch=true&resourceVersion=0&timeoutSeconds=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true`,
  );
  expect(initial.body).toContain('"k8s.io/initial-events-end":"true"');
  expect((await ask(cluster, `${collection}?limit=1&continue=nonsense`)).code).toBe(400);
});

test("reviews answer who somebody is and what they may do", async () => {
  const cluster = await started({
    authorize: ({ user, verb }) => ({
      allowed: user.groups.includes("system:masters") || verb === "create",
      reason: "",
    }),
  });
  const token = cluster.issueToken("default", "robot");
  const review = (group: string, resource: string, body: object, as = cluster.adminToken) =>
    ask(cluster, `/apis/${group}/v1/${resource}`, { method: "POST", body, token: as });
  expect((await review("authentication.k8s.io", "tokenreviews", { spec: { token } })).json).toMatchObject({
    status: { authenticated: true, user: { username: "system:serviceaccount:default:robot" } },
  });
  const attributes = { spec: { resourceAttributes: { verb: "get", resource: "pods" } } };
  expect((await review("authorization.k8s.io", "selfsubjectaccessreviews", attributes)).json).toMatchObject({
    status: { allowed: true },
  });
  expect((await review("authorization.k8s.io", "selfsubjectaccessreviews", attributes, token)).json).toMatchObject({
    status: { allowed: false },
  });
  expect(await ask(cluster, "/api/v1/pods", { token })).toMatchObject({ code: 403, json: { reason: "Forbidden" } });
});

test("logs of a container that does not run are refused with the runtime's reason", async () => {
  const cluster = await started();
  await cluster.api.create(
    { group: "", resource: "pods" },
    {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name: "p", namespace: "default" },
      spec: { containers: [{ name: "main", image: "nginx" }] },
    },
  );
  const refused = await ask(cluster, "/api/v1/namespaces/default/pods/p/log");
  expect(refused).toMatchObject({ code: 400, json: { message: expect.stringContaining("ContainerCreating") } });
});

test("a definition goes only after its objects, whose finalizers are honoured", async () => {
  const { api } = await started();
  const crds = { group: "apiextensions.k8s.io", resource: "customresourcedefinitions" };
  const things = { group: "example.com", resource: "things" };
  await api.create(crds, crd);
  const metadata = { name: "held", namespace: "default", finalizers: ["example.com/hold"] };
  await api.create(things, { apiVersion: "example.com/v1", kind: "Thing", metadata });
  await api.create(things, {
    apiVersion: "example.com/v1",
    kind: "Thing",
    metadata: { name: "free", namespace: "default" },
  });
  await api.delete(crds, undefined, "things.example.com");
  await expect.poll(() => api.list(things).map((object) => object.metadata.name), patience).toEqual(["held"]);
  expect(api.get(things, "default", "held")?.metadata.deletionTimestamp).toBeDefined();
  await api.patch(things, "default", "held", { metadata: { finalizers: null } });
  await expect.poll(() => api.get(crds, undefined, "things.example.com"), patience).toBeUndefined();
  expect(() => api.list(things)).toThrow("could not find the requested resource");
});

const crd: ApiObject = {
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "CustomResourceDefinition",
  metadata: { name: "things.example.com" },
  spec: {
    group: "example.com",
    scope: "Namespaced",
    names: { plural: "things", kind: "Thing" },
    versions: [{ name: "v1", served: true, storage: true, schema: { openAPIV3Schema: { type: "object" } } }],
  },
};
