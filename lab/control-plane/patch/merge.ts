/** JSON merge patch, RFC 7396. */
import { isObject, type JsonObject } from "../schema/schema.ts";

/** The document with a merge patch applied; both stay as they are. Null removes a member, a list replaces a list. */
export function applyMergePatch(doc: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return patch;
  const members: Map<string, unknown> = new Map(isObject(doc) ? Object.entries(doc) : []);
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) members.delete(key);
    else members.set(key, applyMergePatch(members.get(key), value));
  }
  // fromEntries makes own members even of `__proto__`, which an assignment would not.
  return Object.fromEntries(members) satisfies JsonObject;
}
