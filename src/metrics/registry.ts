import { collectDefaultMetrics, Counter, Gauge, Registry } from "prom-client";

/** A program's metrics, process metrics included. */
export function createRegistry(): Registry {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  return registry;
}

/** How well the program keeps up with its objects. The names are MetalLB's `internal/k8s/controllers/metrics.go`. */
export interface ClientMetrics {
  turn(): void;
  failure(): void;
  /** `stale`: part of the newest configuration is refused. */
  config(stale: boolean): void;
}

export function clientMetrics(registry: Registry): ClientMetrics {
  const make = { registers: [registry] };
  const updates = new Counter({ ...make, name: "metallb_k8s_client_updates_total", help: "Passes over the objects" });
  const errors = new Counter({
    ...make,
    name: "metallb_k8s_client_update_errors_total",
    help: "Passes or writes that failed, and Services that can't have what they ask for",
  });
  const loaded = new Gauge({
    ...make,
    name: "metallb_k8s_client_config_loaded_bool",
    help: "1 once a configuration is in force",
  });
  const stale = new Gauge({
    ...make,
    name: "metallb_k8s_client_config_stale_bool",
    help: "1 while part of the newest configuration is refused",
  });
  return {
    turn: () => updates.inc(),
    failure: () => errors.inc(),
    config: (isStale) => {
      loaded.set(1);
      stale.set(isStale ? 1 : 0);
    },
  };
}

/** Whether the API server answers; `awaySince` is asked at each scrape. Only here: MetalLB has nothing like it. */
export function apiReachMetric(registry: Registry, awaySince: () => Date | undefined): void {
  new Gauge({
    name: "metallb_k8s_client_api_unreachable_since_seconds",
    help: "Unix time since when the API server has not answered; 0 while it does",
    registers: [registry],
    collect() {
      this.set((awaySince()?.getTime() ?? 0) / 1000);
    },
  });
}
