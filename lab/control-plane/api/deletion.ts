import { at } from "../registry/fields.ts";
import type { ApiObject, Kind } from "../types.ts";
import { timestamp } from "./metadata.ts";

/** The body of a DELETE (metav1.DeleteOptions). */
export interface DeleteOptions {
  readonly gracePeriodSeconds?: number;
  readonly propagationPolicy?: "Background" | "Foreground" | "Orphan";
  readonly preconditions?: { readonly uid?: string; readonly resourceVersion?: string };
}

const isPod = (kind: Kind): boolean => kind.group === "" && kind.resource === "pods";
const isNamespace = (kind: Kind): boolean => kind.group === "" && kind.resource === "namespaces";

/**
 * What a deletion turns an object into, or undefined when it goes at once.
 *
 * A Pod bound to a node gets its grace period: its node stops it and deletes it again with no grace. Finalizers hold anything; the propagation
 * policies other than Background are finalizers that the garbage collector takes off. A namespace is held by `spec.finalizers`.
 */
export function nextDeletion(kind: Kind, live: ApiObject, options: DeleteOptions, now: Date): ApiObject | undefined {
  const grace = gracePeriod(kind, live, options);
  const finalizers = withPropagation(live.metadata.finalizers ?? [], options.propagationPolicy);
  const held = finalizers.length > 0 || grace > 0 || hasContent(kind, live);
  if (!held) return undefined;
  const next = structuredClone(live);
  const first = live.metadata.deletionTimestamp === undefined;
  next.metadata.finalizers = finalizers;
  if (finalizers.length === 0) delete next.metadata.finalizers;
  if (first && kind.generation) next.metadata.generation = (live.metadata.generation ?? 0) + 1;
  if (first || grace < (live.metadata.deletionGracePeriodSeconds ?? 0)) {
    next.metadata.deletionTimestamp = timestamp(new Date(now.getTime() + grace * 1000));
    next.metadata.deletionGracePeriodSeconds = grace;
  }
  if (isNamespace(kind)) next["status"] = { ...(live["status"] as object | undefined), phase: "Terminating" };
  return next;
}

/** Whether an object that waits for its end may go now. */
export function isFinished(kind: Kind, object: ApiObject): boolean {
  const { deletionTimestamp, deletionGracePeriodSeconds = 0, finalizers = [] } = object.metadata;
  if (deletionTimestamp === undefined || finalizers.length > 0 || hasContent(kind, object)) return false;
  return !isPod(kind) || deletionGracePeriodSeconds === 0;
}

function gracePeriod(kind: Kind, live: ApiObject, options: DeleteOptions): number {
  if (!isPod(kind)) return 0;
  const phase = at(live, "status", "phase");
  if (!at(live, "spec", "nodeName") || phase === "Succeeded" || phase === "Failed") return 0;
  const asked = options.gracePeriodSeconds ?? at(live, "spec", "terminationGracePeriodSeconds") ?? 30;
  const seconds = Math.max(0, Number(asked));
  // A second deletion may shorten the wait, never extend it.
  return Math.min(seconds, live.metadata.deletionGracePeriodSeconds ?? seconds);
}

function hasContent(kind: Kind, object: ApiObject): boolean {
  const finalizers = at(object, "spec", "finalizers");
  return isNamespace(kind) && Array.isArray(finalizers) && finalizers.length > 0;
}

function withPropagation(finalizers: readonly string[], policy: DeleteOptions["propagationPolicy"]): string[] {
  const others = finalizers.filter((each) => each !== "orphan" && each !== "foregroundDeletion");
  if (policy === "Orphan") return [...others, "orphan"];
  if (policy === "Foreground") return [...others, "foregroundDeletion"];
  return policy === "Background" ? others : [...finalizers];
}
