import { apiVersionOf, type Kind } from "../api/kind.ts";
import { bfdProfile } from "../api/kinds/bfd-profile.ts";
import { bgpAdvertisement } from "../api/kinds/bgp-advertisement.ts";
import { bgpPeer } from "../api/kinds/bgp-peer.ts";
import { community } from "../api/kinds/community.ts";
import { ipAddressPool } from "../api/kinds/ip-address-pool.ts";
import { l2Advertisement } from "../api/kinds/l2-advertisement.ts";
import type { KubeObject } from "../api/object.ts";
import { type Conversion, itemsOf, joined, lost, type Members, membersOf, nothing, type Remark } from "./conversion.ts";
import { ObjectNames } from "./names.ts";

/** The parsed text under the key `config` of MetalLB's ConfigMap, as it was before 0.13. */
export interface LegacyConfig {
  /** Names the ConfigMap in remarks. */
  readonly about: string;
  readonly namespace: string;
  readonly config: unknown;
}

/**
 * Objects that mean what the ConfigMap meant. The names of those that had none are those of MetalLB's own converter.
 *
 * @see MetalLB 0.12 internal/config/config.go, configFile; configmaptocrs/main.go
 */
export function convertConfigMap(legacy: LegacyConfig): Conversion {
  const config = membersOf(legacy.config);
  const parts = new Parts(legacy);
  return joined([
    ...itemsOf(config["bfd-profiles"]).map((profile, i) => parts.profile(membersOf(profile), i)),
    ...itemsOf(config["peers"]).map((peer, i) => parts.peer(membersOf(peer), i)),
    ...itemsOf(config["address-pools"]).map((pool, i) => parts.pool(membersOf(pool), i)),
    parts.communities(membersOf(config["bgp-communities"])),
    ...Object.keys(config).map((key) => parts.unknownSection(key)),
  ]);
}

const sections = new Set(["bfd-profiles", "peers", "address-pools", "bgp-communities"]);

/** Old names of fields → new ones. What is in a table means the same under both. */
const profileFields = {
  "receive-interval": "receiveInterval",
  "transmit-interval": "transmitInterval",
  "detect-multiplier": "detectMultiplier",
  "echo-interval": "echoInterval",
  "echo-mode": "echoMode",
  "passive-mode": "passiveMode",
  "minimum-ttl": "minimumTtl",
};
const peerFields = {
  "my-asn": "myASN",
  "peer-asn": "peerASN",
  "peer-address": "peerAddress",
  "source-address": "sourceAddress",
  "peer-port": "peerPort",
  "hold-time": "holdTime",
  "keepalive-time": "keepaliveTime",
  "router-id": "routerID",
  password: "password",
  "ebgp-multihop": "ebgpMultiHop",
};
const poolFields = { addresses: "addresses", "auto-assign": "autoAssign", "avoid-buggy-ips": "avoidBuggyIPs" };
const advertisementFields = {
  "aggregation-length": "aggregationLength",
  "aggregation-length-v6": "aggregationLengthV6",
  localpref: "localPref",
  communities: "communities",
};

class Parts {
  readonly #legacy: LegacyConfig;
  readonly #pools: ObjectNames;
  readonly #profiles: ObjectNames;
  #advertisements = 0;
  #l2Advertisements = 0;

  constructor(legacy: LegacyConfig) {
    this.#legacy = legacy;
    const config = membersOf(legacy.config);
    this.#pools = new ObjectNames(itemsOf(config["address-pools"]).map(nameIn));
    this.#profiles = new ObjectNames(itemsOf(config["bfd-profiles"]).map(nameIn));
  }

  profile(old: Members, i: number): Conversion {
    const about = this.#about(`bfd-profiles[${i}]`);
    const text = nameIn(old);
    const { spec, remarks } = renamed(omitted(old, ["name"]), profileFields, about);
    const object = this.#object(bfdProfile, this.#profiles.nameFor(text), spec);
    return mapped(about, [object], [...this.#profiles.remarkOn(text, about, "peers that name it follow"), ...remarks]);
  }

  peer(old: Members, i: number): Conversion {
    const about = this.#about(`peers[${i}]`);
    const own = omitted(old, ["node-selectors", "bfd-profile", ...(old["peer-port"] === 0 ? ["peer-port"] : [])]);
    const { spec, remarks } = renamed(own, peerFields, about);
    const profile = old["bfd-profile"];
    const selectors = itemsOf(old["node-selectors"]).map((one, at) =>
      selectorOf(one, `${about}.node-selectors[${at}]`),
    );
    const whole = {
      ...spec,
      ...holdTimeOf(old),
      ...(selectors.length > 0 && { nodeSelectors: selectors.map(({ selector }) => selector) }),
      ...(typeof profile === "string" && profile !== "" && { bfdProfile: this.#profiles.nameFor(profile) }),
    };
    const found = [...remarks, ...selectors.flatMap((one) => one.remarks), ...peerRemarks(old, about)];
    return mapped(about, [this.#object(bgpPeer, `peer${i + 1}`, whole)], found);
  }

  /** A pool's protocol has become an advertisement that names it. */
  pool(old: Members, i: number): Conversion {
    const about = this.#about(`address-pools[${i}]`);
    const text = nameIn(old);
    const own = omitted(old, ["name", "protocol", "bgp-advertisements"]);
    const { spec, remarks } = renamed(own, poolFields, about);
    const name = this.#pools.nameFor(text);
    const consequence = "Services that ask for it by annotation must follow";
    const changed = this.#pools.remarkOn(text, about, consequence);
    const pool = mapped(about, [this.#object(ipAddressPool, name, spec)], [...changed, ...remarks]);
    return joined([pool, this.#announcementOf(old, name, about)]);
  }

  #announcementOf(old: Members, pool: string, about: string): Conversion {
    const advertisements = itemsOf(old["bgp-advertisements"]);
    switch (old["protocol"]) {
      case "layer2":
        return joined([this.#byLayer2(pool, about), ...(advertisements.length > 0 ? [useless(about)] : [])]);
      case "bgp": {
        if (advertisements.length === 0) return this.#byBgp({}, pool, about);
        const paths = advertisements.map((_, i) => `${about}.bgp-advertisements[${i}]`);
        return joined(advertisements.map((one, i) => this.#byBgp(membersOf(one), pool, paths[i] ?? about)));
      }
      default:
        return lost(
          `${about}.protocol`,
          `${JSON.stringify(old["protocol"])} is neither bgp nor layer2, so nothing announces ${pool}`,
        );
    }
  }

  #byLayer2(pool: string, about: string): Conversion {
    const name = `l2advertisement${++this.#l2Advertisements}`;
    return mapped(`${about}.protocol`, [this.#object(l2Advertisement, name, { ipAddressPools: [pool] })], []);
  }

  #byBgp(old: Members, pool: string, about: string): Conversion {
    const { spec, remarks } = renamed(old, advertisementFields, about);
    const name = `bgpadvertisement${++this.#advertisements}`;
    return mapped(about, [this.#object(bgpAdvertisement, name, { ipAddressPools: [pool], ...spec })], remarks);
  }

  communities(old: Members): Conversion {
    const communities = Object.entries(old).map(([name, value]) => ({ name, value }));
    if (communities.length === 0) return nothing;
    return mapped(this.#about("bgp-communities"), [this.#object(community, "communities", { communities })], []);
  }

  unknownSection(key: string): Conversion {
    if (sections.has(key)) return nothing;
    const why =
      key === "peer-autodiscovery"
        ? "peers are no longer found by labels or annotations of nodes; write one BGPPeer for each, with nodeSelectors"
        : "MetalLB has no such field";
    return lost(this.#about(key), why);
  }

  #about(path: string): string {
    return `${this.#legacy.about}: ${path}`;
  }

  #object(kind: Kind, name: string, spec: Members): KubeObject {
    const { namespace } = this.#legacy;
    const object = { apiVersion: apiVersionOf(kind), kind: kind.kind, metadata: { name, namespace }, spec };
    return object;
  }
}

/** A name, which YAML may have taken for a number; empty where there is none. */
const nameIn = (old: unknown): string => {
  const { name } = membersOf(old);
  return typeof name === "string" || typeof name === "number" || typeof name === "boolean" ? String(name) : "";
};

const useless = (about: string): Conversion =>
  lost(`${about}.bgp-advertisements`, "are of no use to a pool of protocol layer2, and MetalLB never used them");

/** Unset meant 90s, where now it means the router's default. MetalLB 0.12 internal/config/config.go, parseHoldTime. */
const holdTimeOf = (old: Members) => (old["hold-time"] ? {} : { holdTime: "90s" });

function peerRemarks(old: Members, about: string): readonly Remark[] {
  const changed = (field: string, message: string): Remark => ({
    kind: "changed",
    about: `${about}.${field}`,
    message,
  });
  return [
    ...(old["hold-time"] ? [] : [changed("hold-time", "was 90s unless set, so holdTime: 90s is written")]),
    ...(old["password"]
      ? [changed("password", "is kept in clear text; a Secret and passwordSecret would hide it")]
      : []),
  ];
}

function mapped(about: string, objects: readonly KubeObject[], remarks: readonly Remark[]): Conversion {
  const what = objects.map(({ kind, metadata }) => `${kind} ${metadata.name}`).join(", ");
  return { objects, remarks: [{ kind: "mapped", about, message: what }, ...remarks] };
}

/** Values under their new names; a name that the table hasn't is lost. */
function renamed(old: Members, table: Readonly<Record<string, string>>, about: string) {
  const known = Object.entries(old).filter(([key, value]) => Object.hasOwn(table, key) && value !== null);
  const unknown = Object.keys(old).filter((key) => !Object.hasOwn(table, key));
  return {
    spec: Object.fromEntries(known.map(([key, value]) => [table[key] ?? key, value])),
    remarks: unknown.map(
      (key): Remark => ({ kind: "lost", about: `${about}.${key}`, message: "MetalLB has no such field" }),
    ),
  };
}

const requirementFields = { key: "key", operator: "operator", values: "values" };

function selectorOf(old: unknown, about: string) {
  const { "match-labels": labels, "match-expressions": expressions, ...rest } = membersOf(old);
  const requirements = itemsOf(expressions).map((one, i) =>
    renamed(membersOf(one), requirementFields, `${about}.match-expressions[${i}]`),
  );
  const selector = {
    ...(labels ? { matchLabels: labels } : {}),
    ...(requirements.length > 0 && { matchExpressions: requirements.map(({ spec }) => spec) }),
  };
  return {
    selector,
    remarks: [...renamed(rest, {}, about).remarks, ...requirements.flatMap(({ remarks }) => remarks)],
  };
}

const omitted = (old: Members, names: readonly string[]): Members =>
  Object.fromEntries(Object.entries(old).filter(([name]) => !names.includes(name)));
