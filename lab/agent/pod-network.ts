import { createHash } from "node:crypto";
import { writeFileSync } from "node:fs";
import { mkdir, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { type Address, addressFrom, bitsOf, familyOf } from "../../src/net/address.ts";
import { type Prefix, parsePrefix, prefixAddress, prefixFamily, prefixLength } from "../../src/net/prefix.ts";
import { inNetns } from "../topology/netns.ts";
import { command } from "./command.ts";
import type { AgentPaths } from "./paths.ts";
import type { LabNode, Pod } from "./types.ts";

/** A pod's own network namespace, joined to its node by a veth pair. */
export interface PodNetwork {
  readonly netns: string;
  readonly addresses: readonly string[];
  close(): Promise<void>;
}

/** On-link next hops of every pod, the same on each veth: a pod needs no knowledge of its node's addresses. */
const GATEWAY_V4 = "169.254.1.1";
const GATEWAY_V6 = "fe80::1";

/** Gives pods addresses out of a node's ranges; the last one given back is the last to be given again. */
export class PodAddresses {
  readonly #ranges: { readonly prefix: Prefix; next: bigint }[];
  readonly #taken = new Set<string>();

  constructor(podCIDRs: readonly string[]) {
    this.#ranges = podCIDRs.map((text) => {
      const prefix = parsePrefix(text);
      if (!prefix) throw new Error(`bug: pod range ${text} is no prefix`);
      return { prefix, next: 0n };
    });
  }

  /** One address of each range. @throws Error when a range is used up. */
  take(): Address[] {
    return this.#ranges.map((range) => this.#takeFrom(range));
  }

  release(addresses: readonly string[]): void {
    for (const address of addresses) this.#taken.delete(address);
  }

  #takeFrom(range: { readonly prefix: Prefix; next: bigint }): Address {
    const family = prefixFamily(range.prefix);
    // The first two and the last of a range stay free, as the usual bridge plug-ins leave them.
    const size = 2n ** BigInt((family === "ipv4" ? 32 : 128) - prefixLength(range.prefix)) - 3n;
    for (let tries = 0n; tries < size; tries++) {
      const offset = 2n + (range.next % size);
      range.next += 1n;
      const address = addressFrom(family, bitsOf(prefixAddress(range.prefix)) + offset);
      if (this.#taken.has(address)) continue;
      this.#taken.add(address);
      return address;
    }
    throw new Error(`no address is left in the pod range ${range.prefix}`);
  }
}

/** Makes the namespace, the veth pair, addresses and routes of a pod. */
export async function makePodNetwork(
  pod: Pod,
  node: LabNode,
  pool: PodAddresses,
  paths: AgentPaths,
): Promise<PodNetwork> {
  const id = createHash("sha256")
    .update(pod.metadata.uid ?? pod.metadata.name)
    .digest("hex")
    .slice(0, 8);
  const netns = `${node.netns}-pod-${id}`;
  const addresses = pool.take();
  const close = async () => {
    await removePodNetns(netns, paths);
    pool.release(addresses);
  };
  try {
    await mkdir(paths.netns, { recursive: true });
    await writeFile(path.join(paths.netns, netns), "");
    await command("ip", ["netns", "add", netns]);
    await connect({ node, netns, veth: `veth${id}`, addresses });
  } catch (error) {
    await close();
    throw error;
  }
  return { netns, addresses, close };
}

/** Deletes a pod's namespace, and with it both ends of its veth pair. */
export async function removePodNetns(netns: string, paths: AgentPaths): Promise<void> {
  await command("ip", ["netns", "del", netns]).catch((error: Error) => {
    if (!error.message.includes("No such file")) throw error;
  });
  await rm(path.join(paths.netns, netns), { force: true });
}

interface Link {
  readonly node: LabNode;
  readonly netns: string;
  readonly veth: string;
  readonly addresses: readonly Address[];
}

async function connect({ node, netns, veth, addresses }: Link): Promise<void> {
  // Addresses are ours to give, so nobody can hold them already; duplicate address detection would only delay the pod.
  inNetns(netns, () => writeFileSync("/proc/sys/net/ipv6/conf/default/accept_dad", "0"));
  inNetns(node.netns, () => {
    writeFileSync("/proc/sys/net/ipv4/ip_forward", "1");
    writeFileSync("/proc/sys/net/ipv6/conf/all/forwarding", "1");
  });
  await command("ip", ["-n", node.netns, "link", "add", veth, "type", "veth", "peer", "name", "eth0", "netns", netns]);
  await command("ip", ["-n", netns, "-batch", "-"], podSide(addresses).join("\n"));
  await command("ip", ["-n", node.netns, "-batch", "-"], nodeSide(veth, addresses, node).join("\n"));
}

const podSide = (addresses: readonly Address[]): string[] => [
  "link set lo up",
  "link set eth0 up",
  ...addresses.flatMap((address) =>
    familyOf(address) === "ipv4"
      ? [
          `addr add ${address}/32 dev eth0`,
          `route add ${GATEWAY_V4} dev eth0 scope link`,
          `route add default via ${GATEWAY_V4} dev eth0`,
        ]
      : [`addr add ${address}/128 dev eth0 nodad`, `route add default via ${GATEWAY_V6} dev eth0`],
  ),
];

const nodeSide = (veth: string, addresses: readonly Address[], node: LabNode): string[] => [
  `link set ${veth} up`,
  `addr add ${GATEWAY_V4}/32 dev ${veth} scope link`,
  `addr add ${GATEWAY_V6}/64 dev ${veth} nodad`,
  ...addresses.map((address) => {
    const source = node.addresses.find((own) => own.includes(":") === address.includes(":"));
    // Without a source the kernel would speak to pods from the gateway address, which means nothing elsewhere.
    return `route add ${address} dev ${veth}${source === undefined ? "" : ` src ${source}`}`;
  }),
];
