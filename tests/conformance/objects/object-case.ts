import type { Kind } from "../../../src/api/kind.ts";
import { bfdProfile as bfdProfileKind } from "../../../src/api/kinds/bfd-profile.ts";
import { bgpAdvertisement as bgpAdvertisementKind } from "../../../src/api/kinds/bgp-advertisement.ts";
import { bgpPeer } from "../../../src/api/kinds/bgp-peer.ts";
import { bgpPeerV1beta1 } from "../../../src/api/kinds/bgp-peer-v1beta1.ts";
import { community as communityKind } from "../../../src/api/kinds/community.ts";
import { configurationState } from "../../../src/api/kinds/configuration-state.ts";
import { ipAddressPool } from "../../../src/api/kinds/ip-address-pool.ts";
import { l2Advertisement as l2AdvertisementKind } from "../../../src/api/kinds/l2-advertisement.ts";
import { serviceBgpStatus } from "../../../src/api/kinds/service-bgp-status.ts";
import { serviceL2Status } from "../../../src/api/kinds/service-l2-status.ts";
import type { KubeObject } from "../../../src/api/object.ts";
import { peer, pool } from "../../objects.ts";

/**
 * One object, and what must become of it: without any of `schema`, `refused` and `warns` it is accepted without a word.
 *
 * Every case is a world of its own: MetalLB's namespace holds this object and those `beside` it; the cluster has the
 * nodes and namespaces of `world.ts`.
 */
export interface ObjectCase extends Expected {
  /** What is tried, in words. */
  readonly says: string;
  readonly kind: Kind;
  readonly spec: unknown;
}

export interface Expected {
  /** "tested", unless told otherwise. */
  readonly name?: string;
  readonly labels?: Readonly<Record<string, string>>;
  /** The spec before: the case is an edit of it. */
  readonly from?: object;
  /** Written as the status subresource of an object that is there; the case is about it then. */
  readonly status?: unknown;
  /** The status before. */
  readonly statusFrom?: unknown;
  readonly beside?: readonly KubeObject[];

  /** Words of the API server's refusal: types, bounds, enums, CEL. Absent: it accepts the object. */
  readonly schema?: string;
  /** Words of the refusal that the configuration's parser gives, whatever the API server thinks. Absent: in force. */
  readonly refused?: string;
  /** It refers to something that may still come: refused when read, let in by admission. */
  readonly later?: true;
  /** Words of the warnings, one text for each. */
  readonly warns?: readonly string[];
  /** What the API server makes of the spec, in part. */
  readonly stored?: object;
  /** What is in force then, in part. `null`: nothing on this node, and rightly so. */
  readonly means?: object | null;
  /** MetalLB does otherwise: how. */
  readonly differs?: string;
}

const rowOf =
  (kind: Kind) =>
  (says: string, spec: unknown, expected: Expected = {}): ObjectCase => ({ says, kind, spec, ...expected });

export const poolCase = rowOf(ipAddressPool);
/** An advertisement in a world without pools and peers, but for those `beside` it. */
export const loneAdvertisementCase = rowOf(bgpAdvertisementKind);
export const advertisementCase = (says: string, spec: unknown, expected: Expected = {}): ObjectCase =>
  loneAdvertisementCase(says, spec, withPeer(withPool(expected)));

/** Likewise of peers. */
function withPeer(expected: Expected): Expected {
  const beside = expected.beside ?? [];
  if (beside.some(({ kind }) => kind === "BGPPeer")) return expected;
  return { ...expected, beside: [...beside, peer("anybody", { peerAddress: "10.0.0.1" })] };
}

/** What selects every pool selects nothing where there is none, and says so. */
function withPool(expected: Expected): Expected {
  const beside = expected.beside ?? [];
  if (beside.some(({ kind }) => kind === "IPAddressPool")) return expected;
  return { ...expected, beside: [pool("any", { addresses: ["10.0.0.0/24"] }), ...beside] };
}

/** What each that is accepted is told, until layer 2 is announced. */
const notYet = "no node answers ARP or NDP yet";
export const l2Case = (says: string, spec: unknown, expected: Expected = {}): ObjectCase =>
  loneL2Case(says, spec, withPool(expected));
export const loneL2Case = (says: string, spec: unknown, expected: Expected = {}): ObjectCase =>
  rowOf(l2AdvertisementKind)(
    says,
    spec,
    expected.refused === undefined
      ? { differs: "MetalLB announces it", ...expected, warns: [notYet, ...(expected.warns ?? [])] }
      : expected,
  );

export const profileCase = rowOf(bfdProfileKind);
export const communityCase = rowOf(communityKind);
export const stateCase = rowOf(configurationState);
export const bgpStatusCase = rowOf(serviceBgpStatus);
export const l2StatusCase = rowOf(serviceL2Status);

const session = { myASN: 64513, peerASN: 64512, peerAddress: "10.0.0.1" };

/** A session with 10.0.0.1, but for what `spec` says. */
export const peerCase = (says: string, spec: object, expected: Expected = {}): ObjectCase =>
  rowOf(bgpPeer)(says, { ...session, ...spec }, editOf(expected));
export const oldPeerCase = (says: string, spec: object, expected: Expected = {}): ObjectCase =>
  rowOf(bgpPeerV1beta1)(says, { ...session, ...spec }, editOf(expected));

const editOf = (expected: Expected): Expected =>
  expected.from ? { ...expected, from: { ...session, ...expected.from } } : expected;

/** `spec` without the fields that are undefined in it, as JSON has it. */
export const plain = (value: unknown): unknown =>
  value === undefined ? undefined : (JSON.parse(JSON.stringify(value)) as unknown);
