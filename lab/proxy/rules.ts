import { createHash } from "node:crypto";
import { sortedBy, sortedText } from "../../src/std/order.ts";
import {
  type EndpointSliceObject,
  joinKey,
  keyOf,
  type ServiceObject,
  type ServicePort,
} from "../control-plane/controllers/objects.ts";
import { type Backend, type Backends, backendsFor } from "./backends.ts";

export interface ProxyInput {
  /** The node's name, as endpoints' `nodeName` says it. */
  readonly node: string;
  readonly services: readonly ServiceObject[];
  readonly endpointSlices: readonly EndpointSliceObject[];
  /** The node's own addresses: node ports answer there, and masqueraded traffic comes from there (the first of each family). */
  readonly localAddresses: readonly string[];
  /** Every node's Pod ranges. */
  readonly podCIDRs: readonly string[];
}

/** nftables' words of one family. */
interface FamilyWords {
  readonly type: "IPv4" | "IPv6";
  readonly ip: "ip" | "ip6";
  readonly addr: "ipv4_addr" | "ipv6_addr";
  readonly n: "4" | "6";
}

const FAMILIES: readonly FamilyWords[] = [
  { type: "IPv4", ip: "ip", addr: "ipv4_addr", n: "4" },
  { type: "IPv6", ip: "ip6", addr: "ipv6_addr", n: "6" },
];

/** Marks packets to be masqueraded; kube-proxy's bit. */
const MARK = "0x4000";

/**
 * An `nft -f` script that replaces the table `inet lab-proxy`, all at once.
 *
 * One verdict map of each family leads from (address, protocol, port) to a chain that balances, another from node ports, and one to what
 * answers when nobody is there. Chains are named by their content, so ten thousand Services with the same Pods share one.
 * Equal input, equal text.
 */
export function renderRules(input: ProxyInput): string {
  const tables = FAMILIES.map((family) => {
    const table = new FamilyTable(family);
    addServices(table, input);
    return table;
  });
  return [
    "add table inet lab-proxy",
    "delete table inet lab-proxy",
    "table inet lab-proxy {",
    ...tables.flatMap((table) => declarations(table, input)),
    ...baseChains(input),
    "}",
    "",
  ].join("\n");
}

/** Verdicts by key, and the chains they lead to. The first of two claims to one key wins. */
class FamilyTable {
  readonly words: FamilyWords;
  readonly services = new Map<string, string>();
  readonly nodePorts = new Map<string, string>();
  readonly refusals = new Map<string, string>();
  readonly nodePortRefusals = new Map<string, string>();
  readonly firewall = new Map<string, string>();
  readonly chains = new Map<string, readonly string[]>();
  readonly endpoints = new Set<string>();
  readonly #names = new Map<string, string>();

  constructor(words: FamilyWords) {
    this.words = words;
  }

  /** The name of the chain with these rules. */
  chain(prefix: string, rules: readonly string[]): string {
    const text = `${prefix}\n${rules.join("\n")}`;
    const known = this.#names.get(text);
    if (known !== undefined) return known;
    const hash = createHash("sha256").update(text).digest("hex").slice(0, 12);
    const name = `${prefix}${this.words.n}-${hash}`;
    this.#names.set(text, name);
    this.chains.set(name, rules);
    return name;
  }
}

function addServices(table: FamilyTable, input: ProxyInput): void {
  const slices = Map.groupBy(input.endpointSlices, (slice) =>
    joinKey(slice.metadata.namespace, slice.metadata.labels?.["kubernetes.io/service-name"] ?? ""),
  );
  for (const service of sortedBy(input.services, keyOf)) {
    if (service.spec.type === "ExternalName" || service.spec.clusterIP === "None") continue;
    const own = slices.get(keyOf(service)) ?? [];
    for (const port of service.spec.ports ?? []) addPort(table, { service, port, slices: own, node: input.node });
  }
}

interface PortInput {
  readonly service: ServiceObject;
  readonly port: ServicePort;
  readonly slices: readonly EndpointSliceObject[];
  readonly node: string;
}

function addPort(table: FamilyTable, { service, port, slices, node }: PortInput): void {
  const { words } = table;
  const protocol = (port.protocol ?? "TCP").toLowerCase();
  if (protocol !== "tcp" && protocol !== "udp") return;
  const inside = ofFamily(words, service.spec.clusterIPs ?? [service.spec.clusterIP ?? ""]);
  const outside = externalAddresses(words, service);
  if (inside.length + outside.length === 0 && !port.nodePort) return;
  const backends = backendsFor({ service, port, addressType: words.type, slices, node });
  for (const { address } of backends.anywhere) table.endpoints.add(address);
  const end = `${protocol} . ${port.port}`;
  const internal = internalChain(table, service, protocol, backends);
  for (const ip of inside) {
    lead(table.services, `${ip} . ${end}`, internal);
    refuse(table.refusals, `${ip} . ${end}`, backends.internal, backends);
  }
  if (outside.length === 0 && !port.nodePort) return;
  const external = externalChain(table, service, protocol, backends);
  for (const ip of outside) {
    lead(table.services, `${ip} . ${end}`, external);
    refuse(table.refusals, `${ip} . ${end}`, backends.external, backends);
    addFirewall(table, service, `${ip} . ${end}`);
  }
  if (!port.nodePort) return;
  lead(table.nodePorts, `${protocol} . ${port.nodePort}`, external);
  refuse(table.nodePortRefusals, `${protocol} . ${port.nodePort}`, backends.external, backends);
}

const ofFamily = ({ type }: FamilyWords, ips: readonly string[]): string[] =>
  ips.filter((ip) => ip !== "" && ip.includes(":") === (type === "IPv6"));

/** Load-balancer addresses (those whose `ipMode` is Proxy go through the balancer itself) and externalIPs. */
const externalAddresses = (words: FamilyWords, { spec, status }: ServiceObject): string[] =>
  ofFamily(words, [
    ...(spec.type === "LoadBalancer" ? (status?.loadBalancer?.ingress ?? []) : [])
      .filter(({ ipMode }) => ipMode !== "Proxy")
      .map(({ ip = "" }) => ip),
    ...(spec.externalIPs ?? []),
  ]);

function lead(verdicts: Map<string, string>, key: string, chain: string | undefined): void {
  if (chain !== undefined && !verdicts.has(key)) verdicts.set(key, `goto ${chain}`);
}

/** Nobody in the cluster: say so at once. Nobody on this node: silence, since another node answers. */
function refuse(verdicts: Map<string, string>, key: string, wanted: readonly Backend[], all: Backends): void {
  if (wanted.length > 0 || verdicts.has(key)) return;
  verdicts.set(key, all.anywhere.length === 0 ? "goto nobody" : "goto nobody-here");
}

/** Cluster addresses: from Pods as they are, from others with the node's address, so that answers come back this way. */
function internalChain(table: FamilyTable, service: ServiceObject, protocol: string, { internal }: Backends) {
  if (internal.length === 0) return undefined;
  const { ip, n } = table.words;
  const mark = `${ip} saddr != @pods${n} meta mark set meta mark | ${MARK}`;
  return table.chain("in", [mark, balance(table.words, service, protocol, internal)]);
}

function externalChain(table: FamilyTable, service: ServiceObject, protocol: string, backends: Backends) {
  const { ip, n } = table.words;
  if (service.spec.externalTrafficPolicy !== "Local") {
    if (backends.external.length === 0) return undefined;
    const rules = [`meta mark set meta mark | ${MARK}`, balance(table.words, service, protocol, backends.external)];
    return table.chain("ex", rules);
  }
  // From inside, an external address is only another name of the Service: the policy is about clients outside.
  const inside = table.chain("in", insideRules(table, service, protocol, backends));
  const outside = backends.external.length === 0 ? [] : [balance(table.words, service, protocol, backends.external)];
  return table.chain("lo", [`${ip} saddr @pods${n} goto ${inside}`, `fib saddr type local goto ${inside}`, ...outside]);
}

const insideRules = (
  { words: { ip, n }, words }: FamilyTable,
  service: ServiceObject,
  protocol: string,
  { anywhere }: Backends,
) =>
  anywhere.length === 0
    ? []
    : [`${ip} saddr != @pods${n} meta mark set meta mark | ${MARK}`, balance(words, service, protocol, anywhere)];

/**
 * Differs from kube-proxy: session affinity is a hash of the client's address, the same on every node and over reloads, so
 * `timeoutSeconds` has no meaning; a client moves only when the endpoints change.
 */
function balance({ ip }: FamilyWords, service: ServiceObject, protocol: string, backends: readonly Backend[]): string {
  const count = backends.length;
  const [only] = backends;
  if (count === 1 && only) return `meta l4proto ${protocol} dnat ${ip} to ${literal(only)}`;
  const pick =
    service.spec.sessionAffinity === "ClientIP"
      ? `jhash ${ip} saddr mod ${count} seed 0x6c6162`
      : `numgen random mod ${count}`;
  const targets = backends.map(({ address, port }, i) => `${i} : ${address} . ${port}`).join(", ");
  return `meta l4proto ${protocol} dnat ${ip} to ${pick} map { ${targets} }`;
}

const literal = ({ address, port }: Backend): string =>
  address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;

/** loadBalancerSourceRanges: whoever is in none of them gets no answer. The node itself may always. */
function addFirewall(table: FamilyTable, service: ServiceObject, key: string): void {
  const ranges = service.spec.loadBalancerSourceRanges ?? [];
  if (ranges.length === 0 || service.spec.type !== "LoadBalancer") return;
  const allowed = ofFamily(table.words, ranges).map((range) => `${table.words.ip} saddr ${range.trim()} return`);
  lead(table.firewall, key, table.chain("fw", ["fib saddr type local return", ...sortedText(allowed), "drop"]));
}

function declarations(table: FamilyTable, input: ProxyInput): string[] {
  const { addr, n } = table.words;
  const address = `${addr} . inet_proto . inet_service`;
  const endpoints = sortedText(table.endpoints).map((ip) => `${ip} . ${ip}`);
  return [
    ...named(
      `set pods${n}`,
      `type ${addr}; flags interval; auto-merge;`,
      ofFamily(table.words, sortedText(new Set(input.podCIDRs))),
    ),
    ...named(`set node${n}`, `type ${addr};`, ofFamily(table.words, sortedText(new Set(input.localAddresses)))),
    ...named(`set hairpin${n}`, `type ${addr} . ${addr};`, endpoints),
    ...named(`map services${n}`, `type ${address} : verdict;`, pairs(table.services)),
    ...named(`map refusals${n}`, `type ${address} : verdict;`, pairs(table.refusals)),
    ...named(`map firewall${n}`, `type ${address} : verdict;`, pairs(table.firewall)),
    ...named(`map nodeports${n}`, "type inet_proto . inet_service : verdict;", pairs(table.nodePorts)),
    ...named(`map nodeport-refusals${n}`, "type inet_proto . inet_service : verdict;", pairs(table.nodePortRefusals)),
    ...sortedBy(table.chains, ([name]) => name).flatMap(([name, rules]) => block(`chain ${name}`, rules)),
  ];
}

const pairs = (verdicts: ReadonlyMap<string, string>): string[] =>
  sortedText([...verdicts].map(([key, verdict]) => `${key} : ${verdict}`));

/** An empty `elements` is a syntax error, so it is left out. */
const named = (head: string, type: string, elements: readonly string[]): string[] =>
  block(head, [type, ...(elements.length > 0 ? [`elements = { ${elements.join(", ")} }`] : [])]);

const block = (head: string, lines: readonly string[]): string[] => [
  `  ${head} {`,
  ...lines.map((line) => `    ${line}`),
  "  }",
];

function baseChains({ localAddresses }: ProxyInput): string[] {
  const dispatch = FAMILIES.flatMap(({ ip, n }) => [
    `${ip} daddr . meta l4proto . th dport vmap @services${n}`,
    `${ip} daddr @node${n} meta l4proto . th dport vmap @nodeports${n}`,
  ]);
  const guard = FAMILIES.flatMap(({ ip, n }) => [
    `${ip} daddr . meta l4proto . th dport vmap @firewall${n}`,
    `${ip} daddr . meta l4proto . th dport vmap @refusals${n}`,
    `${ip} daddr @node${n} meta l4proto . th dport vmap @nodeport-refusals${n}`,
  ]);
  const fromPods = FAMILIES.map(({ ip, n }) => `${ip} saddr @pods${n} return`);
  return [
    ...block("chain dispatch", dispatch),
    // A reset, since ICMPv6 errors are rate-limited and a client would wait for its retransmission.
    ...block("chain nobody", ["meta l4proto tcp reject with tcp reset", "reject"]),
    ...block("chain nobody-here", [...fromPods, "fib saddr type local return", "drop"]),
    ...block("chain guard", guard),
    // Only new connections: one that runs outlives its endpoint's readiness, as with kube-proxy.
    ...hook("guard-prerouting", "filter hook prerouting priority -110", "ct state new jump guard"),
    ...hook("guard-output", "filter hook output priority -110", "ct state new jump guard"),
    ...hook("nat-prerouting", "nat hook prerouting priority -100", "jump dispatch"),
    ...hook("nat-output", "nat hook output priority -100", "jump dispatch"),
    ...hook("nat-postrouting", "nat hook postrouting priority 100", ...sources(localAddresses)),
  ];
}

const hook = (name: string, type: string, ...rules: string[]): string[] =>
  block(`chain ${name}`, [`type ${type}; policy accept;`, ...rules]);

/**
 * The node's own address in place of the client's, for marked traffic and for a Pod that reaches itself. It is named, not masqueraded:
 * the links to Pods have no address of their own that means anything elsewhere.
 */
const sources = (localAddresses: readonly string[]): string[] =>
  FAMILIES.flatMap((family) => {
    const { ip, n, type } = family;
    const [address] = ofFamily(family, localAddresses);
    const action = address === undefined ? "masquerade" : `snat ${ip} to ${address}`;
    const nfproto = type === "IPv4" ? "ipv4" : "ipv6";
    return [
      `meta nfproto ${nfproto} meta mark & ${MARK} != 0 ${action}`,
      `ct status dnat ${ip} saddr . ${ip} daddr @hairpin${n} ${action}`,
    ];
  });
