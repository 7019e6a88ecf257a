import { isEnded, type NodeObject, type NodeSelectorTerm, type Pod, type Taint, type Toleration } from "./objects.ts";
import { hasLabels, meets, selects } from "./selectors.ts";

/** Whether one of the tolerations covers the taint (Kubernetes core/v1 Toleration.ToleratesTaint). */
export function tolerates(tolerations: readonly Toleration[], taint: Taint): boolean {
  return tolerations.some(
    ({ key, operator = "Equal", value, effect }) =>
      (!effect || effect === taint.effect) &&
      (!key || key === taint.key) &&
      (operator === "Exists" || (key !== undefined && (value ?? "") === (taint.value ?? ""))),
  );
}

/** The first taint of the node that keeps new Pods with these tolerations away. `PreferNoSchedule` keeps nobody away. */
export const untolerated = (node: NodeObject, tolerations: readonly Toleration[] | undefined): Taint | undefined =>
  taintsOf(node).find((taint) => taint.effect !== "PreferNoSchedule" && !tolerates(tolerations ?? [], taint));

/** `kubectl cordon` sets the field; the taint that Kubernetes adds for it is implied here. */
const taintsOf = (node: NodeObject): Taint[] => [
  ...(node.spec?.taints ?? []),
  ...(node.spec?.unschedulable ? [{ key: "node.kubernetes.io/unschedulable", effect: "NoSchedule" }] : []),
];

/** Whether nodeSelector and required node affinity let the Pod onto the node. */
export function fitsNode(node: NodeObject, spec: Pod["spec"]): boolean {
  const required = spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  return (
    hasLabels(node.metadata.labels, spec.nodeSelector ?? {}) &&
    (!required || required.nodeSelectorTerms.some((term) => fitsTerm(node, term)))
  );
}

const fitsTerm = (node: NodeObject, { matchExpressions = [], matchFields = [] }: NodeSelectorTerm): boolean =>
  matchExpressions.length + matchFields.length > 0 &&
  matchExpressions.every((requirement) => meets(requirement, node.metadata.labels?.[requirement.key])) &&
  matchFields.every((requirement) => requirement.key === "metadata.name" && meets(requirement, node.metadata.name));

/** A node for a Pod, or the reasons against each. */
export type Placement = { readonly node: string } | { readonly unschedulable: string };

/**
 * Chooses the node with the fewest Pods that the anti-affinity avoids, then the fewest siblings (same labels' owner), then the
 * fewest Pods at all, then the first name. Equal worlds, equal choices.
 */
export function placePod(pod: Pod, nodes: readonly NodeObject[], pods: readonly Pod[]): Placement {
  const others = pods.filter((other) => other.metadata.uid !== pod.metadata.uid && !isEnded(other));
  const verdicts = nodes.map((node) => ({ node, against: objection(pod, node, nodes, others) }));
  const fit = verdicts.filter(({ against }) => against === undefined).map(({ node }) => node);
  const best = fit
    .map((node) => ({ name: node.metadata.name, cost: costOf(pod, node, nodes, others) }))
    .sort((a, b) => compareCosts(a.cost, b.cost) || (a.name < b.name ? -1 : 1))[0];
  return best ? { node: best.name } : { unschedulable: unschedulableMessage(verdicts.map((v) => v.against ?? "")) };
}

function objection(pod: Pod, node: NodeObject, nodes: readonly NodeObject[], others: readonly Pod[]) {
  if (node.spec?.unschedulable && untolerated(node, pod.spec.tolerations)) return "were unschedulable";
  if (!fitsNode(node, pod.spec)) return "didn't match Pod's node affinity/selector";
  const taint = untolerated(node, pod.spec.tolerations);
  if (taint) return `had untolerated taint {${taint.key}: ${taint.value ?? ""}}`;
  const terms = pod.spec.affinity?.podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? [];
  const refused = terms.some((term) => avoided(pod, node, nodes, others, term) > 0);
  return refused ? "didn't match pod anti-affinity rules" : undefined;
}

/** How many Pods in the node's topology domain the term wants to avoid. */
function avoided(
  pod: Pod,
  node: NodeObject,
  nodes: readonly NodeObject[],
  others: readonly Pod[],
  term: { topologyKey: string; labelSelector?: Parameters<typeof selects>[0] },
): number {
  const domain = node.metadata.labels?.[term.topologyKey];
  if (domain === undefined) return 0;
  const names = new Set(
    nodes.filter((n) => n.metadata.labels?.[term.topologyKey] === domain).map((n) => n.metadata.name),
  );
  return others.filter(
    (other) =>
      other.metadata.namespace === pod.metadata.namespace &&
      names.has(other.spec.nodeName ?? "") &&
      selects(term.labelSelector, other.metadata.labels),
  ).length;
}

function costOf(pod: Pod, node: NodeObject, nodes: readonly NodeObject[], others: readonly Pod[]): number[] {
  const preferred = pod.spec.affinity?.podAntiAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? [];
  const penalty = preferred.reduce(
    (n, { weight, podAffinityTerm }) => n + weight * avoided(pod, node, nodes, others, podAffinityTerm),
    0,
  );
  const here = others.filter((other) => other.spec.nodeName === node.metadata.name);
  const owner = pod.metadata.ownerReferences?.[0]?.uid;
  const siblings = owner ? here.filter((other) => other.metadata.ownerReferences?.[0]?.uid === owner) : [];
  return [penalty, siblings.length, here.length];
}

const compareCosts = (a: readonly number[], b: readonly number[]): number =>
  a.map((cost, i) => cost - (b[i] ?? 0)).find((difference) => difference !== 0) ?? 0;

/** Kubernetes' sentence: `0/2 nodes are available: 2 node(s) had untolerated taint {a: }.` */
function unschedulableMessage(against: readonly string[]): string {
  if (against.length === 0) return "no nodes available to schedule pods";
  const counts = Map.groupBy(against, (reason) => reason);
  const reasons = [...counts].map(([reason, nodes]) => `${nodes.length} node(s) ${reason}`).sort();
  return `0/${against.length} nodes are available: ${reasons.join(", ")}.`;
}
