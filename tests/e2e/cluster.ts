import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { stringify } from "yaml";
import { type Lab, startLab } from "../../lab/lab.ts";
import { until } from "./until.ts";

/** What the router's bgpd says of one neighbor. */
export interface NeighborState {
  readonly established: boolean;
  readonly updatesReceived: number;
  readonly connectionsEstablished: number;
  /** In FRR's words. */
  readonly lastReset: string;
}

/** A path as the router holds it. */
export interface RouterPath {
  readonly nexthop: string;
  readonly communities: readonly string[];
}

/** A lab with metallb-ts installed by Helm, and questions to ask of it. */
export interface Cluster {
  readonly lab: Lab;
  kubectl(...args: readonly string[]): Promise<string>;
  /** `kubectl apply` of plain objects. */
  apply(...objects: readonly object[]): Promise<string>;
  neighbors(): Promise<Readonly<Record<string, NeighborState>>>;
  paths(prefix: string): Promise<readonly RouterPath[]>;
  speakerPods(): Promise<readonly { readonly name: string; readonly node: string }[]>;
}

export const SYSTEM = "metallb-system";

/** Starts a lab and installs the chart of this checkout, with values such as `controller.replicas=2`. */
export async function startCluster(name: string, ...values: readonly string[]): Promise<Cluster> {
  const lab = await startLab({ name, nodes: 2, port: 0, log: (line) => console.error(line) });
  const cluster = clusterOf(lab);
  try {
    // Three packets of 300 ms suit a person who looks on; a session that a test counts must outlast a busy machine.
    await lab.router.configure(["bfd", "profile lab", `detect-multiplier ${PATIENT}`]);
    await lab.run("helm", "repo", "add", "metallb", lab.chartsUrl);
    const settings = values.flatMap((value) => ["--set", value]);
    await lab.run("helm", "install", "metallb", "metallb/metallb", "-n", SYSTEM, "--create-namespace", ...settings);
    await ready(cluster);
  } catch (error) {
    await lab.close();
    throw error;
  }
  return cluster;
}

/** The same questions of a lab that runs already. */
function clusterOf(lab: Lab): Cluster {
  let files = 0;
  const kubectl = (...args: readonly string[]): Promise<string> => lab.run("kubectl", ...args);
  return {
    lab,
    kubectl,
    apply: (...objects) => {
      const file = join(lab.instance.runDir, `apply-${files++}.yaml`);
      writeFileSync(file, objects.map((object) => stringify(object)).join("---\n"));
      return kubectl("apply", "-f", file);
    },
    neighbors: async () => {
      const all = JSON.parse(await lab.run("tor", "show bgp neighbors json")) as Record<string, RawNeighbor>;
      return Object.fromEntries(Object.entries(all).map(([address, raw]) => [address, neighborState(raw)]));
    },
    paths: async (prefix) => {
      const family = prefix.includes(":") ? "ipv6" : "ipv4";
      const text = await lab.run("tor", `show bgp ${family} unicast ${prefix} json`);
      return ((JSON.parse(text) as { paths?: RawPath[] }).paths ?? []).map(routerPath);
    },
    speakerPods: async () => {
      const { items } = JSON.parse(
        await kubectl("get", "pods", "-n", SYSTEM, "-l", "component=speaker", "-o", "json"),
      ) as {
        items: { metadata: { name: string }; spec: { nodeName: string } }[];
      };
      return items.map((pod) => ({ name: pod.metadata.name, node: pod.spec.nodeName }));
    },
  };
}

async function ready(cluster: Cluster): Promise<void> {
  await cluster.kubectl("rollout", "status", "-n", SYSTEM, "daemonset/metallb-speaker", "--timeout=60s");
  await cluster.kubectl("rollout", "status", "-n", SYSTEM, "deployment/metallb-controller", "--timeout=60s");
}

/** BFD packets that may be lost before a session ends: at 300 ms each, the seconds that a busy machine may take them all from one. */
const PATIENT = 30;

/** The objects of the guide, with more patience for BFD and less for a router that is not ready yet. */
export const guideObjects: readonly object[] = [
  metallb("v1beta1", "IPAddressPool", "bgp-pool", { addresses: ["10.100.0.0/24"] }),
  metallb("v1beta1", "BFDProfile", "fast-detect", {
    receiveInterval: 300,
    transmitInterval: 300,
    detectMultiplier: PATIENT,
    echoMode: true,
  }),
  metallb("v1beta2", "BGPPeer", "upstream-router", {
    peerASN: 64512,
    myASN: 64513,
    peerAddress: "10.0.0.1",
    bfdProfile: "fast-detect",
    connectTime: "1s",
  }),
  metallb("v1beta1", "BGPAdvertisement", "bgp-advert", { ipAddressPools: ["bgp-pool"], communities: ["64512:100"] }),
];

export function metallb(version: string, kind: string, name: string, spec: object): object {
  return { apiVersion: `metallb.io/${version}`, kind, metadata: { name, namespace: SYSTEM }, spec };
}

/** A Service of type LoadBalancer before the pods with `app: nginx`. */
export const loadBalancer = (name: string, spec: object = {}, annotations: Record<string, string> = {}): object => ({
  apiVersion: "v1",
  kind: "Service",
  metadata: { name, namespace: "default", annotations },
  spec: {
    type: "LoadBalancer",
    selector: { app: "nginx" },
    ports: [{ port: 80, targetPort: 80, protocol: "TCP" }],
    ...spec,
  },
});

/** Waits until a Service has an address, and gives all that it has. */
export async function addressesOf(cluster: Cluster, name: string, count = 1): Promise<string[]> {
  const path = "{.status.loadBalancer.ingress[*].ip}";
  const text = await until(
    `Service ${name} has ${count} addresses`,
    () => cluster.kubectl("get", "service", name, "-o", `jsonpath=${path}`),
    (answer) => answer.split(" ").filter((word) => word !== "").length === count,
  );
  return text.split(" ");
}

interface RawNeighbor {
  readonly bgpState: string;
  readonly connectionsEstablished: number;
  readonly lastResetDueTo?: string;
  readonly messageStats: { readonly updatesRecv: number };
}

const neighborState = (raw: RawNeighbor): NeighborState => ({
  established: raw.bgpState === "Established",
  updatesReceived: raw.messageStats.updatesRecv,
  connectionsEstablished: raw.connectionsEstablished,
  lastReset: raw.lastResetDueTo ?? "",
});

interface RawPath {
  readonly nexthops: readonly { readonly ip: string; readonly scope?: string }[];
  readonly community?: { readonly list: readonly string[] };
}

const routerPath = (raw: RawPath): RouterPath => ({
  nexthop: raw.nexthops.find((hop) => hop.scope !== "link-local")?.ip ?? "",
  communities: raw.community?.list ?? [],
});
