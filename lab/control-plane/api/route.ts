import type { Registry } from "../registry/registry.ts";
import type { Subresource } from "../types.ts";
import type { Target } from "./write.ts";

/** A path under /api or /apis that names a collection, an object, or a subresource. */
export interface Route {
  readonly target: Target;
  readonly name: string | undefined;
}

/** Namespaces' own subresources; anything else behind a namespace's name is a collection in it. */
const NAMESPACE_PARTS = new Set(["status", "finalize"]);

/** Reads a resource path. Undefined for anything that is not served. */
export function resourceRoute(registry: Registry, path: string): Route | undefined {
  const parts = path.split("/").slice(1).map(decodeURIComponent);
  if (parts[0] === "api" && parts[1] === "v1") return inGroup(registry, "", "v1", parts.slice(2));
  const [root, group, version] = parts;
  if (root !== "apis" || group === undefined || version === undefined) return undefined;
  return inGroup(registry, group, version, parts.slice(3));
}

function inGroup(registry: Registry, group: string, version: string, rest: readonly string[]): Route | undefined {
  const within = rest[0] === "namespaces" && rest.length >= 3 && !NAMESPACE_PARTS.has(rest[2] ?? "");
  const [resource = "", name, subresource, ...more] = within ? rest.slice(2) : rest;
  const served = registry.findServed(group, version, resource);
  if (!served || more.length > 0 || name === "") return undefined;
  if (within && !served.kind.namespaced) return undefined;
  if (!within && served.kind.namespaced && name !== undefined) return undefined;
  const known = (served.kind.subresources as readonly string[]).includes(subresource ?? "");
  if (subresource !== undefined && !known) return undefined;
  return {
    target: { ...served, namespace: within ? rest[1] : undefined, subresource: subresource as Subresource | undefined },
    name,
  };
}
