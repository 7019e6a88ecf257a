import type { BgpDesired, Path, PathAttributes, Router, RouterPeer } from "../../announce/desired.ts";
import type { Asn, Peer } from "../../config/config.ts";
import { type Address, parseAddress } from "../../net/address.ts";
import type { LargeCommunity, StandardCommunity } from "../../net/community.ts";
import { parsePrefix, type Prefix } from "../../net/prefix.ts";

/** A peer of AS 64512 as seen from AS 64513, with the CRD's defaults. */
export function peerOf(neighbor: string, over: Partial<Peer> = {}): Peer {
  const address = parseAddress(neighbor);
  return {
    name: neighbor,
    ref: { apiVersion: "metallb.io/v1beta2", kind: "BGPPeer", name: neighbor },
    myASN: 64513 as Asn,
    remote: { kind: "asn", asn: 64512 as Asn },
    endpoint: address ? { kind: "address", address } : { kind: "interface", interface: neighbor },
    peerPort: 179,
    enableGracefulRestart: false,
    ebgpMultiHop: false,
    vrf: "",
    dualStackAddressFamily: false,
    ...over,
  };
}

export function pathOf(
  prefix: string,
  over: {
    localPref?: number;
    asPathPrepend?: number;
    med?: number;
    communities?: readonly string[];
    large?: readonly string[];
  } = {},
): Path {
  const attributes: PathAttributes = {
    localPref: over.localPref ?? 0,
    asPathPrepend: over.asPathPrepend ?? 0,
    ...(over.med !== undefined && { med: over.med }),
    communities: (over.communities ?? []) as readonly StandardCommunity[],
    largeCommunities: (over.large ?? []) as readonly LargeCommunity[],
  };
  return { prefix: prefixOf(prefix), attributes, services: [] };
}

export const routerOf = (peers: readonly RouterPeer[], over: Partial<Router> = {}): Router => ({
  vrf: "",
  myASN: 64513 as Asn,
  peers,
  ...over,
});

export const desiredOf = (routers: readonly Router[], over: Partial<BgpDesired> = {}): BgpDesired => ({
  routers,
  bfdProfiles: [],
  ...over,
});

export const asnOf = (value: number): Asn => value as Asn;

export function addressOf(text: string): Address {
  const address = parseAddress(text);
  if (!address) throw new Error(`bug: ${text} is no address`);
  return address;
}

function prefixOf(text: string): Prefix {
  const prefix = parsePrefix(text);
  if (!prefix) throw new Error(`bug: ${text} is no prefix`);
  return prefix;
}
