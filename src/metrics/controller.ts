import { Gauge, type Registry } from "prom-client";

/** Addresses of one pool. Beyond 2^53 a value is the nearest that Prometheus' floating point holds. */
export interface PoolCounts {
  readonly pool: string;
  readonly total: { readonly ipv4: bigint; readonly ipv6: bigint };
  readonly assigned: { readonly ipv4: bigint; readonly ipv6: bigint };
}

/** MetalLB's `internal/allocator/stats.go`; a pool that is gone has no series. */
export function poolMetrics(registry: Registry): (pools: readonly PoolCounts[]) => void {
  const gauge = (name: string, help: string) =>
    new Gauge({ name: `metallb_allocator_${name}`, help, labelNames: ["pool"], registers: [registry] });
  const series: readonly (readonly [Gauge, (counts: PoolCounts) => bigint])[] = [
    [gauge("addresses_total", "Usable addresses"), ({ total }) => total.ipv4 + total.ipv6],
    [gauge("ipv4_addresses_total", "Usable IPv4 addresses"), ({ total }) => total.ipv4],
    [gauge("ipv6_addresses_total", "Usable IPv6 addresses"), ({ total }) => total.ipv6],
    [gauge("addresses_in_use_total", "Assigned addresses"), ({ assigned }) => assigned.ipv4 + assigned.ipv6],
    [gauge("ipv4_addresses_in_use_total", "Assigned IPv4 addresses"), ({ assigned }) => assigned.ipv4],
    [gauge("ipv6_addresses_in_use_total", "Assigned IPv6 addresses"), ({ assigned }) => assigned.ipv6],
  ];
  return (pools) => {
    for (const [metric, count] of series) {
      metric.reset();
      for (const counts of pools) metric.set({ pool: counts.pool }, Number(count(counts)));
    }
  };
}
