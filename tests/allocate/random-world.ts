import type { Service, ServiceSpec } from "../../src/api/core.ts";
import type { Pool } from "../../src/config/config.ts";
import { forAll, pool, service } from "../../src/allocate/testing/world.ts";

/** Numbers from 0 up to, not including, the argument; the same ones for the same seed. */
export type Random = (below: number) => number;

/** Mulberry32. */
export function randomFrom(seed: number): Random {
  let state = seed | 0;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 4294967296) * below);
  };
}

export const pick = <T>(random: Random, items: readonly T[]): T => {
  const item = items[random(items.length)];
  if (item === undefined) throw new Error("bug: nothing to choose from");
  return item;
};

/** Some pools under few names, small so that Services are in each other's way; no two of one choice overlap. */
const shapesOfPool: Readonly<Record<string, readonly (readonly [readonly string[], Partial<Pool>?])[]>> = {
  a: [
    [["10.0.0.0/31"]],
    [["10.0.0.0/30"]],
    [["10.0.0.0/30", "fd00::/127"]],
    [["10.0.0.1/32", "fd00::1/128"], { autoAssign: false }],
    [["10.0.0.0/30"], { allocation: { ...forAll, priority: 2 } }],
    [["10.0.0.0/30"], { allocation: { ...forAll, serviceSelectors: [{ matchLabels: { app: "web" } }] } }],
  ],
  b: [
    [["fd01::/127"]],
    [["fd01::/64"]],
    [["fd01::/64", "10.0.1.254-10.0.2.1"], { avoidBuggyIPs: true }],
    [["10.0.1.254-10.0.2.1"]],
    [["fd01::/64", "10.0.2.0/31"], { allocation: { ...forAll, priority: 1, namespaces: ["default"] } }],
  ],
  c: [
    [["10.0.3.0/32"]],
    [["fd03::/128", "10.0.3.0/31"]],
    [["10.0.3.0/31"], { allocation: { ...forAll, namespaces: [] } }],
    [["10.0.3.0/31"], { allocation: { ...forAll, priority: 0 }, autoAssign: false }],
  ],
  d: [
    [["10.0.4.0/32", "fd04::/128"], { allocation: { ...forAll, priority: 1 } }],
    [["10.0.4.0/31", "fd04::/128"], { allocation: { ...forAll, priority: 2, namespaces: ["elsewhere"] } }],
    [["10.0.4.0/32"], { allocation: { ...forAll, namespaces: ["default", "elsewhere"] } }],
    [["fd04::/127", "10.0.4.0/32"]],
  ],
};
export const poolNames = Object.keys(shapesOfPool);

export function randomPool(random: Random, name: string): Pool {
  const [addresses, rest] = pick(random, shapesOfPool[name] ?? []);
  return pool(name, addresses, rest);
}

/** The same addresses under another name: pools are renamed, and nobody notices. */
export const renamed = (one: Pool, name: string): Pool => ({ ...one, name, ref: { ...one.ref, name } });

const families: readonly Partial<ServiceSpec>[] = [
  { clusterIPs: ["10.96.0.1"] },
  { clusterIPs: ["10.96.0.1"] },
  { clusterIPs: ["10.96.0.1"], ipFamilyPolicy: "PreferDualStack" },
  { clusterIPs: ["fd96::1"] },
  { clusterIPs: ["10.96.0.1", "fd96::1"], ipFamilyPolicy: "PreferDualStack" },
  { clusterIPs: ["10.96.0.1", "fd96::1"], ipFamilyPolicy: "PreferDualStack", ipFamilies: ["IPv6", "IPv4"] },
  { clusterIPs: ["fd96::1", "10.96.0.1"], ipFamilyPolicy: "RequireDualStack" },
  { clusterIPs: ["10.96.0.1"], ipFamilyPolicy: "RequireDualStack" },
  { clusterIPs: ["10.96.0.1", "fd96::1"] },
  { clusterIPs: [] },
];
const requests = [
  "10.0.0.1",
  "10.0.0.0,fd00::1",
  "fd01::",
  "10.0.1.255",
  "10.0.3.0",
  "10.0.4.0,fd04::",
  "10.9.9.9",
  "ten",
];

const wishes: readonly ((random: Random) => Wish)[] = [
  (random) => ({ spec: pick(random, families) }),
  (random) => ({ note: ["metallb.io/loadBalancerIPs", pick(random, requests)] }),
  (random) => ({ note: ["metallb.io/address-pool", pick(random, ["a", "b", "c", "d", "zz"])] }),
  (random) => ({ note: ["metallb.io/allow-shared-ip", pick(random, ["k", "k", "l"])] }),
  (random) => ({ spec: { ports: pick(random, ports) } }),
  (random) => ({ spec: { externalTrafficPolicy: pick(random, ["Local", "Cluster"]), selector: { app: "x" } } }),
  (random) => ({ labels: { app: pick(random, ["web", "db"]) } }),
  () => ({ spec: { loadBalancerIP: "10.0.0.1" } }),
];
const ports = [[{ port: 80 }], [{ port: 443 }], [{ port: 53, protocol: "UDP" }], [{ port: 80 }, { port: 443 }]];

interface Wish {
  readonly spec?: Partial<ServiceSpec>;
  readonly note?: readonly [string, string];
  readonly labels?: Readonly<Record<string, string>>;
}

/** A new Service under `namespace/name`, with up to three wishes. */
export function randomService(random: Random, key: string, uid: string): Service {
  const [namespace = "", name = ""] = key.split("/");
  let made = service(name, { born: random(4) });
  for (let i = random(4); i > 0; i--) made = wishing(made, pick(random, wishes)(random));
  return { ...made, metadata: { ...made.metadata, namespace, uid } };
}

/** What a person may do to a Service: wish for something, take a wish back, change its type or class. */
export function edited(random: Random, one: Service): Service {
  switch (random(8)) {
    case 0:
      return { ...one, spec: { ...one.spec, type: one.spec.type === "LoadBalancer" ? "ClusterIP" : "LoadBalancer" } };
    case 1:
      return withoutWish(one, "metallb.io/loadBalancerIPs");
    case 2:
      return withoutWish(one, "metallb.io/address-pool");
    case 3:
      return withoutWish(one, "metallb.io/allow-shared-ip");
    case 4: {
      const { loadBalancerIP: _, ...spec } = one.spec;
      return { ...one, spec };
    }
    default:
      return wishing(one, pick(random, wishes)(random));
  }
}

function wishing(one: Service, { spec, note, labels }: Wish): Service {
  const annotations = { ...one.metadata.annotations, ...(note && { [note[0]]: note[1] }) };
  const metadata = { ...one.metadata, annotations, ...(labels && { labels }) };
  return { ...one, metadata, spec: { ...one.spec, ...spec } };
}

function withoutWish(one: Service, name: string): Service {
  const { [name]: _, ...annotations } = one.metadata.annotations ?? {};
  return { ...one, metadata: { ...one.metadata, annotations } };
}
