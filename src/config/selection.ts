import type { Node } from "../api/core.ts";
import { selectors } from "../api/field.ts";
import type { IpAddressPool } from "../api/kinds/ip-address-pool.ts";
import type { LabelSelector } from "../api/object.ts";
import type { FieldProblem } from "../api/problem.ts";
import { readField } from "../api/read.ts";
import { warning } from "../api/rules.ts";
import { selects, selectsAny } from "../api/selector.ts";
import { sortedText } from "../std/order.ts";
import type { Pool } from "./config.ts";
import type { NodeIndex } from "./node-index.ts";

/** The two ways in which an advertisement names its pools. */
interface PoolSelection {
  readonly ipAddressPools: readonly string[];
  readonly ipAddressPoolSelectors: readonly LabelSelector[];
}

/** Names of the pools in force that are selected by name or by label, sorted; without either, all of them. */
export function selectedPools({ ipAddressPools, ipAddressPoolSelectors }: PoolSelection, pools: readonly Pool[]) {
  const named = new Set(ipAddressPools);
  const everything = ipAddressPools.length === 0 && ipAddressPoolSelectors.length === 0;
  const isSelected = ({ name, labels }: Pool) =>
    everything || named.has(name) || ipAddressPoolSelectors.some((selector) => selects(selector, labels));
  return sortedText(pools.filter(isSelected).map(({ name }) => name));
}

/** Differs: MetalLB ignores names and selectors that match nothing without a word. */
export function poolWarnings(selection: PoolSelection, pools: readonly IpAddressPool[]): readonly FieldProblem[] {
  const names = unknownNames(
    "spec.ipAddressPools",
    selection.ipAddressPools,
    new Set(pools.map(({ metadata }) => metadata.name)),
    "an IPAddressPool",
  );
  const matches = selection.ipAddressPoolSelectors.flatMap((selector, i) =>
    pools.some(({ metadata }) => selects(selector, metadata.labels))
      ? []
      : [warning(`spec.ipAddressPoolSelectors[${i}]`, "MatchesNothing", "matches no IPAddressPool")],
  );
  const isEverything = selection.ipAddressPools.length === 0 && selection.ipAddressPoolSelectors.length === 0;
  const nothing =
    isEverything && pools.length === 0
      ? [warning("spec", "MatchesNothing", "selects every IPAddressPool, and there is none")]
      : [];
  return [...names, ...matches, ...nothing];
}

export const unknownNames = (
  path: string,
  names: readonly string[],
  known: ReadonlySet<string>,
  what: string,
): readonly FieldProblem[] =>
  names.flatMap((name, i) =>
    known.has(name)
      ? []
      : [warning(`${path}[${i}]`, "MatchesNothing", `${JSON.stringify(name)} is not the name of ${what}`)],
  );

/** Names of the nodes that are selected, sorted; without selectors, all of them. */
export const selectedNodes = (nodeSelectors: readonly LabelSelector[], nodes: readonly Node[]): readonly string[] =>
  sortedText(
    nodes.filter(({ metadata }) => selectsAny(nodeSelectors, metadata.labels)).map(({ metadata }) => metadata.name),
  );

export const nodeWarnings = (nodeSelectors: readonly LabelSelector[], all: NodeIndex): readonly FieldProblem[] =>
  all.nodes.length === 0 || all.hasSelected(nodeSelectors)
    ? []
    : [warning("spec.nodeSelectors", "MatchesNothing", "match no node")];

const nodeSelectorsField = selectors({ unset: [], doc: "" });

/**
 * Whether an object is meant for this node. When its selectors can't be read it may be; it is then reported everywhere.
 */
export function isForNode(object: { readonly spec?: { readonly nodeSelectors?: unknown } }, node: Node): boolean {
  const { value } = readField(nodeSelectorsField, object.spec?.nodeSelectors, "spec.nodeSelectors");
  return value === undefined || selectsAny(value, node.metadata.labels);
}
