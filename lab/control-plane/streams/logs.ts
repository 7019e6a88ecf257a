import type { ServerResponse } from "node:http";
import { once } from "node:events";
import { badRequest } from "../api/status.ts";
import type { ApiObject, LogRequest, PodRuntime } from "../types.ts";
import { containerOf } from "./container.ts";

/** The query of `kubectl logs`. @throws ApiStatusError 400 */
function logRequest(pod: ApiObject, query: URLSearchParams, now: Date): LogRequest {
  const tailLines = count(query, "tailLines");
  const limitBytes = count(query, "limitBytes");
  const sinceSeconds = count(query, "sinceSeconds");
  const sinceTime =
    sinceSeconds === undefined ? time(query, "sinceTime") : new Date(now.getTime() - sinceSeconds * 1000);
  return {
    container: containerOf(pod, query.get("container")),
    follow: flag(query, "follow"),
    previous: flag(query, "previous"),
    timestamps: flag(query, "timestamps"),
    ...(tailLines === undefined ? {} : { tailLines }),
    ...(limitBytes === undefined ? {} : { limitBytes }),
    ...(sinceTime === undefined ? {} : { sinceTime }),
  };
}

/** Streams a container's output as plain text; what fails before the first chunk is thrown, for a Status answer. */
export async function serveLogs(
  runtime: PodRuntime,
  pod: ApiObject,
  query: URLSearchParams,
  response: ServerResponse,
  now: Date,
  signal: AbortSignal,
): Promise<void> {
  const chunks = runtime.logs(pod, logRequest(pod, query, now), signal)[Symbol.asyncIterator]();
  const begin = (): void => {
    if (response.headersSent) return;
    response.writeHead(200, { "content-type": "text/plain" });
    response.flushHeaders();
  };
  // A follower of a silent container must see the stream begin; a refusal comes at once.
  const patience = flag(query, "follow") ? setTimeout(begin, 200) : undefined;
  try {
    for (let next = await chunks.next(); next.done !== true; next = await chunks.next()) {
      begin();
      if (!response.write(next.value)) await Promise.race([once(response, "drain"), once(response, "close")]);
      if (signal.aborted) return;
    }
    begin();
    response.end();
  } finally {
    clearTimeout(patience);
  }
}

const flag = (query: URLSearchParams, name: string): boolean => ["true", "1"].includes(query.get(name) ?? "");

function count(query: URLSearchParams, name: string): number | undefined {
  const text = query.get(name);
  if (text === null || text === "") return undefined;
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0) throw badRequest(`${name} must be a non-negative integer, not "${text}"`);
  return value;
}

function time(query: URLSearchParams, name: string): Date | undefined {
  const text = query.get(name);
  if (!text) return undefined;
  const value = new Date(text);
  if (Number.isNaN(value.getTime())) throw badRequest(`${name} must be an RFC 3339 time, not "${text}"`);
  return value;
}
