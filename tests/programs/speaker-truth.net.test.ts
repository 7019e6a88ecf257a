import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Cluster, namespace, type Program } from "./cluster.ts";
import { probe } from "./scrape.ts";
import { metallb, WiredNode } from "./wired-node.ts";

/** What a speaker says of its sessions, of its FRR and of the API server, against what they really do. */

const patience = { timeout: 60_000, interval: 20 };
const metallbKind = (resource: string) => ({ group: "metallb.io", resource });

let wired: WiredNode;
let cluster: Cluster;
let program: Program;

beforeAll(async () => {
  wired = await WiredNode.start();
  ({ cluster } = wired);
  program = wired.speaker();
  await cluster.pool("bgp-pool", "10.100.0.0/24");
  await cluster.create("bgpadvertisements", metallb("BGPAdvertisement", "adv", { ipAddressPools: ["bgp-pool"] }));
  await cluster.create("bgppeers", peer("upstream"));
});
afterAll(async () => {
  await wired?.[Symbol.asyncDispose]();
});

const peer = (name: string, over: object = {}) =>
  metallb(
    "BGPPeer",
    name,
    {
      myASN: 64513,
      peerASN: 64512,
      peerAddress: "10.0.0.1",
      connectTime: "1s",
      enableGracefulRestart: true,
      ...over,
    },
    "v1beta2",
  );

/** A Service that has its address already: what the controller would have done. */
async function serve(name: string, address: string): Promise<void> {
  await cluster.slice(name, "n1");
  const service = await cluster.service(name);
  const status = { loadBalancer: { ingress: [{ ip: address }] } };
  await cluster.plane.api.update(
    { group: "", resource: "services" },
    { ...service, status },
    { subresource: "status" },
  );
}

interface SessionStatus {
  readonly bgpStatus?: string;
  readonly reason?: string;
  readonly since?: string;
  readonly prefixesSent?: { readonly total: number };
}
const sessions = () => cluster.plane.api.list(metallbKind("bgpsessionstatuses"), { namespace });
const statusOf = (name: string): SessionStatus | undefined =>
  sessions().find(({ metadata }) => metadata.labels?.["metallb.io/peer"] === name)?.["status"] as SessionStatus;
const versionOf = (name: string): string | undefined =>
  sessions().find(({ metadata }) => metadata.labels?.["metallb.io/peer"] === name)?.metadata.resourceVersion;
const nodeEvents = (reason: string): string[] =>
  cluster
    .events(reason)
    .filter((event) => (event["involvedObject"] as { kind: string; name: string }).kind === "Node")
    .map((event) => String(event["message"]));
/** Not waited for in one piece: the API server lives in this process. */
const kubectl = async (...args: readonly string[]): Promise<string> => {
  const program = join(import.meta.dirname, "../../.cache/bin/kubectl");
  const access = ["--kubeconfig", join(cluster.directory, "kubeconfig")];
  return (await promisify(execFile)(program, [...access, ...args])).stdout;
};

test("each peer has a status that says what FRR says, and that kubectl prints", async () => {
  await expect.poll(() => wired.ready(), patience).toBe(200);
  await serve("web", "10.100.0.1");
  await expect.poll(() => wired.routes(), patience).toEqual(["10.100.0.1/32"]);
  await expect.poll(() => statusOf("upstream")?.prefixesSent?.total, patience).toBe(1);
  const told = statusOf("upstream");
  expect(told).toMatchObject({
    node: "n1",
    peer: "upstream",
    neighbor: "10.0.0.1",
    bgpStatus: "Established",
    bfdStatus: "N/A",
    prefixesSent: { total: 1, ipv4: 1 },
    negotiated: { holdTimeSeconds: 180, keepaliveSeconds: 60, families: ["ipv4"] },
  });
  expect(told).not.toHaveProperty("reason");
  const [object] = sessions();
  expect(object?.metadata).toMatchObject({
    labels: { "metallb.io/node": "n1", "metallb.io/peer": "upstream" },
    ownerReferences: [{ kind: "Pod", name: "speaker-n1" }],
  });

  const [head, row] = (await kubectl("get", "bgpsession", "-n", namespace)).split("\n");
  expect(head?.split(/\s+/)).toEqual(["NAME", "NODE", "PEER", "BGP", "BFD", "SENT", "SINCE"]);
  expect(row).toMatch(/^session-[0-9a-f]{12} +n1 +upstream +Established +N\/A +1 +[\dms]+ *$/);
  const wide = await kubectl("get", "bgpsessionstatuses", "-n", namespace, "-o", "wide", "-l", "metallb.io/node=n1");
  expect(wide.split("\n")[0]).toMatch(/NEIGHBOR +VRF .*REASON/);
});

test("peers that are refused, have no VRF or never answer say why", async () => {
  const { api } = cluster.plane;
  const others = [
    peer("silent", { peerAddress: "10.0.0.99" }),
    peer("no-vrf", { peerAddress: "10.7.0.1", vrf: "absent" }),
    peer("bad", { peerAddress: "10.0.0.98", holdTime: "10s", keepaliveTime: "20s" }),
  ];
  for (const object of others) await cluster.create("bgppeers", object);
  await expect.poll(() => sessions().length, patience).toBe(4);
  await expect
    .poll(() => statusOf("no-vrf"), patience)
    .toMatchObject({ bgpStatus: "Idle", reason: 'this node has no VRF "absent"', vrf: "absent" });
  await expect
    .poll(() => statusOf("bad"), patience)
    .toMatchObject({ bgpStatus: "Unknown", reason: expect.stringContaining("keepaliveTime") });
  await expect.poll(() => statusOf("silent")?.bgpStatus, patience).toMatch(/^(Idle|Connect|Active)$/);
  expect(statusOf("upstream")?.bgpStatus).toBe("Established");

  // Trying again and again is one and the same state, and is not written again and again.
  const { since } = statusOf("silent") ?? {};
  const [states, versions] = [new Set<string | undefined>(), new Set<string | undefined>()];
  const look = async (): Promise<number> => {
    versions.add(versionOf("silent"));
    return states.add(await shownState("10.0.0.99")).size;
  };
  await expect.poll(look, { timeout: 30_000, interval: 50 }).toBeGreaterThan(1);
  for (let i = 0; i < 40; i++) await look();
  expect(statusOf("silent")?.since).toBe(since);
  expect(versions.size).toBeLessThanOrEqual(3);

  for (const { metadata } of others) await api.delete(metallbKind("bgppeers"), namespace, metadata.name);
  await expect.poll(() => sessions().length, patience).toBe(1);
});

/** The state of a session as the node's own bgpd has it at this moment. */
async function shownState(neighbor: string): Promise<string | undefined> {
  const text = await wired.frr.vtysh(`show bgp neighbors ${neighbor} json`);
  return (JSON.parse(text) as Record<string, { readonly bgpState: string }>)[neighbor]?.bgpState;
}

test("a reset is told with FRR's reason, and the session's return as well", async () => {
  const before = statusOf("upstream")?.since;
  const version = versionOf("upstream");
  await wired.router.configure(["router bgp 64512", "neighbor 10.0.0.11 shutdown"]);
  await expect.poll(() => statusOf("upstream")?.bgpStatus, patience).not.toBe("Established");
  expect(statusOf("upstream")).toMatchObject({ reason: expect.stringContaining("Administrative Shutdown") });
  expect(statusOf("upstream")).not.toHaveProperty("prefixesSent");
  expect(statusOf("upstream")).not.toHaveProperty("negotiated");
  await wired.router.configure(["router bgp 64512", "no neighbor 10.0.0.11 shutdown"]);
  await expect.poll(() => statusOf("upstream")?.prefixesSent?.total, patience).toBe(1);
  expect(Date.parse(statusOf("upstream")?.since ?? "")).toBeGreaterThan(Date.parse(before ?? ""));
  expect(statusOf("upstream")).not.toHaveProperty("reason");
  expect(versionOf("upstream")).not.toBe(version);
});

test("a hundred new Services are a few writes to the session's status, not a hundred", async () => {
  const versions = new Set<string>();
  const count = 100;
  const [sent, acknowledged] = [await counted("sent", "announce"), await counted("acknowledged", "announce")];
  const looking = setInterval(() => versions.add(versionOf("upstream") ?? ""), 5);
  const start = performance.now();
  for (let i = 0; i < count; i++) await serve(`many${i}`, `10.100.0.${100 + i}`);
  await expect.poll(() => statusOf("upstream")?.prefixesSent?.total, patience).toBe(count + 1);
  clearInterval(looking);
  const seconds = (performance.now() - start) / 1000;
  expect(versions.size).toBeLessThanOrEqual(Math.ceil(seconds) + 2);

  // And then nothing: what does not change is not written.
  const version = versionOf("upstream");
  await serve("one-more", "10.100.0.2");
  await expect.poll(() => statusOf("upstream")?.prefixesSent?.total, patience).toBe(count + 2);
  expect(versionOf("upstream")).not.toBe(version);

  await expect.poll(() => counted("sent", "announce"), patience).toBe(sent + count + 1);
  expect(await counted("acknowledged", "announce")).toBe(acknowledged + count + 1);
  await cluster.plane.api.delete({ group: "", resource: "services" }, "default", "one-more");
  await expect.poll(() => counted("sent", "withdraw"), patience).toBe(1);
  const rows = await wired.metrics("metallb_speaker_announcement_duration_seconds_sum");
  console.log(`seconds in sum, over ${sent + count + 1} announcements and 1 withdrawal:\n${rows.join("\n")}`);
});

/** How many durations the histogram holds. */
async function counted(stage: string, change: string): Promise<number> {
  const name = `metallb_speaker_announcement_duration_seconds_count{stage="${stage}",change="${change}"}`;
  return Number((await wired.metrics(name))[0]?.split(" ")[1] ?? 0);
}

test("a daemon that is lost and comes back is told on the Node, and so is what somebody changed in it", async () => {
  await wired.frr.crash("bgpd");
  await expect.poll(() => nodeEvents("FRRDaemonBack"), patience).toEqual([`FRR's bgpd on node "n1" answers again`]);
  expect(nodeEvents("FRRDaemonLost")).toEqual([`FRR's bgpd on node "n1" was lost: its connection closed`]);
  await expect.poll(() => statusOf("upstream")?.bgpStatus, patience).toBe("Established");
  expect(await kubectl("describe", "node", "n1")).toContain("FRRDaemonLost");

  // It ends the session, so it is noticed at once, and not within a minute.
  await wired.frr.configure(["router bgp 64513", "neighbor 10.0.0.1 shutdown", "neighbor 10.0.0.1 password hush"]);
  const drift = () => nodeEvents("FRRDriftRepaired");
  await expect.poll(() => drift().join("\n"), patience).toContain("no neighbor 10.0.0.1 shutdown");
  await expect.poll(() => statusOf("upstream")?.bgpStatus, patience).toBe("Established");
  expect(JSON.stringify([drift(), program.lines()])).not.toContain("hush");
  // The two lines may have been found one after the other.
  expect(await wired.metrics("metallb_speaker_frr_drift_repaired_total")).toEqual([
    expect.stringMatching(/^metallb_speaker_frr_drift_repaired_total\{daemon="bgpd"\} [12]$/),
  ]);
});

test("the API server is gone: everything stays announced, FRR is repaired, and status says since when", async () => {
  const gauge = "metallb_k8s_client_api_unreachable_since_seconds";
  expect(await wired.metrics(gauge)).toEqual([`${gauge} 0`]);
  const routes = await wired.routes();
  const went = Date.now();
  await cluster.stopServer();
  const away = () => program.lines().filter(({ msg }) => String(msg).startsWith("the API server does not answer"));
  await expect.poll(() => away().length, patience).toBe(1);
  const { text } = (await probe(wired.healthPort, "/readyz")) ?? { text: "" };
  expect(text).toMatch(/^ok\nAPI server not reached since \d{4}-\d\d-\d\dT[\d:.]+Z\n$/);
  expect(await wired.ready()).toBe(200);
  expect(Number((await wired.metrics(gauge))[0]?.split(" ")[1]) * 1000).toBeGreaterThanOrEqual(went);

  const lost = (await wired.neighbor())?.connectionsEstablished ?? 0;
  await wired.frr.crash("bgpd");
  await expect.poll(async () => (await wired.neighbor())?.connectionsEstablished, patience).toBeGreaterThan(lost);
  await expect.poll(() => wired.routes(), patience).toEqual(routes);

  // The table stood all along, by graceful restart: the new session has yet to tell it.
  await expect.poll(() => wired.isQuiet(), patience).toBe(true);
  const before = await wired.neighbor();
  await cluster.startServer();
  await expect.poll(() => nodeEvents("APIServerWasAway").length, patience).toBe(1);
  expect(nodeEvents("APIServerWasAway")[0]).toMatch(/from \S+Z to \S+Z; everything stayed announced/);
  // What happened to FRR meanwhile was kept, and is told now.
  await expect.poll(() => cluster.events("FRRDaemonLost").map((event) => event["count"]), patience).toEqual([2]);
  expect(await wired.metrics(gauge)).toEqual([`${gauge} 0`]);
  expect((await probe(wired.healthPort, "/readyz"))?.text).toBe("ok\n");

  // It watches again, and nothing was said to the router for all that.
  await serve("after", "10.100.0.3");
  await expect.poll(() => wired.routes(), patience).toContain("10.100.0.3/32");
  const after = await wired.neighbor();
  expect(after?.connectionsEstablished).toBe(before?.connectionsEstablished);
  expect((after?.messageStats.updatesRecv ?? 0) - (before?.messageStats.updatesRecv ?? 0)).toBe(1);
  expect(away().length).toBe(1);
  const warnings = program
    .lines()
    .filter(({ level, msg }) => level === "warn" && /watch broke|write/.test(String(msg)));
  expect(warnings).toEqual([]);
});

test("a cluster that lacks the kind, as with MetalLB's own CRDs, is served all the same, and the log says so once", async () => {
  program.process.kill("SIGTERM");
  await program.ended;
  const crds = { group: "apiextensions.k8s.io", resource: "customresourcedefinitions" };
  await cluster.plane.api.delete(crds, undefined, "bgpsessionstatuses.metallb.io");
  program = wired.speaker("--log-level=debug");
  await expect.poll(() => wired.ready(), patience).toBe(200);
  await serve("without", "10.100.0.4");
  await expect.poll(() => wired.routes(), patience).toContain("10.100.0.4/32");
  const said = () => program.lines().filter(({ kind, level }) => kind === "BGPSessionStatus" && level === "warn");
  await expect.poll(() => said().length, patience).toBe(1);
  await expect.poll(() => tries(), { timeout: 30_000, interval: 200 }).toBeGreaterThan(2);
  expect(said().length).toBe(1);
});

/** How often the speaker has asked for the kind that is not there. */
const tries = (): number =>
  program.lines().filter(({ kind, msg }) => kind === "BGPSessionStatus" && msg === "watch broke; will resume").length;
