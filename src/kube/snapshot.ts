import type { EndpointSlice, Service } from "../api/core.ts";
import { bfdProfile } from "../api/kinds/bfd-profile.ts";
import { bgpAdvertisement } from "../api/kinds/bgp-advertisement.ts";
import { bgpPeer } from "../api/kinds/bgp-peer.ts";
import { community } from "../api/kinds/community.ts";
import { ipAddressPool } from "../api/kinds/ip-address-pool.ts";
import { l2Advertisement } from "../api/kinds/l2-advertisement.ts";
import { bgpExtrasConfigMap, labelServiceName } from "../api/names.ts";
import { keyOf, type KubeObject } from "../api/object.ts";
import type { Snapshot } from "../api/snapshot.ts";
import type { Log } from "../runtime/log.ts";
import { differences } from "../std/differences.ts";
import { byText, sortedBy } from "../std/order.ts";
import { edited } from "../std/persistent.ts";
import type { KubeClient, Scope } from "./client.ts";
import { Watched } from "./follow.ts";
import {
  endpointSlices,
  extrasConfigMaps,
  namespaces,
  nodes,
  type Resource,
  resourceOf,
  secrets,
  services,
} from "./resource.ts";

/** The lists of a snapshot. */
export type Part = Exclude<keyof Snapshot, "namespace">;

/** The watched world. Reads are of this process's memory; only the watches change it. */
export class World {
  readonly #namespace: string;
  readonly #parts: readonly Part[];
  readonly #watched: ReturnType<typeof watchedKinds>;
  #slices: { readonly of: readonly EndpointSlice[]; readonly byService: Snapshot["endpointSlices"] } | undefined;

  /**
   * The kinds in `parts` will be watched, the others stay empty. `changed` is called after each change. `services`: what of
   * Services is kept; absent: all.
   */
  constructor(options: {
    readonly namespace: string;
    readonly parts: readonly Part[];
    readonly changed: () => void;
    readonly services?: Resource<Service>;
  }) {
    this.#namespace = options.namespace;
    this.#parts = options.parts;
    this.#watched = watchedKinds(options.namespace, options.changed, options.services ?? services);
  }

  /** Whether every watched kind was listed: before that, an absence means nothing. */
  get synced(): boolean {
    return this.#parts.every((part) => this.#watched[part].cache.synced);
  }

  /** For what the program itself writes (`Cache.learn`). */
  get services() {
    return this.#watched.services.cache;
  }

  get pools() {
    return this.#watched.pools.cache;
  }

  /** Reads again each kind that was last read before `time`; see `Watched.notBefore`. */
  readSince(time: number): void {
    for (const part of this.#parts) this.#watched[part].notBefore(time);
  }

  /** Watches until `signal` aborts. */
  async follow(client: KubeClient, log: Log, signal: AbortSignal): Promise<void> {
    await Promise.all(this.#parts.map((part) => this.#watched[part].follow(client, log, signal)));
  }

  /** The world now. A list that has not changed since the last call is the same array, and so are a Service's EndpointSlices. */
  snapshot(): Snapshot {
    const now = this.#watched;
    return {
      namespace: this.#namespace,
      pools: now.pools.cache.items,
      peers: now.peers.cache.items,
      bgpAdvertisements: now.bgpAdvertisements.cache.items,
      l2Advertisements: now.l2Advertisements.cache.items,
      bfdProfiles: now.bfdProfiles.cache.items,
      communities: now.communities.cache.items,
      services: now.services.cache.items,
      endpointSlices: this.#slicesByService(now.endpointSlices.cache.items),
      nodes: now.nodes.cache.items,
      namespaces: now.namespaces.cache.items,
      secrets: now.secrets.cache.items,
      configMaps: now.configMaps.cache.items,
    };
  }

  #slicesByService(of: readonly EndpointSlice[]): Snapshot["endpointSlices"] {
    const before = this.#slices ?? { of: [], byService: new Map<string, readonly EndpointSlice[]>() };
    if (before.of === of) return before.byService;
    const changed = new Map<string, readonly EndpointSlice[]>();
    const change = (
      slice: EndpointSlice | undefined,
      to: (kept: readonly EndpointSlice[]) => readonly EndpointSlice[],
    ) => {
      if (slice === undefined || !serviceOf(slice)) return;
      const key = keyOfService(slice);
      changed.set(key, to(changed.get(key) ?? before.byService.get(key) ?? []));
    };
    for (const { before: old, after } of differences(before.of, of, byText(keyOf))) {
      change(old, (kept) => kept.filter((one) => one !== old));
      change(after, (kept) => (after ? sortedBy([...kept, after], keyOf) : kept));
    }
    const changes = Array.from(changed, ([key, slices]) => [key, slices.length > 0 ? slices : undefined] as const);
    const byService = edited(before.byService, changes);
    this.#slices = { of, byService };
    return byService;
  }
}

function watchedKinds(namespace: string, changed: () => void, ofServices: Resource<Service>) {
  const own = <T extends KubeObject>(resource: Resource<T>) => new Watched(resource, { namespace }, changed);
  const all = <T extends KubeObject>(resource: Resource<T>, scope: Scope = {}) => new Watched(resource, scope, changed);
  return {
    pools: own(resourceOf(ipAddressPool)),
    peers: own(resourceOf(bgpPeer)),
    bgpAdvertisements: own(resourceOf(bgpAdvertisement)),
    l2Advertisements: own(resourceOf(l2Advertisement)),
    bfdProfiles: own(resourceOf(bfdProfile)),
    communities: own(resourceOf(community)),
    services: all(ofServices),
    endpointSlices: all(endpointSlices, { labelSelector: labelServiceName }),
    nodes: all(nodes),
    namespaces: all(namespaces),
    secrets: own(secrets),
    configMaps: all(extrasConfigMaps, { namespace, fieldSelector: `metadata.name=${bgpExtrasConfigMap}` }),
  } as const;
}

/** A slice belongs to the Service in its label, not to its owner: slices are also written by hand. */
const serviceOf = (slice: EndpointSlice): string | undefined => slice.metadata.labels?.[labelServiceName];
const keyOfService = (slice: EndpointSlice): string => `${slice.metadata.namespace ?? ""}/${serviceOf(slice) ?? ""}`;
