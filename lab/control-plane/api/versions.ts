import { coreEvent, modernEvent } from "../registry/events.ts";
import { apiVersionOf, storageVersion } from "../registry/registry.ts";
import type { ApiObject, Kind, ResourceId } from "../types.ts";

const isModernEvent = (kind: Kind): boolean => kind.group === "events.k8s.io" && kind.resource === "events";

/** Where a kind's objects are kept; events.k8s.io shares the core group's. */
export const storedUnder = (kind: Kind): ResourceId =>
  isModernEvent(kind) ? { group: "", resource: "events" } : { group: kind.group, resource: kind.resource };

/** An object as a client sent it, as it is stored. */
export async function toStored(kind: Kind, object: ApiObject): Promise<ApiObject> {
  if (isModernEvent(kind)) return coreEvent(object);
  return (await converted(kind, [object], storageVersion(kind).name))[0] ?? object;
}

/** Stored objects, in the version that a client asked for. */
export async function fromStored(kind: Kind, objects: readonly ApiObject[], version: string): Promise<ApiObject[]> {
  if (isModernEvent(kind)) return objects.map(modernEvent);
  return converted(kind, objects, version);
}

async function converted(kind: Kind, objects: readonly ApiObject[], version: string): Promise<ApiObject[]> {
  const apiVersion = apiVersionOf(kind.group, version);
  const others = objects.filter((object) => object.apiVersion !== apiVersion);
  if (others.length === 0) return [...objects];
  if (!kind.convert) return objects.map((object) => ({ ...object, apiVersion }));
  const changed = await kind.convert(
    others.map((object) => structuredClone(object)),
    version,
  );
  const byOld = new Map(others.map((object, index) => [object, changed[index] ?? object]));
  return objects.map((object) => byOld.get(object) ?? object);
}
