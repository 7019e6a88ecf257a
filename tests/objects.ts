import type { Namespace, Node, Secret } from "../src/api/core.ts";
import type {
  BfdProfile,
  BgpAdvertisement,
  BgpPeer,
  Community,
  IpAddressPool,
  L2Advertisement,
} from "../src/api/kinds/index.ts";
import type { ObjectMeta } from "../src/api/object.ts";
import type { Snapshot } from "../src/api/snapshot.ts";

/** Objects as an API server would hand them over, for tests. */

const namespace = "metallb-system";
const meta = (name: string, more: Partial<ObjectMeta> = {}): ObjectMeta => ({ name, namespace, ...more });

export const pool = (name: string, spec: IpAddressPool["spec"], more?: Partial<ObjectMeta>): IpAddressPool => ({
  apiVersion: "metallb.io/v1beta1",
  kind: "IPAddressPool",
  metadata: meta(name, more),
  spec,
});

/** A session with 10.0.0.1, unless told otherwise. */
export const peer = (
  name: string,
  spec: Partial<NonNullable<BgpPeer["spec"]>> = {},
  more?: Partial<ObjectMeta>,
): BgpPeer => ({
  apiVersion: "metallb.io/v1beta2",
  kind: "BGPPeer",
  metadata: meta(name, more),
  spec: { myASN: 64513, peerASN: 64512, peerAddress: "10.0.0.1", ...spec },
});

export const bgpAdvertisement = (
  name: string,
  spec: NonNullable<BgpAdvertisement["spec"]> = {},
  more?: Partial<ObjectMeta>,
): BgpAdvertisement => ({
  apiVersion: "metallb.io/v1beta1",
  kind: "BGPAdvertisement",
  metadata: meta(name, more),
  spec,
});

export const l2Advertisement = (name: string, spec: NonNullable<L2Advertisement["spec"]> = {}): L2Advertisement => ({
  apiVersion: "metallb.io/v1beta1",
  kind: "L2Advertisement",
  metadata: meta(name),
  spec,
});

export const bfdProfile = (name: string, spec: NonNullable<BfdProfile["spec"]> = {}): BfdProfile => ({
  apiVersion: "metallb.io/v1beta1",
  kind: "BFDProfile",
  metadata: meta(name),
  spec,
});

/** Aliases as `{ name: value }`. */
export const community = (
  name: string,
  aliases: Readonly<Record<string, string>>,
  more?: Partial<ObjectMeta>,
): Community => ({
  apiVersion: "metallb.io/v1beta1",
  kind: "Community",
  metadata: meta(name, more),
  spec: { communities: Object.entries(aliases).map(([alias, value]) => ({ name: alias, value })) },
});

export const node = (name: string, labels: Readonly<Record<string, string>> = {}): Node => ({
  apiVersion: "v1",
  kind: "Node",
  metadata: { name, labels },
});

export const namespaced = (name: string, labels: Readonly<Record<string, string>> = {}): Namespace => ({
  apiVersion: "v1",
  kind: "Namespace",
  metadata: { name, labels },
});

export const passwordSecret = (name: string, password: string, more: Partial<Secret> = {}): Secret => ({
  apiVersion: "v1",
  kind: "Secret",
  metadata: meta(name),
  type: "kubernetes.io/basic-auth",
  data: { password: Buffer.from(password).toString("base64") },
  ...more,
});

/** A world in which only what is given exists. */
export const snapshot = (parts: Partial<Snapshot> = {}): Snapshot => ({
  namespace,
  pools: [],
  peers: [],
  bgpAdvertisements: [],
  l2Advertisements: [],
  bfdProfiles: [],
  communities: [],
  services: [],
  endpointSlices: new Map(),
  nodes: [],
  namespaces: [],
  secrets: [],
  configMaps: [],
  ...parts,
});
