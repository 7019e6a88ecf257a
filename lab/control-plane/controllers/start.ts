import { startDaemonSets } from "./daemonsets.ts";
import { startDeployments } from "./deployments.ts";
import { startEndpointSlices } from "./endpointslices.ts";
import { startGarbageCollector } from "./gc.ts";
import { startNamespaces, type NamespacesOptions } from "./namespaces.ts";
import { startNodes } from "./nodes.ts";
import { startReplicaSets } from "./replicasets.ts";
import { startScheduler } from "./scheduler.ts";

export interface ControllersOptions extends NamespacesOptions {
  /** How long a node's Lease may go unrenewed before the node counts as silent; 50 s when absent. */
  readonly nodeGraceMs?: number;
}

/** Starts every controller. Resolves when the signal has fired and each has ended its turn. */
export async function startControllers({ nodeGraceMs, ...options }: ControllersOptions): Promise<void> {
  await Promise.all([
    startNamespaces(options),
    startGarbageCollector(options),
    startNodes({ ...options, ...(nodeGraceMs !== undefined && { graceMs: nodeGraceMs }) }),
    startEndpointSlices(options),
    startReplicaSets(options),
    startDeployments(options),
    startDaemonSets(options),
    startScheduler(options),
  ]);
}
