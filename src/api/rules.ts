import type { FieldProblem, ProblemReason } from "./problem.ts";

/** Rules between the fields of one object, and the words for what breaks them. */

export const refused = (field: string, reason: ProblemReason, message: string): FieldProblem => ({
  field,
  reason,
  message,
  severity: "refused",
});

export const warning = (field: string, reason: ProblemReason, message: string): FieldProblem => ({
  field,
  reason,
  message,
  severity: "warning",
});

/** One of two fields must be set; empty text and 0 count as absent, as for Go's `omitempty`. */
export function exactlyOne<K extends string>(
  spec: { readonly [name in K]?: unknown },
  a: K,
  b: K,
): readonly FieldProblem[] {
  if (spec[a] && spec[b]) return notBoth(a, spec[a], b, spec[b]);
  return spec[a] || spec[b] ? [] : [refused(a, "Required", `is missing, and so is ${b}; set exactly one of the two`)];
}

export const notBoth = (a: string, valueA: unknown, b: string, valueB: unknown): readonly FieldProblem[] =>
  valueA && valueB ? [refused(b, "Conflict", `is set together with ${a}; set only one of the two`)] : [];
