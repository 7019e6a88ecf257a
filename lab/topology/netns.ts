import { closeSync, openSync } from "node:fs";
import net from "node:net";
import koffi from "koffi";

/**
 * Sockets and processes inside a network namespace, from this process.
 *
 * A socket belongs for life to the namespace of the thread that made it (namespaces(7), setns(2)). So the thread enters the
 * namespace, makes the socket and comes back, all in one synchronous stretch that no other JavaScript can interleave with.
 */

const CLONE_NEWNET = 0x40000000;
const SOCK_STREAM = 1;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
const SOL_SOCKET = 1;
const SO_REUSEADDR = 2;
const AF_INET = 2;
const AF_INET6 = 10;

const libc = koffi.load("libc.so.6");
const setns = libc.func("int setns(int fd, int nstype)");
const socketCall = libc.func("int socket(int domain, int type, int protocol)");
const setsockopt = libc.func("int setsockopt(int fd, int level, int name, void *value, uint32_t size)");
const bindCall = libc.func("int bind(int fd, void *address, uint32_t size)");

/** Path of a namespace that `ip netns` knows by name. */
const netnsPath = (name: string): string => `/run/netns/${name}`;

/** Runs `work` with this thread inside a namespace. `work` must be synchronous; a process that it spawns stays inside. */
export function inNetns<T>(name: string, work: () => T): T {
  const home = openSync("/proc/thread-self/ns/net", "r");
  const target = openSync(netnsPath(name), "r");
  try {
    enter(target, `enter network namespace ${name}`);
    try {
      return work();
    } finally {
      enter(home, "bug: return to the first network namespace");
    }
  } finally {
    closeSync(target);
    closeSync(home);
  }
}

function enter(namespace: number, what: string): void {
  if (setns(namespace, CLONE_NEWNET) !== 0) throw failure(what);
}

/** A TCP connection that leaves from inside a namespace. Errors arrive as the socket's `error` event. */
export function connectIn(netns: string, host: string, port: number): net.Socket {
  const fd = inNetns(netns, () => makeSocket(host));
  return new net.Socket({ fd, readable: true, writable: true }).connect({ host, port });
}

/** Makes `server` accept TCP connections on an address inside a namespace. */
export async function listenIn(netns: string, server: net.Server, host: string, port: number): Promise<void> {
  const fd = inNetns(netns, () => {
    const made = makeSocket(host);
    setsockopt(made, SOL_SOCKET, SO_REUSEADDR, new Uint32Array([1]), 4);
    const address = socketAddress(host, port);
    if (bindCall(made, address, address.length) !== 0) throw failure(`bind ${host}:${port} in ${netns}`);
    return made;
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen({ fd }, () => {
      server.off("error", reject);
      resolve();
    });
  });
}

function makeSocket(host: string): number {
  const fd: number = socketCall(net.isIPv6(host) ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) throw failure("make a socket");
  return fd;
}

/** struct sockaddr_in or sockaddr_in6 (ip(7), ipv6(7)). */
function socketAddress(host: string, port: number): Buffer {
  if (!net.isIPv6(host)) {
    const bytes = Buffer.alloc(16);
    bytes.writeUInt16LE(AF_INET, 0);
    bytes.writeUInt16BE(port, 2);
    for (const [i, octet] of host.split(".").entries()) bytes.writeUInt8(Number(octet), 4 + i);
    return bytes;
  }
  const bytes = Buffer.alloc(28);
  bytes.writeUInt16LE(AF_INET6, 0);
  bytes.writeUInt16BE(port, 2);
  for (const [i, group] of expandIPv6(host).entries()) bytes.writeUInt16BE(group, 8 + 2 * i);
  return bytes;
}

function expandIPv6(host: string): number[] {
  const [head = "", tail] = host.split("::");
  const groups = (text: string): number[] =>
    text === "" ? [] : text.split(":").map((part) => Number.parseInt(part, 16));
  if (tail === undefined) return groups(head);
  const [left, right] = [groups(head), groups(tail)];
  return [...left, ...Array<number>(8 - left.length - right.length).fill(0), ...right];
}

const failure = (what: string): Error => new Error(`cannot ${what} (errno ${koffi.errno()})`);
