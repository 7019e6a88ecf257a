import type { Namespace } from "../api/core.ts";
import { objectNameGrammar } from "../api/grammar.ts";
import type { SpecOf } from "../api/kind.ts";
import { type IpAddressPool, ipAddressPool } from "../api/kinds/ip-address-pool.ts";
import { refOf } from "../api/object.ts";
import type { FieldProblem } from "../api/problem.ts";
import { readSpec } from "../api/read.ts";
import { refused, warning } from "../api/rules.ts";
import { selects } from "../api/selector.ts";
import { prefixesOf } from "../net/range.ts";
import { sortedText } from "../std/order.ts";
import type { Pool } from "./config.ts";
import { RangeIndex } from "./range-index.ts";
import { type Candidate, type Ground, settle, type Settled } from "./settle.ts";

/**
 * Pools whose addresses overlap with nobody's.
 *
 * `namespaces` is `undefined` where they are not watched: nothing is said then of selectors that match none.
 */
export function settlePools(
  objects: readonly IpAddressPool[],
  namespaces: readonly Namespace[] | undefined,
  lastGood: readonly Pool[],
): Settled<Pool> {
  const candidates = objects.map((object) => candidateOf(object, namespaces));
  return settle(candidates, lastGood, new AddressGround());
}

type Spec = SpecOf<typeof ipAddressPool>;
type Allocation = NonNullable<Spec["serviceAllocation"]>;

function candidateOf(object: IpAddressPool, namespaces: readonly Namespace[] | undefined): Candidate<Pool> {
  const { value: spec, problems } = readSpec(ipAddressPool, object);
  if (!spec) return { object, value: undefined, problems };
  const suspicious = spec.serviceAllocation ? allocationWarnings(spec.serviceAllocation, namespaces) : [];
  return { object, value: poolOf(object, spec, namespaces ?? []), problems: [...problems, ...suspicious] };
}

function poolOf(object: IpAddressPool, spec: Spec, namespaces: readonly Namespace[]): Pool {
  const { addresses, serviceAllocation, ...own } = spec;
  const entries = addresses.map(({ text, range }) => ({ text, range, prefixes: prefixesOf(range) }));
  return {
    ...own,
    name: object.metadata.name,
    ref: refOf(object),
    entries,
    families: (["ipv4", "ipv6"] as const).filter((family) => entries.some(({ range }) => range.family === family)),
    labels: object.metadata.labels ?? {},
    ...(serviceAllocation && { allocation: allocationOf(serviceAllocation, namespaces) }),
  };
}

/**
 * Names and selectors of namespaces, resolved.
 *
 * Differs: selectors that match no namespace leave none; in MetalLB that means every namespace.
 */
function allocationOf(allocation: Allocation, all: readonly Namespace[]): NonNullable<Pool["allocation"]> {
  const { priority, namespaces, namespaceSelectors, serviceSelectors } = allocation;
  if (namespaces.length === 0 && namespaceSelectors.length === 0) {
    return { priority, namespaces: undefined, serviceSelectors };
  }
  const matched = all.filter(({ metadata }) => namespaceSelectors.some((one) => selects(one, metadata.labels)));
  const names = [...namespaces.filter(isName), ...matched.map(({ metadata }) => metadata.name)];
  return { priority, namespaces: sortedText(new Set(names)), serviceSelectors };
}

const isName = (text: string): boolean => objectNameGrammar.parse(text).ok;

function allocationWarnings(
  { namespaces, namespaceSelectors }: Allocation,
  all: readonly Namespace[] | undefined,
): readonly FieldProblem[] {
  const path = "spec.serviceAllocation";
  const names = namespaces.flatMap((name, i) =>
    isName(name)
      ? []
      : [warning(`${path}.namespaces[${i}]`, "MatchesNothing", `${JSON.stringify(name)} can't be a namespace's name`)],
  );
  const selectors = namespaceSelectors.flatMap((selector, i) =>
    !all || all.some(({ metadata }) => selects(selector, metadata.labels))
      ? []
      : [warning(`${path}.namespaceSelectors[${i}]`, "MatchesNothing", "matches no namespace")],
  );
  return [...names, ...selectors];
}

/** Which addresses are whose. MetalLB internal/config/config.go, poolsFor. */
class AddressGround implements Ground<Pool> {
  readonly #taken = new RangeIndex();

  conflictsOf(pool: Pool): readonly FieldProblem[] {
    const own = new RangeIndex();
    return pool.entries.flatMap(({ text, range }, i) => {
      const hit = this.#taken.find(range) ?? own.find(range);
      if (!hit) own.add(range, text, pool.name);
      return hit ? [overlap(i, text, hit.text, hit.owner === pool.name ? "this pool" : `pool ${hit.owner}`)] : [];
    });
  }

  take(pool: Pool): void {
    for (const { range, text } of pool.entries) this.#taken.add(range, text, pool.name);
  }
}

const overlap = (i: number, text: string, other: string, owner: string): FieldProblem =>
  refused(
    `spec.addresses[${i}]`,
    "Overlap",
    `${JSON.stringify(text)} overlaps with already defined CIDR ${JSON.stringify(other)} of ${owner}; write addresses that no pool has`,
  );
