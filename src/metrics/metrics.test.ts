import { expect, test } from "vitest";
import { poolMetrics } from "./controller.ts";
import { apiReachMetric, clientMetrics, createRegistry } from "./registry.ts";
import {
  announcedMetric,
  announcementDurationMetric,
  type BfdCounts,
  driftMetric,
  frrMetrics,
  type SessionCounts,
} from "./speaker.ts";

const session: SessionCounts = {
  peer: "10.0.0.1:179",
  vrf: "default",
  up: true,
  announcedPrefixes: 2,
  opensSent: 3,
  opensReceived: 4,
  notificationsSent: 5,
  updatesSent: 6,
  updatesReceived: 7,
  keepalivesSent: 8,
  keepalivesReceived: 9,
  routeRefreshSent: 10,
  totalSent: 11,
  totalReceived: 12,
};

const bfd: BfdCounts = {
  peer: "10.0.0.1",
  vrf: "default",
  up: false,
  controlPacketInput: 1,
  controlPacketOutput: 2,
  echoPacketInput: 3,
  echoPacketOutput: 4,
  sessionUpEvents: 5,
  sessionDownEvents: 6,
  zebraNotifications: 7,
};

const ours = async (registry: ReturnType<typeof createRegistry>) =>
  (await registry.metrics()).split("\n").filter((line) => line.startsWith("metallb_"));

test("the FRR families have MetalLB's names and labels, and FRR's values", async () => {
  const registry = createRegistry();
  const set = frrMetrics(registry);
  set({ bgp: [session], bfd: [bfd] });
  set({ bgp: [session], bfd: [bfd] });
  const bgpLabels = '{peer="10.0.0.1:179",vrf="default"}';
  const bfdLabels = '{peer="10.0.0.1",vrf="default"}';
  expect(await ours(registry)).toEqual([
    `metallb_bgp_session_up${bgpLabels} 1`,
    `metallb_bgp_announced_prefixes_total${bgpLabels} 2`,
    `metallb_bgp_opens_sent${bgpLabels} 3`,
    `metallb_bgp_opens_received${bgpLabels} 4`,
    `metallb_bgp_notifications_sent${bgpLabels} 5`,
    `metallb_bgp_updates_total${bgpLabels} 6`,
    `metallb_bgp_updates_total_received${bgpLabels} 7`,
    `metallb_bgp_keepalives_sent${bgpLabels} 8`,
    `metallb_bgp_keepalives_received${bgpLabels} 9`,
    `metallb_bgp_route_refresh_sent${bgpLabels} 10`,
    `metallb_bgp_total_sent${bgpLabels} 11`,
    `metallb_bgp_total_received${bgpLabels} 12`,
    `metallb_bfd_session_up${bfdLabels} 0`,
    `metallb_bfd_control_packet_input${bfdLabels} 1`,
    `metallb_bfd_control_packet_output${bfdLabels} 2`,
    `metallb_bfd_echo_packet_input${bfdLabels} 3`,
    `metallb_bfd_echo_packet_output${bfdLabels} 4`,
    `metallb_bfd_session_up_events${bfdLabels} 5`,
    `metallb_bfd_session_down_events${bfdLabels} 6`,
    `metallb_bfd_zebra_notifications${bfdLabels} 7`,
  ]);
});

test("what is gone has no series", async () => {
  const registry = createRegistry();
  const set = announcedMetric(registry, "n1");
  const web = { service: "default/web", protocol: "bgp", ip: "10.100.0.1" } as const;
  set({ gone: [], come: [web] });
  expect(await ours(registry)).toEqual([
    'metallb_speaker_announced{service="default/web",protocol="bgp",node="n1",ip="10.100.0.1"} 1',
  ]);
  set({ gone: [web], come: [] });
  expect(await ours(registry)).toEqual([]);
});

test("pools count per family and together", async () => {
  const registry = createRegistry();
  const pool = { pool: "p", total: { ipv4: 256n, ipv6: 16n }, assigned: { ipv4: 2n, ipv6: 1n } };
  poolMetrics(registry)([pool]);
  expect(await ours(registry)).toEqual([
    'metallb_allocator_addresses_total{pool="p"} 272',
    'metallb_allocator_ipv4_addresses_total{pool="p"} 256',
    'metallb_allocator_ipv6_addresses_total{pool="p"} 16',
    'metallb_allocator_addresses_in_use_total{pool="p"} 3',
    'metallb_allocator_ipv4_addresses_in_use_total{pool="p"} 2',
    'metallb_allocator_ipv6_addresses_in_use_total{pool="p"} 1',
  ]);
});

test("a pool that is gone has no series", async () => {
  const registry = createRegistry();
  const set = poolMetrics(registry);
  const counts = { total: { ipv4: 1n, ipv6: 0n }, assigned: { ipv4: 0n, ipv6: 0n } };
  set([
    { pool: "p", ...counts },
    { pool: "q", ...counts },
  ]);
  set([{ pool: "q", ...counts }]);
  const lines = await ours(registry);
  expect(lines).toHaveLength(6);
  for (const line of lines) expect(line).toContain('{pool="q"}');
  set([]);
  expect(await ours(registry)).toEqual([]);
});

test("a configuration loads once and may go stale", async () => {
  const registry = createRegistry();
  const client = clientMetrics(registry);
  client.turn();
  client.config(false);
  client.config(true);
  expect(await ours(registry)).toEqual([
    "metallb_k8s_client_updates_total 1",
    "metallb_k8s_client_update_errors_total 0",
    "metallb_k8s_client_config_loaded_bool 1",
    "metallb_k8s_client_config_stale_bool 1",
  ]);
});

test("since when the API server has not answered, and 0 while it does", async () => {
  const registry = createRegistry();
  const since: Date[] = [];
  apiReachMetric(registry, () => since[0]);
  const name = "metallb_k8s_client_api_unreachable_since_seconds";
  expect(await ours(registry)).toEqual([`${name} 0`]);
  since.push(new Date("2026-01-02T00:00:00Z"));
  expect(await ours(registry)).toEqual([`${name} 1767312000`]);
});

test("durations by stage and change, and drift by daemon", async () => {
  const registry = createRegistry();
  announcementDurationMetric(registry)({ stage: "sent", change: "announce" }, 0.06);
  driftMetric(registry)("bgpd");
  const duration = "metallb_speaker_announcement_duration_seconds";
  expect(await ours(registry)).toEqual(
    expect.arrayContaining([
      `${duration}_bucket{le="0.05",stage="sent",change="announce"} 0`,
      `${duration}_bucket{le="0.075",stage="sent",change="announce"} 1`,
      `${duration}_count{stage="sent",change="announce"} 1`,
      'metallb_speaker_frr_drift_repaired_total{daemon="bgpd"} 1',
    ]),
  );
});
