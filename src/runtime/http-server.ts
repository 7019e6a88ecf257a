import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createTlsServer, type Server as TlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import type { TlsIdentity, TlsPolicy } from "./tls.ts";

export interface Reply {
  readonly status: number;
  readonly body: string;
  /** text/plain when absent. */
  readonly contentType?: string;
}

/** Answers one path. A rejection is answered with 500 and no detail. */
export type Route = (request: IncomingMessage, signal: AbortSignal) => Reply | Promise<Reply>;
export type Routes = Readonly<Record<string, Route>>;

/** What a client may do with a path. */
type Method = "GET" | "POST";

export interface Listening {
  readonly port: number;
}

/**
 * Serves GET on exact paths over plain HTTP until `signal` aborts.
 *
 * @throws when the address is taken (`EADDRINUSE`)
 */
export function serveHttp(
  options: { readonly host: string | undefined; readonly port: number; readonly routes: Routes },
  signal: AbortSignal,
): Promise<Listening> {
  return listen(createServer(handler(options.routes, "GET", signal)), options, signal);
}

/** As `serveHttp`, over TLS, and POST instead of GET if so asked; a renewed certificate is taken without a restart. */
export async function serveHttps(
  options: {
    readonly host: string | undefined;
    readonly port: number;
    readonly routes: Routes;
    readonly identity: TlsIdentity;
    readonly policy: TlsPolicy;
    readonly method?: Method;
  },
  signal: AbortSignal,
): Promise<Listening> {
  const { identity, policy, routes, method = "GET" } = options;
  const server = createTlsServer({ ...policy, ...(await identity.load()) }, handler(routes, method, signal));
  identity.onChange?.((pair) => server.setSecureContext({ ...policy, ...pair }), signal);
  return listen(server, options, signal);
}

function listen(
  server: Server | TlsServer,
  /** No host: all addresses of all families that this machine has. */
  at: { readonly host: string | undefined; readonly port: number },
  signal: AbortSignal,
): Promise<Listening> {
  // Slow or idle clients must not hold sockets for ever.
  server.requestTimeout = 30_000;
  // Longer than clients keep a connection (90 s in Go), so that none is closed while a request is on its way.
  server.keepAliveTimeout = 120_000;
  signal.addEventListener("abort", () => (server.close(), server.closeAllConnections()), { once: true });
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host: at.host, port: at.port }, () => {
      server.off("error", reject);
      resolve({ port: (server.address() as AddressInfo).port });
    });
  });
}

function handler(routes: Routes, method: Method, signal: AbortSignal) {
  return (request: IncomingMessage, response: ServerResponse): void => {
    void answer(routes, method, request, signal).then((reply) => {
      response.writeHead(reply.status, { "content-type": reply.contentType ?? "text/plain; charset=utf-8" });
      response.end(request.method === "HEAD" ? "" : reply.body);
    });
  };
}

async function answer(routes: Routes, method: Method, request: IncomingMessage, signal: AbortSignal): Promise<Reply> {
  const [path = ""] = (request.url ?? "").split("?");
  if (!Object.hasOwn(routes, path)) return { status: 404, body: "404 page not found\n" };
  const isMethod = request.method === method || (method === "GET" && request.method === "HEAD");
  if (!isMethod) return { status: 405, body: "method not allowed\n" };
  try {
    return (await routes[path]?.(request, signal)) ?? { status: 404, body: "404 page not found\n" };
  } catch {
    return { status: 500, body: "internal error\n" };
  }
}

/** A request's body as text; `undefined` when it is longer than `limit` bytes. */
export async function bodyOf(request: IncomingMessage, limit: number): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request) {
    size += (chunk as Buffer).length;
    if (size > limit) return undefined;
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks).toString("utf8");
}
