import { apiVersionOf, compareVersions, type Registry, type Served } from "../registry/registry.ts";
import type { Kind, Subresource } from "../types.ts";

/** Verbs and the kind of body of each subresource; `status`, `scale` and `finalize` speak of the object itself or of a Scale. */
const SUBRESOURCES: Record<Subresource, { verbs: string[]; kind?: { group: string; version: string; kind: string } }> =
  {
    status: { verbs: ["get", "patch", "update"] },
    finalize: { verbs: ["update"] },
    scale: { verbs: ["get", "patch", "update"], kind: { group: "autoscaling", version: "v1", kind: "Scale" } },
    log: { verbs: ["get"] },
    exec: { verbs: ["create", "get"], kind: { group: "", version: "v1", kind: "PodExecOptions" } },
    eviction: { verbs: ["create"], kind: { group: "policy", version: "v1", kind: "Eviction" } },
    token: { verbs: ["create"], kind: { group: "authentication.k8s.io", version: "v1", kind: "TokenRequest" } },
  };

/** Served versions of each group, the preferred one first. */
export function groupsOf(registry: Registry): Map<string, string[]> {
  const groups = new Map<string, Set<string>>();
  for (const kind of registry.kinds()) {
    const versions = groups.get(kind.group) ?? new Set();
    for (const version of kind.versions.filter((each) => each.served)) versions.add(version.name);
    groups.set(kind.group, versions);
  }
  return new Map(
    [...groups]
      .filter(([, versions]) => versions.size > 0)
      .map(([group, versions]) => [group, [...versions].sort(compareVersions)]),
  );
}

const servedIn = (registry: Registry, group: string, version: string): Served[] =>
  registry
    .kinds()
    .flatMap((kind) => registry.findServed(group, version, kind.group === group ? kind.resource : "") ?? []);

/** APIGroupDiscoveryList: everything of /api (`core`) or /apis at once. */
export const aggregatedDiscovery = (registry: Registry, core: boolean, version: "v2" | "v2beta1"): object => ({
  kind: "APIGroupDiscoveryList",
  apiVersion: `apidiscovery.k8s.io/${version}`,
  metadata: {},
  items: [...groupsOf(registry)]
    .filter(([group]) => (group === "") === core)
    .map(([group, versions]) => ({
      metadata: group === "" ? { creationTimestamp: null } : { name: group, creationTimestamp: null },
      versions: versions.map((each) => ({
        version: each,
        freshness: "Current",
        resources: servedIn(registry, group, each).map(aggregatedResource),
      })),
    })),
});

const aggregatedResource = ({ kind, version }: Served): object => ({
  resource: kind.resource,
  responseKind: { group: kind.group, version: version.name, kind: kind.kind },
  scope: kind.namespaced ? "Namespaced" : "Cluster",
  singularResource: kind.singular,
  verbs: kind.verbs,
  ...(kind.shortNames.length > 0 ? { shortNames: kind.shortNames } : {}),
  ...(kind.categories.length > 0 ? { categories: kind.categories } : {}),
  ...(kind.subresources.length > 0
    ? { subresources: kind.subresources.map((each) => subresourceEntry(kind, version.name, each)) }
    : {}),
});

const subresourceEntry = (kind: Kind, version: string, subresource: Subresource): object => ({
  subresource,
  responseKind: SUBRESOURCES[subresource].kind ?? { group: kind.group, version, kind: kind.kind },
  verbs: SUBRESOURCES[subresource].verbs,
});

/** APIResourceList of one group version, as clients without aggregated discovery read it. */
export function resourceList(registry: Registry, group: string, version: string): object | undefined {
  if (!groupsOf(registry).get(group)?.includes(version)) return undefined;
  return {
    kind: "APIResourceList",
    apiVersion: "v1",
    groupVersion: apiVersionOf(group, version),
    resources: servedIn(registry, group, version).flatMap(({ kind }) => [
      plainResource(kind),
      ...kind.subresources.map((each) => plainSubresource(kind, each)),
    ]),
  };
}

const plainResource = (kind: Kind): object => ({
  name: kind.resource,
  singularName: kind.singular,
  namespaced: kind.namespaced,
  kind: kind.kind,
  verbs: kind.verbs,
  ...(kind.shortNames.length > 0 ? { shortNames: kind.shortNames } : {}),
  ...(kind.categories.length > 0 ? { categories: kind.categories } : {}),
});

function plainSubresource(kind: Kind, subresource: Subresource): object {
  const { verbs, kind: body } = SUBRESOURCES[subresource];
  return {
    name: `${kind.resource}/${subresource}`,
    singularName: "",
    namespaced: kind.namespaced,
    kind: body?.kind ?? kind.kind,
    ...(body ? { group: body.group, version: body.version } : {}),
    verbs,
  };
}

/** APIGroupList of /apis. */
export const groupList = (registry: Registry): object => ({
  kind: "APIGroupList",
  apiVersion: "v1",
  groups: [...groupsOf(registry)]
    .filter(([group]) => group !== "")
    .map(([group, versions]) => groupEntry(group, versions)),
});

/** One APIGroup, as /apis/GROUP answers. */
export function apiGroup(registry: Registry, group: string): object | undefined {
  const versions = groupsOf(registry).get(group);
  return versions && group !== "" ? { kind: "APIGroup", apiVersion: "v1", ...groupEntry(group, versions) } : undefined;
}

function groupEntry(group: string, versions: readonly string[]): object {
  const entries = versions.map((version) => ({ groupVersion: `${group}/${version}`, version }));
  return { name: group, versions: entries, preferredVersion: entries[0] };
}
