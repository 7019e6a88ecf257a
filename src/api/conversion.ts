import { apiVersionOf, specFields } from "./kind.ts";
import { bgpPeer, type BgpPeer } from "./kinds/bgp-peer.ts";
import { bgpPeerV1beta1, type BgpPeerV1beta1 } from "./kinds/bgp-peer-v1beta1.ts";
import type { LabelSelector } from "./object.ts";

/**
 * A v1beta1 peer in the form that is stored.
 *
 * Differs: a timer that is absent stays absent. MetalLB makes `0s` of it, which turns the timers off. A port of 0 means
 * the default in v1beta1 and is left out, as v1beta2 refuses it.
 * @see MetalLB api/v1beta1/bgppeer_conversion.go
 */
export function fromV1beta1(peer: BgpPeerV1beta1): BgpPeer {
  const { spec, status, ...rest } = peer;
  const stored = { ...rest, apiVersion: apiVersionOf(bgpPeer), ...(status && { status }) };
  if (!spec) return stored;
  const { peerPort, ...others } = spec;
  return { ...stored, spec: { ...others, ...(peerPort ? { peerPort } : {}) } };
}

/**
 * A stored peer as v1beta1 shows it, and the names of the fields that v1beta1 can't hold.
 *
 * A peer that needs them is shown as MetalLB shows it: peerASN 0 for dynamicASN, an empty address for interface.
 */
export function toV1beta1(peer: BgpPeer): { readonly peer: BgpPeerV1beta1; readonly lost: readonly string[] } {
  const { spec, status, ...rest } = peer;
  const shown = { ...rest, apiVersion: apiVersionOf(bgpPeerV1beta1), ...(status && { status }) };
  if (!spec) return { peer: shown, lost: [] };
  const { nodeSelectors } = spec;
  const common = Object.fromEntries(Object.entries(spec).filter(([name]) => heldByV1beta1.has(name)));
  const converted = {
    ...common,
    myASN: spec.myASN,
    peerASN: spec.peerASN ?? 0,
    peerAddress: spec.peerAddress ?? "",
    ...(nodeSelectors && { nodeSelectors: nodeSelectors.map(withValues) }),
  };
  return { peer: { ...shown, spec: converted }, lost: lostFields(spec) };
}

/** Names of the spec's fields that v1beta1 has. */
export const heldByV1beta1: ReadonlySet<string> = new Set(Object.keys(specFields(bgpPeerV1beta1)));

/** A default is nothing to lose. */
const lostFields = (spec: object): readonly string[] =>
  Object.entries(spec)
    .filter(([name, value]) => !heldByV1beta1.has(name) && value !== false && value !== undefined)
    .map(([name]) => name)
    .sort();

/** v1beta1 requires `values` even where the operator takes none. */
const withValues = (selector: LabelSelector): LabelSelector => ({
  ...selector,
  ...(selector.matchExpressions && {
    matchExpressions: selector.matchExpressions.map((requirement) => ({
      ...requirement,
      values: requirement.values ?? [],
    })),
  }),
});
