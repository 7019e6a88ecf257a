/** JSON patch, RFC 6902. */
import { deepEqual } from "../../../src/std/equal.ts";
import { isObject } from "../schema/schema.ts";
import { ApiStatusError } from "../types.ts";

/**
 * The document after all operations; it stays as it is.
 *
 * @throws ApiStatusError 400 when an operation is malformed, 422 when one cannot be applied (a path that is missing, a test that fails)
 */
export function applyJsonPatch(doc: unknown, ops: unknown): unknown {
  if (!Array.isArray(ops)) throw malformed("a JSON patch is a list of operations");
  return ops.reduce<unknown>((value, op) => applyOperation(value, op), doc);
}

function applyOperation(doc: unknown, op: unknown): unknown {
  if (!isObject(op)) throw malformed("an operation of a JSON patch is an object");
  const path = pointerOf(op, "path");
  switch (op["op"]) {
    case "add":
      return add(doc, path, valueOf(op));
    case "remove":
      return remove(doc, path);
    case "replace":
      return replace(doc, path, valueOf(op));
    case "move":
      return move(doc, pointerOf(op, "from"), path);
    case "copy":
      return add(doc, path, read(doc, pointerOf(op, "from")));
    case "test":
      if (deepEqual(read(doc, path), valueOf(op))) return doc;
      throw failed(`testing value ${String(op["path"])} failed`);
    default:
      throw malformed(`unexpected kind: ${JSON.stringify(op["op"])}`);
  }
}

function move(doc: unknown, from: readonly string[], path: readonly string[]): unknown {
  if (from.length < path.length && from.every((token, i) => token === path[i])) {
    throw failed("a value cannot be moved into itself");
  }
  return add(remove(doc, from), path, read(doc, from));
}

function valueOf(op: Readonly<Record<string, unknown>>): unknown {
  if (!Object.hasOwn(op, "value")) throw malformed(`${String(op["op"])} operation without a value`);
  return op["value"];
}

/** JSON pointer, RFC 6901. */
function pointerOf(op: Readonly<Record<string, unknown>>, member: "path" | "from"): string[] {
  const text = op[member];
  if (typeof text !== "string" || (text !== "" && !text.startsWith("/")) || /~(?![01])/.test(text)) {
    throw malformed(`${member} is no JSON pointer: ${JSON.stringify(text)}`);
  }
  return text === ""
    ? []
    : text
        .slice(1)
        .split("/")
        .map((token) => token.replaceAll("~1", "/").replaceAll("~0", "~"));
}

function read(doc: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>((value, token) => {
    if (Array.isArray(value)) return value[existingIndex(value, token)];
    return isObject(value) && Object.hasOwn(value, token) ? value[token] : missing(path);
  }, doc);
}

const add = (doc: unknown, path: readonly string[], value: unknown): unknown =>
  edit(doc, path, value, (list, token) =>
    list.toSpliced(token === "-" ? list.length : index(token, list.length), 0, value),
  );

function replace(doc: unknown, path: readonly string[], value: unknown): unknown {
  read(doc, path);
  return edit(doc, path, value, (list, token) => list.with(existingIndex(list, token), value));
}

function remove(doc: unknown, path: readonly string[]): unknown {
  read(doc, path);
  return edit(doc, path, undefined, (list, token) => list.toSpliced(existingIndex(list, token), 1));
}

/** Copies the way down to `path`; sets the last member (undefined: deletes it), or lets `inList` change the last list. */
function edit(
  doc: unknown,
  path: readonly string[],
  value: unknown,
  inList: (list: readonly unknown[], token: string) => unknown[],
): unknown {
  const [token, ...rest] = path;
  if (token === undefined) return value ?? null;
  if (Array.isArray(doc)) {
    if (rest.length === 0) return inList(doc, token);
    const i = existingIndex(doc, token);
    return doc.with(i, edit(doc[i], rest, value, inList));
  }
  if (!isObject(doc)) return missing(path);
  if (rest.length > 0 && !Object.hasOwn(doc, token)) return missing(path);
  const others = Object.entries(doc).filter(([key]) => key !== token);
  if (rest.length === 0 && value === undefined) return Object.fromEntries(others);
  const member = rest.length === 0 ? value : edit(doc[token], rest, value, inList);
  return Object.hasOwn(doc, token)
    ? Object.fromEntries(Object.entries(doc).map(([key, old]) => [key, key === token ? member : old]))
    : Object.fromEntries([...others, [token, member]]);
}

function index(token: string, length: number): number {
  if (!/^(0|[1-9]\d*)$/.test(token) || Number(token) > length) throw failed(`invalid array index: ${token}`);
  return Number(token);
}

function existingIndex(list: readonly unknown[], token: string): number {
  const i = index(token, list.length);
  if (i === list.length) throw failed(`invalid array index: ${token}`);
  return i;
}

function missing(path: readonly string[]): never {
  throw failed(`doc is missing path: /${path.join("/")}: missing value`);
}

const malformed = (message: string): ApiStatusError => new ApiStatusError(400, "BadRequest", message);

const failed = (message: string): ApiStatusError =>
  new ApiStatusError(422, "Invalid", `the server rejected our request due to an error in our request: ${message}`);
