import type { ConfigMap, EndpointSlice, Namespace, Node, Secret, Service } from "./core.ts";
import type {
  BfdProfile,
  BgpAdvertisement,
  BgpPeer,
  Community,
  IpAddressPool,
  L2Advertisement,
} from "./kinds/index.ts";

/**
 * The world at one moment: immutable, complete, each list sorted by `namespace/name`.
 *
 * The kinds of `metallb.io`, Secrets and ConfigMaps are those of MetalLB's own namespace; the others are the whole
 * cluster's. A program that does not watch a kind leaves its list empty.
 */
export interface Snapshot {
  /** MetalLB's namespace. */
  readonly namespace: string;
  readonly pools: readonly IpAddressPool[];
  readonly peers: readonly BgpPeer[];
  readonly bgpAdvertisements: readonly BgpAdvertisement[];
  readonly l2Advertisements: readonly L2Advertisement[];
  readonly bfdProfiles: readonly BfdProfile[];
  readonly communities: readonly Community[];
  readonly services: readonly Service[];
  /** Slices by the `namespace/name` of their Service. */
  readonly endpointSlices: ReadonlyMap<string, readonly EndpointSlice[]>;
  readonly nodes: readonly Node[];
  readonly namespaces: readonly Namespace[];
  readonly secrets: readonly Secret[];
  /** `bgpextras` alone. */
  readonly configMaps: readonly ConfigMap[];
}
