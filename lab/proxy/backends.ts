import { compareText } from "../../src/std/order.ts";
import type {
  EndpointSliceObject,
  ServiceObject,
  ServicePort,
  SliceEndpoint,
} from "../control-plane/controllers/objects.ts";

/** Where one port of a Service leads, in one family. Endpoints are `address` and `port`, sorted. */
export interface Backends {
  /** For clients inside the cluster, internalTrafficPolicy applied. */
  readonly internal: readonly Backend[];
  /** For clients outside, externalTrafficPolicy applied. */
  readonly external: readonly Backend[];
  /** Anywhere in the cluster: decides between "nobody" (reject) and "nobody here" (drop). */
  readonly anywhere: readonly Backend[];
}

export interface Backend {
  readonly address: string;
  readonly port: number;
}

type Located = Backend & { readonly ready: boolean; readonly serving: boolean; readonly local: boolean };

/**
 * The endpoints that kube-proxy would use: ready ones; when there are none, those that still serve while they end.
 * @see kubernetes/pkg/proxy/topology.go CategorizeEndpoints
 */
export function backendsFor(input: {
  readonly service: ServiceObject;
  readonly port: ServicePort;
  readonly addressType: "IPv4" | "IPv6";
  readonly slices: readonly EndpointSliceObject[];
  readonly node: string;
}): Backends {
  const { service, node } = input;
  const located = locate(input, node);
  const anywhere = usable(located);
  const here = usable(located.filter(({ local }) => local));
  return {
    anywhere,
    internal: service.spec.internalTrafficPolicy === "Local" ? here : anywhere,
    external: service.spec.externalTrafficPolicy === "Local" ? here : anywhere,
  };
}

function usable(endpoints: readonly Located[]): Backend[] {
  const ready = endpoints.filter((endpoint) => endpoint.ready);
  const chosen = ready.length > 0 ? ready : endpoints.filter((endpoint) => endpoint.serving);
  const unique = new Map(chosen.map(({ address, port }) => [`${address} ${port}`, { address, port }]));
  return [...unique].sort(([a], [b]) => compareText(a, b)).map(([, backend]) => backend);
}

function locate(
  { port, addressType, slices }: { port: ServicePort; addressType: string; slices: readonly EndpointSliceObject[] },
  node: string,
): Located[] {
  return slices
    .filter((slice) => slice.addressType === addressType)
    .flatMap((slice) => {
      const target = slice.ports?.find(
        (each) => (each.name ?? "") === (port.name ?? "") && (each.protocol ?? "TCP") === (port.protocol ?? "TCP"),
      )?.port;
      return target === undefined ? [] : (slice.endpoints ?? []).flatMap((each) => place(each, target, node));
    });
}

/** An unset `ready` means ready, and an unset `serving` means what `ready` says (discovery/v1 EndpointConditions). */
function place({ addresses, conditions, nodeName }: SliceEndpoint, port: number, node: string): Located[] {
  const ready = conditions?.ready ?? true;
  const ending = { ready, serving: (conditions?.serving ?? ready) && conditions?.terminating === true };
  return addresses.map((address) => ({ address, port, ...ending, local: nodeName === node }));
}
