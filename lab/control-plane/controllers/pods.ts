import { createHash, randomInt } from "node:crypto";
import type { ApiObject } from "../types.ts";
import { controlledBy, isReady, type Pod, type PodTemplate } from "./objects.ts";

/** Kubernetes' alphabet for generated names: no vowels, so no words. */
const ALPHABET = "bcdfghjklmnpqrstvwxz2456789";

/** Five random letters, as generateName appends them. */
export const nameSuffix = (): string => Array.from({ length: 5 }, () => ALPHABET[randomInt(ALPHABET.length)]).join("");

/** A short name for a Pod template: equal templates, equal hashes, whatever the order of their members. */
export function templateHash(template: PodTemplate): string {
  const digest = createHash("sha256").update(canonical(template)).digest();
  return [...digest.subarray(0, 10)].map((byte) => ALPHABET[byte % ALPHABET.length]).join("");
}

function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join()}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value) ?? "null";
  const members = Object.entries(value).filter(([, member]) => member !== undefined);
  members.sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${members.map(([key, member]) => `${JSON.stringify(key)}:${canonical(member)}`).join()}}`;
}

/** A Pod of `owner` after `template`, with `labels` on top. */
export function podFrom(template: PodTemplate, owner: ApiObject, labels: Record<string, string> = {}): Pod {
  const generateName = `${owner.metadata.name}-`;
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      name: `${generateName}${nameSuffix()}`,
      generateName,
      ...(owner.metadata.namespace !== undefined && { namespace: owner.metadata.namespace }),
      labels: { ...template.metadata?.labels, ...labels },
      ...(template.metadata?.annotations && { annotations: { ...template.metadata.annotations } }),
      ownerReferences: [controlledBy(owner)],
    },
    spec: structuredClone(template.spec),
  };
}

/** Pods in the order in which they are given up: unbound, then unready, then the youngest. */
export const byExpendability = (pods: readonly Pod[]): Pod[] =>
  [...pods].sort((a, b) => worth(a) - worth(b) || youngerFirst(a, b) || (a.metadata.name < b.metadata.name ? -1 : 1));

const worth = (pod: Pod): number => (pod.spec.nodeName === undefined ? 0 : isReady(pod) ? 2 : 1);

const youngerFirst = (a: Pod, b: Pod): number =>
  Date.parse(b.metadata.creationTimestamp ?? "") - Date.parse(a.metadata.creationTimestamp ?? "") || 0;

/** An absolute number, or a percentage of `total` rounded as the caller says (maxSurge up, maxUnavailable down). */
export function portionOf(value: number | string, total: number, round: (n: number) => number): number {
  if (typeof value === "number") return value;
  return value.endsWith("%") ? round((Number(value.slice(0, -1)) * total) / 100) : Number(value);
}
