import { randomInt } from "node:crypto";
import {
  type Address,
  addressFrom,
  bitsOf,
  type Family,
  familyOf,
  parseAddress,
  widthOf,
} from "../../../src/net/address.ts";
import {
  parsePrefix,
  type Prefix,
  prefixAddress,
  prefixFamily,
  prefixLength,
  prefixOf,
} from "../../../src/net/prefix.ts";
import { keyOf, type ServiceObject, type ServicePort, SERVICES } from "../controllers/objects.ts";
import { type ApiObject, ApiStatusError, type Cause, type Kind, type LocalApi } from "../types.ts";
import { Allocations } from "./allocations.ts";

export interface ServiceAddressOptions {
  /** The first is the family of single-stack Services. */
  readonly cidrs?: readonly string[];
  readonly nodePorts?: { readonly first: number; readonly last: number };
  readonly now?: () => number;
}

/** Gives Services their cluster addresses and node ports. */
export interface ServiceAddresses {
  /** Allocates for a Service on its way in, after its defaults. Synchronous. @throws ApiStatusError 422 */
  prepare(service: ApiObject, old: ApiObject | undefined): void;
  /** For the control plane's `adapt`: the Service row with `prepare` after its own; other rows as they are. */
  readonly adapt: (kind: Kind) => Kind;
  /** Learns what is stored, and from then on what is freed by deletions and changes. Call before the first write. */
  follow(api: LocalApi, signal: AbortSignal): void;
}

const DEFAULT_CIDRS = ["10.96.0.0/16", "fd00:10:96::/112"];
const DEFAULT_PORTS = { first: 30_000, last: 32_767 };

/** @see kubernetes/pkg/registry/core/service/storage/alloc.go */
export function createServiceAddresses({
  cidrs = DEFAULT_CIDRS,
  nodePorts = DEFAULT_PORTS,
  now = Date.now,
}: ServiceAddressOptions = {}): ServiceAddresses {
  const held = new Allocations(now);
  const ranges = new Map(cidrs.map(readCidr).map((prefix) => [familyName(prefixFamily(prefix)), prefix]));
  const context = { held, ranges, nodePorts };
  const prepare = (service: ApiObject, old: ApiObject | undefined) => {
    const next = service as ServiceObject;
    const before = old as ServiceObject | undefined;
    inherit(next, before);
    prepareAddresses(context, next, before);
    prepareNodePorts(context, next, before);
    prepareHealthCheck(context, next);
  };
  const prepareAfter = (kind: Kind) => (service: ApiObject, old: ApiObject | undefined) => {
    kind.prepare?.(service, old);
    prepare(service, old);
  };
  return {
    prepare,
    adapt: (kind) =>
      kind.group === "" && kind.resource === "services" ? { ...kind, prepare: prepareAfter(kind) } : kind,
    follow(api, signal) {
      for (const object of api.list(SERVICES)) held.settle(keyOf(object), valuesOf(object as ServiceObject));
      api.watch(
        SERVICES,
        ({ type, object }) =>
          held.settle(keyOf(object), type === "DELETED" ? undefined : valuesOf(object as ServiceObject)),
        signal,
      );
    },
  };
}

interface Context {
  readonly held: Allocations;
  readonly ranges: ReadonlyMap<string, Prefix>;
  readonly nodePorts: { readonly first: number; readonly last: number };
}

function readCidr(text: string): Prefix {
  const prefix = parsePrefix(text);
  if (!prefix) throw new Error(`bug: service range ${text} is no prefix`);
  return prefix;
}

const familyName = (family: Family): "IPv4" | "IPv6" => (family === "ipv4" ? "IPv4" : "IPv6");
const portValue = (port: number): string => `port ${port}`;

/** Everything of the Service that nobody else may hold. */
const valuesOf = ({ spec }: ServiceObject): string[] => [
  ...(spec.clusterIPs ?? []).filter((ip) => ip !== "None"),
  ...(spec.ports ?? []).flatMap(({ nodePort }) => (nodePort ? [portValue(nodePort)] : [])),
  ...(spec.healthCheckNodePort ? [portValue(spec.healthCheckNodePort)] : []),
];

const usesAddress = ({ spec }: ServiceObject): boolean => spec.type !== "ExternalName";

const usesNodePorts = ({ spec }: ServiceObject): boolean =>
  spec.type === "NodePort" || (spec.type === "LoadBalancer" && spec.allocateLoadBalancerNodePorts !== false);

/** An update that leaves out what was allocated keeps it (`kubectl replace` of a plain manifest). */
function inherit({ spec }: ServiceObject, old: ServiceObject | undefined): void {
  if (!old || old.spec.type === "ExternalName" || spec.type === "ExternalName") return;
  if (!spec.clusterIP && !spec.clusterIPs?.length) {
    if (old.spec.clusterIP) spec.clusterIP = old.spec.clusterIP;
    spec.clusterIPs = [...(old.spec.clusterIPs ?? [])];
  }
  if (!spec.ipFamilies?.length && old.spec.ipFamilies) spec.ipFamilies = [...old.spec.ipFamilies];
  if (!spec.ipFamilyPolicy && old.spec.ipFamilyPolicy) spec.ipFamilyPolicy = old.spec.ipFamilyPolicy;
  if (!spec.healthCheckNodePort && old.spec.healthCheckNodePort)
    spec.healthCheckNodePort = old.spec.healthCheckNodePort;
}

function prepareAddresses(context: Context, service: ServiceObject, old: ServiceObject | undefined): void {
  const { spec } = service;
  if (!usesAddress(service)) {
    for (const field of ["clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"] as const) delete spec[field];
    return;
  }
  const asked = askedAddresses(service);
  const families = familiesFor(context, service, asked, old);
  spec.ipFamilies = families;
  if (asked[0] === "None") spec.clusterIPs = ["None"];
  else spec.clusterIPs = families.map((family, i) => clusterIp(context, service, family, asked[i]));
  spec.clusterIP = spec.clusterIPs[0] ?? "";
  const before = old && usesAddress(old) ? old.spec.clusterIPs?.[0] : undefined;
  if (before && before !== spec.clusterIPs[0]) {
    refuse(service, "spec.clusterIPs[0]", goStrings(spec.clusterIPs), "may not change once set");
  }
}

/** `clusterIP` is the first of `clusterIPs`; either may be given alone. */
function askedAddresses(service: ServiceObject): string[] {
  const { clusterIP = "", clusterIPs = [] } = service.spec;
  if (clusterIPs.length === 0) return clusterIP === "" ? [] : [clusterIP];
  if (clusterIP !== "" && clusterIPs[0] !== clusterIP) {
    refuse(service, "spec.clusterIPs", goStrings(clusterIPs), "first value must match `clusterIP`");
  }
  return clusterIPs;
}

/** The Service's families by its policy, its addresses and the cluster's ranges; the policy is filled in. */
function familiesFor(
  context: Context,
  service: ServiceObject,
  asked: readonly string[],
  old?: ServiceObject,
): string[] {
  const { spec } = service;
  const available = [...context.ranges.keys()];
  const given = asked.flatMap((ip) => parseAddress(ip) ?? []).map((ip) => familyName(familyOf(ip)));
  const listed = spec.ipFamilies?.length ? [...spec.ipFamilies] : given;
  spec.ipFamilyPolicy ??= defaultPolicy(spec, Math.max(listed.length, asked.length));
  listed.forEach((family, i) => {
    if (!available.includes(family))
      refuse(service, `spec.ipFamilies[${i}]`, JSON.stringify(family), "not configured on this cluster");
  });
  if (spec.ipFamilyPolicy === "SingleStack") {
    // From dual to single stack the second family goes, as the user cannot edit three fields at once.
    if (listed.length > 1 && (old?.spec.ipFamilies?.length ?? 0) < 2) {
      refuse(
        service,
        "spec.ipFamilyPolicy",
        '"SingleStack"',
        "must be RequireDualStack or PreferDualStack when multiple ipFamilies are specified",
      );
    }
    return [listed[0] ?? available[0] ?? "IPv4"];
  }
  if (spec.ipFamilyPolicy === "RequireDualStack" && available.length < 2) {
    refuse(
      service,
      "spec.ipFamilyPolicy",
      '"RequireDualStack"',
      "this cluster is not configured for dual-stack services",
    );
  }
  return [...listed, ...available.filter((family) => !listed.includes(family))];
}

function defaultPolicy(spec: ServiceObject["spec"], families: number): string {
  const headlessByHand = spec.clusterIP === "None" && Object.keys(spec.selector ?? {}).length === 0;
  return families > 1 || headlessByHand ? "RequireDualStack" : "SingleStack";
}

/** One family's address: the asked one when it is free and in range, else any free one. */
function clusterIp(context: Context, service: ServiceObject, family: string, asked: string | undefined): string {
  const key = keyOf(service);
  const range = context.ranges.get(family);
  if (!range) throw new Error(`bug: no range for ${family}`);
  const ip = asked ? askedIp(context, service, range, asked) : freeAddress(context, range, key);
  if (ip === undefined)
    refuse(service, "spec.clusterIPs", "[]string(nil)", "failed to allocate a serviceIP: range is full");
  context.held.promise(ip, key);
  return ip;
}

function askedIp(context: Context, service: ServiceObject, range: Prefix, text: string): Address {
  const value = goStrings(service.spec.clusterIPs?.length ? service.spec.clusterIPs : [text]);
  const ip = parseAddress(text);
  if (!ip)
    refuse(
      service,
      "spec.clusterIPs[0]",
      goStrings([text]),
      "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)",
    );
  if (familyOf(ip) !== prefixFamily(range) || prefixOf(ip, prefixLength(range)) !== range) {
    refuse(
      service,
      "spec.clusterIPs",
      value,
      `failed to allocate IP ${text}: the provided IP (${text}) is not in the valid range. The range of valid IPs is ${range}`,
    );
  }
  if (context.held.isTaken(ip, keyOf(service))) {
    refuse(service, "spec.clusterIPs", value, `failed to allocate IP ${text}: provided IP is already allocated`);
  }
  return ip;
}

/** A random start, then upwards and around. The lowest addresses are left to those who ask for one (KEP-3070). */
function freeAddress({ held }: Context, range: Prefix, key: string): Address | undefined {
  const family = prefixFamily(range);
  const size = 2 ** Math.min(16, widthOf(family) - prefixLength(range));
  const reserved = size > 512 ? 256 : Math.min(16, size - 2);
  const usable = size - reserved - 1;
  const start = randomInt(usable);
  const base = bitsOf(prefixAddress(range));
  for (let i = 0; i < usable; i++) {
    const ip = addressFrom(family, base + BigInt(reserved + ((start + i) % usable)));
    if (!held.isTaken(ip, key)) return ip;
  }
  return undefined;
}

function prepareNodePorts(context: Context, service: ServiceObject, old: ServiceObject | undefined): void {
  const ports = service.spec.ports ?? [];
  if (!usesNodePorts(service)) return dropNodePorts(service, old);
  ports.forEach((port, i) => {
    port.nodePort ||= portBefore(port, old) ?? 0;
    if (!port.nodePort) delete port.nodePort;
    else takePort(context, service, port.nodePort, { field: `spec.ports[${i}].nodePort` });
  });
  for (const port of ports) port.nodePort ??= twinPort(port, ports) ?? freePort(context, service);
}

/** The port that it had: by number and protocol, else by name. */
const portBefore = (port: ServicePort, old: ServiceObject | undefined): number | undefined =>
  (
    old?.spec.ports?.find((each) => each.port === port.port && each.protocol === port.protocol) ??
    old?.spec.ports?.find((each) => each.name !== undefined && each.name === port.name)
  )?.nodePort;

/** TCP and UDP of one port number share a node port (DNS). */
const twinPort = (port: ServicePort, all: readonly ServicePort[]): number | undefined =>
  all.find((each) => each.port === port.port && each.protocol !== port.protocol && each.nodePort)?.nodePort;

/** Without node ports: those of a former type go silently, new ones are a mistake. */
function dropNodePorts(service: ServiceObject, old: ServiceObject | undefined): void {
  const { type, ports = [] } = service.spec;
  if (type === "LoadBalancer") return;
  ports.forEach((port, i) => {
    const asked = port.nodePort && !old?.spec.ports?.some((each) => each.nodePort === port.nodePort);
    delete port.nodePort;
    if (!asked) return;
    const message = `Forbidden: may not be used when \`type\` is '${type}'`;
    throw invalidService(service, { reason: "FieldValueForbidden", field: `spec.ports[${i}].nodePort`, message });
  });
}

function prepareHealthCheck(context: Context, service: ServiceObject): void {
  const { spec } = service;
  if (spec.type !== "LoadBalancer" || spec.externalTrafficPolicy !== "Local") {
    delete spec.healthCheckNodePort;
    return;
  }
  if (spec.healthCheckNodePort) {
    const about = `failed to allocate requested HealthCheck NodePort ${spec.healthCheckNodePort}: `;
    takePort(context, service, spec.healthCheckNodePort, { field: "spec.healthCheckNodePort", about });
  } else spec.healthCheckNodePort = freePort(context, service);
}

function takePort(
  { held, nodePorts }: Context,
  service: ServiceObject,
  port: number,
  { field, about = "" }: { field: string; about?: string },
): void {
  const { first, last } = nodePorts;
  if (port < first || port > last) {
    refuse(
      service,
      field,
      String(port),
      `${about}provided port is not in the valid range. The range of valid ports is ${first}-${last}`,
    );
  }
  if (held.isTaken(portValue(port), keyOf(service)))
    refuse(service, field, String(port), `${about}provided port is already allocated`);
  held.promise(portValue(port), keyOf(service));
}

/** A random free port above the band kept for those who ask for one (KEP-3668). */
function freePort({ held, nodePorts: { first, last } }: Context, service: ServiceObject): number {
  const mine = new Set(valuesOf(service));
  const reserved = last - first > 128 ? 86 : 0;
  const usable = last - first + 1 - reserved;
  const start = randomInt(usable);
  for (let i = 0; i < usable; i++) {
    const port = first + reserved + ((start + i) % usable);
    if (mine.has(portValue(port)) || held.isTaken(portValue(port), keyOf(service))) continue;
    held.promise(portValue(port), keyOf(service));
    return port;
  }
  return refuse(service, "spec.ports[0].nodePort", "0", "failed to allocate a nodePort: range is full");
}

/** Go's `%#v` of a []string, as field errors print it. */
const goStrings = (values: readonly string[]): string =>
  `[]string{${values.map((value) => JSON.stringify(value)).join(", ")}}`;

function refuse(service: ServiceObject, field: string, value: string, why: string): never {
  throw invalidService(service, { reason: "FieldValueInvalid", field, message: `Invalid value: ${value}: ${why}` });
}

function invalidService({ metadata: { name } }: ServiceObject, cause: Cause): ApiStatusError {
  const message = `Service "${name}" is invalid: ${cause.field}: ${cause.message}`;
  return new ApiStatusError(422, "Invalid", message, { name, kind: "Service", causes: [cause] });
}
