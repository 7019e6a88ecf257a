import { execFileSync } from "node:child_process";
import { afterEach, beforeEach, expect, test } from "vitest";
import { ENDPOINT_SLICES, SERVICES } from "../control-plane/controllers/objects.ts";
import { startCluster, type TestCluster } from "../control-plane/controllers/testing.ts";
import { startProxy } from "./proxy.ts";

const NETNS = "px-start";
const node = { name: "node1", addresses: ["10.0.0.11", "fd00:10::11"], podCIDRs: ["10.244.1.0/24", "fd00:244:1::/64"] };
const rules = () =>
  execFileSync("ip", ["netns", "exec", NETNS, "nft", "list", "table", "inet", "lab-proxy"], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
  });

let cluster: TestCluster;
let stop: AbortController;
let ended: Promise<void>;
let warnings: object[];

beforeEach(async () => {
  execFileSync("ip", ["netns", "add", NETNS]);
  cluster = await startCluster();
  stop = new AbortController();
  warnings = [];
  const log = { info: () => undefined, warn: (fields: object) => void warnings.push(fields) };
  ended = startProxy({ api: cluster.api, netns: NETNS, node, log, signal: stop.signal });
});

afterEach(async () => {
  stop.abort();
  await ended;
  await cluster[Symbol.asyncDispose]();
  execFileSync("ip", ["netns", "del", NETNS]);
});

test("the node's rules follow Services and EndpointSlices", async () => {
  await cluster.api.create(SERVICES, {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: "web", namespace: "default" },
    spec: { clusterIP: "10.96.0.10", clusterIPs: ["10.96.0.10"], ports: [{ name: "http", port: 80 }] },
  });
  await expect.poll(rules, { timeout: 30_000 }).toContain("10.96.0.10 . tcp . 80 : goto nobody");
  await cluster.api.create(ENDPOINT_SLICES, {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: { name: "web-1", namespace: "default", labels: { "kubernetes.io/service-name": "web" } },
    addressType: "IPv4",
    ports: [{ name: "http", protocol: "TCP", port: 8080 }],
    endpoints: [{ addresses: ["10.244.1.7"], nodeName: "node1", conditions: { ready: true } }],
  });
  await expect.poll(rules, { timeout: 30_000 }).toContain("dnat ip to 10.244.1.7:8080");
  await cluster.api.delete(SERVICES, "default", "web");
  await expect.poll(rules, { timeout: 30_000 }).not.toContain("10.96.0.10");
  expect(warnings).toEqual([]);
});
