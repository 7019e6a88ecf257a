import { fromV1beta1, toV1beta1 } from "../api/conversion.ts";
import { apiVersionOf } from "../api/kind.ts";
import { bgpPeer, type BgpPeer } from "../api/kinds/bgp-peer.ts";
import { bgpPeerV1beta1, type BgpPeerV1beta1 } from "../api/kinds/bgp-peer-v1beta1.ts";
import type { KubeObject } from "../api/object.ts";
import { err, ok, type Result } from "../std/result.ts";
import { isKubeObject, membersOf } from "./admission-review.ts";

/** apiextensions.k8s.io ConversionReview, as it is answered. */
export interface ConversionAnswer {
  readonly apiVersion: string;
  readonly kind: "ConversionReview";
  readonly response: {
    readonly uid: string;
    readonly convertedObjects: readonly KubeObject[];
    readonly result: { readonly status: "Success" } | { readonly status: "Failure"; readonly message: string };
  };
}

/**
 * Answers a ConversionReview, in the version in which it was asked: the API server takes the CRD's
 * `conversionReviewVersions` for its own and knows only one of them. An error when the body is none.
 */
export function answerConversion(body: unknown): Result<ConversionAnswer> {
  const { apiVersion, kind, request } = membersOf(body);
  const { uid, desiredAPIVersion, objects } = membersOf(request);
  if (kind !== "ConversionReview" || typeof apiVersion !== "string" || typeof uid !== "string") {
    return err("the body is no ConversionReview with a request");
  }
  const converted = convertAll(Array.isArray(objects) ? objects : [], desiredAPIVersion);
  const response = converted.ok
    ? ({ uid, convertedObjects: converted.value, result: { status: "Success" } } as const)
    : ({ uid, convertedObjects: [], result: { status: "Failure", message: converted.error } } as const);
  return ok({ apiVersion, kind: "ConversionReview", response });
}

function convertAll(objects: readonly unknown[], wanted: unknown): Result<readonly KubeObject[]> {
  const converted: KubeObject[] = [];
  for (const object of objects) {
    const result = isKubeObject(object) ? convert(object, wanted) : err("an object without a name");
    if (!result.ok) return result;
    converted.push(result.value);
  }
  return ok(converted);
}

const versions = { old: apiVersionOf(bgpPeerV1beta1), stored: apiVersionOf(bgpPeer) };

function convert(object: KubeObject, wanted: unknown): Result<KubeObject> {
  const { apiVersion, kind, metadata } = object;
  if (apiVersion === wanted) return ok(object);
  if (kind === bgpPeer.kind && apiVersion === versions.old && wanted === versions.stored) {
    return ok(fromV1beta1(object as BgpPeerV1beta1));
  }
  if (kind === bgpPeer.kind && apiVersion === versions.stored && wanted === versions.old) {
    return ok(toV1beta1(object as BgpPeer).peer);
  }
  return err(`${kind} ${metadata.name} can't be converted from ${apiVersion} to ${String(wanted)}`);
}
