import type { PoolUsage } from "../allocate/ledger.ts";
import type { IpAddressPool } from "../api/kinds/index.ts";
import { refOf } from "../api/object.ts";
import { deepEqual } from "../std/equal.ts";
import type { Write } from "./write.ts";

/**
 * What to write so that IPAddressPools say how many addresses they have given out and have left.
 *
 * Differs: the counts are exact, but end at 2^53-1, beyond which not every reader of JSON gets an integer right (RFC 7493
 * §2.2); MetalLB ends at 2^63-1 or below zero.
 *
 * @see MetalLB internal/k8s/controllers/pool_status_controller.go
 */
export function poolWrites(pools: readonly IpAddressPool[], usage: readonly PoolUsage[]): Write[] {
  const byName = new Map(usage.map((counters) => [counters.pool, counters]));
  return pools.flatMap((pool): Write[] => {
    const counters = byName.get(pool.metadata.name);
    if (counters === undefined) return [];
    const status = statusOf(counters);
    return deepEqual(pool.status, status) ? [] : [{ kind: "patch-status", object: refOf(pool), body: { status } }];
  });
}

const statusOf = ({ assigned, total }: PoolUsage) => ({
  assignedIPv4: integer(assigned.ipv4),
  assignedIPv6: integer(assigned.ipv6),
  availableIPv4: integer(total.ipv4 - assigned.ipv4),
  availableIPv6: integer(total.ipv6 - assigned.ipv6),
});

const greatest = BigInt(Number.MAX_SAFE_INTEGER);

const integer = (count: bigint): number => Number(count < greatest ? count : greatest);
