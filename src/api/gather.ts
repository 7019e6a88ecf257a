import type { ConfigMap, EndpointSlice, Namespace, Node, Secret, Service } from "./core.ts";
import type {
  BfdProfile,
  BgpAdvertisement,
  BgpPeer,
  Community,
  IpAddressPool,
  L2Advertisement,
} from "./kinds/index.ts";
import { type KubeObject, keyOf } from "./object.ts";
import type { Snapshot } from "./snapshot.ts";
import { sortedBy } from "../std/order.ts";
import { labelServiceName } from "./names.ts";

/** The snapshot that these objects make; kinds that a program does not watch are left out. Input in any order. */
export function gather(objects: readonly KubeObject[], namespace: string): Snapshot {
  const all = <T extends KubeObject>(kind: string): readonly T[] =>
    sortedBy(objects.filter((object) => object.kind === kind) as unknown as T[], keyOf);
  const own = <T extends KubeObject>(kind: string): readonly T[] =>
    all<T>(kind).filter((object) => object.metadata.namespace === namespace);
  return {
    namespace,
    pools: own<IpAddressPool>("IPAddressPool"),
    peers: own<BgpPeer>("BGPPeer"),
    bgpAdvertisements: own<BgpAdvertisement>("BGPAdvertisement"),
    l2Advertisements: own<L2Advertisement>("L2Advertisement"),
    bfdProfiles: own<BfdProfile>("BFDProfile"),
    communities: own<Community>("Community"),
    services: all<Service>("Service"),
    endpointSlices: byService(all<EndpointSlice>("EndpointSlice")),
    nodes: all<Node>("Node"),
    namespaces: all<Namespace>("Namespace"),
    secrets: own<Secret>("Secret"),
    configMaps: own<ConfigMap>("ConfigMap"),
  };
}

function byService(slices: readonly EndpointSlice[]): ReadonlyMap<string, readonly EndpointSlice[]> {
  return Map.groupBy(
    slices.filter((slice) => slice.metadata.labels?.[labelServiceName] !== undefined),
    (slice) => `${slice.metadata.namespace ?? ""}/${slice.metadata.labels?.[labelServiceName] ?? ""}`,
  );
}
