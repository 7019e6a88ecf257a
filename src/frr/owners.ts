import type { DaemonName } from "./tree.ts";

/**
 * Top-level lines that are not ours in any daemon: FRR's own, the host's (interfaces and VRFs as zebra saw them), and
 * logging, which the frr container's startup file and the backend's event stream set.
 */
const notOurs =
  /^(frr |hostname |domainname |log |debug |no debug |service |no service |password |enable |line |vrf |interface |end$|ip forwarding|ipv6 forwarding|no ip forwarding|no ipv6 forwarding|zebra )/;

const owners: Readonly<Record<DaemonName, RegExp>> = {
  // Of zebra only next-hop tracking is ours: its other lines mirror the host, whose routes we must not touch.
  zebra: /^(ip|ipv6) nht /,
  bgpd: /./,
  bfdd: /./,
};

/** Whether a top-level line of this daemon is ours to set and to remove. */
export const isOurs = (daemon: DaemonName, line: string): boolean => owners[daemon].test(line) && !notOurs.test(line);

/**
 * The daemon that takes a top-level line.
 *
 * bgpd.vty takes BGP and route-map lines itself on 8.4 as on 10.x, where vtysh would send route-maps to mgmtd.
 */
export function ownerOf(line: string): DaemonName {
  if (owners.zebra.test(line)) return "zebra";
  return line === "bfd" ? "bfdd" : "bgpd";
}
