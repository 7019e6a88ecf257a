import { deepEqual } from "../../../src/std/equal.ts";
import type { ApiObject } from "../types.ts";
import { Cache } from "./cache.ts";
import { type ControllerOptions, startLoop } from "./loop.ts";
import {
  ENDPOINT_SLICES,
  ENDPOINTS,
  type EndpointSliceObject,
  joinKey,
  keyOf,
  PODS,
  type Pod,
  SERVICES,
  type ServiceObject,
} from "./objects.ts";
import { hasLabels } from "./selectors.ts";
import { endpointsSubsets, isOurs, SERVICE_NAME, sliceChanges } from "./slices.ts";

interface EndpointsObject extends ApiObject {
  subsets?: object[];
}

/** Says that an Endpoints object was made from Pods; one that a user wrote for a Service without selector has it not. */
const MANAGED = { "endpoints.kubernetes.io/managed-by": "endpoint-controller" };

/** Services and their Pods → EndpointSlices, and the older Endpoints. */
export function startEndpointSlices({ api, log, signal }: ControllerOptions): Promise<void> {
  const services = new Cache<ServiceObject, "pair">({ api, id: SERVICES, indexes: { pair: selectorPair } }, signal);
  const pods = new Cache<Pod, "pair">({ api, id: PODS, indexes: { pair: labelPairs } }, signal);
  const slices = new Cache<EndpointSliceObject, "service">(
    { api, id: ENDPOINT_SLICES, indexes: { service: serviceOf } },
    signal,
  );
  const endpoints = new Cache<EndpointsObject>({ api, id: ENDPOINTS }, signal);

  const turn = async (key: string) => {
    const service = services.get(key);
    const existing = slices.by("service", key).filter(isOurs);
    if (!service) return clean(key, existing);
    if (Object.keys(service.spec.selector ?? {}).length === 0 || service.spec.type === "ExternalName") return;
    const selected = selectedPods(service);
    const { create, update, remove } = sliceChanges(service, selected, existing);
    // New before old: an endpoint that moves to another slice is never in none.
    for (const slice of create) await slices.create(slice);
    for (const slice of update) await slices.update(slice);
    for (const slice of remove) await slices.delete(slice);
    await writeEndpoints(key, service, selected);
  };

  const clean = async (key: string, existing: readonly EndpointSliceObject[]) => {
    for (const slice of existing) await slices.delete(slice);
    const old = endpoints.get(key);
    if (old && hasLabels(old.metadata.labels, MANAGED)) await endpoints.delete(old);
  };

  const selectedPods = (service: ServiceObject): Pod[] => {
    const [pair] = selectorPair(service);
    if (pair === undefined) return [];
    return pods.by("pair", pair).filter((pod) => hasLabels(pod.metadata.labels, service.spec.selector ?? {}));
  };

  const writeEndpoints = async (key: string, service: ServiceObject, selected: readonly Pod[]) => {
    const subsets = endpointsSubsets(service, selected);
    const labels = { ...service.metadata.labels, ...MANAGED };
    const old = endpoints.get(key);
    if (!old) await endpoints.create(endpointsOf(service, labels, subsets));
    else if (!deepEqual(old.subsets ?? [], subsets)) await endpoints.update({ ...old, subsets });
  };

  const wakeServicesOf = (pod: Pod | undefined) => {
    for (const pair of pod ? labelPairs(pod) : []) {
      for (const service of services.by("pair", pair)) {
        if (hasLabels(pod?.metadata.labels, service.spec.selector ?? {})) loop.wake(keyOf(service));
      }
    }
  };

  const loop = startLoop({ name: "endpointslices", log, turn }, signal);
  services.onChange((now, before) => loop.wake(keyOf((now ?? before) as ServiceObject)));
  pods.onChange((now, before) => {
    wakeServicesOf(now);
    if (!deepEqual(now?.metadata.labels, before?.metadata.labels)) wakeServicesOf(before);
  });
  slices.onChange((now, before) => {
    for (const key of serviceOf((now ?? before) as EndpointSliceObject)) loop.wake(key);
  });
  endpoints.onChange((now, before) => loop.wake(keyOf((now ?? before) as EndpointsObject)));
  for (const key of new Set([...services.keys(), ...slices.list().flatMap(serviceOf)])) loop.wake(key);
  return loop.ended;
}

/** One pair of the selector stands for the whole in the index; every Pod that matches has it. */
function selectorPair({ metadata, spec }: ServiceObject): string[] {
  const pair = Object.entries(spec.selector ?? {}).sort(([a], [b]) => (a < b ? -1 : 1))[0];
  return pair ? [`${metadata.namespace}/${pair[0]}=${pair[1]}`] : [];
}

const labelPairs = ({ metadata }: Pod): string[] =>
  Object.entries(metadata.labels ?? {}).map(([key, value]) => `${metadata.namespace}/${key}=${value}`);

const serviceOf = ({ metadata }: EndpointSliceObject): string[] => {
  const name = metadata.labels?.[SERVICE_NAME];
  return name === undefined ? [] : [joinKey(metadata.namespace, name)];
};

const endpointsOf = (service: ServiceObject, labels: Record<string, string>, subsets: object[]): EndpointsObject => ({
  apiVersion: "v1",
  kind: "Endpoints",
  metadata: {
    name: service.metadata.name,
    ...(service.metadata.namespace !== undefined && { namespace: service.metadata.namespace }),
    labels,
  },
  subsets,
});
