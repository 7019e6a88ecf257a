import { apiVersionOf } from "../registry/registry.ts";
import type { Store } from "../store/revisions.ts";
import type { ApiObject } from "../types.ts";
import { fieldPredicate, labelPredicate } from "./selectors.ts";
import { badRequest, expired } from "./status.ts";
import { fromStored, storedUnder } from "./versions.ts";
import type { Target } from "./write.ts";

/** Which objects of a collection, and how many at a time. */
export interface ListOptions {
  readonly labelSelector: string | undefined;
  readonly fieldSelector: string | undefined;
  readonly limit: number;
  /** Opaque, from the page before. */
  readonly continueToken: string | undefined;
  readonly resourceVersion: string | undefined;
  readonly resourceVersionMatch: string | undefined;
}

export interface Page {
  readonly metadata: { resourceVersion: string; continue?: string; remainingItemCount?: number };
  readonly objects: ApiObject[];
}

interface Cursor {
  readonly revision: number;
  /** Namespace and name of the last object given. */
  readonly after: string;
}

/** Label and field selectors together, on objects in the target's version. */
export function selection(
  target: Target,
  options: Pick<ListOptions, "labelSelector" | "fieldSelector">,
): (object: ApiObject) => boolean {
  const labels = labelPredicate(options.labelSelector);
  const fields = fieldPredicate(target.kind, options.fieldSelector);
  return (object) => labels(object) && fields(object);
}

/**
 * One page of a list. All pages of a list show the same revision: later ones are read from history.
 *
 * @throws ApiStatusError 410 when that revision is no longer known
 */
export async function listPage(store: Store, target: Target, options: ListOptions): Promise<Page> {
  const cursor = options.continueToken === undefined ? undefined : decodeCursor(options.continueToken);
  const exact = options.resourceVersionMatch === "Exact" ? Number(options.resourceVersion) : undefined;
  const revision = cursor?.revision ?? exact ?? store.revision;
  const stored = store.listAt(storedUnder(target.kind), revision, target.namespace);
  if (!stored) throw expired();
  const matches = selection(target, options);
  const all = (await fromStored(target.kind, stored, target.version.name)).filter(matches);
  const rest = cursor ? all.filter((object) => position(object) > cursor.after) : all;
  const objects = options.limit > 0 ? rest.slice(0, options.limit) : rest;
  const last = objects.at(-1);
  if (!last || objects.length === rest.length) return { metadata: { resourceVersion: String(revision) }, objects };
  const next = { continue: encodeCursor({ revision, after: position(last) }) };
  // With selectors Kubernetes does not count, since it would have to read everything.
  const plain = options.labelSelector === undefined && options.fieldSelector === undefined;
  const remaining = plain ? { remainingItemCount: rest.length - objects.length } : {};
  return { metadata: { resourceVersion: String(revision), ...next, ...remaining }, objects };
}

/** Sorts as the store does: by namespace, then name; no name holds a NUL. */
const position = (object: ApiObject): string => `${object.metadata.namespace ?? ""}\0${object.metadata.name}`;

const encodeCursor = (cursor: Cursor): string => Buffer.from(JSON.stringify(cursor)).toString("base64url");

function decodeCursor(text: string): Cursor {
  try {
    const value: unknown = JSON.parse(Buffer.from(text, "base64url").toString());
    const { revision, after } = value as Partial<Cursor>;
    if (typeof revision === "number" && typeof after === "string") return { revision, after };
  } catch {
    // Falls through to the refusal: the text is not ours.
  }
  throw badRequest("continue key is not valid");
}

/** A List in a kind's own terms. */
export const listOf = (target: Target, page: Page): object => ({
  kind: target.kind.listKind,
  apiVersion: apiVersionOf(target.kind.group, target.version.name),
  metadata: page.metadata,
  items: page.objects,
});
