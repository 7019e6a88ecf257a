import { readFileSync } from "node:fs";
import { arch, availableParallelism, release, totalmem } from "node:os";
import { setTimeout as delay } from "node:timers/promises";
import type { ApiObject, LocalApi } from "../control-plane/types.ts";
import { command } from "./command.ts";
import type { AgentLog, LabNode } from "./types.ts";

const NODES = { group: "", resource: "nodes" };
const LEASES = { group: "coordination.k8s.io", resource: "leases" };
const LEASE_NAMESPACE = "kube-node-lease";
/** A kubelet's: a lease of 40 s, renewed at a quarter of it. */
const LEASE_SECONDS = 40;
const RENEW_MS = 10_000;

/** Writes the Node object with what this machine really is; one that exists is brought up to date. */
export async function registerNode(api: LocalApi, node: LabNode): Promise<void> {
  const metadata = { name: node.name, labels: labelsOf(node) };
  const spec = { podCIDR: node.podCIDRs[0], podCIDRs: [...node.podCIDRs] };
  const object = { apiVersion: "v1", kind: "Node", metadata, spec };
  if (api.get(NODES, undefined, node.name)) await api.patch(NODES, undefined, node.name, object);
  else await api.create(NODES, object);
  await api.patch(NODES, undefined, node.name, { status: await nodeStatus(node) }, { subresource: "status" });
}

export interface LeaseOptions {
  readonly api: LocalApi;
  readonly node: LabNode;
  readonly log: AgentLog;
  /** The cluster had taken the node for lost: this process stood still, or was suspended. */
  readonly onSilence: () => void;
}

/** Renews the node's lease until the signal fires. A failed renewal is tried again at the next turn. */
export async function renewLease({ api, node, log, onSilence }: LeaseOptions, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    try {
      await renewOnce(api, node);
      if (isWrittenOff(api, node)) {
        await registerNode(api, node);
        onSilence();
      }
    } catch (error) {
      log("lease not renewed", { node: node.name, error: String(error) });
    }
    await delay(RENEW_MS, undefined, { signal }).catch(() => {});
  }
}

function isWrittenOff(api: LocalApi, node: LabNode): boolean {
  const status = api.get(NODES, undefined, node.name)?.["status"] as NodeStatus | undefined;
  return status?.conditions?.find(({ type }) => type === "Ready")?.status !== "True";
}

interface NodeStatus {
  readonly conditions?: readonly { readonly type: string; readonly status: string }[];
}

async function renewOnce(api: LocalApi, node: LabNode): Promise<void> {
  const renewTime = new Date().toISOString().replace("Z", "000Z");
  if (api.get(LEASES, LEASE_NAMESPACE, node.name)) {
    await api.patch(LEASES, LEASE_NAMESPACE, node.name, { spec: { renewTime } });
    return;
  }
  const uid = api.get(NODES, undefined, node.name)?.metadata.uid ?? "";
  const owner = { apiVersion: "v1", kind: "Node", name: node.name, uid };
  await api.create(LEASES, {
    apiVersion: "coordination.k8s.io/v1",
    kind: "Lease",
    metadata: { name: node.name, namespace: LEASE_NAMESPACE, ownerReferences: [owner] },
    spec: { holderIdentity: node.name, leaseDurationSeconds: LEASE_SECONDS, renewTime },
  } satisfies ApiObject);
}

const labelsOf = (node: LabNode): Record<string, string> => ({
  "kubernetes.io/hostname": node.name,
  "kubernetes.io/os": "linux",
  "kubernetes.io/arch": architecture(),
  "beta.kubernetes.io/os": "linux",
  "beta.kubernetes.io/arch": architecture(),
});

async function nodeStatus(node: LabNode): Promise<object> {
  const resources = { cpu: String(availableParallelism()), memory: `${Math.floor(totalmem() / 1024)}Ki`, pods: "110" };
  return {
    addresses: [
      ...node.addresses.map((address) => ({ type: "InternalIP", address })),
      { type: "Hostname", address: node.name },
    ],
    capacity: resources,
    allocatable: resources,
    conditions: conditions(`${new Date().toISOString().slice(0, 19)}Z`),
    nodeInfo: await nodeInfo(),
  };
}

const conditions = (now: string): object[] => {
  const one = (type: string, status: string, reason: string, message: string) => ({
    type,
    status,
    reason,
    message,
    lastHeartbeatTime: now,
    lastTransitionTime: now,
  });
  return [
    one("MemoryPressure", "False", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
    one("DiskPressure", "False", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
    one("PIDPressure", "False", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
    one("Ready", "True", "KubeletReady", "kubelet is posting ready status"),
  ];
};

async function nodeInfo(): Promise<object> {
  const runc = /version (\S+)/.exec(await command("runc", ["--version"]))?.[1] ?? "unknown";
  const osImage = /^PRETTY_NAME="?([^"\n]*)/m.exec(text("/etc/os-release"))?.[1] ?? "Linux";
  return {
    architecture: architecture(),
    bootID: text("/proc/sys/kernel/random/boot_id"),
    containerRuntimeVersion: `runc://${runc}`,
    kernelVersion: release(),
    kubeProxyVersion: "",
    kubeletVersion: "v1.35.0",
    machineID: text("/etc/machine-id"),
    operatingSystem: "linux",
    osImage,
    systemUUID: text("/etc/machine-id"),
  };
}

/** As Go names it. */
const architecture = (): string => ({ x64: "amd64" })[arch() as string] ?? arch();

/** A file's text, "" when this machine has no such file. */
function text(file: string): string {
  try {
    return readFileSync(file, "utf8").trim();
  } catch {
    return "";
  }
}
