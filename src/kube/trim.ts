import type { KubeObject, ObjectMeta } from "../api/object.ts";
import type { Resource } from "./resource.ts";

const lastApplied = "kubectl.kubernetes.io/last-applied-configuration";

/**
 * An object as it arrived → as we keep it: without bookkeeping of other clients, with `apiVersion` and `kind` (which
 * lists leave out of their items), frozen.
 */
export function trim<T extends KubeObject>(resource: Resource<T>, raw: T): T {
  const whole = { ...raw, apiVersion: resource.apiVersion, kind: resource.kind, metadata: trimMeta(raw.metadata) };
  return freeze(resource.keep?.(whole) ?? whole);
}

function trimMeta(raw: ObjectMeta): ObjectMeta {
  const { managedFields: _, annotations, ...meta } = raw as ObjectMeta & { readonly managedFields?: unknown };
  if (annotations === undefined) return meta;
  const { [lastApplied]: __, ...kept } = annotations;
  return { ...meta, annotations: kept };
}

function freeze<T>(value: T): T {
  if (typeof value !== "object" || value === null || Object.isFrozen(value)) return value;
  for (const member of Object.values(value)) freeze(member);
  return Object.freeze(value);
}
