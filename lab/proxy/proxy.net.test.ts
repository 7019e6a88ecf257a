import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import net from "node:net";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { EndpointSliceObject, ServiceObject } from "../control-plane/controllers/objects.ts";
import { connectIn, inNetns, listenIn } from "../topology/netns.ts";
import { loadRules } from "./proxy.ts";
import { renderRules } from "./rules.ts";

/**
 *     px-client 192.0.2.2 ── px-node 192.0.2.1 ──┬── px-pod1 10.244.1.2
 *               2001:db8::2          2001:db8::1 └── px-pod2 10.244.1.3
 */
const PODS = ["px-pod1", "px-pod2"];
const ALL = ["px-client", "px-node", ...PODS];
const CLUSTER = ["10.96.0.10", "fd00:10:96::10"];
const BALANCED = ["10.100.0.1", "fd00:100::1"];
const NODE_PORT = 30_080;
/** Connections of which both Pods get some: that all go to one comes once in 2^31 runs. */
const SEVERAL = 32;

const servers: net.Server[] = [];
const children: ChildProcess[] = [];

beforeAll(async () => {
  remove();
  for (const netns of ALL) make(netns);
  wire("px-client", "192.0.2.1/24", "192.0.2.2/24", ["2001:db8::1/64", "2001:db8::2/64"]);
  wire("px-pod1", "10.244.1.17/28", "10.244.1.18/28", ["fd00:244:1::1/64", "fd00:244:1::2/64"]);
  wire("px-pod2", "10.244.1.33/28", "10.244.1.34/28", ["fd00:244:2::1/64", "fd00:244:2::2/64"]);
  // As every node, it has a way out: without one the kernel refuses Service addresses before any rule sees them.
  for (const gateway of ["192.0.2.2", "2001:db8::2"]) ip("-n", "px-node", "route", "add", "default", "via", gateway);
  for (const pod of PODS) {
    await serve(pod);
    await serveUdp(pod);
  }
});

afterAll(() => {
  for (const server of servers) server.close();
  for (const child of children) child.kill();
  remove();
});

beforeEach(() => load({}, "both"));

describe("from outside", () => {
  test.each(BALANCED)("%s reaches both Pods, with the node's address in the client's place", async (address) => {
    const answers = await Promise.all(Array.from({ length: SEVERAL }, () => ask("px-client", address)));
    expect(new Set(answers.map(({ pod }) => pod))).toEqual(new Set(PODS));
    expect(new Set(answers.map(({ client }) => client))).toEqual(new Set([v(address, "192.0.2.1", "2001:db8::1")]));
  });

  test.each(["192.0.2.1", "2001:db8::1"])("a node port answers at %s", async (address) => {
    expect(PODS).toContain((await ask("px-client", address, NODE_PORT)).pod);
  });

  test.each(BALANCED)(
    "policy Local at %s: only the Pod of this node, which sees the client itself",
    async (address) => {
      await load({ externalTrafficPolicy: "Local" }, "first here");
      const answers = await Promise.all(Array.from({ length: 12 }, () => ask("px-client", address)));
      const client = v(address, "192.0.2.2", "2001:db8::2");
      expect(answers).toEqual(Array(12).fill({ pod: "px-pod1", client }));
    },
  );

  test("policy Local without a Pod here: silence outside, the others from inside", async () => {
    await load({ externalTrafficPolicy: "Local" }, "elsewhere");
    await expect(ask("px-client", "10.100.0.1", 80, 300)).rejects.toThrow("silence");
    expect(PODS).toContain((await ask("px-node", "10.100.0.1")).pod);
    expect(PODS).toContain((await ask("px-pod1", "10.100.0.1")).pod);
  });

  test.each([...BALANCED, ...CLUSTER])("nobody ready: %s refuses at once", async (address) => {
    await load({}, "nobody");
    await expect(ask("px-client", address)).rejects.toThrow("ECONNREFUSED");
    await expect(ask("px-node", address)).rejects.toThrow("ECONNREFUSED");
  });

  test("ClientIP affinity: one client, one Pod, also after the rules were loaded again", async () => {
    const pods = new Set<string>();
    for (let i = 0; i < 8; i++) {
      if (i % 4 === 0) await load({ sessionAffinity: "ClientIP" }, "both", `round ${i}`);
      pods.add((await ask("px-client", "10.100.0.1")).pod);
    }
    expect(pods.size).toBe(1);
  });

  test("loadBalancerSourceRanges: others get no answer", async () => {
    await load({ loadBalancerSourceRanges: ["203.0.113.0/24"] }, "both");
    await expect(ask("px-client", "10.100.0.1", 80, 300)).rejects.toThrow("silence");
    await load({ loadBalancerSourceRanges: ["192.0.2.0/25", "192.0.2.0/24"] }, "both");
    expect(PODS).toContain((await ask("px-client", "10.100.0.1")).pod);
  });

  test.each(BALANCED)("UDP to %s", async (address) => {
    expect(PODS).toContain(await askUdp("px-client", address));
  });
});

describe("from inside", () => {
  test.each(CLUSTER)("%s from a Pod, which keeps its address, and from the node", async (address) => {
    const answers = await Promise.all(Array.from({ length: SEVERAL }, () => ask("px-pod1", address)));
    expect(new Set(answers.map(({ pod }) => pod))).toEqual(new Set(PODS));
    const other = answers.find(({ pod }) => pod === "px-pod2");
    expect(other?.client).toBe(v(address, "10.244.1.18", "fd00:244:1::2"));
    expect(PODS).toContain((await ask("px-node", address)).pod);
  });

  test("a connection that runs survives its endpoint's end", async () => {
    const socket = connectIn("px-client", "10.100.0.1", 81);
    await once(socket, "connect");
    await load({}, "nobody");
    socket.write("still there");
    expect(String((await once(socket, "data"))[0])).toBe("still there");
    socket.destroy();
  });
});

const v = (address: string, v4: string, v6: string): string => (address.includes(":") ? v6 : v4);

/** Which endpoints there are, as the node sees them. */
type World = "both" | "first here" | "elsewhere" | "nobody";

async function load(spec: Partial<ServiceObject["spec"]>, world: World, remark = ""): Promise<void> {
  const rules = renderRules({
    node: "node1",
    services: [serviceOf(spec)],
    endpointSlices: [sliceOf("IPv4", world), sliceOf("IPv6", world)],
    localAddresses: ["192.0.2.1", "2001:db8::1"],
    podCIDRs: ["10.244.0.0/16", "fd00:244::/32"],
  });
  await loadRules("px-node", `${rules}# ${remark}\n`);
}

const serviceOf = (spec: Partial<ServiceObject["spec"]>): ServiceObject => ({
  apiVersion: "v1",
  kind: "Service",
  metadata: { name: "web", namespace: "default" },
  spec: {
    type: "LoadBalancer",
    clusterIP: CLUSTER[0] ?? "",
    clusterIPs: CLUSTER,
    ports: [
      { name: "http", port: 80, protocol: "TCP", targetPort: "web", nodePort: NODE_PORT },
      { name: "echo", port: 81, protocol: "TCP" },
      { name: "udp", port: 80, protocol: "UDP" },
    ],
    ...spec,
  },
  status: { loadBalancer: { ingress: BALANCED.map((ip) => ({ ip })) } },
});

const ADDRESSES = { IPv4: ["10.244.1.18", "10.244.1.34"], IPv6: ["fd00:244:1::2", "fd00:244:2::2"] };

const sliceOf = (addressType: "IPv4" | "IPv6", world: World): EndpointSliceObject => ({
  apiVersion: "discovery.k8s.io/v1",
  kind: "EndpointSlice",
  metadata: { name: `web-${addressType}`, namespace: "default", labels: { "kubernetes.io/service-name": "web" } },
  addressType,
  endpoints: ADDRESSES[addressType].map((address, i) => ({
    addresses: [address],
    nodeName: world === "elsewhere" || (world === "first here" && i === 1) ? "node2" : "node1",
    conditions: { ready: world !== "nobody", serving: world !== "nobody", terminating: false },
  })),
  ports: [
    { name: "http", protocol: "TCP", port: 8080 },
    { name: "echo", protocol: "TCP", port: 8081 },
    { name: "udp", protocol: "UDP", port: 8080 },
  ],
});

const ip = (...args: string[]) => execFileSync("ip", args, { stdio: ["ignore", "ignore", "pipe"] });

function make(netns: string): void {
  ip("netns", "add", netns);
  inNetns(netns, () => {
    for (const key of ["ipv4/ip_forward", "ipv6/conf/all/forwarding"]) writeFileSync(`/proc/sys/net/${key}`, "1");
    writeFileSync("/proc/sys/net/ipv6/conf/default/accept_dad", "0");
  });
  ip("-n", netns, "link", "set", "lo", "up");
}

function remove(): void {
  for (const netns of ALL) {
    try {
      ip("netns", "del", netns);
    } catch {
      // It was not there.
    }
  }
}

function wire(netns: string, near: string, far: string, [near6, far6]: [string, string]): void {
  ip("-n", "px-node", "link", "add", netns, "type", "veth", "peer", "name", "eth0", "netns", netns);
  for (const [where, device, addresses] of [
    ["px-node", netns, [near, near6]],
    [netns, "eth0", [far, far6]],
  ] as const) {
    ip("-n", where, "link", "set", device, "up");
    for (const address of addresses) ip("-n", where, "addr", "add", address, "dev", device);
  }
  for (const gateway of [near, near6]) ip("-n", netns, "route", "add", "default", "via", gateway.split("/")[0] ?? "");
}

/** Says which Pod it is and whom it sees; on 8081, repeats what it hears. */
async function serve(pod: string): Promise<void> {
  for (const host of ADDRESSES.IPv4.concat(ADDRESSES.IPv6).filter((_, i) => i % 2 === PODS.indexOf(pod))) {
    const who = net.createServer((socket) => socket.end(JSON.stringify({ pod, client: socket.remoteAddress })));
    const echo = net.createServer((socket) => socket.pipe(socket));
    servers.push(who, echo);
    await listenIn(pod, who, host, 8080);
    await listenIn(pod, echo, host, 8081);
  }
}

const UDP_SERVER = `
  const socket = require("node:dgram").createSocket("udp6");
  socket.on("message", (_, from) => socket.send(process.argv[1], from.port, from.address));
  socket.bind(8080, "::", () => console.log("listening"));`;

async function serveUdp(pod: string): Promise<void> {
  const child = spawn("ip", ["netns", "exec", pod, process.execPath, "-e", UDP_SERVER, pod], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  children.push(child);
  if (child.stdout) await once(child.stdout, "data");
}

const UDP_CLIENT = `
  const [address] = process.argv.slice(1);
  const socket = require("node:dgram").createSocket(address.includes(":") ? "udp6" : "udp4");
  socket.on("message", (answer) => { console.log(String(answer)); socket.close(); });
  socket.send("who", 80, address);`;

async function askUdp(netns: string, address: string): Promise<string> {
  const child = spawn("ip", ["netns", "exec", netns, process.execPath, "-e", UDP_CLIENT, address]);
  const timer = setTimeout(() => child.kill(), 60_000);
  const answer = await text(child.stdout);
  clearTimeout(timer);
  return answer.trim();
}

interface Answer {
  readonly pod: string;
  readonly client: string;
}

/** Asks who answers; rejects with "silence" when nobody does in time. */
async function ask(netns: string, address: string, port = 80, timeoutMs = 60_000): Promise<Answer> {
  const socket = connectIn(netns, address, port);
  socket.setTimeout(timeoutMs, () => socket.destroy(new Error("silence")));
  return JSON.parse(await text(socket)) as Answer;
}
