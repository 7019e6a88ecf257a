import type { BgpObserved, ObservedSession } from "../../announce/desired.ts";
import { readBfd, readNeighbors, type ShownBfd, type ShownNeighbor } from "../../frr/show.ts";
import { neighborOfLine } from "../../frr/lines.ts";
import { type Block, readRouterLine } from "../../frr/tree.ts";
import type { FrrCounts } from "../../metrics/speaker.ts";
import type { Prefix } from "../../net/prefix.ts";
import type { Members } from "../../std/persistent.ts";
import type { AdjRibOut } from "./adj-rib-out.ts";
import type { Daemon } from "./daemon.ts";

const nothing: Members<Prefix> = new Set();

/** Sessions as bgpd and bfdd tell them. A bfdd that is down leaves sessions without BFD. */
export async function observeSessions(
  bgpd: Daemon,
  bfdd: Daemon,
  adjRibOut: AdjRibOut,
  signal: AbortSignal,
): Promise<BgpObserved> {
  const neighbors = readNeighbors((await bgpd.show("show bgp vrf all neighbors json", signal)) || "{}");
  // What follows may take its time: bgpd counted up to here.
  const askedAt = Date.now();
  const sent = await adjRibOut.read(signal);
  const bfd = await askBfd(bfdd, "show bfd peers json", signal);
  return {
    sessions: neighbors.map(({ vrf, neighbor, state, downReason, upSince, downForMs, up }): ObservedSession => {
      const watched = bfd.find((session) => watches(session, { vrf, neighbor }));
      return {
        vrf,
        neighbor,
        state,
        ...(downReason === undefined ? {} : { downReason }),
        ...(watched === undefined ? {} : { bfd: watched.status }),
        sent: sent.get(`${vrf} ${neighbor}`) ?? nothing,
        ...(upSince !== undefined && { sinceMs: upSince * 1000 }),
        ...(downForMs !== undefined && { sinceMs: askedAt - downForMs }),
        ...(up && { up }),
      };
    }),
  };
}

/** An unnumbered neighbor's BFD session runs between link-local addresses on its interface. */
const watches = (
  { vrf, peer, interface: device }: ShownBfd,
  session: Pick<ShownNeighbor, "vrf" | "neighbor">,
): boolean =>
  vrf === session.vrf && (peer === session.neighbor || (device === session.neighbor && peer.startsWith("fe80:")));

async function askBfd(bfdd: Daemon, command: string, signal: AbortSignal): Promise<ShownBfd[]> {
  try {
    return readBfd((await bfdd.show(command, signal)) || "[]");
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof Error) || error.name !== "VtyError") throw error;
    return [];
  }
}

/** The numbers behind MetalLB's FRR metrics. `configured` gives the peers' ports, which bgpd shows only of live sockets. */
export async function readFrrCounts(
  bgpd: Daemon,
  bfdd: Daemon,
  configured: Block,
  signal: AbortSignal,
): Promise<FrrCounts> {
  const ports = configuredPorts(configured);
  const neighbors = readNeighbors((await bgpd.show("show bgp vrf all neighbors json", signal)) || "{}");
  const peers = await askBfd(bfdd, "show bfd peers json", signal);
  const counters = await askBfd(bfdd, "show bfd peers counters json", signal);
  return {
    bgp: neighbors.map((shown) => bgpCounts(shown, ports.get(`${shown.vrf} ${shown.neighbor}`) ?? 179)),
    bfd: counters.map((shown) => bfdCounts(shown, peers.find((peer) => isSameSession(peer, shown))?.status === "up")),
  };
}

/** Differs: the port is the configured one, where MetalLB's is that of the live socket and -1 before there is one. */
function bgpCounts(
  { vrf, neighbor, state, sentPrefixes, messages }: ShownNeighbor,
  port: number,
): FrrCounts["bgp"][number] {
  const count = (name: string): number => messages[name] ?? 0;
  return {
    peer: `${neighbor}:${port}`,
    vrf: vrf === "" ? "default" : vrf,
    up: state === "Established",
    announcedPrefixes: sentPrefixes,
    opensSent: count("opensSent"),
    opensReceived: count("opensRecv"),
    notificationsSent: count("notificationsSent"),
    updatesSent: count("updatesSent"),
    updatesReceived: count("updatesRecv"),
    keepalivesSent: count("keepalivesSent"),
    keepalivesReceived: count("keepalivesRecv"),
    routeRefreshSent: count("routeRefreshSent"),
    totalSent: count("totalSent"),
    totalReceived: count("totalRecv"),
  };
}

/**
 * Differs: a link-local address has its interface with it (RFC 4007 §11), since the routers of two links may share one; MetalLB then has
 * two series of one name.
 */
function bfdCounts({ vrf, peer, interface: device, counters }: ShownBfd, up: boolean): FrrCounts["bfd"][number] {
  const count = (name: string): number => counters[name] ?? 0;
  return {
    peer: peer.startsWith("fe80:") && device !== "" ? `${peer}%${device}` : peer,
    vrf: vrf === "" ? "default" : vrf,
    up,
    controlPacketInput: count("control-packet-input"),
    controlPacketOutput: count("control-packet-output"),
    echoPacketInput: count("echo-packet-input"),
    echoPacketOutput: count("echo-packet-output"),
    sessionUpEvents: count("session-up"),
    sessionDownEvents: count("session-down"),
    zebraNotifications: count("zebra-notifications"),
  };
}

const isSameSession = (a: ShownBfd, b: ShownBfd): boolean =>
  a.vrf === b.vrf && a.peer === b.peer && a.interface === b.interface;

/** `VRF NEIGHBOR` → port, where it isn't 179. */
function configuredPorts(bgpd: Block): Map<string, number> {
  const ports = new Map<string, number>();
  for (const [router, body] of bgpd) {
    const vrf = readRouterLine(router)?.vrf;
    for (const line of vrf === undefined ? [] : body.keys()) {
      const port = / port (\d+)$/.exec(line)?.[1];
      if (port !== undefined) ports.set(`${vrf} ${neighborOfLine(line)}`, Number(port));
    }
  }
  return ports;
}
