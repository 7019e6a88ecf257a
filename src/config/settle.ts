import type { KubeObject, ObjectRef } from "../api/object.ts";
import type { FieldProblem, Problem } from "../api/problem.ts";
import { problemOf } from "../api/read.ts";
import { deepEqual } from "../std/equal.ts";
import { compareText, sortedBy } from "../std/order.ts";

/** What an object says now: without a value when it is wrong in itself. */
export interface Candidate<V> {
  readonly object: KubeObject;
  readonly value: V | undefined;
  readonly problems: readonly FieldProblem[];
}

/** What is in force, sorted by name, and all that is wrong. */
export interface Settled<V> {
  readonly values: readonly V[];
  readonly problems: readonly Problem[];
}

interface Named {
  readonly name: string;
  readonly ref: ObjectRef;
}

/** What is in force so far, and what one more would break. */
export interface Ground<V> {
  conflictsOf(value: V): readonly FieldProblem[];
  take(value: V): void;
}

/** For objects that can't be in each other's way. */
export const openGround: Ground<unknown> = { conflictsOf: () => [], take: () => {} };

/**
 * Decides which objects are in force when some are wrong or in each other's way.
 *
 * Each in its turn (`inTurn`) takes its ground. One that can't have what it says now keeps its last good value, if that
 * is still free, and is left out otherwise; the others don't notice.
 *
 * Differs: MetalLB refuses the whole configuration for the first mistake.
 */
export function settle<V extends Named>(
  candidates: readonly Candidate<V>[],
  lastGood: readonly V[],
  ground: Ground<V>,
): Settled<V> {
  const last = byName(lastGood);
  const { steady, changed } = inTurn(candidates, last);
  const settled = steady.map((candidate) => place(candidate, last, ground));
  const isStuck = ({ value }: Candidate<V>) => !value || ground.conflictsOf(value).length > 0;
  const { stuck = [], free = [] } = Object.groupBy(changed, (candidate) => (isStuck(candidate) ? "stuck" : "free"));
  for (const candidate of [...stuck, ...free]) settled.push(place(candidate, last, ground));
  return {
    values: sortedBy(
      settled.flatMap(({ value }) => value ?? []),
      ({ name }) => name,
    ),
    problems: settled.flatMap(({ problems }) => problems),
  };
}

/**
 * Those that say what is already in force, which nobody may push out; then the others. Each by age, then by name.
 *
 * Differs: MetalLB blames whichever comes later in the alphabet.
 */
export function inTurn<V extends Named>(
  candidates: readonly Candidate<V>[],
  last: ReadonlyMap<string, V>,
): { readonly steady: readonly Candidate<V>[]; readonly changed: readonly Candidate<V>[] } {
  const ordered = candidates.toSorted((a, b) => compareAge(a.object, b.object));
  const isSteady = ({ object, value }: Candidate<V>) => !!value && deepEqual(value, last.get(object.metadata.name));
  const { steady = [], changed = [] } = Object.groupBy(ordered, (one) => (isSteady(one) ? "steady" : "changed"));
  return { steady, changed };
}

export const byName = <V extends { readonly name: string }>(values: readonly V[]): ReadonlyMap<string, V> =>
  new Map(values.map((value) => [value.name, value]));

/** Older first; without a time (it comes from no API server) last. */
export const compareAge = ({ metadata: a }: KubeObject, { metadata: b }: KubeObject): number =>
  compareText(a.creationTimestamp ?? "~", b.creationTimestamp ?? "~") || compareText(a.name, b.name);

interface Placed<V> {
  readonly value: V | undefined;
  readonly problems: readonly Problem[];
}

function place<V extends Named>(
  { object, value, problems }: Candidate<V>,
  last: ReadonlyMap<string, V>,
  ground: Ground<V>,
): Placed<V> {
  const conflicts = value ? ground.conflictsOf(value) : [];
  const wanted = conflicts.length === 0 ? value : undefined;
  const kept = wanted ? undefined : freeOn(ground, last.get(object.metadata.name));
  const inForce = wanted ?? kept;
  if (inForce) ground.take(inForce);
  return { value: inForce, problems: tied(object, [...problems, ...conflicts], kept !== undefined) };
}

const freeOn = <V>(ground: Ground<V>, value: V | undefined): V | undefined =>
  value && ground.conflictsOf(value).length === 0 ? value : undefined;

/** The object's problems, saying so when its last good value stays in force. */
export const tied = (object: KubeObject, found: readonly FieldProblem[], kept: boolean): readonly Problem[] =>
  found.map((one) => {
    const problem = problemOf(object, one);
    if (!kept || problem.severity === "warning") return problem;
    return { ...problem, message: `${problem.message} (its last good value stays in force)` };
  });
