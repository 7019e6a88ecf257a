import { afterAll, beforeAll, expect, test } from "vitest";
import type { ConfigurationState } from "../../src/api/kinds/index.ts";
import { bgpExtrasConfigMap, bgpExtrasKey } from "../../src/api/names.ts";
import { type Cluster, namespace } from "./cluster.ts";
import { metallb, WiredNode } from "./wired-node.ts";

/** An administrator's own lines for FRR, from a ConfigMap in the API server to the session with a real router. */

const patience = { timeout: 60_000, interval: 20 };

let wired: WiredNode;
let cluster: Cluster;

beforeAll(async () => {
  wired = await WiredNode.start();
  ({ cluster } = wired);
});
afterAll(async () => {
  await wired?.[Symbol.asyncDispose]();
});

const configMaps = { group: "", resource: "configmaps" };

const extras = (...text: readonly string[]) => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name: bgpExtrasConfigMap, namespace },
  data: { [bgpExtrasKey]: text.join("\n"), other: "not ours" },
});

const text = [
  "ip prefix-list offered seq 5 permit 172.16.0.0/12 le 24",
  "route-map 10.0.0.1-in permit 5",
  "  match ip address prefix-list offered",
  "router bgp 64513",
  "  neighbor 10.0.0.1 description upstream",
];

/** Prefixes in our FRR's table that the router told. */
async function heard(): Promise<string[]> {
  const table = JSON.parse(await wired.frr.vtysh("show bgp ipv4 unicast json")) as { routes?: object };
  return Object.keys(table.routes ?? {}).filter((prefix) => prefix.startsWith("172."));
}

const shown = () => wired.frr.vtysh("show running-config");

const state = () => cluster.get("configurationstates", "speaker-n1")?.["status"] as ConfigurationState["status"];

test("the ConfigMap comes, is edited, survives a speaker, and goes", async () => {
  const offers = ["no bgp network import-check", "address-family ipv4 unicast", "network 172.16.1.0/24"];
  await wired.router.configure(["router bgp 64512", ...offers]);
  const speaker = wired.speaker();
  const peer = { myASN: 64513, peerASN: 64512, peerAddress: "10.0.0.1" };
  await cluster.create("bgppeers", metallb("BGPPeer", "upstream", peer, "v1beta2"));
  await expect.poll(wired.ready.bind(wired), patience).toBe(200);
  await expect.poll(async () => (await wired.neighbor())?.bgpState, patience).toBe("Established");
  expect(await heard()).toEqual([]);
  const { connectionsEstablished } = (await wired.neighbor()) ?? {};

  await cluster.plane.api.create(configMaps, extras(...text));
  await expect.poll(heard, patience).toEqual(["172.16.1.0/24"]);
  expect(await shown()).toContain("neighbor 10.0.0.1 description upstream");

  // A mistake in it: named on the ConfigMap, and nothing else changes.
  await cluster.plane.api.update(configMaps, extras(...text, "  neighbor 10.0.0.1 pasword hush", "write memory"));
  await expect.poll(() => JSON.stringify(state()), patience).toContain("line 7");
  const said = JSON.stringify([
    state(),
    speaker.lines(),
    cluster.events("RejectedByRouter"),
    cluster.events("NotSupported"),
  ]);
  expect(said).toContain("ConfigMap bgpextras: data.extras line 6");
  expect(said).toContain("pasword ****");
  expect(said).not.toContain("hush");
  expect(await heard()).toEqual(["172.16.1.0/24"]);
  await cluster.plane.api.update(configMaps, extras(...text));
  await expect.poll(() => JSON.stringify(state()), patience).not.toContain("bgpextras");

  speaker.process.kill("SIGTERM");
  await speaker.ended;
  wired.speaker();
  await expect.poll(wired.ready.bind(wired), patience).toBe(200);
  expect(await heard()).toEqual(["172.16.1.0/24"]);

  await cluster.plane.api.delete(configMaps, namespace, bgpExtrasConfigMap);
  await expect.poll(heard, patience).toEqual([]);
  expect(await shown()).not.toMatch(/prefix-list|description/);
  expect((await wired.neighbor())?.connectionsEstablished).toBe(connectionsEstablished);
});
