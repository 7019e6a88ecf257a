import type { Service, ServiceSpec } from "../../api/core.ts";
import type { Pool } from "../../config/config.ts";
import { parseAddress } from "../../net/address.ts";
import { parsePrefix } from "../../net/prefix.ts";
import { prefixesOf, type Range, rangeBetween, rangeOfPrefix } from "../../net/range.ts";
import type { Outcome } from "../outcome.ts";

/** Objects for tests, as short as their sentences. */

export function pool(name: string, addresses: readonly string[], rest: Partial<Pool> = {}): Pool {
  const entries = addresses.map((text) => ({ text, range: rangeOf(text), prefixes: prefixesOf(rangeOf(text)) }));
  return {
    name,
    ref: { apiVersion: "metallb.io/v1beta1", kind: "IPAddressPool", namespace: "metallb-system", name },
    entries,
    families: [...new Set(entries.map(({ range }) => range.family))].sort(),
    autoAssign: true,
    avoidBuggyIPs: false,
    labels: {},
    ...rest,
  };
}

export const forAll = { priority: 0, namespaces: undefined, serviceSelectors: [] };

function rangeOf(text: string): Range {
  const prefix = parsePrefix(text);
  if (prefix) return rangeOfPrefix(prefix);
  const [first, last] = text.split("-").map((end) => parseAddress(end));
  const range = first && last && rangeBetween(first, last);
  if (!range) throw new Error(`${text} is no range`);
  return range;
}

interface Asked extends ServiceSpec {
  readonly annotations?: Readonly<Record<string, string>>;
  readonly labels?: Readonly<Record<string, string>>;
  readonly has?: readonly string[];
  readonly from?: string;
  readonly born?: number;
}

/** A Service; `has` and `from` are its present addresses and their pool, `born` is its age in seconds. */
export function service(name: string, { annotations, labels, has = [], from, born = 0, ...spec }: Asked = {}): Service {
  const mark = has.length > 0 ? { "metallb.io/ip-allocated-from-pool": from ?? "first" } : {};
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: {
      name,
      namespace: "default",
      uid: `uid-${name}`,
      creationTimestamp: new Date(born * 1000).toISOString(),
      annotations: { ...mark, ...annotations },
      ...(labels && { labels }),
    },
    spec: { type: "LoadBalancer", clusterIPs: ["10.96.0.1"], ports: [{ port: 80 }], ...spec },
    status: { loadBalancer: { ingress: has.map((ip) => ({ ip, ipMode: "VIP" })) } },
  };
}

export const dual = { clusterIPs: ["10.96.0.1", "fd96::1"], ipFamilyPolicy: "PreferDualStack" as const };
export const bothRequired = { ...dual, ipFamilyPolicy: "RequireDualStack" as const };

/** Addresses of an outcome; the cause in place of them when it waits. */
export function got({ state }: Outcome): readonly string[] | string {
  switch (state.kind) {
    case "assigned":
      return state.addresses;
    case "waiting":
      return state.refusal.message;
    case "not-load-balancer":
      return [];
  }
}

/** The Service as the API has it once an outcome is written. */
export function written({ service, before, state }: Outcome): Service {
  const addresses: readonly string[] = state.kind === "assigned" ? state.addresses : [];
  const kept = (service.status?.loadBalancer?.ingress ?? []).filter(
    ({ ip }) => ip === undefined || !before.includes(ip) || addresses.includes(ip),
  );
  const added = addresses.filter((ip) => !kept.some((entry) => entry.ip === ip)).map((ip) => ({ ip }));
  const { "metallb.io/ip-allocated-from-pool": _, ...others } = service.metadata.annotations ?? {};
  const mark = state.kind === "assigned" && {
    "metallb.io/ip-allocated-from-pool": [...new Set(state.pools)].join(","),
  };
  return {
    ...service,
    metadata: {
      ...service.metadata,
      annotations: { ...others, ...mark },
      resourceVersion: String(Number(service.metadata.resourceVersion ?? 0) + 1),
    },
    status: { loadBalancer: { ingress: [...kept, ...added] } },
  };
}
