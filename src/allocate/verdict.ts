import type { Address, Family } from "../net/address.ts";
import { quoted } from "./wish.ts";

/** Why a pool gave nothing to a Service. The last three are about addresses that it asks for. */
export type PoolVerdict = { readonly pool: string } & (
  | { readonly kind: "not-asked"; readonly asked: string }
  | { readonly kind: "refused" }
  | { readonly kind: "auto-assign-off" }
  | { readonly kind: "other-namespaces" }
  | { readonly kind: "other-services" }
  | { readonly kind: "no-family"; readonly family: Family }
  | { readonly kind: "full"; readonly family: Family; readonly used: bigint; readonly total: bigint }
  | { readonly kind: "lacks"; readonly addresses: readonly Address[] }
  | { readonly kind: "taken"; readonly cause: string }
  /** It is another pool's fault that the Service can't have all. */
  | { readonly kind: "ready"; readonly addresses: readonly Address[] }
);

/** More are told together: an event is read by a person. */
const toldOneByOne = 8;

/** A verdict as a sentence without its end. */
export const verdictText = (verdict: PoolVerdict): string => groupText([verdict]);

/** Verdicts as the end of a sentence, those of pools that nobody asked left out. */
export function verdictsText(verdicts: readonly PoolVerdict[]): string {
  if (verdicts.length === 0) return "there is no IPAddressPool";
  const told = verdicts.filter(({ kind }) => kind !== "not-asked");
  const groups = told.length > toldOneByOne ? [...Map.groupBy(told, groupOf).values()] : told.map((one) => [one]);
  return groups.map(groupText).join("; ");
}

const groupOf = (verdict: PoolVerdict): string => `${verdict.kind} ${"family" in verdict ? verdict.family : ""}`;

/** Pools of which the same is to be said. */
function groupText(group: readonly PoolVerdict[]): string {
  const [first, second] = group;
  if (first === undefined) throw new Error("bug: a group of no pools");
  const [is, are] = predicates(first);
  const count = countText(group);
  return second === undefined
    ? `pool "${first.pool}" ${is}${count}`
    : `${group.length} pools ${are}${count}, the first "${first.pool}"`;
}

/** What is said of one pool, and of several. */
function predicates(verdict: PoolVerdict): readonly [string, string] {
  switch (verdict.kind) {
    case "not-asked":
      return [`is not the one asked for, "${verdict.asked}"`, `are not the one asked for, "${verdict.asked}"`];
    case "refused":
      return ["is not in force: its spec is refused", "are not in force: their specs are refused"];
    case "auto-assign-off":
      return ["has autoAssign false", "have autoAssign false"];
    case "other-namespaces":
      return ["is for other namespaces", "are for other namespaces"];
    case "other-services":
      return ["is for Services with other labels", "are for Services with other labels"];
    case "no-family":
      return [`has no ${familyNames[verdict.family]} addresses`, `have no ${familyNames[verdict.family]} addresses`];
    case "full":
      return ["is full", "are full"];
    case "lacks":
      return [`does not have ${quoted(verdict.addresses)}`, `do not have ${quoted(verdict.addresses)}`];
    case "taken":
      return [`can't give what is asked for: ${verdict.cause}`, `can't give what is asked for: ${verdict.cause}`];
    case "ready":
      return [`could give ${quoted(verdict.addresses)}`, `could give ${quoted(verdict.addresses)}`];
  }
}

function countText(group: readonly PoolVerdict[]): string {
  const full = group.filter((verdict) => verdict.kind === "full");
  const [first] = full;
  if (first === undefined) return "";
  const sum = (part: "used" | "total") => full.reduce((all, verdict) => all + verdict[part], 0n);
  return ` (${sum("used")}/${sum("total")} ${familyNames[first.family]})`;
}

const familyNames = { ipv4: "IPv4", ipv6: "IPv6" } as const;
