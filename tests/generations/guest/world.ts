import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { chownSync, closeSync, mkdirSync, openSync, readFileSync } from "node:fs";
import { eventually as within } from "../../../src/backends/frr/testing/namespaces.ts";
import { VtySession } from "../../../src/vty/session.ts";

/**
 * The machine inside the virtual machine: a node and a router, each a namespace with FRR of its own, on three wires.
 *
 * ```
 * node eth0 10.0.0.2              ── 10.0.0.1 eth0 tor
 * node red0 10.0.1.2, in VRF red  ── 10.0.1.1 eth1 tor
 * node eth1 without address       ──          eth2 tor
 * ```
 */
export const hosts = ["node", "tor"] as const;
export type Host = (typeof hosts)[number];
type Daemon = "zebra" | "bgpd" | "bfdd";

/** A session, as each end calls the other; the unnumbered one by its own interface. */
export const sessions = {
  main: { device: "eth0", peer: "10.0.0.1", routerDevice: "eth0", node: "10.0.0.2" },
  red: { device: "red0", peer: "10.0.1.1", routerDevice: "eth1", node: "10.0.1.2" },
  unnumbered: { device: "eth1", peer: "eth1", routerDevice: "eth2", node: "eth2" },
} as const;
export type Session = (typeof sessions)[keyof typeof sessions];

export const socketDir = (host: Host): string => `/run/${host}`;

export const ip = (...args: readonly string[]): string => execFileSync("ip", args).toString();

/** Namespaces and wires. @throws Error in the words of `ip` when the kernel lacks something. */
export function connect(): void {
  for (const host of hosts) {
    ip("netns", "add", host);
    ip("-n", host, "link", "set", "lo", "up");
  }
  ip("-n", "node", "link", "add", "red", "type", "vrf", "table", "100");
  ip("-n", "node", "link", "set", "red", "up");
  for (const { device, routerDevice } of Object.values(sessions))
    ip("link", "add", device, "netns", "node", "type", "veth", "peer", "name", routerDevice, "netns", "tor");
  ip("-n", "node", "link", "set", "red0", "master", "red");
  for (const { device, peer, routerDevice, node } of [sessions.main, sessions.red]) {
    ip("-n", "node", "address", "add", `${node}/24`, "dev", device);
    ip("-n", "tor", "address", "add", `${peer}/24`, "dev", routerDevice);
  }
  for (const { device, routerDevice } of Object.values(sessions)) {
    ip("-n", "node", "link", "set", device, "up");
    ip("-n", "tor", "link", "set", routerDevice, "up");
  }
}

/** Starts the daemons of a host, zebra before those that register with it; each host sees its own /run/frr. */
export async function startFrr(host: Host): Promise<void> {
  const directory = socketDir(host);
  mkdirSync(directory);
  const [uid = 0, gid = 0] = frrUser();
  chownSync(directory, uid, gid);
  for (const daemon of ["zebra", "bgpd", "bfdd"] as const) await startDaemon(host, daemon);
}

async function startDaemon(host: Host, daemon: Daemon): Promise<void> {
  const directory = socketDir(host);
  const listen = host === "node" && daemon === "bgpd" ? ["-p", "0"] : [];
  const own = ["-d", "-P", "0", "--log", `file:${directory}/${daemon}.log`, ...listen];
  const enter = 'mkdir -p /run/frr && mount --bind "$0" /run/frr && exec "$@"';
  const argv = ["netns", "exec", host, "sh", "-c", enter, directory, `/usr/lib/frr/${daemon}`, ...own];
  const words = openSync(`${directory}/${daemon}.out`, "w");
  const [code] = (await once(spawn("ip", argv, { stdio: ["ignore", words, words] }), "exit")) as [number | null];
  closeSync(words);
  if (code !== 0) throw new Error(`${daemon} of ${host}: ${readFileSync(`${directory}/${daemon}.out`, "utf8")}`);
}

function frrUser(): number[] {
  const line = /^frr:[^:]*:(\d+):(\d+):/m.exec(readFileSync("/etc/passwd", "utf8"));
  return [Number(line?.[1]), Number(line?.[2])];
}

/** Each wait has its own limit; all of them together have the machine's. */
const patience = new AbortController().signal;
const open = new Map<string, Promise<VtySession>>();

/** Runs commands one after another; the last one's output. */
export async function vty(host: Host, daemon: Daemon, ...commands: readonly string[]): Promise<string> {
  const path = `${socketDir(host)}/${daemon}.vty`;
  const opening = open.get(path) ?? VtySession.open({ path, window: 1 }, patience);
  open.set(path, opening);
  const session = await opening;
  let output = "";
  for (const command of commands) output = await session.run(command, patience);
  return output;
}

/** The router takes whoever comes; on the wire without addresses each end finds the other by its router advertisements. */
export async function configureRouter(): Promise<void> {
  const all = Object.values(sessions);
  await vty(
    "tor",
    "bgpd",
    "configure terminal",
    "router bgp 64512",
    "no bgp ebgp-requires-policy",
    "coalesce-time 0",
    ...all.flatMap(({ node, routerDevice }) => [
      `neighbor ${node} ${node === routerDevice ? "interface " : ""}remote-as external`,
      // The node listens on nothing.
      `neighbor ${node} passive`,
    ]),
    ...[sessions.main, sessions.red].map(({ node }) => `neighbor ${node} bfd`),
    "end",
  );
}

/** One path in the router's BGP table. */
interface ShownPath {
  readonly community?: { readonly string: string };
  readonly largeCommunity?: { readonly string: string };
  readonly nexthops: readonly { readonly ip: string; readonly afi: string }[];
  readonly peer: { readonly peerId: string; readonly interface?: string };
}

/** What the router holds of a prefix from one of its sessions. */
export async function pathFrom({ node }: Session, prefix: string): Promise<ShownPath | undefined> {
  const family = prefix.includes(":") ? "ipv6" : "ipv4";
  const shown: unknown = JSON.parse(await vty("tor", "bgpd", `show bgp ${family} unicast ${prefix} json`));
  const { paths = [] } = shown as { readonly paths?: readonly ShownPath[] };
  return paths.find(({ peer }) => peer.peerId === node || peer.interface === node);
}

/** How often a session ended, as the router counts. */
export async function dropsOf({ node }: Session): Promise<number> {
  const shown: unknown = JSON.parse(await vty("tor", "bgpd", "show bgp neighbors json"));
  return (shown as Record<string, { readonly connectionsDropped: number }>)[node]?.connectionsDropped ?? 0;
}

/** As elsewhere, with the patience that an emulated machine asks for. */
export const eventually = (what: string, holds: () => boolean | Promise<boolean>, limitMs = 90_000): Promise<number> =>
  within(what, holds, limitMs);
