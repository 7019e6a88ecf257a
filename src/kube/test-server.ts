import { createServer, type Server } from "node:https";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { selfSignedIdentity } from "../runtime/tls.ts";
import type { Access } from "./access.ts";

/** An object as this server keeps it. */
export interface Stored {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly uid?: string;
    readonly resourceVersion?: string;
    readonly [field: string]: unknown;
  };
  readonly [field: string]: unknown;
}

interface Told {
  readonly collection: string;
  readonly version: number;
  readonly text: string;
}

interface WatchStream {
  readonly collection: string;
  readonly response: ServerResponse;
}

/**
 * Just enough of a Kubernetes API server for this room's tests, over real TLS: collections by path, paged lists, watches
 * that begin with what happened since their version, optimistic locking, merge patches. `answer` may take a request away to script a failure.
 */
export class TestServer {
  readonly requests: {
    readonly method: string;
    readonly path: string;
    readonly query: URLSearchParams;
    readonly body: unknown;
  }[] = [];
  readonly objects = new Map<string, Stored>();
  /** Return true when the request was answered (or left hanging). */
  answer: (request: IncomingMessage, response: ServerResponse, body: unknown) => boolean = () => false;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  /** What watchers were told of objects, for those who come later. */
  readonly #told: Told[] = [];
  #streams: WatchStream[] = [];
  #version = 100;

  private constructor(server: Server) {
    this.#server = server;
    server.on("request", (request, response) => void this.#serve(request, response));
    server.on("connection", (socket) => {
      this.#sockets.add(socket);
      socket.on("close", () => this.#sockets.delete(socket));
    });
  }

  static async start(): Promise<{ readonly server: TestServer; readonly access: Access }> {
    const pair = await selfSignedIdentity("localhost").load();
    const https = createServer(pair);
    const server = new TestServer(https);
    await new Promise<void>((resolve) => https.listen(0, "127.0.0.1", resolve));
    const { port } = https.address() as AddressInfo;
    const url = new URL(`https://127.0.0.1:${port}`);
    const token = () => Promise.resolve("secret-token");
    return { server, access: { server: url, ca: pair.cert, serverName: "localhost", token } };
  }

  get watches(): number {
    return this.#streams.length;
  }

  /** Writes as another client would; watchers are told. */
  put(collection: string, object: Stored): Stored {
    const key = `${collection}/${object.metadata.name}`;
    const old = this.objects.get(key);
    const meta = { uid: `uid-${this.#version}`, ...object.metadata, resourceVersion: String(++this.#version) };
    const stored = { ...object, metadata: meta };
    this.objects.set(key, stored);
    this.#happened(collection, { type: old ? "MODIFIED" : "ADDED", object: stored });
    return stored;
  }

  remove(collection: string, name: string): void {
    const key = `${collection}/${name}`;
    const old = this.objects.get(key);
    if (!old) return;
    this.objects.delete(key);
    const gone = { ...old, metadata: { ...old.metadata, resourceVersion: String(++this.#version) } };
    this.#happened(collection, { type: "DELETED", object: gone });
  }

  /** Tells those who watch now. */
  tell(collection: string, event: object): void {
    const text = `${JSON.stringify(event)}\n`;
    for (const stream of this.#streams) if (stream.collection === collection) stream.response.write(text);
  }

  #happened(collection: string, event: object): void {
    this.#told.push({ collection, version: this.#version, text: `${JSON.stringify(event)}\n` });
    this.tell(collection, event);
  }

  /** Ends the watches cleanly, as at their time-out. */
  endWatches(): void {
    for (const { response } of this.#streams) response.end();
    this.#streams = [];
  }

  /** Cuts every connection. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.#streams = [];
  }

  async close(): Promise<void> {
    this.cut();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const text = Buffer.concat(chunks).toString("utf8");
    const body: unknown = text === "" ? undefined : JSON.parse(text);
    const url = new URL(request.url ?? "", "https://localhost");
    const method = request.method ?? "";
    this.requests.push({ method, path: url.pathname, query: url.searchParams, body });
    if (this.answer(request, response, body)) return;
    if (request.headers.authorization !== "Bearer secret-token") return status(response, 401, "Unauthorized");
    if (method === "GET" && url.searchParams.get("watch") === "true") return this.#watch(url, response);
    if (method === "GET" && this.objects.has(url.pathname)) return json(response, 200, this.objects.get(url.pathname));
    if (method === "GET" && isObject(url.pathname)) return status(response, 404, "NotFound");
    if (method === "GET") return this.#list(url, response);
    this.#write(method, url.pathname, body as Stored, response);
  }

  #watch(url: URL, response: ServerResponse): void {
    response.writeHead(200, { "content-type": "application/json" });
    response.flushHeaders();
    const [collection, seen] = [url.pathname, Number(url.searchParams.get("resourceVersion"))];
    // What came between a client's list and its watch is not lost.
    for (const told of this.#told) if (told.collection === collection && told.version > seen) response.write(told.text);
    this.#streams.push({ collection, response });
  }

  #list(url: URL, response: ServerResponse): void {
    const prefix = `${url.pathname}/`;
    const all = [...this.objects].filter(([key]) => key.startsWith(prefix)).map(([, object]) => object);
    const start = Number(url.searchParams.get("continue") ?? "0");
    const end = start + Number(url.searchParams.get("limit") ?? "500");
    const metadata = {
      resourceVersion: String(this.#version),
      ...(end < all.length && { continue: String(end) }),
    };
    json(response, 200, { kind: "List", metadata, items: all.slice(start, end) });
  }

  #write(method: string, path: string, body: Stored, response: ServerResponse): void {
    if (method === "POST") {
      if (this.objects.has(`${path}/${body.metadata.name}`)) return status(response, 409, "AlreadyExists");
      return json(response, 201, this.put(path, body));
    }
    const place = path.replace(/\/status$/, "");
    const old = this.objects.get(place);
    if (!old) return status(response, 404, "NotFound");
    const collection = place.slice(0, place.lastIndexOf("/"));
    if (method === "DELETE") {
      this.remove(collection, old.metadata.name);
      return json(response, 200, { kind: "Status", status: "Success" });
    }
    const version = body.metadata?.resourceVersion;
    if (version !== undefined && version !== old.metadata.resourceVersion) return status(response, 409, "Conflict");
    json(response, 200, this.put(collection, method === "PUT" ? body : (merge(old, body) as Stored)));
  }
}

/** Collections have an odd number of parts after the group's version: `namespaces/NS/services`, `nodes`. */
function isObject(path: string): boolean {
  const parts = path.replace(/^\/(api\/v1|apis\/[^/]+\/[^/]+)\//, "").split("/");
  return parts.length % 2 === 0;
}

function merge(old: unknown, patch: unknown): unknown {
  if (typeof patch !== "object" || patch === null || Array.isArray(patch)) return patch;
  const base = typeof old === "object" && old !== null ? { ...old } : {};
  const out = base as Record<string, unknown>;
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete out[key];
    else out[key] = merge(out[key], value);
  }
  return out;
}

export function json(response: ServerResponse, code: number, body: unknown): void {
  response.writeHead(code, { "content-type": "application/json" });
  response.end(JSON.stringify(body));
}

export const status = (response: ServerResponse, code: number, reason: string): void =>
  json(response, code, { kind: "Status", status: "Failure", code, reason, message: `${reason}: as the test wants` });
