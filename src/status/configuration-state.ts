import { apiVersionOf } from "../api/kind.ts";
import { type ConfigurationState, configurationState } from "../api/kinds/configuration-state.ts";
import {
  conditionConfigReconciler,
  conditionPoolReconciler,
  conditionReasons,
  controllerStateName,
  labelComponentType,
  labelNodeName,
  speakerStateName,
} from "../api/names.ts";
import type { Condition, ObjectMeta, OwnerReference } from "../api/object.ts";
import { refOf } from "../api/object.ts";
import type { Problem } from "../api/problem.ts";
import { deepEqual } from "../std/equal.ts";
import { sortedText } from "../std/order.ts";
import type { Write } from "./write.ts";

export interface ConfigurationStateInput {
  /** Whose state: the controller's, or a node's speaker's. */
  readonly component: { readonly kind: "controller" } | { readonly kind: "speaker"; readonly node: string };
  /** MetalLB's namespace. */
  readonly namespace: string;
  /** The program's own Pod. */
  readonly owner: OwnerReference;
  readonly problems: readonly Problem[];
  /** The world's failure, where the configuration could not be brought into force, in a sentence. */
  readonly failure?: string;
  /** RFC 3339. */
  readonly now: string;
  readonly existing: ConfigurationState | undefined;
}

/**
 * What to write so that the program's ConfigurationState says whether the configuration is in force.
 *
 * Differs: all problems are listed, not the first; the time of a condition is when it last changed, not when it was last
 * looked at; a failure of the world makes the result Unknown, not Valid.
 *
 * @see MetalLB internal/k8s/controllers/configuration_state_controller.go
 */
export function configurationStateWrites(input: ConfigurationStateInput): Write[] {
  const { existing } = input;
  const status = statusOf(input);
  if (existing === undefined) return [creation(input, status)];
  const object = refOf(existing);
  const { labels, ownerReferences } = metadataOf(input);
  const isOwned = deepEqual(existing.metadata.ownerReferences, ownerReferences);
  const isLabelled = Object.entries(labels).every(([key, value]) => existing.metadata.labels?.[key] === value);
  const patch: Write = { kind: "patch", object, body: { metadata: { labels, ownerReferences } } };
  const patchStatus: Write = { kind: "patch-status", object, body: { status } };
  return [...(isOwned && isLabelled ? [] : [patch]), ...(deepEqual(existing.status, status) ? [] : [patchStatus])];
}

/** A problem, in the line that ConfigurationState has for it. Warnings don't count: what they are about is in force. */
const linesOf = (problems: readonly Problem[]): string[] =>
  sortedText(
    new Set(
      problems.filter(({ severity }) => severity === "refused").map(({ message }) => `configuration error: ${message}`),
    ),
  );

function statusOf(input: ConfigurationStateInput) {
  const condition = conditionOf(input);
  const others = (input.existing?.status?.conditions ?? []).filter(({ type }) => type !== condition.type);
  const conditions = [...others, condition];
  const isFalse = (reason: string) => conditions.some((one) => one.status === "False" && one.reason === reason);
  const result = isFalse(conditionReasons.configurationError)
    ? "Invalid"
    : isFalse(conditionReasons.unknownError)
      ? "Unknown"
      : "Valid";
  const failing = conditions.filter((one) => one.status === "False");
  return { conditions, result, errorSummary: failing.map(({ message }) => message).join("\n") };
}

function conditionOf({ component, problems, failure, now, existing }: ConfigurationStateInput): Condition {
  const type = component.kind === "controller" ? conditionPoolReconciler : conditionConfigReconciler;
  const verdict = verdictOn(linesOf(problems), failure);
  const before = existing?.status?.conditions?.find((condition) => condition.type === type);
  const lastTransitionTime = before?.status === verdict.status ? before.lastTransitionTime : now;
  return { type, ...verdict, lastTransitionTime };
}

function verdictOn(
  lines: readonly string[],
  failure: string | undefined,
): Pick<Condition, "status" | "reason" | "message"> {
  if (lines.length > 0) {
    return { status: "False", reason: conditionReasons.configurationError, message: fitting(lines) };
  }
  if (failure !== undefined) return { status: "False", reason: conditionReasons.unknownError, message: failure };
  return { status: "True", reason: conditionReasons.reconciled, message: "" };
}

/** metav1.Condition allows 32768 characters; half of it is more than anybody reads. */
const longest = 16_384;

/** A value may be as long as an object: its line must not push out all others. */
const longestLine = 1_024;

function fitting(whole: readonly string[]): string {
  const lines = whole.map((line) => (line.length > longestLine ? `${line.slice(0, longestLine)}…` : line));
  let [length, count] = [0, 0];
  for (const line of lines) {
    length += line.length + 1;
    if (length > longest) break;
    count++;
  }
  const rest = lines.length - count;
  return [...lines.slice(0, count), ...(rest > 0 ? [`and ${rest} more`] : [])].join("\n");
}

function metadataOf({ component, namespace, owner }: ConfigurationStateInput) {
  const labels: Record<string, string> = { [labelComponentType]: component.kind };
  if (component.kind === "speaker") labels[labelNodeName] = component.node;
  const name = component.kind === "controller" ? controllerStateName : speakerStateName(component.node);
  return { name, namespace, labels, ownerReferences: [owner] } satisfies ObjectMeta;
}

function creation(input: ConfigurationStateInput, status: object): Write {
  const { kind } = configurationState;
  return {
    kind: "create",
    object: { apiVersion: apiVersionOf(configurationState), kind, metadata: metadataOf(input) },
    status,
  };
}
