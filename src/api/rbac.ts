import type { Fields } from "./field.ts";
import { group, type Kind, specFields } from "./kind.ts";
import { sortedText } from "../std/order.ts";

/** A rule of rbac.authorization.k8s.io/v1. */
export interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
}

/** What the programs may do with the kinds of `metallb.io`, by who writes them: users their `spec`, programs what has none. */
export interface KindRules {
  /** For the controller and the speakers, in MetalLB's namespace. */
  readonly both: readonly Rule[];
  /** For the controller alone: it counts what pools have given. */
  readonly controller: readonly Rule[];
}

export function kindRules(kinds: readonly Kind[]): KindRules {
  const plurals = (holds: (kind: Kind) => boolean): readonly string[] =>
    sortedText(new Set(kinds.filter(holds).map(({ plural }) => plural)));
  const hasSpec = (kind: Kind): boolean => Object.keys(specFields(kind)).length > 0;
  const hasStatus = (kind: Kind): boolean => Object.keys(statusFields(kind)).length > 0;
  const reported = plurals((kind) => !hasSpec(kind));
  const counted = plurals((kind) => hasSpec(kind) && hasStatus(kind));
  return {
    both: [
      ruleFor(plurals(hasSpec), ["get", "list", "watch"]),
      ruleFor(reported, ["create", "delete", "get", "list", "patch", "update", "watch"]),
      ruleFor(statusOf(reported), ["get", "patch", "update"]),
    ],
    controller: [ruleFor(statusOf(counted), ["patch", "update"])],
  };
}

const ruleFor = (resources: readonly string[], verbs: readonly string[]): Rule => ({
  apiGroups: [group],
  resources,
  verbs,
});

const statusOf = (plurals: readonly string[]): readonly string[] => plurals.map((plural) => `${plural}/status`);

function statusFields(kind: Kind): Fields {
  const shape = kind.fields["status"]?.shape;
  return shape?.kind === "object" ? shape.fields : {};
}
