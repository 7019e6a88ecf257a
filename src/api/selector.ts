import { sortedText } from "../std/order.ts";
import type { LabelRequirement, LabelSelector } from "./object.ts";
import type { FieldProblem } from "./problem.ts";

/** metav1.LabelSelector: matching, validity and equality. */

type Labels = Readonly<Record<string, string>>;

/** Whether everything the selector lists holds; an empty one matches everything, an invalid requirement nothing. */
export function selects(selector: LabelSelector, labels: Labels = {}): boolean {
  return (
    Object.entries(selector.matchLabels ?? {}).every(([key, value]) => valueOf(labels, key) === value) &&
    (selector.matchExpressions ?? []).every((requirement) => holds(requirement, labels))
  );
}

/** Whether one of the selectors matches; an empty list selects everything. */
export const selectsAny = (selectors: readonly LabelSelector[], labels: Labels = {}): boolean =>
  selectors.length === 0 || selectors.some((selector) => selects(selector, labels));

const valueOf = (labels: Labels, key: string): string | undefined =>
  Object.hasOwn(labels, key) ? labels[key] : undefined;

/** NotIn holds for an absent label too. Kubernetes apimachinery pkg/labels/selector.go, Requirement.Matches. */
function holds({ key, operator, values = [] }: LabelRequirement, labels: Labels): boolean {
  const value = valueOf(labels, key);
  switch (operator) {
    case "In":
      return value !== undefined && values.includes(value);
    case "NotIn":
      return value === undefined || !values.includes(value);
    case "Exists":
      return value !== undefined;
    case "DoesNotExist":
      return value === undefined;
    default:
      return false;
  }
}

/**
 * One text for all selectors that mean the same: the order of labels, requirements and values doesn't count.
 *
 * Differs: for MetalLB the order of requirements counts.
 * @see MetalLB internal/config/config.go, validateLabelSelectorDuplicate
 */
export function canonicalSelector(selector: LabelSelector): string {
  const labels = sortedText(Object.entries(selector.matchLabels ?? {}).map((entry) => JSON.stringify(entry)));
  const requirements = sortedText((selector.matchExpressions ?? []).map(canonicalRequirement));
  return JSON.stringify([labels, requirements]);
}

const canonicalRequirement = ({ key, operator, values = [] }: LabelRequirement): string =>
  JSON.stringify([key, operator, sortedText(values)]);

/** All that is wrong with a selector; paths are relative to it. */
export function selectorProblems(selector: LabelSelector): readonly FieldProblem[] {
  const labels = Object.entries(selector.matchLabels ?? {}).flatMap(([key, value]) => {
    const path = `matchLabels[${key}]`;
    return [...keyProblems(key, path), ...valueProblems(value, path)];
  });
  const requirements = selector.matchExpressions ?? [];
  const each = requirements.flatMap((requirement, i) => requirementProblems(requirement, `matchExpressions[${i}]`));
  return [
    ...labels,
    ...each,
    ...repeated(requirements.map(canonicalRequirement), "matchExpressions", "match expressions"),
  ];
}

function requirementProblems({ key, operator, values = [] }: LabelRequirement, path: string): FieldProblem[] {
  return [
    ...keyProblems(key, `${path}.key`),
    ...operatorProblems(operator, values, path),
    ...values.flatMap((value, i) => valueProblems(value, `${path}.values[${i}]`)),
    ...repeated(values, `${path}.values`, "match expression value in label selector"),
  ];
}

function operatorProblems(operator: string, values: readonly string[], path: string): FieldProblem[] {
  switch (operator) {
    case "In":
    case "NotIn":
      return values.length > 0 ? [] : [refused(`${path}.values`, "Required", `is empty; ${operator} needs a value`)];
    case "Exists":
    case "DoesNotExist":
      return values.length === 0 ? [] : [refused(`${path}.values`, "Invalid", `is set; ${operator} takes no value`)];
    default:
      return [
        refused(
          `${path}.operator`,
          "NotSupported",
          `${JSON.stringify(operator)} is not an operator; write In, NotIn, Exists or DoesNotExist`,
        ),
      ];
  }
}

/** Kubernetes apimachinery pkg/util/validation, IsQualifiedName and IsValidLabelValue. */
const namePart = /^[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/;
const prefixPart = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;

function isLabelKey(key: string): boolean {
  const parts = key.split("/");
  const name = parts.pop() ?? "";
  const [prefix] = parts;
  if (parts.length > 1 || !namePart.test(name)) return false;
  return prefix === undefined || (prefix.length <= 253 && prefixPart.test(prefix));
}

const isLabelValue = (value: string): boolean => value === "" || namePart.test(value);

const keyProblems = (key: string, path: string): FieldProblem[] =>
  isLabelKey(key)
    ? []
    : [refused(path, "Invalid", `${JSON.stringify(key)} is not a label key; write one such as example.com/rack`)];

const valueProblems = (value: string, path: string): FieldProblem[] =>
  isLabelValue(value)
    ? []
    : [
        refused(
          path,
          "Invalid",
          `${JSON.stringify(value)} is not a label value; write up to 63 letters, digits, -, _ and ., such as rack-1`,
        ),
      ];

const repeated = (items: readonly string[], path: string, what: string): FieldProblem[] =>
  items.flatMap((item, i) =>
    items.indexOf(item) === i ? [] : [refused(`${path}[${i}]`, "Duplicate", `is a duplicate definition of ${what}`)],
  );

const refused = (field: string, reason: FieldProblem["reason"], message: string): FieldProblem => ({
  field,
  reason,
  message,
  severity: "refused",
});
