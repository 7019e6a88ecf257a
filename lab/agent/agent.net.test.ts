import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { PassThrough } from "node:stream";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { type ControlPlane, startControlPlane } from "../control-plane/server.ts";
import type { ApiObject, PodRuntime } from "../control-plane/types.ts";
import { startAgents } from "./agent.ts";
import { defaultImages } from "./images.ts";
import { agentPaths } from "./paths.ts";
import { leftovers } from "./testing/leftovers.ts";
import type { LabNode, Pod, PodSpec } from "./types.ts";

const PODS = { group: "", resource: "pods" };
const SECRETS = { group: "", resource: "secrets" };
const EVENTS = { group: "", resource: "events" };
const NODES = { group: "", resource: "nodes" };
const LEASES = { group: "coordination.k8s.io", resource: "leases" };

const node: LabNode = {
  name: "ag-one",
  netns: "ag-one",
  addresses: ["192.0.2.1"],
  podCIDRs: ["10.244.7.0/24"],
};
const runDir = mkdtempSync(path.join(tmpdir(), "ag-agent-"));
const stop = new AbortController();
let cluster: ControlPlane;
let agents: PodRuntime & { close(): Promise<void> };

beforeAll(async () => {
  execFileSync("ip", ["netns", "add", node.netns]);
  execFileSync("ip", ["-n", node.netns, "addr", "add", "192.0.2.1/32", "dev", "lo"]);
  const runtime: PodRuntime = {
    exec: (...request) => agents.exec(...request),
    logs: (...request) => agents.logs(...request),
  };
  cluster = await startControlPlane({ host: "127.0.0.1", port: 0, certNames: [], runtime, signal: stop.signal });
  agents = await startAgents({
    api: cluster.api,
    nodes: [node],
    runDir,
    images: defaultImages("/nowhere"),
    apiServer: { host: "10.96.0.1", port: 443, caPem: cluster.caPem },
    issueToken: (namespace, account) => cluster.issueToken(namespace, account),
    log: (message, fields) => console.error(message, fields),
    signal: stop.signal,
  });
});

afterAll(async () => {
  await agents.close();
  await cluster.close();
  expect(leftovers(runDir, node.netns)).toEqual([]);
  rmSync(runDir, { recursive: true });
  execFileSync("ip", ["netns", "del", node.netns]);
});

const until = (check: () => void | Promise<void>): Promise<void> =>
  vi.waitFor(check, { timeout: 60_000, interval: 20 });

const podOf = (name: string): Pod | undefined => cluster.api.get(PODS, "default", name) as Pod | undefined;

const create = (name: string, spec: Partial<PodSpec> & { script: string }): Promise<ApiObject> => {
  const { script, ...rest } = spec;
  const main = { name: "main", image: "busybox", command: ["sh", "-c", script], ...rest.containers?.[0] };
  const podSpec = { nodeName: node.name, terminationGracePeriodSeconds: 5, ...rest, containers: [main] };
  return cluster.api.create(PODS, {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, namespace: "default" },
    spec: podSpec,
  });
};

async function output(name: string, argv: string[]): Promise<string> {
  const stdout = new PassThrough();
  const collected = text(stdout);
  const signal = AbortSignal.timeout(60_000);
  await agents.exec(podOf(name) as Pod, "main", { argv, stdout, tty: false }, signal);
  stdout.end();
  return collected;
}

test("a node is registered with what it is, and its lease is held", async () => {
  expect(cluster.api.get(NODES, undefined, node.name)).toMatchObject({
    spec: { podCIDR: "10.244.7.0/24" },
    status: {
      addresses: [
        { type: "InternalIP", address: "192.0.2.1" },
        { type: "Hostname", address: "ag-one" },
      ],
      conditions: expect.arrayContaining([expect.objectContaining({ type: "Ready", status: "True" })]),
      nodeInfo: { containerRuntimeVersion: expect.stringMatching(/^runc:\/\/1\./) },
    },
  });
  await until(() =>
    expect(cluster.api.get(LEASES, "kube-node-lease", node.name)).toMatchObject({
      spec: { holderIdentity: node.name },
    }),
  );
});

test("a bound pod becomes Ready, tells what happened, and goes when it is deleted", async () => {
  await create("plain", { script: "trap 'exit 0' TERM; while :; do sleep 0.05; done" });
  await until(() =>
    expect(podOf("plain")?.status).toMatchObject({
      phase: "Running",
      hostIP: "192.0.2.1",
      podIP: expect.stringMatching(/^10\.244\.7\./),
      conditions: expect.arrayContaining([expect.objectContaining({ type: "Ready", status: "True" })]),
      containerStatuses: [{ name: "main", ready: true, started: true, restartCount: 0 }],
    }),
  );
  const reasons = () =>
    cluster.api
      .list(EVENTS, { namespace: "default" })
      .filter((event) => (event["involvedObject"] as { name: string }).name === "plain")
      .map((event) => event["reason"]);
  await until(() => expect(reasons()).toEqual(expect.arrayContaining(["Pulled", "Created", "Started"])));
  const token = await output("plain", ["cat", "/var/run/secrets/kubernetes.io/serviceaccount/token"]);
  expect(token.length).toBeGreaterThan(20);

  await cluster.api.delete(PODS, "default", "plain");
  await until(() => expect(podOf("plain")).toBeUndefined());
  await until(() => expect(reasons()).toContain("Killing"));
  await expect(
    agents.exec(
      await create("elsewhere", { script: "exit 0", nodeName: "no-node-of-the-lab" }),
      "other",
      { argv: ["true"], stdout: new PassThrough(), tty: false },
      stop.signal,
    ),
  ).rejects.toThrow("has not started");
});

test("a pod that has completed keeps its logs until it is deleted", async () => {
  await create("once", { script: "echo done", restartPolicy: "Never" });
  await until(() => expect(podOf("once")?.status?.phase).toBe("Succeeded"));
  const request = { container: "main", follow: false, previous: false, timestamps: false };
  let printed = "";
  for await (const chunk of agents.logs(podOf("once") as Pod, request, stop.signal)) printed += chunk;
  expect(printed).toBe("done\n");
  await cluster.api.delete(PODS, "default", "once");
  await until(() => expect(podOf("once")).toBeUndefined());
});

test("a deletion that waits for nobody still ends the containers", async () => {
  await create("forced", { script: "sleep 1000", terminationGracePeriodSeconds: 0 });
  await until(() => expect(podOf("forced")?.status?.phase).toBe("Running"));
  const { cgroup } = agentPaths(runDir);
  const uid = podOf("forced")?.metadata.uid;
  await cluster.api.delete(PODS, "default", "forced");
  await until(() => expect(existsSync(`/sys/fs/cgroup/memory${cgroup}/pod${uid}`)).toBe(false));
});

test("a Secret that appears lets a pod start, and its changes reach the volume", async () => {
  const secret = (value: string): ApiObject => ({
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name: "key", namespace: "default" },
    data: { word: Buffer.from(value).toString("base64") },
  });
  await create("reader", {
    script: "sleep 1000",
    volumes: [{ name: "key", secret: { secretName: "key" } }],
    containers: [{ name: "main", image: "busybox", volumeMounts: [{ name: "key", mountPath: "/key" }] }],
  });
  await until(() => {
    const messages = cluster.api.list(EVENTS, { namespace: "default" }).map((event) => event["message"]);
    expect(messages).toContain('MountVolume.SetUp failed for volume "key" : secret "key" not found');
  });
  await cluster.api.create(SECRETS, secret("one"));
  await until(() => expect(podOf("reader")?.status?.phase).toBe("Running"));
  expect(await output("reader", ["cat", "/key/word"])).toBe("one");
  await cluster.api.update(SECRETS, secret("two"));
  await until(async () => expect(await output("reader", ["cat", "/key/word"])).toBe("two"));
});
