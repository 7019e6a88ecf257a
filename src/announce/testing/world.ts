import type { Endpoint, Node, Service, ServiceSpec } from "../../api/core.ts";
import type { ObjectRef } from "../../api/object.ts";
import type { Snapshot } from "../../api/snapshot.ts";
import type { Asn, BgpPolicy, Config, Peer, Pool } from "../../config/config.ts";
import { type Address, parseAddress } from "../../net/address.ts";
import { parsePrefix } from "../../net/prefix.ts";
import { rangeOfPrefix } from "../../net/range.ts";

/** Objects for tests, as short as their sentences. */

const ref = (kind: string, name: string): ObjectRef => ({
  apiVersion: "metallb.io/v1beta1",
  kind,
  namespace: "metallb-system",
  name,
});

export function address(text: string): Address {
  const found = parseAddress(text);
  if (found === undefined) throw new Error(`${text} is no address`);
  return found;
}

export function pool(name: string, addresses: readonly string[], rest: Partial<Pool> = {}): Pool {
  const entries = addresses.flatMap((text) => {
    const prefix = parsePrefix(text);
    return prefix ? [{ text, range: rangeOfPrefix(prefix), prefixes: [prefix] }] : [];
  });
  return {
    name,
    ref: ref("IPAddressPool", name),
    entries,
    families: [...new Set(entries.map(({ range }) => range.family))].sort(),
    autoAssign: true,
    avoidBuggyIPs: false,
    labels: {},
    ...rest,
  };
}

/** A peer at an address, or at an interface when the text is none. */
export function peer(name: string, at: string, rest: Partial<Peer> = {}): Peer {
  const found = parseAddress(at);
  return {
    name,
    ref: ref("BGPPeer", name),
    myASN: 64513 as Asn,
    remote: { kind: "asn", asn: 64512 as Asn },
    endpoint: found ? { kind: "address", address: found } : { kind: "interface", interface: at },
    peerPort: 179,
    enableGracefulRestart: false,
    ebgpMultiHop: false,
    vrf: "",
    dualStackAddressFamily: false,
    ...rest,
  };
}

export const advertisement = (name: string, rest: Partial<BgpPolicy> = {}): BgpPolicy => ({
  name,
  ref: ref("BGPAdvertisement", name),
  pools: ["first"],
  peers: undefined,
  nodes: ["n1"],
  serviceSelectors: [],
  aggregationLength: 32,
  aggregationLengthV6: 128,
  localPref: 0,
  asPathPrepend: 0,
  communities: [],
  largeCommunities: [],
  ...rest,
});

export const config = (rest: Partial<Config> = {}): Config => ({
  pools: [pool("first", ["10.100.0.0/24", "fd00::/64"])],
  peers: [peer("tor", "10.0.0.1")],
  bgpAdvertisements: [advertisement("all")],
  l2Advertisements: [],
  bfdProfiles: [],
  ...rest,
});

interface Given extends ServiceSpec {
  readonly has?: readonly string[];
  readonly labels?: Readonly<Record<string, string>>;
}

export const service = (name: string, { has = ["10.100.0.1"], labels, ...spec }: Given = {}): Service => ({
  apiVersion: "v1",
  kind: "Service",
  metadata: { name, namespace: "default", uid: `uid-${name}`, ...(labels && { labels }) },
  spec: { type: "LoadBalancer", ...spec },
  status: { loadBalancer: { ingress: has.map((text) => (parseAddress(text) ? { ip: text } : { hostname: text })) } },
});

export const node = (name: string, rest: Partial<Node["metadata"]> = {}, status?: Node["status"]): Node => ({
  apiVersion: "v1",
  kind: "Node",
  metadata: { name, ...rest },
  ...(status && { status }),
});

/** A world whose Services all have these endpoints; without them, one that is ready on node n1. */
export function snapshot(
  services: readonly Service[],
  {
    endpoints = [{ addresses: ["10.1.0.1"], nodeName: "n1" }],
    nodes = [node("n1")],
  }: {
    readonly endpoints?: readonly Endpoint[];
    readonly nodes?: readonly Node[];
  } = {},
): Snapshot {
  const slice = (name: string) => ({
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: { name, namespace: "default" },
    addressType: "IPv4",
    endpoints,
  });
  return {
    namespace: "metallb-system",
    pools: [],
    peers: [],
    bgpAdvertisements: [],
    l2Advertisements: [],
    bfdProfiles: [],
    communities: [],
    services,
    endpointSlices: new Map(services.map(({ metadata: { name } }) => [`default/${name}`, [slice(name)]])),
    nodes,
    namespaces: [],
    secrets: [],
    configMaps: [],
  };
}
