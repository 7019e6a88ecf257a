import type { Components, Kind, KindVersion, ResourceId } from "../types.ts";

/** A kind in one of its served versions. */
export interface Served {
  readonly kind: Kind;
  readonly version: KindVersion;
}

/** The kinds that are served now: the built-in rows, and those that CustomResourceDefinitions add. */
export class Registry {
  readonly components: Components;
  readonly #kinds = new Map<string, Kind>();
  #generation = 0;

  constructor(builtin: readonly Kind[], components: Components) {
    this.components = components;
    for (const kind of builtin) this.set(kind);
  }

  /** Grows with every change of the set: what is derived from the kinds (discovery, OpenAPI) is cached under it. */
  get generation(): number {
    return this.#generation;
  }

  kinds(): Kind[] {
    return [...this.#kinds.values()];
  }

  set(kind: Kind): void {
    this.#kinds.set(`${kind.group}/${kind.resource}`, kind);
    this.#generation++;
  }

  remove(id: ResourceId): void {
    if (this.#kinds.delete(`${id.group}/${id.resource}`)) this.#generation++;
  }

  find(id: ResourceId): Kind | undefined {
    return this.#kinds.get(`${id.group}/${id.resource}`);
  }

  findServed(group: string, version: string, resource: string): Served | undefined {
    const kind = this.find({ group, resource });
    const found = kind?.versions.find((each) => each.name === version && each.served);
    return kind && found ? { kind, version: found } : undefined;
  }
}

/** `v1`, or `group/v1`. */
export const apiVersionOf = (group: string, version: string): string =>
  group === "" ? version : `${group}/${version}`;

/** The version in which a kind's objects are stored. */
export function storageVersion(kind: Kind): KindVersion {
  const found = kind.versions.find((version) => version.storage);
  if (!found) throw new Error(`bug: ${kind.resource}.${kind.group} has no storage version`);
  return found;
}

/**
 * Newest first as Kubernetes orders versions: GA before beta before alpha, higher numbers first, anything else last by name.
 *
 * @see k8s.io/apimachinery/pkg/version CompareKubeAwareVersionStrings
 */
export function compareVersions(a: string, b: string): number {
  const [left, right] = [rank(a), rank(b)];
  for (const [index, value] of left.entries()) {
    const difference = (right[index] ?? 0) - value;
    if (difference !== 0) return difference;
  }
  return a < b ? -1 : a > b ? 1 : 0;
}

function rank(version: string): number[] {
  const match = /^v(\d+)(?:(alpha|beta)(\d+))?$/.exec(version);
  if (!match) return [0, 0, 0];
  const stage = match[2] === undefined ? 3 : match[2] === "beta" ? 2 : 1;
  return [stage, Number(match[1]), Number(match[3] ?? 0)];
}
