import type { IncomingMessage, ServerResponse } from "node:http";
import { applyJsonPatch } from "../patch/json.ts";
import { applyMergePatch } from "../patch/merge.ts";
import { applyStrategicPatch } from "../patch/strategic.ts";
import type { Registry } from "../registry/registry.ts";
import type { Store } from "../store/revisions.ts";
import { serveLogs } from "../streams/logs.ts";
import { type ApiObject, ApiStatusError, type PodRuntime, type UserInfo } from "../types.ts";
import { mediaType, readBody } from "./body.ts";
import type { DeleteOptions } from "./deletion.ts";
import type { Authorize } from "./hooks.ts";
import { timestamp } from "./metadata.ts";
import { acceptedShape } from "./negotiate.ts";
import { listOf, listPage, type ListOptions } from "./read.ts";
import { answerReview } from "./reviews.ts";
import type { Route } from "./route.ts";
import { scaled, scaleOf } from "./scale.ts";
import { asStatusError, badRequest, failureStatus, notFound } from "./status.ts";
import { type IncludeObject, partial, tableOf } from "./table.ts";
import type { Tokens } from "./tokens.ts";
import { fromStored, storedUnder } from "./versions.ts";
import { type Notice, watch } from "./watch.ts";
import type { Caller, Target, Writer } from "./write.ts";

export interface RestDeps {
  readonly store: Store;
  readonly registry: Registry;
  readonly writer: Writer;
  readonly runtime: PodRuntime;
  readonly tokens: Tokens;
  readonly authorize: Authorize;
  readonly now: () => Date;
}

/** One request for a resource, on its way through. */
interface Call extends Route {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly query: URLSearchParams;
  readonly user: UserInfo;
  /** Fires when the client is gone. */
  readonly signal: AbortSignal;
}

/** What RBAC calls a request. */
export function verbOf(route: Route, method: string, query: URLSearchParams): string {
  const named = route.name !== undefined;
  switch (method) {
    case "GET":
    case "HEAD":
      return isWatch(query) ? "watch" : named ? "get" : "list";
    case "POST":
      return "create";
    case "PUT":
      return "update";
    case "PATCH":
      return "patch";
    case "DELETE":
      return named ? "delete" : "deletecollection";
    default:
      return method.toLowerCase();
  }
}

const isWatch = (query: URLSearchParams): boolean => ["true", "1"].includes(query.get("watch") ?? "");

/** Serves one request for a resource; errors are thrown, for the caller to turn into a Status. */
export async function serveResource(deps: RestDeps, call: Call): Promise<void> {
  const { target, name, request, query } = call;
  const verb = verbOf(call, request.method ?? "GET", query);
  if (target.subresource !== undefined && target.subresource !== "status" && target.subresource !== "finalize") {
    return serveSubresource(deps, call, verb);
  }
  if (!target.kind.verbs.includes(verb)) throw methodNotAllowed();
  const { deprecationWarning } = target.version;
  if (deprecationWarning !== undefined) addWarning(call.response, deprecationWarning);
  switch (verb) {
    case "get":
      return sendObject(deps, call, 200, stored(deps, target, name ?? ""));
    case "list":
      return list(deps, call);
    case "watch":
      return serveWatch(deps, call);
    case "create":
      return create(deps, call);
    case "update":
      return replace(deps, call);
    case "patch":
      return patch(deps, call);
    case "delete":
      return remove(deps, call);
    case "deletecollection":
      return removeCollection(deps, call);
    default:
      throw methodNotAllowed();
  }
}

const methodNotAllowed = (): ApiStatusError =>
  new ApiStatusError(405, "MethodNotAllowed", "the server does not allow this method on the requested resource");

function stored(deps: RestDeps, target: Target, name: string): ApiObject {
  const object = deps.store.get(storedUnder(target.kind), target.namespace, name);
  if (!object) throw notFound(target.kind, name);
  return object;
}

function listOptions(query: URLSearchParams): ListOptions {
  const limit = Number(query.get("limit") ?? 0);
  if (!Number.isInteger(limit) || limit < 0) throw badRequest(`invalid limit "${query.get("limit")}"`);
  return {
    labelSelector: query.get("labelSelector") ?? undefined,
    fieldSelector: query.get("fieldSelector") ?? undefined,
    limit,
    continueToken: query.get("continue") || undefined,
    resourceVersion: query.get("resourceVersion") || undefined,
    resourceVersionMatch: query.get("resourceVersionMatch") || undefined,
  };
}

async function list(deps: RestDeps, call: Call): Promise<void> {
  const { target, request, query } = call;
  const shape = acceptedShape(request.headers.accept);
  const page = await listPage(deps.store, target, listOptions(query));
  if (shape === "object") return sendJson(call.response, 200, listOf(target, page));
  const { metadata } = page;
  if (shape === "PartialObjectMetadata") {
    const items = page.objects.map(partial);
    return sendJson(call.response, 200, {
      kind: "PartialObjectMetadataList",
      apiVersion: "meta.k8s.io/v1",
      metadata,
      items,
    });
  }
  const options = { metadata, include: includeObject(query), columns: true, now: deps.now() };
  return sendJson(call.response, 200, tableOf(target.version, page.objects, options));
}

function includeObject(query: URLSearchParams): IncludeObject {
  const asked = query.get("includeObject") || "Metadata";
  if (asked === "None" || asked === "Metadata" || asked === "Object") return asked;
  throw badRequest(`unrecognized includeObject value: "${asked}"`);
}

/** Sends a stored object in the shape and version that the client asked for. */
async function sendObject(deps: RestDeps, call: Call, code: number, object: ApiObject): Promise<void> {
  const shape = acceptedShape(call.request.headers.accept);
  const [shown = object] = await fromStored(call.target.kind, [object], call.target.version.name);
  sendJson(call.response, code, shaped(deps, call, shape, shown, true));
}

function shaped(
  deps: RestDeps,
  call: Call,
  shape: ReturnType<typeof acceptedShape>,
  object: ApiObject,
  columns: boolean,
): object {
  switch (shape) {
    case "object":
      return object;
    case "PartialObjectMetadata":
      return partial(object);
    case "Table": {
      const metadata = { resourceVersion: object.metadata.resourceVersion };
      return tableOf(call.target.version, [object], {
        metadata,
        include: includeObject(call.query),
        columns,
        now: deps.now(),
      });
    }
  }
}

/** Answers with JSON. */
export function sendJson(response: ServerResponse, code: number, value: object): void {
  response.writeHead(code, { "content-type": "application/json", "cache-control": "no-cache, private" });
  response.end(`${JSON.stringify(value)}\n`);
}

async function serveWatch(deps: RestDeps, call: Call): Promise<void> {
  const { target, name, query, request, response } = call;
  const shape = acceptedShape(request.headers.accept);
  const seconds = Number(query.get("timeoutSeconds") ?? 0);
  const options = listOptions(query);
  const single = name === undefined ? options.fieldSelector : `metadata.name=${name}`;
  const timeout = seconds > 0 ? AbortSignal.timeout(seconds * 1000) : undefined;
  const signal = timeout ? AbortSignal.any([call.signal, timeout]) : call.signal;
  const notices = watch(
    deps.store,
    target,
    {
      ...options,
      fieldSelector: single,
      sendInitialEvents: query.get("sendInitialEvents") === "true",
      bookmarks: query.get("allowWatchBookmarks") === "true",
    },
    signal,
  );
  response.writeHead(200, { "content-type": "application/json", "cache-control": "no-cache, private" });
  response.flushHeaders();
  try {
    let first = true;
    for await (const notice of notices) {
      response.write(`${JSON.stringify(eventOf(deps, call, shape, notice, first))}\n`);
      first = false;
    }
  } catch (error) {
    response.write(`${JSON.stringify({ type: "ERROR", object: failureStatus(asStatusError(error)) })}\n`);
  }
  response.end();
}

function eventOf(
  deps: RestDeps,
  call: Call,
  shape: ReturnType<typeof acceptedShape>,
  notice: Notice,
  first: boolean,
): object {
  if (notice.type !== "BOOKMARK") return { type: notice.type, object: shaped(deps, call, shape, notice.object, first) };
  const annotations = notice.initialEnd ? { annotations: { "k8s.io/initial-events-end": "true" } } : {};
  const { kind, version } = call.target;
  const apiVersion = kind.group === "" ? version.name : `${kind.group}/${version.name}`;
  const metadata = { resourceVersion: notice.revision, ...annotations };
  if (shape === "object") return { type: "BOOKMARK", object: { kind: kind.kind, apiVersion, metadata } };
  // A table's bookmark is a table without rows, but for one that holds the metadata.
  const marker = { kind: kind.kind, apiVersion, metadata } as unknown as ApiObject;
  return { type: "BOOKMARK", object: shaped(deps, call, shape, marker, false) };
}

/** Who writes and how, from the query; warnings become headers. */
function callerOf(call: Call): Caller {
  const { query, request, response } = call;
  const validation = query.get("fieldValidation") || "Warn";
  if (validation !== "Strict" && validation !== "Warn" && validation !== "Ignore") {
    throw badRequest(`invalid fieldValidation "${validation}"`);
  }
  const agent = (request.headers["user-agent"] ?? "unknown").split("/")[0] ?? "unknown";
  return {
    user: call.user,
    manager: query.get("fieldManager") || agent,
    dryRun: query.getAll("dryRun").includes("All"),
    fieldValidation: validation,
    warn: (message) => addWarning(response, message),
  };
}

/** RFC 7234 §5.5, in the form that kubectl prints. */
function addWarning(response: Call["response"], message: string): void {
  const text = `299 - ${JSON.stringify(message.replaceAll(/[^\x20-\x7e]/g, " "))}`;
  response.setHeader("warning", [...[response.getHeader("warning") ?? []].flat().map(String), text]);
}

async function objectBody(call: Call): Promise<ApiObject> {
  const body = await readBody(call.request);
  if (typeof body !== "object" || body === null || Array.isArray(body))
    throw badRequest("the body of the request is no object");
  return body as ApiObject;
}

async function create(deps: RestDeps, call: Call): Promise<void> {
  const { target } = call;
  if (call.name !== undefined) throw methodNotAllowed();
  const body = await objectBody(call);
  if (target.kind.verbs.length === 1) {
    const { user } = call;
    return sendJson(call.response, 201, answerReview(target.kind, body, { ...deps, user, now: deps.now() }));
  }
  const namespace = target.kind.namespaced ? (target.namespace ?? body.metadata?.namespace) : undefined;
  const object = await deps.writer.create({ ...target, namespace }, body, callerOf(call));
  await sendObject(deps, call, 201, object);
}

async function replace(deps: RestDeps, call: Call): Promise<void> {
  const body = await objectBody(call);
  const object = await deps.writer.update(call.target, call.name ?? "", () => body, callerOf(call));
  await sendObject(deps, call, 200, object);
}

async function patch(deps: RestDeps, call: Call): Promise<void> {
  const { target, name = "", request } = call;
  if (mediaType(request) === "application/apply-patch+yaml") return apply(deps, call);
  const change = patchFunction(deps, target, mediaType(request), await readBody(request));
  const object = await deps.writer.update(target, name, change, callerOf(call));
  await sendObject(deps, call, 200, object);
}

function patchFunction(deps: RestDeps, target: Target, type: string, body: unknown): (live: ApiObject) => ApiObject {
  switch (type) {
    case "application/json-patch+json":
      return (live) => applyJsonPatch(live, body) as ApiObject;
    case "application/merge-patch+json":
      return (live) => applyMergePatch(live, body) as ApiObject;
    case "application/strategic-merge-patch+json":
      if (target.kind.custom) break;
      return (live) =>
        applyStrategicPatch(
          target.version.schema,
          deps.registry.components,
          live,
          body as Parameters<typeof applyStrategicPatch>[3],
        ) as ApiObject;
    default:
  }
  const types = ["application/json-patch+json", "application/merge-patch+json", "application/apply-patch+yaml"];
  if (!target.kind.custom) types.push("application/strategic-merge-patch+json");
  const message = `the body of the request was in an unknown format - accepted media types include: ${types.join(", ")}`;
  throw new ApiStatusError(415, "UnsupportedMediaType", message);
}

async function apply(deps: RestDeps, call: Call): Promise<void> {
  const { query, target, name = "" } = call;
  if (!query.get("fieldManager"))
    throw badRequest(
      'PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is required for apply patch',
    );
  const force = query.get("force") === "true";
  const body = await objectBody(call);
  const { object, created } = await deps.writer.apply(target, name, body, force, callerOf(call));
  await sendObject(deps, call, created ? 201 : 200, object);
}

async function deleteOptions(call: Call): Promise<DeleteOptions> {
  const body = (await readBody(call.request)) ?? {};
  const grace = call.query.get("gracePeriodSeconds");
  const policy = call.query.get("propagationPolicy");
  return {
    ...(body as DeleteOptions),
    ...(grace === null ? {} : { gracePeriodSeconds: Number(grace) }),
    ...(policy ? { propagationPolicy: policy as NonNullable<DeleteOptions["propagationPolicy"]> } : {}),
  };
}

async function remove(deps: RestDeps, call: Call): Promise<void> {
  const { target, name = "" } = call;
  const { object, gone } = await deps.writer.remove(target, name, await deleteOptions(call), callerOf(call));
  if (!gone) return sendObject(deps, call, 200, object);
  const { kind } = target;
  const details = {
    name,
    ...(kind.group === "" ? {} : { group: kind.group }),
    kind: kind.resource,
    uid: object.metadata.uid,
  };
  sendJson(call.response, 200, { kind: "Status", apiVersion: "v1", metadata: {}, status: "Success", details });
}

async function removeCollection(deps: RestDeps, call: Call): Promise<void> {
  const { target, query } = call;
  const options = await deleteOptions(call);
  const page = await listPage(deps.store, target, { ...listOptions(query), limit: 0 });
  for (const { metadata } of page.objects) {
    const where = { ...target, namespace: metadata.namespace };
    await deps.writer.remove(where, metadata.name, options, callerOf(call)).catch((error: unknown) => {
      if (!(error instanceof ApiStatusError && error.code === 404)) throw error;
    });
  }
  sendJson(call.response, 200, listOf(target, page));
}

async function serveSubresource(deps: RestDeps, call: Call, verb: string): Promise<void> {
  const { target, name = "" } = call;
  const allowed = `${target.subresource} ${verb}`;
  const main = { ...target, subresource: undefined };
  switch (allowed) {
    case "log get":
      return serveLogs(deps.runtime, stored(deps, target, name), call.query, call.response, deps.now(), call.signal);
    case "scale get":
      return sendJson(call.response, 200, scaleOf(stored(deps, target, name)));
    case "scale update": {
      const scale = await objectBody(call);
      return sendJson(
        call.response,
        200,
        scaleOf(await deps.writer.update(main, name, (live) => scaled(live, scale), callerOf(call))),
      );
    }
    case "scale patch": {
      const body = await readBody(call.request);
      const type = mediaType(call.request);
      // A Scale has no lists: strategic and merge patches mean the same.
      const change = patchFunction(
        deps,
        target,
        type.startsWith("application/strategic") ? "application/merge-patch+json" : type,
        body,
      );
      return sendJson(
        call.response,
        200,
        scaleOf(await deps.writer.update(main, name, (live) => scaled(live, change(scaleOf(live))), callerOf(call))),
      );
    }
    case "token create":
      return issueToken(deps, call);
    case "eviction create": {
      const body = await objectBody(call);
      await deps.writer.remove(main, name, body["deleteOptions"] ?? {}, callerOf(call));
      return sendJson(call.response, 201, { kind: "Status", apiVersion: "v1", metadata: {}, status: "Success" });
    }
    case "exec get":
    case "exec create":
      throw badRequest("Upgrade request required");
    default:
      throw methodNotAllowed();
  }
}

/** Tokens live an hour unless somebody asks for more or less; never under ten minutes. */
async function issueToken(deps: RestDeps, call: Call): Promise<void> {
  const account = stored(deps, call.target, call.name ?? "");
  const body = await objectBody(call);
  const spec = (body["spec"] ?? {}) as { expirationSeconds?: number; audiences?: string[] };
  const seconds = Math.max(600, spec.expirationSeconds ?? 3600);
  const { name, namespace = "", uid } = account.metadata;
  const token = deps.tokens.issue({ namespace, name, uid }, seconds, spec.audiences ?? []);
  const expirationTimestamp = timestamp(new Date(deps.now().getTime() + seconds * 1000));
  sendJson(call.response, 201, {
    ...body,
    metadata: { name, namespace, creationTimestamp: timestamp(deps.now()) },
    spec: { ...spec, expirationSeconds: seconds, audiences: spec.audiences ?? ["https://kubernetes.default.svc"] },
    status: { token, expirationTimestamp },
  });
}
