import { apiVersionOf, type Kind } from "../api/kind.ts";
import { bfdProfile } from "../api/kinds/bfd-profile.ts";
import { bgpAdvertisement } from "../api/kinds/bgp-advertisement.ts";
import { bgpPeer } from "../api/kinds/bgp-peer.ts";
import { community } from "../api/kinds/community.ts";
import { ipAddressPool } from "../api/kinds/ip-address-pool.ts";
import { l2Advertisement } from "../api/kinds/l2-advertisement.ts";
import type { KubeObject } from "../api/object.ts";
import type { Snapshot } from "../api/snapshot.ts";

/** The lists of a snapshot whose objects are judged. */
export type JudgedPart = "pools" | "peers" | "bgpAdvertisements" | "l2Advertisements" | "communities" | "bfdProfiles";

const judged: Readonly<Record<JudgedPart, Kind>> = {
  pools: ipAddressPool,
  peers: bgpPeer,
  bgpAdvertisements: bgpAdvertisement,
  l2Advertisements: l2Advertisement,
  communities: community,
  bfdProfiles: bfdProfile,
};

const parts = Object.keys(judged) as readonly JudgedPart[];

/** Where the API server asks about each kind. MetalLB internal/k8s/webhooks */
export const validationPaths: readonly string[] = parts.map((part) => {
  const { version, kind } = judged[part];
  return `/validate-metallb-io-${version}-${kind.toLowerCase()}`;
});

/** The list that holds such objects; `undefined` for a kind or version that is not judged. */
export const partOf = ({ apiVersion, kind }: KubeObject): JudgedPart | undefined =>
  parts.find((part) => judged[part].kind === kind && apiVersionOf(judged[part]) === apiVersion);

/** The snapshot with `object` in the place of the one of its name; without either, the snapshot without it. */
export function replaced(snapshot: Snapshot, part: JudgedPart, name: string, object: KubeObject | undefined): Snapshot {
  const others = (snapshot[part] as readonly KubeObject[]).filter(({ metadata }) => metadata.name !== name);
  return { ...snapshot, [part]: object ? [...others, object] : others };
}
