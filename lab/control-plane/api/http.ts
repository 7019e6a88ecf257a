import type { IncomingMessage, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import { checkExec, serveExec } from "../streams/exec.ts";
import { ApiStatusError, type UserInfo } from "../types.ts";
import type { Documents } from "./documents.ts";
import { type RestDeps, sendJson, serveResource, verbOf } from "./rest.ts";
import { type Route, resourceRoute } from "./route.ts";
import { asStatusError, badRequest, failureStatus, notFound } from "./status.ts";
import { storedUnder } from "./versions.ts";

const HEALTH = /^\/(healthz|livez|readyz)(\/.*)?$/;

/** The server's two doors: plain requests, and connections that become a WebSocket. */
export function createHandlers(deps: RestDeps & { documents: Documents }) {
  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const gone = new AbortController();
    response.on("close", () => gone.abort());
    // Writing to a client that left is reported here; "close" follows.
    response.on("error", () => undefined);
    try {
      await answer(request, response, gone.signal);
    } catch (error) {
      sendFailure(response, asStatusError(error));
    }
  }

  async function answer(request: IncomingMessage, response: ServerResponse, signal: AbortSignal): Promise<void> {
    const { path, query } = locate(request);
    if (HEALTH.test(path)) {
      response.writeHead(200, { "content-type": "text/plain; charset=utf-8" }).end("ok");
      return;
    }
    if (path === "/version" && deps.documents.serve(request, response, path)) return;
    const user = authenticated(request);
    if (request.method === "GET" && deps.documents.serve(request, response, path)) return;
    const route = resourceRoute(deps.registry, path);
    if (!route) return sendUnknown(response, path);
    authorized(route, request, query, user);
    await serveResource(deps, { ...route, request, response, query, user, signal });
  }

  function authenticated(request: IncomingMessage): UserInfo {
    const token = /^Bearer\s+(.+)$/i.exec(request.headers.authorization ?? "")?.[1];
    const user = token === undefined ? undefined : deps.tokens.holder(token);
    if (!user) throw new ApiStatusError(401, "Unauthorized", "Unauthorized");
    return user;
  }

  function authorized(route: Route, request: IncomingMessage, query: URLSearchParams, user: UserInfo): void {
    const { kind, namespace, subresource } = route.target;
    const name = route.name ?? selectedName(query);
    const verb = subresource === "exec" ? "create" : verbOf(route, request.method ?? "GET", query);
    const { group, resource } = kind;
    const { allowed, reason } = deps.authorize({
      user,
      verb,
      group,
      resource,
      subresource,
      namespace,
      name,
      path: undefined,
    });
    if (allowed) return;
    const what = subresource === undefined ? resource : `${resource}/${subresource}`;
    const where = namespace === undefined ? "at the cluster scope" : `in the namespace "${namespace}"`;
    const why = `User "${user.name}" cannot ${verb} resource "${what}" in API group "${group}" ${where}${reason === "" ? "" : `: ${reason}`}`;
    const full = group === "" ? resource : `${resource}.${group}`;
    const message = `${full}${name === undefined ? "" : ` "${name}"`} is forbidden: ${why}`;
    throw new ApiStatusError(403, "Forbidden", message, {
      ...(name === undefined ? {} : { name }),
      group,
      kind: resource,
    });
  }

  /** `kubectl exec`: refused with a plain answer, or upgraded. */
  async function upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    // A client that vanishes in the middle of the handshake is no event of ours.
    socket.on("error", () => undefined);
    try {
      const { path, query } = locate(request);
      const user = authenticated(request);
      const route = resourceRoute(deps.registry, path);
      if (route?.target.subresource !== "exec") throw badRequest("only exec can be upgraded");
      authorized(route, request, query, user);
      const { kind, namespace } = route.target;
      const pod = deps.store.get(storedUnder(kind), namespace, route.name ?? "");
      if (!pod) throw notFound(kind, route.name ?? "");
      const container = checkExec(request, pod, query);
      await serveExec({ runtime: deps.runtime, pod, container, query, request, socket, head });
    } catch (error) {
      refuse(socket, asStatusError(error));
    }
  }

  return { handle, upgrade };
}

function locate(request: IncomingMessage): { path: string; query: URLSearchParams } {
  const url = new URL(request.url ?? "/", "https://localhost");
  const path = url.pathname.length > 1 ? url.pathname.replace(/\/+$/, "") : url.pathname;
  return { path, query: url.searchParams };
}

function sendFailure(response: ServerResponse, error: ApiStatusError): void {
  if (response.headersSent) response.destroy();
  else sendJson(response, error.code, failureStatus(error));
}

/** Group versions that are not served answer as any resource would; other paths in plain text. */
function sendUnknown(response: ServerResponse, path: string): void {
  if (path.startsWith("/api/") || path.startsWith("/apis/")) {
    throw new ApiStatusError(404, "NotFound", "the server could not find the requested resource", {});
  }
  response.writeHead(404, { "content-type": "text/plain; charset=utf-8" }).end("404 page not found\n");
}

function refuse(socket: Duplex, error: ApiStatusError): void {
  if (socket.destroyed) return;
  const body = JSON.stringify(failureStatus(error));
  socket.end(
    `HTTP/1.1 ${error.code} ${error.reason}\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
  );
}

/**
 * Whoever lists or watches one object by its name needs permission for that one only.
 * @see k8s.io/apiserver/pkg/endpoints/request/requestinfo.go
 */
function selectedName(query: URLSearchParams): string | undefined {
  return /^metadata\.name==?([^,=!]+)$/.exec(query.get("fieldSelector") ?? "")?.[1];
}
