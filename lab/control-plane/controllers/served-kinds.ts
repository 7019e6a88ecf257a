import { builtinKinds } from "../registry/kinds.ts";
import type { ApiObject, Kind, LocalApi, ResourceId } from "../types.ts";

/** What the controllers that deal with every kind need of one. */
export type ServedKind = Pick<Kind, "group" | "kind" | "resource" | "namespaced">;

export const CRDS: ResourceId = { group: "apiextensions.k8s.io", resource: "customresourcedefinitions" };

interface Definition extends ApiObject {
  spec: { group: string; scope: string; names: { kind: string; plural: string } };
}

/** Built-in kinds that hold objects. `events.k8s.io` only shows the core group's events under a second name. */
const BUILTIN: readonly ServedKind[] = builtinKinds().filter(
  (kind) => kind.verbs.includes("delete") && kind.group !== "events.k8s.io",
);

/** The kinds that are served now, those of CustomResourceDefinitions included. */
export const servedKinds = (api: Pick<LocalApi, "list">): ServedKind[] => [
  ...BUILTIN,
  ...(api.list(CRDS) as Definition[]).map(({ spec: { group, scope, names } }) => ({
    group,
    kind: names.kind,
    resource: names.plural,
    namespaced: scope === "Namespaced",
  })),
];
