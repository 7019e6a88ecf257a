import type { ApiObject, LocalApi, ResourceId } from "../types.ts";
import { Cache } from "./cache.ts";
import { type ControllerOptions, startLoop } from "./loop.ts";
import { CONFIG_MAPS, isDeleting, joinKey, NAMESPACES, PODS, SERVICE_ACCOUNTS } from "./objects.ts";
import { servedKinds } from "./served-kinds.ts";

interface Namespace extends ApiObject {
  spec?: { finalizers?: string[] };
}

export interface NamespacesOptions extends ControllerOptions {
  /** PEM of the cluster's authority, for Pods to trust the API server. */
  readonly caCertificate: string;
}

const FINALIZER = "kubernetes";
const ROOT_CA = "kube-root-ca.crt";

/** Gives each namespace its `default` ServiceAccount and `kube-root-ca.crt`, and empties those that are being deleted. */
export function startNamespaces({ api, log, signal, caCertificate }: NamespacesOptions): Promise<void> {
  const namespaces = new Cache<Namespace>({ api, id: NAMESPACES }, signal);
  const accounts = new Cache({ api, id: SERVICE_ACCOUNTS }, signal);
  const maps = new Cache({ api, id: CONFIG_MAPS }, signal);
  // A Pod leaves last, when its agent has ended it: its going is what a waiting namespace waits for.
  const pods = new Cache<ApiObject, "namespace">(
    { api, id: PODS, indexes: { namespace: (pod) => [pod.metadata.namespace ?? ""] } },
    signal,
  );

  const turn = async (name: string) => {
    const namespace = namespaces.get(name);
    if (!namespace) return;
    if (isDeleting(namespace)) await empty(namespace);
    else await furnish(name);
  };

  const furnish = async (namespace: string) => {
    if (!accounts.get(joinKey(namespace, "default"))) {
      await accounts.create({ apiVersion: "v1", kind: "ServiceAccount", metadata: { name: "default", namespace } });
    }
    if (!maps.get(joinKey(namespace, ROOT_CA))) {
      const metadata = { name: ROOT_CA, namespace };
      await maps.create({ apiVersion: "v1", kind: "ConfigMap", metadata, data: { "ca.crt": caCertificate } });
    }
  };

  const empty = async (namespace: Namespace) => {
    const { name } = namespace.metadata;
    const left = await deleteContents(api, name);
    if (left > 0) return loop.wake(name, RETRY_MS);
    const finalizers = (namespace.spec?.finalizers ?? []).filter((each) => each !== FINALIZER);
    await namespaces.update({ ...namespace, spec: { ...namespace.spec, finalizers } });
  };

  const wakeHome = (_now: ApiObject | undefined, before: ApiObject | undefined) => {
    const home = before?.metadata.namespace;
    if (home !== undefined && namespaces.get(home)) loop.wake(home);
  };

  const loop = startLoop({ name: "namespaces", log, turn }, signal);
  namespaces.onChange((now) => now && loop.wake(now.metadata.name));
  accounts.onChange(wakeHome);
  maps.onChange(wakeHome);
  pods.onChange((now, before) => now ?? wakeHome(now, before));
  for (const name of namespaces.keys()) loop.wake(name);
  return loop.ended;
}

/** Objects of arbitrary kinds whose finalizers others drop: only looking again tells, and only while a namespace is ending. */
const RETRY_MS = 250;

/** Deletes what is in a namespace; returns how many objects are still there. */
async function deleteContents(api: LocalApi, namespace: string): Promise<number> {
  let left = 0;
  for (const kind of servedKinds(api).filter(({ namespaced }) => namespaced)) {
    const id: ResourceId = { group: kind.group, resource: kind.resource };
    for (const object of api.list(id, { namespace })) {
      if (!isDeleting(object)) await deleteOne(api, id, object);
      if (api.get(id, namespace, object.metadata.name)) left++;
    }
  }
  return left;
}

async function deleteOne(api: LocalApi, id: ResourceId, { metadata }: ApiObject): Promise<void> {
  try {
    await api.delete(id, metadata.namespace, metadata.name, { propagationPolicy: "Background" });
  } catch (error) {
    if ((error as { code?: unknown }).code !== 404) throw error;
  }
}
