import { fromV1beta1 } from "../api/conversion.ts";
import { allKinds } from "../api/crd.ts";
import { apiVersionOf, group, type Kind } from "../api/kind.ts";
import { bgpAdvertisement } from "../api/kinds/bgp-advertisement.ts";
import { bgpPeerV1beta1 } from "../api/kinds/bgp-peer-v1beta1.ts";
import { ipAddressPool } from "../api/kinds/ip-address-pool.ts";
import { l2Advertisement } from "../api/kinds/l2-advertisement.ts";
import type { KubeObject } from "../api/object.ts";
import { type Conversion, itemsOf, joined, lost, type Members, membersOf } from "./conversion.ts";

/** One object of a cluster, as the newest version of its kind, without what only the API server writes. */
export function convertResource(object: KubeObject): Conversion {
  const about = `${object.kind} ${object.metadata.name}`;
  if (object.apiVersion.split("/")[0] !== group) return lost(about, `is of ${object.apiVersion}, not of MetalLB`);
  if (object.kind === "AddressPool") return convertAddressPool(object, about);
  if (written.has(object.kind)) return lost(about, "is written by the controller and the speakers themselves");
  if (!known.has(`${object.apiVersion} ${object.kind}`))
    return lost(about, `is of a kind that ${object.apiVersion} has not`);
  if (object.apiVersion === apiVersionOf(bgpPeerV1beta1) && object.kind === bgpPeerV1beta1.kind) {
    return only(bare(fromV1beta1(object)), about, "changed", "is a BGPPeer v1beta2 now");
  }
  return only(bare(object), about, "mapped", "stays as it is");
}

const written: ReadonlySet<string> = new Set(["ServiceBGPStatus", "ServiceL2Status", "ConfigurationState"]);
const known: ReadonlySet<string> = new Set(allKinds.flat().map((kind) => `${apiVersionOf(kind)} ${kind.kind}`));

const only = (object: KubeObject, about: string, kind: "mapped" | "changed", message: string): Conversion => ({
  objects: [object],
  remarks: [{ kind, about, message }],
});

/** What the user wrote: name, labels, annotations, spec. */
function bare(object: KubeObject): KubeObject {
  const { name, namespace, labels, annotations } = object.metadata;
  const { [lastApplied]: _, ...notes } = annotations ?? {};
  return {
    apiVersion: object.apiVersion,
    kind: object.kind,
    metadata: {
      name,
      ...(namespace !== undefined && { namespace }),
      ...(labels && { labels }),
      ...(Object.keys(notes).length > 0 && { annotations: notes }),
    },
    ...("spec" in object && { spec: object.spec }),
  };
}

const lastApplied = "kubectl.kubernetes.io/last-applied-configuration";

/** The kind that MetalLB had in 0.12 and 0.13: a pool that says how it is announced. MetalLB 0.13 api/v1beta1/addresspool_types.go */
function convertAddressPool(object: KubeObject, about: string): Conversion {
  const { protocol, bgpAdvertisements, ...own } = membersOf("spec" in object ? object.spec : undefined);
  const pool = { ...bare(object), apiVersion: apiVersionOf(ipAddressPool), kind: ipAddressPool.kind, spec: own };
  const { name } = pool.metadata;
  const like = (kind: Kind, suffix: string, spec: Members) => ({
    ...pool,
    apiVersion: apiVersionOf(kind),
    kind: kind.kind,
    metadata: { ...pool.metadata, name: `${name}${suffix}` },
    spec: { ipAddressPools: [name], ...spec },
  });
  const wanted = itemsOf(bgpAdvertisements).map(membersOf);
  const announcement = (): Conversion => {
    if (protocol === "layer2")
      return only(like(l2Advertisement, "", {}), about, "changed", `is announced by L2Advertisement ${name}`);
    if (protocol !== "bgp")
      return lost(
        `${about}: spec.protocol`,
        `${JSON.stringify(protocol)} is neither bgp nor layer2, so nothing announces it`,
      );
    const objects = (wanted.length > 0 ? wanted : [{}]).map((spec, i) =>
      like(bgpAdvertisement, i === 0 ? "" : `-${i + 1}`, spec),
    );
    const message = `is announced by BGPAdvertisement ${objects.map(({ metadata }) => metadata.name).join(", ")}`;
    return { objects, remarks: [{ kind: "changed", about, message }] };
  };
  return joined([only(pool, about, "changed", `is IPAddressPool ${name} now`), announcement()]);
}
