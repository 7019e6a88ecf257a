import type { Service } from "../api/core.ts";
import { selectsAny } from "../api/selector.ts";
import { Candidates } from "./candidates.ts";
import type { PoolSpace } from "./space.ts";

/** The pools from which a Service is given addresses without asking for them. */
export interface Offer {
  /** Pools with serviceAllocation: priority, then name. */
  readonly pinned: Candidates;
  /** The other pools with autoAssign, by name. */
  readonly general: Candidates;
  /** First those, then these. */
  readonly all: Candidates;
}

/**
 * Whom each pool's serviceAllocation lets in, for one pass.
 *
 * Services that no pool tells apart have one offer, so that it is found once for each kind of Service and not for each
 * Service.
 */
export class Access {
  /** Pools of certain namespaces, by namespace. */
  readonly #of = new Map<string, Set<PoolSpace>>();
  /** Pinned pools of all namespaces. */
  readonly #open: readonly PoolSpace[];
  readonly #general: Candidates;
  /** The labels that serviceSelectors look at. */
  readonly #labels: readonly string[];
  readonly #offers = new Map<string, Offer>();

  /** Pools by rank. */
  constructor(spaces: readonly PoolSpace[]) {
    const restricted = spaces.filter(({ pool }) => pool.allocation !== undefined);
    for (const space of restricted) {
      for (const namespace of space.pool.allocation?.namespaces ?? []) setAt(this.#of, namespace).add(space);
    }
    this.#open = restricted.filter(({ pool }) => pool.autoAssign && pool.allocation?.namespaces === undefined);
    this.#general = new Candidates(spaces.filter(({ pool }) => pool.autoAssign && pool.allocation === undefined));
    this.#labels = labelsOf(restricted);
  }

  /**
   * Whether a Service may have addresses of a pool.
   *
   * Differs: namespaceSelectors that match no namespace let nobody in; in MetalLB everybody.
   */
  admits(space: PoolSpace, service: Service): boolean {
    return this.admitsNamespace(space, service) && admitsLabels(space, service);
  }

  admitsNamespace(space: PoolSpace, { metadata }: Service): boolean {
    const isOpen = space.pool.allocation?.namespaces === undefined;
    return isOpen || this.#of.get(metadata.namespace ?? "")?.has(space) === true;
  }

  offerTo(service: Service): Offer {
    const kind = this.kindOf(service);
    const known = this.#offers.get(kind);
    if (known) return known;
    const own = [...(this.#of.get(service.metadata.namespace ?? "") ?? [])].filter(({ pool }) => pool.autoAssign);
    const pinned = [...this.#open, ...own].filter((space) => admitsLabels(space, service)).sort(byRank);
    const general = this.#general;
    let all: Candidates | undefined;
    const made: Offer = {
      pinned: new Candidates(pinned),
      general,
      // Only Services of two families ask for it, and it is as long as there are pools.
      get all() {
        all ??= new Candidates([...pinned, ...general.spaces]);
        return all;
      },
    };
    this.#offers.set(kind, made);
    return made;
  }

  /** A text for all that pools look at in a Service: equal ones are treated alike. */
  kindOf({ metadata: { namespace = "", labels = {} } }: Service): string {
    const place = this.#of.has(namespace) ? namespace : "";
    return JSON.stringify([place, ...this.#labels.map((key) => (Object.hasOwn(labels, key) ? labels[key] : null))]);
  }
}

export const admitsLabels = ({ pool: { allocation } }: PoolSpace, { metadata }: Service): boolean =>
  allocation === undefined || selectsAny(allocation.serviceSelectors, metadata.labels);

function labelsOf(spaces: readonly PoolSpace[]): readonly string[] {
  const selectors = spaces.flatMap(({ pool }) => pool.allocation?.serviceSelectors ?? []);
  const keys = selectors.flatMap(({ matchLabels = {}, matchExpressions = [] }) => [
    ...Object.keys(matchLabels),
    ...matchExpressions.map(({ key }) => key),
  ]);
  return [...new Set(keys)];
}

const byRank = (a: PoolSpace, b: PoolSpace): number => a.rank - b.rank;

function setAt(sets: Map<string, Set<PoolSpace>>, key: string): Set<PoolSpace> {
  const found = sets.get(key);
  if (found) return found;
  const made = new Set<PoolSpace>();
  sets.set(key, made);
  return made;
}
