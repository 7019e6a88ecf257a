import { Counter, Gauge, Histogram, type Registry } from "prom-client";

export interface Announced {
  /** `namespace/name`. */
  readonly service: string;
  readonly protocol: "bgp" | "layer2";
  readonly ip: string;
}

/** `metallb_speaker_announced`: what this node has decided to announce. MetalLB speaker/main.go */
export function announcedMetric(registry: Registry, node: string): AnnouncedMetric {
  const gauge = new Gauge({
    name: "metallb_speaker_announced",
    help: "Services being announced from this node. This is desired state, it does not guarantee that the routing protocols have converged.",
    labelNames: ["service", "protocol", "node", "ip"],
    registers: [registry],
  });
  return ({ gone, come }) => {
    for (const { service, protocol, ip } of gone) gauge.remove({ service, protocol, node, ip });
    for (const { service, protocol, ip } of come) gauge.set({ service, protocol, node, ip }, 1);
  };
}

/** Takes rows away, then adds some: ten thousand rows that stay cost nothing. */
export type AnnouncedMetric = (change: {
  readonly gone: readonly Announced[];
  readonly come: readonly Announced[];
}) => void;

/** How long one Service's change took to come this far, in seconds. */
export type AnnouncementDuration = (
  labels: { readonly stage: "acknowledged" | "sent"; readonly change: "announce" | "withdraw" },
  seconds: number,
) => void;

/** From a local `vtysh` reply to a router that takes its time. */
const durationBuckets = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1, 2.5, 5, 10, 30];

/** Only here: MetalLB has nothing like it. */
export function announcementDurationMetric(registry: Registry): AnnouncementDuration {
  const histogram = new Histogram({
    name: "metallb_speaker_announcement_duration_seconds",
    help: "From a Service's change reaching the speaker to FRR's acknowledgement (acknowledged), and to its prefixes being in or out of the Adj-RIB-Out of every established peer concerned (sent)",
    labelNames: ["stage", "change"],
    buckets: durationBuckets,
    registers: [registry],
  });
  return (labels, seconds) => histogram.observe(labels, seconds);
}

/** Only here: how often each of FRR's daemons was found changed by others. */
export function driftMetric(registry: Registry): (daemon: string) => void {
  const counter = new Counter({
    name: "metallb_speaker_frr_drift_repaired_total",
    help: "Times that a daemon's configuration was found changed by others, and was set right",
    labelNames: ["daemon"],
    registers: [registry],
  });
  return (daemon) => counter.inc({ daemon });
}

/** One session as bgpd counts it. */
export interface SessionCounts {
  /** `ADDRESS:PORT` or `INTERFACE:PORT`, the port being the configured one. */
  readonly peer: string;
  /** `default` for none. */
  readonly vrf: string;
  readonly up: boolean;
  readonly announcedPrefixes: number;
  readonly opensSent: number;
  readonly opensReceived: number;
  readonly notificationsSent: number;
  readonly updatesSent: number;
  readonly updatesReceived: number;
  readonly keepalivesSent: number;
  readonly keepalivesReceived: number;
  readonly routeRefreshSent: number;
  readonly totalSent: number;
  readonly totalReceived: number;
}

/** One BFD session as bfdd counts it. */
export interface BfdCounts {
  /** Address alone, a link-local one with its interface: `fe80::1%eth0`. */
  readonly peer: string;
  readonly vrf: string;
  readonly up: boolean;
  readonly controlPacketInput: number;
  readonly controlPacketOutput: number;
  readonly echoPacketInput: number;
  readonly echoPacketOutput: number;
  readonly sessionUpEvents: number;
  readonly sessionDownEvents: number;
  readonly zebraNotifications: number;
}

export interface FrrCounts {
  readonly bgp: readonly SessionCounts[];
  readonly bfd: readonly BfdCounts[];
}

type Numbers<T> = {
  readonly [K in keyof Omit<T, "peer" | "vrf">]: readonly [kind: "gauge" | "counter", name: string, help: string];
};

/** MetalLB frr-tools/metrics/collector: the names, and bgpd's counters behind them. A counter left out does not compile. */
const bgpSeries: Numbers<SessionCounts> = {
  up: ["gauge", "session_up", "BGP session state (1 is up, 0 is down)"],
  announcedPrefixes: [
    "gauge",
    "announced_prefixes_total",
    "Number of prefixes currently being advertised on the BGP session",
  ],
  opensSent: ["counter", "opens_sent", "Number of BGP open messages sent"],
  opensReceived: ["counter", "opens_received", "Number of BGP open messages received"],
  notificationsSent: ["counter", "notifications_sent", "Number of BGP notification messages sent"],
  updatesSent: ["counter", "updates_total", "Number of BGP UPDATE messages sent"],
  updatesReceived: ["counter", "updates_total_received", "Number of BGP UPDATE messages received"],
  keepalivesSent: ["counter", "keepalives_sent", "Number of BGP keepalive messages sent"],
  keepalivesReceived: ["counter", "keepalives_received", "Number of BGP keepalive messages received"],
  routeRefreshSent: ["counter", "route_refresh_sent", "Number of BGP route refresh messages sent"],
  totalSent: ["counter", "total_sent", "Number of total BGP messages sent"],
  totalReceived: ["counter", "total_received", "Number of total BGP messages received"],
};

const bfdSeries: Numbers<BfdCounts> = {
  up: ["gauge", "session_up", "BFD session state (1 is up, 0 is down)"],
  controlPacketInput: ["counter", "control_packet_input", "Number of received BFD control packets"],
  controlPacketOutput: ["counter", "control_packet_output", "Number of sent BFD control packets"],
  echoPacketInput: ["counter", "echo_packet_input", "Number of received BFD echo packets"],
  echoPacketOutput: ["counter", "echo_packet_output", "Number of sent BFD echo packets"],
  sessionUpEvents: ["counter", "session_up_events", "Number of BFD session up events"],
  sessionDownEvents: ["counter", "session_down_events", "Number of BFD session down events"],
  zebraNotifications: ["counter", "zebra_notifications", "Number of BFD zebra notifications"],
};

/** The FRR exporter's families, shown as FRR counts them; a session that is gone has no series. */
export function frrMetrics(registry: Registry): (counts: FrrCounts) => void {
  const bgp = family(registry, "metallb_bgp_", bgpSeries);
  const bfd = family(registry, "metallb_bfd_", bfdSeries);
  return (counts) => {
    bgp(counts.bgp);
    bfd(counts.bfd);
  };
}

function family<T extends { readonly peer: string; readonly vrf: string }>(
  registry: Registry,
  prefix: string,
  series: Numbers<T>,
): (rows: readonly T[]) => void {
  const fields = Object.entries(series) as [keyof Numbers<T>, Numbers<T>[keyof Numbers<T>]][];
  const metrics = fields.map(([field, [kind, name, help]]) => {
    const options = { name: prefix + name, help, labelNames: ["peer", "vrf"], registers: [registry] };
    return { field, metric: kind === "gauge" ? new Gauge(options) : new Counter(options) };
  });
  return (rows) => {
    for (const { field, metric } of metrics) {
      metric.reset();
      // Counters take FRR's absolute values: after a reset, adding the value sets it.
      for (const row of rows) metric.inc({ peer: row.peer, vrf: row.vrf }, Number(row[field]));
    }
  };
}
