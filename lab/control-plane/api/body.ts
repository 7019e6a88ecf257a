import type { IncomingMessage } from "node:http";
import { parse as parseYaml } from "yaml";
import { ApiStatusError } from "../types.ts";
import { decodeProtobuf } from "./protobuf.ts";
import { badRequest } from "./status.ts";

/** As etcd's and kube-apiserver's limit. */
const LIMIT_BYTES = 3 * 1024 * 1024;

/** A request's body as a value, by its Content-Type: JSON, YAML, or Kubernetes' protobuf. Undefined when it is empty. */
export async function readBody(request: IncomingMessage): Promise<unknown> {
  const bytes = await readBytes(request);
  if (bytes.length === 0) return undefined;
  const type = mediaType(request);
  if (type === "application/vnd.kubernetes.protobuf") return decodeProtobuf(bytes);
  if (type.endsWith("yaml")) return parsed(() => parseYaml(bytes.toString()) as unknown);
  if (type === "" || type.endsWith("json")) return parsed(() => JSON.parse(bytes.toString()) as unknown);
  throw new ApiStatusError(
    415,
    "UnsupportedMediaType",
    `the body of the request was in an unknown format - accepted media types include: application/json, application/yaml, application/vnd.kubernetes.protobuf`,
  );
}

/** Without parameters, in lower case. */
export const mediaType = (request: IncomingMessage): string =>
  (request.headers["content-type"] ?? "").split(";")[0]?.trim().toLowerCase() ?? "";

async function readBytes(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request) {
    const bytes = chunk as Buffer;
    length += bytes.length;
    if (length > LIMIT_BYTES) {
      throw new ApiStatusError(413, "RequestEntityTooLarge", `Request entity too large: limit is ${LIMIT_BYTES}`);
    }
    chunks.push(bytes);
  }
  return Buffer.concat(chunks);
}

function parsed(parse: () => unknown): unknown {
  try {
    return parse();
  } catch (error) {
    throw badRequest(`the object provided is unrecognized: ${error instanceof Error ? error.message : String(error)}`);
  }
}
