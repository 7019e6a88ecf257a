import type { Endpoint, EndpointSlice, Node, Service } from "../api/core.ts";
import { conditionNetworkUnavailable, labelExcludeNode } from "../api/names.ts";
import type { Withheld } from "./announcement.ts";
import type { NotAnnounced } from "./reasons.ts";

export const withheld = (reason: NotAnnounced, message: string): Withheld => ({
  kind: "not-announced",
  reason,
  message,
});

/** What keeps a node from announcing anything. A node that isn't known yet has no obstacle. */
export function nodeObstacle(node: Node | undefined, ignoreExcludeLB: boolean): Withheld | undefined {
  if (node === undefined) return undefined;
  const { name, labels } = node.metadata;
  const isUnavailable = ({ type, status }: { readonly type: string; readonly status: string }) =>
    type === conditionNetworkUnavailable && status === "True";
  if (node.status?.conditions?.some(isUnavailable)) {
    return withheld("nodeNetworkUnavailable", `node "${name}" has condition ${conditionNetworkUnavailable}`);
  }
  if (!ignoreExcludeLB && labels !== undefined && Object.hasOwn(labels, labelExcludeNode)) {
    return withheld("nodeLabeledExcludeBalancers", `node "${name}" has label ${labelExcludeNode}`);
  }
  return undefined;
}

/** Whether nobody could answer behind the address: with policy Local nobody on this node, else nobody at all. */
export function endpointObstacle(
  { spec }: Service,
  slices: readonly EndpointSlice[],
  node: string,
): Withheld | undefined {
  const isLocal = spec.externalTrafficPolicy === "Local";
  const serves = (endpoint: Endpoint) => canServe(endpoint) && (!isLocal || endpoint.nodeName === node);
  if (slices.some(({ endpoints = [] }) => endpoints.some(serves))) return undefined;
  return isLocal
    ? withheld("noLocalEndpoints", `externalTrafficPolicy is Local, and no endpoint on node "${node}" can serve`)
    : withheld("noEndpoints", "no endpoint can serve");
}

/**
 * A draining endpoint that still serves keeps the path.
 *
 * @see MetalLB internal/k8s/epslices/epslices.go, EndpointCanServe
 */
const canServe = ({ addresses, conditions }: Endpoint): boolean =>
  addresses.length > 0 && (conditions?.ready !== false || conditions.serving === true);
