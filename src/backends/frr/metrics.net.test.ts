import { readFileSync } from "node:fs";
import { join } from "node:path";
import { eventually } from "./testing/namespaces.ts";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { RouterPeer } from "../../announce/desired.ts";
import type { Peer } from "../../config/config.ts";
import { desiredOf, pathOf, peerOf, routerOf } from "../../frr/testing/desired.ts";
import { createRegistry } from "../../metrics/registry.ts";
import { frrMetrics } from "../../metrics/speaker.ts";
import { createFrrBackend, type FrrBackend } from "./backend.ts";
import { generations } from "./testing/generations.ts";
import { Rig } from "./testing/rig.ts";

/** Metrics and statuses of peers that break exporters: unnumbered, never connected, without a VRF, removed. */

/** Each test has its own limit; all of them together have none. */
const patience = new AbortController().signal;
/** An unnumbered end that missed the other's router advertisement waits for the next one, and these are ten seconds apart. */
const upWithinMs = 40_000;

const external = { kind: "dynamic", mode: "external" } as const;
const calm = {
  name: "calm",
  ref: { apiVersion: "metallb.io/v1beta1", kind: "BFDProfile", name: "calm" },
  // Not to end the session when this machine lets a daemon wait for some seconds.
  receiveInterval: 3_000,
  transmitInterval: 1_000,
  detectMultiplier: 10,
};
const offered = (neighbor: string, over: Partial<Peer> = {}): RouterPeer => ({
  peer: peerOf(neighbor, { connectTimeSeconds: 1, ...over }),
  paths: [pathOf("10.100.0.1/32"), pathOf("fd00:100::1/128")],
});
const lasting = [offered("10.0.0.1", { bfdProfile: "calm" }), offered("eth0", { remote: external })];
const odd = [offered("10.0.0.99", { peerPort: 1790, bfdProfile: "calm" })];
const red = ["10.7.0.1", "eth7"].map((neighbor) => offered(neighbor, { vrf: "red", remote: external }));
const everything = desiredOf([routerOf([...lasting, ...odd]), routerOf(red, { vrf: "red" })], { bfdProfiles: [calm] });
const remaining = desiredOf([routerOf(lasting)], { bfdProfiles: [calm] });

describe.each(generations)("FRR $release", (generation) => {
  let rig: Rig;
  let backend: FrrBackend;
  const registry = createRegistry();
  const set = frrMetrics(registry);

  beforeAll(async () => {
    rig = await Rig.start(generation);
    await rig.vty(
      "router",
      "bgpd",
      "configure terminal",
      "router bgp 64512",
      "no bgp ebgp-requires-policy",
      ...["10.0.0.2", "eth0 interface"].map((neighbor) => `neighbor ${neighbor} remote-as external`),
      ...["10.0.0.2", "eth0"].flatMap((neighbor) => [
        `neighbor ${neighbor} passive`,
        `neighbor ${neighbor} timers 3 9`,
      ]),
      "neighbor 10.0.0.2 bfd",
      "address-family ipv6 unicast",
      "neighbor eth0 activate",
      "end",
    );
    backend = createFrrBackend({ socketDir: rig.socketDir("node") });
  });
  afterAll(async () => {
    await backend?.close();
    await rig?.[Symbol.asyncDispose]();
  });

  /** Peer and VRF → value, of one family, as a scraper reads it. */
  async function scraped(name: string): Promise<Record<string, number>> {
    set(await backend.readCounters(patience));
    const rows = (await registry.metrics()).matchAll(new RegExp(`^${name}\\{peer="(.*?)",vrf="(.*?)"\\} (.*)$`, "gm"));
    return Object.fromEntries(Array.from(rows, ([, peer, vrf, value]) => [`${peer} ${vrf}`, Number(value)]));
  }
  const session = async (neighbor: string) =>
    (await backend.observe(patience)).sessions.find((one) => one.neighbor === neighbor);

  test("every peer has its row under its configured name, whatever became of it", { timeout: 180_000 }, async () => {
    await backend.apply(everything, patience);
    for (const neighbor of ["10.0.0.1", "eth0"]) {
      await eventually(
        `${neighbor} is up, and was sent its prefixes`,
        async () =>
          Object.keys((await session(neighbor))?.up?.sentCounts ?? {}).length > 0 &&
          (await session(neighbor))?.sent.size === (neighbor === "eth0" ? 2 : 1),
        upWithinMs,
      );
    }
    expect(await scraped("metallb_bgp_session_up")).toEqual({
      "10.0.0.1:179 default": 1,
      "eth0:179 default": 1,
      "10.0.0.99:1790 default": 0,
      "10.7.0.1:179 red": 0,
      "eth7:179 red": 0,
    });
    expect(await scraped("metallb_bgp_announced_prefixes_total")).toMatchObject({
      "10.0.0.1:179 default": 1,
      "eth0:179 default": 2,
      "10.0.0.99:1790 default": 0,
      "eth7:179 red": 0,
    });
    expect((await scraped("metallb_bgp_opens_sent"))["eth0:179 default"]).toBeGreaterThan(0);
    await eventually("BFD is up", async () => (await scraped("metallb_bfd_session_up"))["10.0.0.1 default"] === 1);
    expect(await scraped("metallb_bfd_session_up")).toEqual({ "10.0.0.1 default": 1, "10.0.0.99 default": 0 });
    expect((await scraped("metallb_bfd_control_packet_output"))["10.0.0.99 default"]).toBeGreaterThanOrEqual(0);
  });

  test("what FRR agreed on, since when, and why not", async () => {
    expect((await session("eth0"))?.up).toEqual({
      sentCounts: { ipv4: 1, ipv6: 1 },
      holdTimeSeconds: 9,
      keepaliveSeconds: 3,
      families: ["ipv4", "ipv6"],
    });
    const up = await session("10.0.0.1");
    expect(up?.up).toMatchObject({ sentCounts: { ipv4: 1 }, families: ["ipv4"] });
    expect(Math.abs(Date.now() - (up?.sinceMs ?? 0))).toBeLessThan(600_000);
    for (const neighbor of ["10.7.0.1", "eth7"]) {
      const missing = await session(neighbor);
      expect(missing).toMatchObject({ vrf: "red", downReason: 'this node has no VRF "red"' });
      expect(missing).not.toHaveProperty("up");
    }
    expect(await session("10.0.0.99")).not.toHaveProperty("up");
  });

  test("a peer that is tried in vain has been down since one and the same time", { timeout: 120_000 }, async () => {
    // Nobody listens there, so each try is refused at once.
    const refusing = offered("10.0.0.1", { peerPort: 1790, bfdProfile: "calm" });
    await backend.apply(desiredOf([routerOf([refusing])], { bfdProfiles: [calm] }), patience);
    await eventually("it is down", async () => (await session("10.0.0.1"))?.state !== "Established");
    const first = (await session("10.0.0.1"))?.sinceMs;
    const states = new Set<string | undefined>();
    await eventually("it was tried again", async () => states.add((await session("10.0.0.1"))?.state).size > 1, 60_000);
    for (const until = performance.now() + 4_000; performance.now() < until; ) {
      const now = (await session("10.0.0.1"))?.sinceMs;
      if (first === undefined || now === undefined) expect(now).toBe(first);
      else expect(Math.abs(now - first)).toBeLessThanOrEqual(2_000);
    }
    // A bfdd that takes its time over its answer is no other time.
    const bfdd = rig.pid("node", "bfdd");
    process.kill(bfdd, "SIGSTOP");
    const late = session("10.0.0.1");
    setTimeout(() => process.kill(bfdd, "SIGCONT"), 4_000);
    expect(Math.abs(((await late)?.sinceMs ?? 0) - (first ?? 0))).toBeLessThanOrEqual(2_000);
  });

  test("a peer that is removed has no row in any family", async () => {
    await backend.apply(remaining, patience);
    set(await backend.readCounters(patience));
    const text = await registry.metrics();
    expect(text).not.toMatch(/peer="(10\.0\.0\.99|10\.7\.0\.1|eth7)/);
    expect(text).not.toContain('vrf="red"');
    expect(await scraped("metallb_bgp_session_up")).toHaveProperty(["eth0:179 default"]);
    expect(await scraped("metallb_bgp_session_up")).toHaveProperty(["10.0.0.1:179 default"]);
  });

  test("two links to routers of one link-local address have a BFD row each", { timeout: 120_000 }, async () => {
    // As two VLANs of one router have: it follows from the hardware address.
    const pid = readFileSync(join(rig.socketDir("router"), "bgpd.pid"), "utf8").trim();
    rig.exec("node", "ip", "link", "add", "eth1", "type", "veth", "peer", "name", "far");
    rig.exec("node", "ip", "link", "set", "far", "netns", pid, "name", "eth1");
    const [link] = JSON.parse(rig.exec("router", "ip", "-j", "link", "show", "eth0")) as { readonly address: string }[];
    rig.exec("router", "ip", "link", "set", "eth1", "address", link?.address ?? "", "up");
    rig.exec("node", "ip", "link", "set", "eth1", "up");
    const lines = ["interface remote-as external", "passive", "timers 3 9", "bfd"].map(
      (line) => `neighbor eth1 ${line}`,
    );
    await rig.vty("router", "bgpd", "configure terminal", "router bgp 64512", ...lines, "neighbor eth0 bfd", "end");
    const peers = ["eth0", "eth1"].map((device) => offered(device, { remote: external, bfdProfile: "calm" }));
    await backend.apply(desiredOf([routerOf(peers)], { bfdProfiles: [calm] }), patience);
    await eventually(
      "both are up",
      async () => (await backend.readCounters(patience)).bfd.filter(({ up }) => up).length === 2,
      upWithinMs,
    );
    const rows = await scraped("metallb_bfd_session_up");
    expect(Object.values(rows)).toEqual([1, 1]);
    expect(Object.keys(rows).toSorted()).toEqual([
      expect.stringMatching(/^fe80:.*%eth0 default$/),
      expect.stringMatching(/^fe80:.*%eth1 default$/),
    ]);
  });

  test("nothing at all is an empty family, not a failure", async () => {
    await backend.apply(desiredOf([]), patience);
    expect(await scraped("metallb_bgp_session_up")).toEqual({});
    // Bfdd hears from bgpd by way of zebra.
    await eventually("BFD has none", async () => Object.keys(await scraped("metallb_bfd_session_up")).length === 0);
  });
});
