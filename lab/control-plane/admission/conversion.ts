import { randomUUID } from "node:crypto";
import type { ConvertCustom } from "../api/crds.ts";
import { type ApiObject, ApiStatusError, type ServiceDialer } from "../types.ts";
import { callHook, type HookAddress } from "./hook-client.ts";

/** apiextensions/v1 CustomResourceDefinition, what conversion reads of it. */
interface Definition extends ApiObject {
  spec: {
    group: string;
    names: { kind: string };
    conversion?: { webhook?: { clientConfig?: HookAddress; conversionReviewVersions?: string[] } };
  };
}

interface ReviewResponse {
  readonly uid?: string;
  readonly convertedObjects?: ApiObject[];
  readonly result?: { readonly status?: string; readonly message?: string };
}

/** Fixed in kube-apiserver (apiextensions-apiserver, pkg/apiserver/conversion/webhook_converter.go). */
const TIMEOUT_SECONDS = 30;
const KNOWN_VERSIONS = ["v1", "v1beta1"];

/** Converts custom resources by their definition's webhook. The review is in the first listed version that Kubernetes knows. */
export const createConversion =
  ({ dial }: { dial: ServiceDialer }): ConvertCustom =>
  async (definition, objects, toVersion) => {
    const { spec } = definition as Definition;
    const fail = (why: string) =>
      new ApiStatusError(
        500,
        "InternalError",
        `conversion webhook for ${objects[0]?.apiVersion ?? spec.group}, Kind=${spec.names.kind} failed: ${why}`,
      );
    const response = await review(spec, objects, { toVersion, dial }).catch((error: Error) => {
      throw fail(error.message);
    });
    if (response.result?.status !== "Success") throw fail(response.result?.message ?? "no result");
    const converted = response.convertedObjects ?? [];
    if (converted.length !== objects.length) {
      throw fail(`webhook returned ${converted.length} objects, expected ${objects.length}`);
    }
    return objects.map((object, i) => checked(object, converted[i], `${spec.group}/${toVersion}`, fail));
  };

async function review(
  { group, conversion }: Definition["spec"],
  objects: readonly ApiObject[],
  { toVersion, dial }: { toVersion: string; dial: ServiceDialer },
): Promise<ReviewResponse> {
  const { clientConfig = {}, conversionReviewVersions = [] } = conversion?.webhook ?? {};
  const version = conversionReviewVersions.find((each) => KNOWN_VERSIONS.includes(each));
  if (version === undefined) throw new Error("conversionReviewVersions names no version that this server knows");
  const uid = randomUUID();
  const body = {
    apiVersion: `apiextensions.k8s.io/${version}`,
    kind: "ConversionReview",
    request: { uid, desiredAPIVersion: `${group}/${toVersion}`, objects },
  };
  const answer = await callHook({ address: clientConfig, body, timeoutSeconds: TIMEOUT_SECONDS, dial });
  const { response } = answer as { response?: ReviewResponse };
  if (response?.uid !== uid) throw new Error(`expected response.uid="${uid}", got "${response?.uid ?? ""}"`);
  return response;
}

/** Of the metadata only labels and annotations are the webhook's to change; it must stay the same object. */
function checked(
  object: ApiObject,
  converted: ApiObject | undefined,
  apiVersion: string,
  fail: (why: string) => ApiStatusError,
): ApiObject {
  if (converted?.apiVersion !== apiVersion) {
    throw fail(`webhook returned an object of ${converted?.apiVersion ?? "no version"}, expected ${apiVersion}`);
  }
  const { name, namespace, uid, labels, annotations } = converted.metadata;
  if (name !== object.metadata.name || namespace !== object.metadata.namespace || uid !== object.metadata.uid) {
    throw fail(`webhook returned an object with another name, namespace or uid than ${object.metadata.name}`);
  }
  const { labels: _labels, annotations: _annotations, ...kept } = object.metadata;
  return { ...converted, metadata: { ...kept, ...(labels && { labels }), ...(annotations && { annotations }) } };
}
