import { join } from "node:path";
import { VtySession } from "../src/vty/session.ts";
import type { Lab } from "./lab.ts";

const SERVICES = { group: "", resource: "services" };
/** A route that takes longer than this is not late but missing. */
const PATIENCE_MS = 30_000;

/** Milliseconds; `worst` of all samples. */
export interface Spread {
  readonly median: number;
  readonly worst: number;
}

/**
 * How long it takes from the creation of a Service until the router's own BGP table holds its route, and from its deletion until the
 * table holds none. The router's bgpd is asked over its socket, one question after the other, so the clock's step is well under 1 ms.
 *
 * Needs a configured cluster whose pool holds 10.100.0.100 and up, and ready pods with the label `app: nginx`.
 *
 * @throws Error when a route does not come or does not go.
 */
export async function measureAnnouncements(
  lab: Lab,
  samples: number,
  signal: AbortSignal,
): Promise<{ readonly added: Spread; readonly removed: Spread }> {
  const bgpd = await VtySession.open({ path: join(lab.instance.runDir, "tor/bgpd.vty"), window: 1 }, signal);
  const added: number[] = [];
  const removed: number[] = [];
  try {
    // One more than counted: the first also waits for what is still starting.
    for (let i = 0; i <= samples; i++) {
      const address = `10.100.0.${100 + i}`;
      const creation = performance.now();
      await lab.api.create(SERVICES, measuredService(`measure-${i}`, address));
      added.push(await untilTable(bgpd, `${address}/32`, true, creation, signal));
      await untilTable(bgpd, `${address}/32`, lab.topology.nodes.length, creation, signal);
      const deletion = performance.now();
      await lab.api.delete(SERVICES, "default", `measure-${i}`);
      removed.push(await untilTable(bgpd, `${address}/32`, false, deletion, signal));
    }
  } finally {
    bgpd.close();
  }
  return { added: spread(added.slice(1)), removed: spread(removed.slice(1)) };
}

const measuredService = (name: string, address: string) => ({
  apiVersion: "v1",
  kind: "Service",
  metadata: { name, namespace: "default", annotations: { "metallb.io/loadBalancerIPs": address } },
  spec: { type: "LoadBalancer", selector: { app: "nginx" }, ports: [{ port: 80, targetPort: 80, protocol: "TCP" }] },
});

/** Milliseconds since `since` at which the table held the prefix at all, not at all, or with so many paths. */
async function untilTable(
  bgpd: VtySession,
  prefix: string,
  wanted: boolean | number,
  since: number,
  signal: AbortSignal,
): Promise<number> {
  for (;;) {
    const paths = await pathCount(bgpd, prefix, signal);
    const elapsed = performance.now() - since;
    if (typeof wanted === "number" ? paths === wanted : paths > 0 === wanted) return elapsed;
    if (elapsed > PATIENCE_MS) {
      throw new Error(
        `after ${PATIENCE_MS / 1000} s the router holds ${paths} paths for ${prefix}, not ${String(wanted)}`,
      );
    }
  }
}

async function pathCount(bgpd: VtySession, prefix: string, signal: AbortSignal): Promise<number> {
  const text = await bgpd.run(`show bgp ipv4 unicast ${prefix} json`, signal);
  const { paths = [] } = JSON.parse(text === "" ? "{}" : text) as { paths?: unknown[] };
  return paths.length;
}

function spread(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b);
  return { median: sorted[Math.floor(sorted.length / 2)] ?? Number.NaN, worst: sorted.at(-1) ?? Number.NaN };
}
