import type { ObjectRef } from "./object.ts";

/**
 * A user's mistake, tied to the object and field that hold it.
 *
 * `message` names the value and what would be accepted; the same words go to the object's status, an event, the
 * webhook's answer and the log. Never contains a secret.
 */
export interface Problem {
  readonly object: ObjectRef;
  /** Path in the object, such as `spec.addresses[0]`; empty when the object as a whole is meant. */
  readonly field: string;
  readonly reason: ProblemReason;
  readonly message: string;
  /** "refused": the object (or its change) is not in force. "warning": in force, but surely not what was meant. */
  readonly severity: "refused" | "warning";
}

/** A mistake in one object, not yet tied to it. */
export type FieldProblem = Omit<Problem, "object">;

export type ProblemReason =
  | "Required"
  | "Invalid"
  | "OutOfRange"
  | "Duplicate"
  | "Conflict"
  | "Overlap"
  | "NotFound"
  | "MatchesNothing"
  | "Deprecated"
  | "NotSupported"
  | "RejectedByRouter";
