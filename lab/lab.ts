import { execFile } from "node:child_process";
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import net from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { startAgents } from "./agent/agent.ts";
import { defaultImages } from "./agent/images.ts";
import { serveCharts } from "./charts.ts";
import { type Admission, createAdmission } from "./control-plane/admission/admit.ts";
import { createConversion } from "./control-plane/admission/conversion.ts";
import { createServiceAddresses } from "./control-plane/admission/service-ip.ts";
import type { ConvertCustom } from "./control-plane/api/crds.ts";
import { startControllers } from "./control-plane/controllers/start.ts";
import { startControlPlane } from "./control-plane/server.ts";
import { ApiStatusError, type LocalApi, type PodRuntime, type ServiceDialer } from "./control-plane/types.ts";
import { buildPrograms } from "../scripts/build.ts";
import { agentDir, claimInstance, type Instance } from "./instance.ts";
import { startProxy } from "./proxy/proxy.ts";
import { connectIn, listenIn } from "./topology/netns.ts";
import { type Router, startRouter, torConfig } from "./topology/router.ts";
import { CONTROL_PLANE_ADDRESS, createTopology, type Topology } from "./topology/topology.ts";

/** A running laptop-size cluster with its router and its client. */
export interface Lab {
  readonly instance: Instance;
  readonly topology: Topology;
  readonly router: Router;
  readonly api: LocalApi;
  readonly apiUrl: string;
  /** URL of the Helm repository that serves this checkout's chart. */
  readonly chartsUrl: string;
  /** Environment for a shell in which `kubectl`, `helm`, `tor` and `client` mean this lab's. */
  readonly env: NodeJS.ProcessEnv;
  /** A file to source for the same environment. */
  readonly envFile: string;
  /** Runs one of the lab's words (`kubectl`, `helm`, `tor`, `client`) and gives its output; rejects with it when it fails. */
  run(program: string, ...args: readonly string[]): Promise<string>;
  close(): Promise<void>;
}

/** The AS numbers of the guide. */
const ROUTER_ASN = 64512;
const CLUSTER_ASN = 64513;
const SERVICE_HOST = "10.96.0.1";

const REPOSITORY = fileURLToPath(new URL("..", import.meta.url));

/**
 * Starts a lab: wires, router, control plane, nodes. Everything that it makes carries `name` and is gone after `close`, or swept by the
 * next lab when this process is killed.
 */
export async function startLab(options: {
  readonly name: string;
  readonly nodes: number;
  /** Port of the API server on this machine's loopback; 0 for any. */
  readonly port: number;
  /** The tree whose FRR the pods run (see `frrRoot`); the machine's own when absent. The router runs the machine's. */
  readonly frrRoot?: string;
  /** What goes wrong inside the lab itself, for a person to read. */
  readonly log: (line: string) => void;
}): Promise<Lab> {
  const instance = await claimInstance(options.name);
  await using undo = new AsyncDisposableStack();
  undo.defer(() => instance.close());
  const stop = new AbortController();
  const { signal } = stop;
  const tell = (message: string, fields: Readonly<Record<string, unknown>> = {}): void =>
    options.log(`${message} ${JSON.stringify(fields)}`);
  const log = { info: () => {}, warn: (fields: object, message: string) => tell(message, { ...fields }) };
  const topology = createTopology(instance, options.nodes);
  const router = await startRouter({
    name: "tor",
    netns: topology.router.netns,
    runDir: instance.runDir,
    config: torConfig({
      asn: ROUTER_ASN,
      nodeASN: CLUSTER_ASN,
      neighbors: topology.nodes.flatMap((node) => node.addresses),
    }),
  });
  undo.defer(() => router.stop());

  const later: { agents?: PodRuntime; admission?: Admission; convert?: ConvertCustom } = {};
  const addresses = createServiceAddresses();
  const controlPlane = await startControlPlane({
    host: "127.0.0.1",
    port: options.port,
    certNames: [SERVICE_HOST, CONTROL_PLANE_ADDRESS, "kubernetes.default.svc"],
    adapt: addresses.adapt,
    runtime: {
      exec: (...args) => started(later.agents).exec(...args),
      logs: (...args) => started(later.agents).logs(...args),
    },
    admit: (request) => started(later.admission).admit(request),
    authorize: (request) => started(later.admission).authorize(request),
    convert: (...args) => started(later.convert)(...args),
    signal: new AbortController().signal,
  });
  undo.defer(() => controlPlane.close());
  const { api } = controlPlane;
  const programs = join(instance.runDir, "programs");
  await buildPrograms(programs);
  addresses.follow(api, signal);
  const dial = serviceDialer(api, topology);
  later.admission = createAdmission({ api, dial });
  later.convert = createConversion({ dial });

  for (const node of topology.nodes) {
    const server = net.createServer((socket) => controlPlane.accept(socket));
    await listenIn(node.netns, server, CONTROL_PLANE_ADDRESS, 6443);
    undo.defer(() => void server.close());
  }
  await createKubernetesService(api);
  const loops = [
    startControllers({ api, caCertificate: controlPlane.caPem, log, signal }),
    ...topology.nodes.map((node) => startProxy({ api, netns: node.netns, node, log, signal })),
  ];
  undo.defer(async () => {
    stop.abort();
    await Promise.all(loops);
  });
  const agents = await startAgents({
    api,
    nodes: topology.nodes,
    runDir: agentDir(instance.runDir),
    images: defaultImages(programs, options.frrRoot),
    apiServer: { host: SERVICE_HOST, port: 443, caPem: controlPlane.caPem },
    issueToken: (namespace, account) => controlPlane.issueToken(namespace, account),
    log: tell,
    signal,
  });
  undo.defer(() => agents.close());
  later.agents = agents;

  const charts = await serveCharts({ repository: REPOSITORY, folder: join(instance.runDir, "charts") });
  undo.defer(() => charts.close());
  const { env, envFile } = writeEnvironment({
    instance,
    topology,
    kubeconfig: controlPlane.kubeconfig(),
    chartsUrl: charts.url,
  });

  const cleanup = undo.move();
  return {
    instance,
    topology,
    router,
    api,
    apiUrl: controlPlane.url,
    chartsUrl: charts.url,
    env,
    envFile,
    run: async (program, ...args) => (await promisify(execFile)(program, args, { env, maxBuffer: 1 << 26 })).stdout,
    close: () => cleanup.disposeAsync(),
  };
}

function started<T>(part: T | undefined): T {
  if (part === undefined) throw new ApiStatusError(503, "ServiceUnavailable", "the lab is still starting");
  return part;
}

/** `default/kubernetes`, as an API server publishes itself. */
async function createKubernetesService(api: LocalApi): Promise<void> {
  const services = { group: "", resource: "services" };
  if (api.get(services, "default", "kubernetes") === undefined) {
    await api.create(services, {
      apiVersion: "v1",
      kind: "Service",
      metadata: {
        name: "kubernetes",
        namespace: "default",
        labels: { component: "apiserver", provider: "kubernetes" },
      },
      spec: { clusterIP: SERVICE_HOST, ports: [{ name: "https", port: 443, protocol: "TCP", targetPort: 6443 }] },
    });
  }
  await api.create(
    { group: "discovery.k8s.io", resource: "endpointslices" },
    {
      apiVersion: "discovery.k8s.io/v1",
      kind: "EndpointSlice",
      metadata: { name: "kubernetes", namespace: "default", labels: { "kubernetes.io/service-name": "kubernetes" } },
      addressType: "IPv4",
      ports: [{ name: "https", port: 6443, protocol: "TCP" }],
      endpoints: [{ addresses: [CONTROL_PLANE_ADDRESS], conditions: { ready: true } }],
    },
  );
}

/** Reaches a Service the way the API server does: by its ready endpoints, from inside the first node's network. */
function serviceDialer(api: LocalApi, topology: Topology): ServiceDialer {
  return async (namespace, name, port) => {
    const service = api.get({ group: "", resource: "services" }, namespace, name);
    if (service === undefined) throw new Error(`service "${name}" not found`);
    const ports = (service["spec"] as { ports?: { port: number; name?: string }[] }).ports ?? [];
    const wanted = ports.find((entry) => entry.port === port);
    if (wanted === undefined) throw new Error(`no service port ${port} found for service "${name}"`);
    const slices = api.list(
      { group: "discovery.k8s.io", resource: "endpointslices" },
      { namespace, labelSelector: `kubernetes.io/service-name=${name}` },
    );
    for (const slice of slices) {
      const target = ((slice["ports"] ?? []) as { name?: string; port?: number }[]).find(
        (p) => (p.name ?? "") === (wanted.name ?? ""),
      );
      const endpoints = (slice["endpoints"] ?? []) as { addresses: string[]; conditions?: { ready?: boolean } }[];
      const address = endpoints.find((endpoint) => endpoint.conditions?.ready !== false)?.addresses[0];
      const netns = topology.nodes[0]?.netns;
      if (address !== undefined && target?.port !== undefined && netns !== undefined)
        return connectIn(netns, address, target.port);
    }
    throw new Error(`no endpoints available for service "${name}"`);
  };
}

/** The words of the lab: small programs in one folder, and a file to source. */
function writeEnvironment(input: {
  readonly instance: Instance;
  readonly topology: Topology;
  readonly kubeconfig: string;
  readonly chartsUrl: string;
}): { env: NodeJS.ProcessEnv; envFile: string } {
  const { runDir } = input.instance;
  const bin = join(runDir, "bin");
  mkdirSync(bin, { recursive: true });
  word(join(bin, "tor"), `exec vtysh --config_dir ${runDir}/tor --vty_socket ${runDir}/tor -c "$*"`);
  word(join(bin, "client"), `exec ip netns exec ${input.topology.client.netns} "$@"`);
  for (const node of input.topology.nodes) word(join(bin, node.name), `exec ip netns exec ${node.netns} "$@"`);
  const kubeconfig = join(runDir, "kubeconfig");
  writeFileSync(kubeconfig, input.kubeconfig, { mode: 0o600 });
  const variables = {
    KUBECONFIG: kubeconfig,
    KUBECACHEDIR: join(runDir, "kubectl-cache"),
    METALLB_CHARTS: input.chartsUrl,
    HELM_CONFIG_HOME: join(runDir, "helm/config"),
    HELM_CACHE_HOME: join(runDir, "helm/cache"),
    HELM_DATA_HOME: join(runDir, "helm/data"),
  };
  const path = `${bin}:${join(REPOSITORY, ".cache/bin")}`;
  const envFile = join(runDir, "env");
  const lines = Object.entries(variables).map(([name, value]) => `export ${name}=${value}`);
  writeFileSync(envFile, `${lines.join("\n")}\nexport PATH="${path}:$PATH"\n`);
  return { env: { ...process.env, ...variables, PATH: `${path}:${process.env["PATH"] ?? ""}` }, envFile };
}

function word(file: string, script: string): void {
  writeFileSync(file, `#!/bin/sh\n${script}\n`);
  chmodSync(file, 0o755);
}
