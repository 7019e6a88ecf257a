import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import type { LabNode } from "../agent/types.ts";
import type { Instance } from "../instance.ts";
import { inNetns } from "./netns.ts";

/**
 * The lab's wires: one LAN with a top-of-rack router and the nodes on it, and a client behind the router.
 *
 *     client 192.168.100.10 ── 192.168.100.1 tor 10.0.0.1 ──┬── 10.0.0.11 node1 ── pods 10.244.1.0/24
 *            fd00:c::10          fd00:c::1   fd00:10::1      └── 10.0.0.12 node2 ── pods 10.244.2.0/24
 */
export interface Topology {
  readonly router: Host;
  readonly client: Host;
  readonly nodes: readonly LabNode[];
}

export interface Host {
  readonly netns: string;
  readonly addresses: readonly [v4: string, v6: string];
}

/** In every node's own network: where the API server answers. The lab's control plane has no machine of its own. */
export const CONTROL_PLANE_ADDRESS = "172.31.0.1";

const ROUTER: readonly [string, string] = ["10.0.0.1", "fd00:10::1"];
const CLIENT: readonly [string, string] = ["192.168.100.10", "fd00:c::10"];
const CLIENT_GATEWAY: readonly [string, string] = ["192.168.100.1", "fd00:c::1"];

/** Makes the namespaces and wires of a lab. `Instance.close` removes them. */
export function createTopology(instance: Instance, nodeCount: number): Topology {
  const nodes = Array.from({ length: nodeCount }, (_, i) => nodeAt(instance, i + 1));
  const router = { netns: instance.netns("tor"), addresses: ROUTER };
  const client = { netns: instance.netns("client"), addresses: CLIENT };
  for (const netns of [router.netns, client.netns, ...nodes.map((node) => node.netns)]) addNamespace(netns);
  wireRouter(router.netns);
  wireClient(router.netns, client.netns);
  for (const [i, node] of nodes.entries()) wireNode(router.netns, node, i + 1, nodes);
  return { router, client, nodes };
}

/** A router more, on the nodes' LAN beside the first. */
export interface SecondRouter extends Host {
  /** Address of its loopback, two hops from the nodes: by way of the first router. */
  readonly loopback: string;
  /** Ends of a wire of its own with the first node, without addresses. */
  readonly wire: { readonly node: string; readonly router: string };
}

/**
 * Adds a router to a lab that runs: 10.0.0.2 and fd00:10::2. Tests peer with it in every way, while the first router's sessions are
 * bystanders.
 *
 * TCP port 1790 is its port 179.
 */
export function addSecondRouter(instance: Instance, { router, nodes }: Topology): SecondRouter {
  const [node] = nodes;
  if (node === undefined) throw new Error("bug: a lab without nodes");
  const second: SecondRouter = {
    netns: instance.netns("spine"),
    addresses: ["10.0.0.2", "fd00:10::2"],
    loopback: "10.255.0.2",
    wire: { node: "spine", router: "node1" },
  };
  const { netns, addresses: own, loopback, wire } = second;
  addNamespace(netns);
  ip(router.netns, [
    `link add spine type veth peer name eth0 netns ${netns}`,
    "link set spine master lan",
    "link set spine up",
    `route add ${loopback}/32 via ${own[0]}`,
  ]);
  ip(netns, [
    "link set eth0 up",
    ...addresses("eth0", own, 24),
    ...defaultRoutes(ROUTER),
    `addr add ${loopback}/32 dev lo`,
    `link add ${wire.router} type veth peer name ${wire.node} netns ${node.netns}`,
    `link set ${wire.router} up`,
  ]);
  ip(node.netns, [`link set ${wire.node} up`]);
  execIn(router.netns, ["sysctl", "-qw", "net.ipv4.conf.all.send_redirects=0", "net.ipv4.conf.lan.send_redirects=0"]);
  execIn(netns, ["nft", "add table ip port { chain in { type nat hook prerouting priority -100 ; } ; }"]);
  execIn(netns, ["nft", "add rule ip port in tcp dport 1790 redirect to :179"]);
  return second;
}

const nodeAt = (instance: Instance, index: number): LabNode => ({
  name: `node${index}`,
  netns: instance.netns(`node${index}`),
  addresses: [`10.0.0.${10 + index}`, `fd00:10::${10 + index}`],
  podCIDRs: [`10.244.${index}.0/24`, `fd00:244:${index}::/64`],
});

function addNamespace(netns: string): void {
  try {
    execFileSync("ip", ["netns", "add", netns], { stdio: ["ignore", "ignore", "pipe"] });
  } catch (error) {
    const said = ((error as { stderr?: Buffer }).stderr ?? "").toString().trim().split("\n").at(-1) ?? "";
    throw new Error(
      `this machine lets us make no network namespaces (${said}). The lab needs root with CAP_SYS_ADMIN: in a container, start it privileged.`,
      { cause: error },
    );
  }
  inNetns(netns, () => {
    for (const [key, value] of SYSCTLS) writeFileSync(`/proc/sys/net/${key}`, value);
  });
  ip(netns, ["link set lo up"]);
}

/** Forwarding as a Kubernetes node and a router have it; ECMP by ports; no waiting for duplicate address detection. */
const SYSCTLS: readonly (readonly [string, string])[] = [
  ["ipv4/ip_forward", "1"],
  ["ipv6/conf/all/forwarding", "1"],
  ["ipv6/conf/default/forwarding", "1"],
  ["ipv4/conf/all/rp_filter", "0"],
  ["ipv4/conf/default/rp_filter", "0"],
  ["ipv6/conf/default/accept_dad", "0"],
  ["ipv4/fib_multipath_hash_policy", "1"],
  ["ipv6/fib_multipath_hash_policy", "1"],
];

function wireRouter(router: string): void {
  ip(router, ["link add lan type bridge", "link set lan up", ...addresses("lan", ROUTER, 24)]);
}

function wireClient(router: string, client: string): void {
  execFileSync("ip", ["-n", router, "link", "add", "client", "type", "veth", "peer", "name", "eth0", "netns", client]);
  ip(router, ["link set client up", ...addresses("client", CLIENT_GATEWAY, 24)]);
  ip(client, ["link set eth0 up", ...addresses("eth0", CLIENT, 24), ...defaultRoutes(CLIENT_GATEWAY)]);
}

function wireNode(router: string, node: LabNode, index: number, all: readonly LabNode[]): void {
  const port = `node${index}`;
  execFileSync("ip", ["-n", router, "link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", node.netns]);
  ip(router, [`link set ${port} master lan`, `link set ${port} up`]);
  ip(node.netns, [
    "link set eth0 up",
    // A route, not an address: FRR would take an address of the loopback for its router ID, the same on every node.
    `route add local ${CONTROL_PLANE_ADDRESS}/32 dev lo`,
    ...addresses("eth0", node.addresses, 24),
    ...defaultRoutes(ROUTER),
    ...all.filter((other) => other !== node).flatMap(podRoutes),
  ]);
}

/** What a container network plugin would do between nodes of one LAN. */
const podRoutes = (node: LabNode): string[] =>
  node.podCIDRs.map((cidr, i) => `route add ${cidr} via ${node.addresses[i] ?? ""}`);

const addresses = (device: string, [v4, v6]: readonly string[], v4Length: number): string[] => [
  `addr add ${v4}/${v4Length} dev ${device}`,
  `addr add ${v6}/64 dev ${device} nodad`,
];

const defaultRoutes = ([v4, v6]: readonly [string, string]): string[] => [
  `route add default via ${v4}`,
  `route add ::/0 via ${v6}`,
];

/** Runs `ip` commands inside a namespace, in order; the first that fails ends the run with its message. */
function ip(netns: string, commands: readonly string[]): void {
  execFileSync("ip", ["-n", netns, "-batch", "-"], {
    input: `${commands.join("\n")}\n`,
    stdio: ["pipe", "pipe", "pipe"],
  });
}

/** Runs a program inside a namespace. */
function execIn(netns: string, argv: readonly string[]): void {
  execFileSync("ip", ["netns", "exec", netns, ...argv], { stdio: ["ignore", "pipe", "pipe"] });
}
