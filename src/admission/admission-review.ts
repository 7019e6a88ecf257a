import type { KubeObject } from "../api/object.ts";
import { heldByV1beta1 } from "../api/conversion.ts";
import { apiVersionOf } from "../api/kind.ts";
import { bgpPeerV1beta1 } from "../api/kinds/bgp-peer-v1beta1.ts";
import { deepEqual } from "../std/equal.ts";
import { err, ok, type Result } from "../std/result.ts";
import type { Snapshot } from "../api/snapshot.ts";
import { type Change, judge, type Verdict } from "./judge.ts";

/** admission.k8s.io/v1 AdmissionReview, as it is answered. */
export interface AdmissionAnswer {
  readonly apiVersion: string;
  readonly kind: "AdmissionReview";
  readonly response: {
    readonly uid: string;
    readonly allowed: boolean;
    readonly status?: { readonly code: number; readonly reason: string; readonly message: string };
    readonly warnings?: readonly string[];
  };
}

/** Answers an AdmissionReview from what is known of the cluster; an error when the body is none. */
export function answerAdmission(body: unknown, snapshot: Snapshot): Result<AdmissionAnswer> {
  const review = readReview(body);
  if (!review.ok) return review;
  const { apiVersion, uid, change, lost } = review.value;
  const verdict = change ? judge(change, snapshot) : { refusals: [], warnings: [] };
  return ok({ apiVersion, kind: "AdmissionReview", response: { uid, ...responseOf(verdict, lost) } });
}

/** Forbidden (403) is what MetalLB's refusals are. */
function responseOf({ refusals, warnings }: Verdict, lost: readonly string[]) {
  const all = [...warnings, ...lost];
  if (refusals.length === 0) return { allowed: true, ...(all.length > 0 && { warnings: all }) };
  return { allowed: false, status: { code: 403, reason: "Forbidden", message: inOneText(refusals) } };
}

const inOneText = (refusals: readonly string[]): string =>
  refusals.length === 1
    ? (refusals[0] ?? "")
    : `${refusals.length} problems:${refusals.map((refusal) => `\n  - ${refusal}`).join("")}`;

interface Review {
  readonly apiVersion: string;
  readonly uid: string;
  /** Absent for what needs no judgement. */
  readonly change: Change | undefined;
  readonly lost: readonly string[];
}

function readReview(body: unknown): Result<Review> {
  const { apiVersion, kind, request } = membersOf(body);
  const { uid, operation, object, oldObject, subResource, requestKind } = membersOf(request);
  if (kind !== "AdmissionReview" || typeof apiVersion !== "string" || typeof uid !== "string") {
    return err("the body is no AdmissionReview with a request");
  }
  const change = subResource ? undefined : changeOf(operation, object, oldObject);
  if (change === "malformed") return err(`an AdmissionReview of ${String(operation)} without its object`);
  const lost = change?.operation === "UPDATE" ? lostThrough(membersOf(requestKind)["version"], change) : [];
  return ok({ apiVersion, uid, change, lost });
}

function changeOf(operation: unknown, object: unknown, old: unknown): Change | undefined | "malformed" {
  switch (operation) {
    case "CREATE":
      return isKubeObject(object) ? { operation, object } : "malformed";
    case "UPDATE":
      return isKubeObject(object) && isKubeObject(old) ? { operation, object, old } : "malformed";
    case "DELETE":
      return isKubeObject(old) ? { operation, old } : "malformed";
    default:
      return undefined;
  }
}

/**
 * Who writes a peer as v1beta1 takes away what that version can't hold, without seeing it.
 *
 * Differs: MetalLB says nothing.
 */
function lostThrough(version: unknown, { object, old }: Change & { readonly operation: "UPDATE" }): readonly string[] {
  if (object.kind !== bgpPeerV1beta1.kind || version !== bgpPeerV1beta1.version) return [];
  const now = membersOf(membersOf(object)["spec"]);
  // What is not there may have its default already.
  const gone = Object.entries(membersOf(membersOf(old)["spec"]))
    .filter(([name, value]) => !heldByV1beta1.has(name) && value !== false && !deepEqual(value, now[name]))
    .map(([name]) => name)
    .sort();
  if (gone.length === 0) return [];
  const words = `${apiVersionOf(bgpPeerV1beta1)} can't hold ${gone.join(", ")}, which this update removes`;
  return [`BGPPeer ${object.metadata.name}: ${words}; write the peer as v1beta2`];
}

/** The members of an object; none of anything else. */
export const membersOf = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null ? (value as Readonly<Record<string, unknown>>) : {};

/** Whether it has what every object has. */
export function isKubeObject(value: unknown): value is KubeObject {
  const { apiVersion, kind, metadata } = membersOf(value);
  return typeof apiVersion === "string" && typeof kind === "string" && typeof membersOf(metadata)["name"] === "string";
}
