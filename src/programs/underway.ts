import type { Ingress, Service } from "../api/core.ts";
import { keyOf } from "../api/object.ts";
import type { Leadership } from "../kube/lease.ts";
import type { Work } from "../runtime/keyed-work.ts";
import type { Write } from "../status/write.ts";
import { keyOfWrite } from "./perform.ts";

/** The part of a Service's status patch that we read back. */
interface StatusBody {
  readonly status: { readonly loadBalancer: { readonly ingress: readonly Ingress[] | null } };
}

/**
 * Status writes that have begun and whose outcome is not known: for a decision they count as done. Otherwise a slow write
 * could finish after its address was given to another Service.
 */
export class Underway {
  readonly #leadership: Leadership;
  readonly #statuses = new Map<string, StatusBody>();

  constructor(leadership: Leadership) {
    this.#leadership = leadership;
  }

  /** The Services, as they will be. The same array when nothing is under way. */
  asWritten(services: readonly Service[]): readonly Service[] {
    if (this.#statuses.size === 0) return services;
    return services.map((service) => {
      const body = this.#statuses.get(keyOf(service));
      return body === undefined ? service : written(service, body);
    });
  }

  /** The work for `writes`, which from now on is noticed while it runs, and refused without proof of leadership. */
  watched(writes: readonly Write[], work: ReadonlyMap<string, Work>): Map<string, Work> {
    const bodies = new Map(writes.flatMap((write) => serviceStatus(write)));
    return new Map([...work].map(([key, piece]) => [key, this.#watch(piece, bodies.get(key))]));
  }

  #watch(piece: Work, status: { readonly service: string; readonly body: StatusBody } | undefined): Work {
    return async (signal) => {
      if (!this.#leadership.isProven()) throw new Error("leadership is not proven");
      if (status) this.#statuses.set(status.service, status.body);
      try {
        await piece(signal);
      } finally {
        if (status) this.#statuses.delete(status.service);
      }
    };
  }
}

function serviceStatus(write: Write): [string, { readonly service: string; readonly body: StatusBody }][] {
  if (write.kind !== "patch-status" || write.object.kind !== "Service") return [];
  const service = `${write.object.namespace ?? ""}/${write.object.name}`;
  return [[keyOfWrite(write), { service, body: write.body as StatusBody }]];
}

function written(service: Service, { status }: StatusBody): Service {
  return { ...service, status: { loadBalancer: { ingress: status.loadBalancer.ingress ?? [] } } };
}
