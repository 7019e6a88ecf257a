import { at } from "../registry/fields.ts";
import type { ApiObject } from "../types.ts";

/** The `scale` view of a workload (autoscaling/v1). */
export function scaleOf(object: ApiObject): ApiObject {
  const { name, namespace, uid, resourceVersion, creationTimestamp } = object.metadata;
  const labels = (at(object, "spec", "selector", "matchLabels") ?? {}) as Record<string, string>;
  const selector = Object.entries(labels).map(([key, value]) => `${key}=${value}`);
  return {
    apiVersion: "autoscaling/v1",
    kind: "Scale",
    metadata: JSON.parse(
      JSON.stringify({ name, namespace, uid, resourceVersion, creationTimestamp }),
    ) as ApiObject["metadata"],
    spec: { replicas: at(object, "spec", "replicas") ?? 0 },
    status: { replicas: at(object, "status", "replicas") ?? 0, selector: selector.join(",") },
  };
}

/** The workload with the replicas that a Scale asks for; its resourceVersion, when set, must be the live one. */
export const scaled = (object: ApiObject, scale: ApiObject): ApiObject => ({
  ...object,
  metadata: {
    ...object.metadata,
    ...(scale.metadata.resourceVersion ? { resourceVersion: scale.metadata.resourceVersion } : {}),
  },
  spec: { ...(object["spec"] as object), replicas: at(scale, "spec", "replicas") ?? 0 },
});
