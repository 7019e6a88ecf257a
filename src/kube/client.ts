import { Agent as HttpAgent, type IncomingMessage, request as httpRequest } from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import type { KubeObject } from "../api/object.ts";
import { TimeLimit } from "../runtime/clock.ts";
import type { Access } from "./access.ts";
import { ApiError, refusal } from "./api-error.ts";
import type { Resource } from "./resource.ts";
import { Reach } from "./reach.ts";
import { trim } from "./trim.ts";

/** What is asked for: one object, or with an empty name a whole kind. `namespace` is absent for cluster-scoped kinds. */
export interface Place {
  readonly namespace?: string | undefined;
  readonly name: string;
}

export interface Scope {
  /** Absent: all namespaces. */
  readonly namespace?: string | undefined;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
}

export interface Page<T> {
  readonly items: readonly T[];
  /** Of the list as a whole, the same on each of its pages; a watch starts here. */
  readonly resourceVersion: string;
}

export type WatchEvent<T extends KubeObject = KubeObject> =
  | { readonly type: "ADDED" | "MODIFIED" | "DELETED"; readonly object: T }
  | { readonly type: "BOOKMARK"; readonly resourceVersion: string };

export type Patch =
  /** JSON merge patch (RFC 7396). With `metadata.resourceVersion` in the body it fails with Conflict when stale. */
  | {
      readonly kind: "merge";
      readonly body: object;
      readonly subresource?: "status";
      /** In whose name; absent: that of the user agent. */
      readonly fieldManager?: string;
    }
  /** Server-side apply, forced: these fields are ours. */
  | { readonly kind: "apply"; readonly body: object; readonly fieldManager: string; readonly subresource?: "status" };

interface Call {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  readonly path: string;
  readonly query?: Readonly<Record<string, string | undefined>>;
  readonly body?: object;
  readonly contentType?: string;
}

const pageSize = 250;
const requestTimeoutMs = 30_000;
/** Servers send a bookmark about each minute; twice that in silence is a dead connection, or costs one reconnect. */
const idleTimeoutMs = 120_000;

/**
 * A Kubernetes client of the size of our needs: every object comes back trimmed and frozen, every failure as `ApiError`,
 * and an abort as the signal's reason. Nothing is retried here but reads that met a connection just closed by the server.
 */
export class KubeClient implements Disposable {
  /** Whether anybody answers. */
  readonly reach = new Reach();
  readonly #access: Access;
  readonly #agent: HttpAgent | HttpsAgent;
  readonly #userAgent: string;

  constructor(access: Access, userAgent: string) {
    this.#access = access;
    this.#userAgent = userAgent;
    this.#agent = access.server.protocol === "http:" ? new HttpAgent({ keepAlive: true }) : tlsAgent(access);
  }

  async get<T extends KubeObject>(resource: Resource<T>, place: Place, signal: AbortSignal): Promise<T> {
    return trim(resource, (await this.#json({ method: "GET", path: pathOf(resource, place) }, signal)) as T);
  }

  /** A list in pages, so that neither side holds all of it as text. @throws ApiError 410 when it took too long */
  async *pages<T extends KubeObject>(
    resource: Resource<T>,
    scope: Scope,
    signal: AbortSignal,
  ): AsyncGenerator<Page<T>, void> {
    let token = "";
    do {
      const query = { limit: String(pageSize), continue: token || undefined, ...selectors(scope) };
      const call: Call = { method: "GET", path: pathOf(resource, { namespace: scope.namespace, name: "" }), query };
      const list = (await this.#json(call, signal)) as {
        readonly metadata?: { readonly resourceVersion?: string; readonly continue?: string };
        readonly items?: readonly T[] | null;
      };
      const items = (list.items ?? []).map((item) => trim(resource, item));
      yield { items, resourceVersion: list.metadata?.resourceVersion ?? "" };
      token = list.metadata?.continue ?? "";
    } while (token !== "");
  }

  async list<T extends KubeObject>(resource: Resource<T>, scope: Scope, signal: AbortSignal): Promise<Page<T>> {
    const items: T[] = [];
    let resourceVersion = "";
    for await (const page of this.pages(resource, scope, signal)) {
      items.push(...page.items);
      resourceVersion = page.resourceVersion;
    }
    return { items, resourceVersion };
  }

  /** With `metadata.generateName` the server completes the name. */
  async create<T extends KubeObject>(resource: Resource<T>, object: object, signal: AbortSignal): Promise<T> {
    const { metadata } = object as { readonly metadata?: { readonly namespace?: string } };
    const path = pathOf(resource, { namespace: metadata?.namespace, name: "" });
    const body = { apiVersion: resource.apiVersion, kind: resource.kind, ...object };
    return trim(resource, (await this.#json({ method: "POST", path, body }, signal)) as T);
  }

  /** Replaces. `metadata.resourceVersion` of what was read makes it fail with Conflict when stale. */
  async update<T extends KubeObject>(resource: Resource<T>, object: T, signal: AbortSignal): Promise<T> {
    const path = pathOf(resource, object.metadata);
    return trim(resource, (await this.#json({ method: "PUT", path, body: object }, signal)) as T);
  }

  async patch<T extends KubeObject>(resource: Resource<T>, at: Place, patch: Patch, signal: AbortSignal): Promise<T> {
    const path = pathOf(resource, at) + (patch.subresource === undefined ? "" : `/${patch.subresource}`);
    const call: Call =
      patch.kind === "merge"
        ? {
            method: "PATCH",
            path,
            query: { fieldManager: patch.fieldManager },
            body: patch.body,
            contentType: "application/merge-patch+json",
          }
        : {
            method: "PATCH",
            path,
            query: { fieldManager: patch.fieldManager, force: "true" },
            body: { apiVersion: resource.apiVersion, kind: resource.kind, ...patch.body },
            contentType: "application/apply-patch+yaml",
          };
    return trim(resource, (await this.#json(call, signal)) as T);
  }

  /** Gone already is as good. `uid`: only that very object. */
  async delete(resource: Resource, at: Place & { readonly uid?: string }, signal: AbortSignal): Promise<void> {
    const body = at.uid === undefined ? {} : { preconditions: { uid: at.uid } };
    try {
      await this.#json({ method: "DELETE", path: pathOf(resource, at), body }, signal);
    } catch (error) {
      if (!(error instanceof ApiError && error.status === 404)) throw error;
    }
  }

  /**
   * Changes after `resourceVersion`, until the server ends the stream (it is asked to after 5 to 10 minutes).
   *
   * @throws ApiError 410 when that version is forgotten; "unreachable" when the connection breaks or falls silent
   */
  async *watch<T extends KubeObject>(
    resource: Resource<T>,
    scope: Scope & { readonly resourceVersion: string },
    signal: AbortSignal,
  ): AsyncGenerator<WatchEvent<T>, void> {
    const query = {
      watch: "true",
      allowWatchBookmarks: "true",
      timeoutSeconds: String(300 + Math.floor(Math.random() * 300)),
      resourceVersion: scope.resourceVersion,
      ...selectors(scope),
    };
    const path = pathOf(resource, { namespace: scope.namespace, name: "" });
    try {
      const response = await this.#open({ method: "GET", path, query }, signal);
      response.setTimeout(idleTimeoutMs, () => response.destroy(new Error("silent for two minutes")));
      try {
        for await (const line of linesOf(response)) yield eventOf(resource, line);
      } finally {
        response.destroy();
      }
    } catch (error) {
      throw asApiError(`watch ${resource.plural}`, error, signal);
    }
  }

  /** Posts a review (TokenReview, SubjectAccessReview): an object that is answered, not kept. */
  async review(apiVersion: string, kind: string, plural: string, spec: object, signal: AbortSignal): Promise<unknown> {
    const path = `${root(apiVersion)}/${plural}`;
    return this.#json({ method: "POST", path, body: { apiVersion, kind, spec } }, signal);
  }

  [Symbol.dispose](): void {
    this.#agent.destroy();
  }

  async #json(call: Call, signal: AbortSignal): Promise<unknown> {
    const what = `${call.method} ${call.path}`;
    using limit = new TimeLimit(requestTimeoutMs, signal);
    try {
      return await parsed(await this.#open(call, limit.signal), what);
    } catch (error) {
      throw asApiError(what, error, signal);
    }
  }

  /** The answer's head, once it is a success. */
  async #open(call: Call, signal: AbortSignal): Promise<IncomingMessage> {
    const what = `${call.method} ${call.path}`;
    const token = await this.#access.token();
    const response = await this.#answer(call, token, signal).catch((error: unknown) => {
      if (!isOurEnd(signal)) this.reach.failed(error);
      throw error;
    });
    this.reach.answered();
    const status = response.statusCode ?? 0;
    if (status >= 200 && status < 300) return response;
    throw refusal(what, status, await parsed(response, what).catch(() => undefined));
  }

  /** The server may close an idle connection at the very moment that we use it; a read can simply be asked again. */
  #answer(call: Call, token: string | undefined, signal: AbortSignal): Promise<IncomingMessage> {
    return this.#send(call, token, signal).catch((error: unknown) => {
      if (call.method === "GET" && error instanceof StaleSocket) return this.#send(call, token, signal);
      throw error;
    });
  }

  #send(call: Call, token: string | undefined, signal: AbortSignal): Promise<IncomingMessage> {
    const { server } = this.#access;
    const text = call.body === undefined ? undefined : JSON.stringify(call.body);
    const options = {
      method: call.method,
      host: server.hostname.replace(/^\[|\]$/g, ""),
      port: server.port || (server.protocol === "http:" ? 80 : 443),
      path: server.pathname.replace(/\/$/, "") + call.path + queryOf(call.query),
      agent: this.#agent,
      signal,
      headers: {
        accept: "application/json",
        "user-agent": this.#userAgent,
        ...(token !== undefined && { authorization: `Bearer ${token}` }),
        ...(text !== undefined && {
          "content-type": call.contentType ?? "application/json",
          "content-length": Buffer.byteLength(text),
        }),
      },
    };
    return new Promise((resolve, reject) => {
      const request = server.protocol === "http:" ? httpRequest(options, resolve) : httpsRequest(options, resolve);
      request.on("error", (error) => reject(request.reusedSocket ? new StaleSocket(error) : error));
      request.end(text);
    });
  }
}

/** Aborted by whoever asked, not by the clock. */
const isOurEnd = ({ aborted, reason }: AbortSignal): boolean =>
  aborted && !(reason instanceof Error && reason.name === "TimeoutError");

/** A kept connection failed before the answer began. */
class StaleSocket extends Error {
  constructor(cause: Error) {
    super(cause.message, { cause });
  }
}

function tlsAgent(access: Access): HttpsAgent {
  return new HttpsAgent({
    keepAlive: true,
    // A start opens one for each write at a time, of 100 KiB; afterwards writes are rare.
    maxFreeSockets: 4,
    ...(access.ca !== undefined && { ca: access.ca }),
    ...(access.cert !== undefined && { cert: access.cert }),
    ...(access.key !== undefined && { key: access.key }),
    ...(access.serverName !== undefined && { servername: access.serverName }),
    ...(access.insecure === true && { rejectUnauthorized: false }),
  });
}

const root = (apiVersion: string): string => (apiVersion.includes("/") ? `/apis/${apiVersion}` : `/api/${apiVersion}`);

function pathOf(resource: Resource, { namespace, name }: Place): string {
  const within = resource.namespaced && namespace !== undefined ? `/namespaces/${encodeURIComponent(namespace)}` : "";
  return `${root(resource.apiVersion)}${within}/${resource.plural}${name === "" ? "" : `/${encodeURIComponent(name)}`}`;
}

const selectors = ({ labelSelector, fieldSelector }: Scope) => ({ labelSelector, fieldSelector });

function queryOf(query: Call["query"]): string {
  const pairs = Object.entries(query ?? {}).filter((pair): pair is [string, string] => pair[1] !== undefined);
  return pairs.length === 0 ? "" : `?${new URLSearchParams(pairs).toString()}`;
}

async function parsed(response: IncomingMessage, what: string): Promise<unknown> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  const text = Buffer.concat(chunks).toString("utf8");
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    throw new ApiError("malformed", `${what}: the answer is not JSON`, { status: response.statusCode ?? 0, cause });
  }
}

async function* linesOf(response: IncomingMessage): AsyncGenerator<string, void> {
  let rest = "";
  for await (const chunk of response.setEncoding("utf8")) {
    const lines = (rest + String(chunk)).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) if (line !== "") yield line;
  }
}

function eventOf<T extends KubeObject>(resource: Resource<T>, line: string): WatchEvent<T> {
  const event = JSON.parse(line) as { readonly type: string; readonly object: T };
  switch (event.type) {
    case "ADDED":
    case "MODIFIED":
    case "DELETED":
      return { type: event.type, object: trim(resource, event.object) };
    case "BOOKMARK":
      return { type: "BOOKMARK", resourceVersion: event.object.metadata.resourceVersion ?? "" };
    default: {
      const { code } = event.object as { readonly code?: number };
      throw refusal(`watch ${resource.plural}`, code ?? 500, event.object);
    }
  }
}

function asApiError(what: string, error: unknown, signal: AbortSignal): unknown {
  if (error instanceof ApiError) return error;
  if (signal.aborted) return signal.reason;
  if (error instanceof SyntaxError) return new ApiError("malformed", `${what}: not JSON`, { cause: error });
  if (error instanceof Error && (error.name === "TimeoutError" || error.name === "AbortError")) {
    return new ApiError("timeout", `${what}: no answer within ${requestTimeoutMs / 1000} s`, { cause: error });
  }
  return new ApiError("unreachable", what, { cause: error });
}
