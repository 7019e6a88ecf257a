import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseAllDocuments } from "yaml";
import type { Admit, Authorize } from "../../lab/control-plane/api/hooks.ts";
import { type ControlPlane, type ControlPlaneOptions, startControlPlane } from "../../lab/control-plane/server.ts";
import type { ApiObject, PodRuntime, ResourceId } from "../../lab/control-plane/types.ts";

/** The lab's API server with MetalLB's CRDs, and our programs as processes against it. */

const unused: PodRuntime = {
  exec: () => Promise.reject(new Error("no pods here")),
  // oxlint-disable-next-line require-yield
  logs: async function* () {
    throw new Error("no pods here");
  },
};

export const namespace = "metallb-system";
const metallb = (resource: string): ResourceId => ({ group: "metallb.io", resource });
const core = (resource: string): ResourceId => ({ group: "", resource });

/** Arguments of setpriv: what it runs ends when we do, however that is. */
export const withParent = ["--pdeathsig", "KILL", "--"];

export interface Program {
  readonly process: ChildProcess;
  /** Its log so far. */
  lines(): Record<string, unknown>[];
  readonly stderr: () => string;
  readonly ended: Promise<number | null>;
}

export class Cluster implements AsyncDisposable {
  readonly directory: string;
  readonly #options: ControlPlaneOptions;
  readonly #stop: AbortController;
  readonly #programs: Program[] = [];
  #plane: ControlPlane;

  private constructor(plane: ControlPlane, options: ControlPlaneOptions, directory: string, stop: AbortController) {
    this.#plane = plane;
    this.#options = { ...options, port: Number(new URL(plane.url).port) };
    this.directory = directory;
    this.#stop = stop;
  }

  get plane(): ControlPlane {
    return this.#plane;
  }

  /** The API server stops: connections end, and nobody listens any more. */
  async stopServer(): Promise<void> {
    await this.#plane.close();
  }

  /** Starts it again, with what it had, at the same address. */
  async startServer(): Promise<void> {
    this.#plane = await startControlPlane(this.#options);
  }

  /** `admit`: an admission webhook's verdict on each write; `authorize`: is asked about each request. */
  static start(admit?: Admit, authorize?: Authorize): Promise<Cluster> {
    return Cluster.#start({ ...(admit && { admit }), ...(authorize && { authorize }) }, () => undefined);
  }

  /** One whose API server can be stopped and started again. */
  static startLasting(): Promise<Cluster> {
    return Cluster.#start({}, (directory) => join(directory, "cluster.sqlite"));
  }

  static async #start(
    given: Pick<ControlPlaneOptions, "admit" | "authorize">,
    dataFile: (directory: string) => string | undefined,
  ): Promise<Cluster> {
    const stop = new AbortController();
    const directory = await mkdtemp(join(tmpdir(), "metallb-ts-"));
    const file = dataFile(directory);
    const options: ControlPlaneOptions = {
      ...given,
      ...(file !== undefined && { dataFile: file }),
      host: "127.0.0.1",
      port: 0,
      certNames: [],
      runtime: unused,
      signal: stop.signal,
    };
    const plane = await startControlPlane(options);
    await writeFile(join(directory, "kubeconfig"), plane.kubeconfig());
    const crds = { group: "apiextensions.k8s.io", resource: "customresourcedefinitions" };
    for (const document of parseAllDocuments(await readFile("manifests/metallb-crds.yaml", "utf8"))) {
      const object = document.toJS() as ApiObject | null;
      if (object) await plane.api.create(crds, object);
    }
    const meta = { apiVersion: "v1", kind: "Namespace", metadata: { name: namespace } };
    await plane.api.create(core("namespaces"), meta);
    return new Cluster(plane, options, directory, stop);
  }

  async pod(name: string): Promise<void> {
    const spec = { containers: [{ name: "main", image: "none" }] };
    await this.create("pods", { apiVersion: "v1", kind: "Pod", metadata: { name, namespace }, spec });
  }

  create(resource: string, object: ApiObject): Promise<ApiObject> {
    return this.plane.api.create(object.apiVersion === "v1" ? core(resource) : metallb(resource), object);
  }

  pool(name: string, ...addresses: string[]): Promise<ApiObject> {
    const meta = { apiVersion: "metallb.io/v1beta1", kind: "IPAddressPool", metadata: { name, namespace } };
    return this.create("ipaddresspools", { ...meta, spec: { addresses } });
  }

  slice(service: string, node: string): Promise<ApiObject> {
    const labels = { "kubernetes.io/service-name": service };
    return this.plane.api.create(
      { group: "discovery.k8s.io", resource: "endpointslices" },
      {
        apiVersion: "discovery.k8s.io/v1",
        kind: "EndpointSlice",
        metadata: { name: `${service}-1`, namespace: "default", labels },
        addressType: "IPv4",
        endpoints: [{ addresses: ["10.244.0.1"], nodeName: node, conditions: { ready: true } }],
        ports: [],
      },
    );
  }

  service(name: string, spec: object = {}): Promise<ApiObject> {
    const ports = [{ port: 80, protocol: "TCP" }];
    return this.create("services", {
      apiVersion: "v1",
      kind: "Service",
      metadata: { name, namespace: "default" },
      spec: { type: "LoadBalancer", clusterIP: "10.96.0.1", clusterIPs: ["10.96.0.1"], ports, ...spec },
    });
  }

  /** The addresses in a Service's status. */
  addresses(name: string): string[] {
    const status = this.plane.api.get(core("services"), "default", name)?.["status"] as
      | { loadBalancer?: { ingress?: { ip: string }[] } }
      | undefined;
    return (status?.loadBalancer?.ingress ?? []).map(({ ip }) => ip);
  }

  get(resource: string, name: string): ApiObject | undefined {
    return this.plane.api.get(metallb(resource), namespace, name);
  }

  events(reason: string): ApiObject[] {
    return this.plane.api.list(core("events")).filter((event) => event["reason"] === reason);
  }

  /** Starts `src/programs/NAME.ts`. */
  run(name: "controller" | "speaker", args: readonly string[], env: Readonly<Record<string, string>>): Program {
    const child = spawn("setpriv", [...withParent, process.execPath, `src/programs/${name}.ts`, ...args], {
      env: {
        PATH: process.env["PATH"],
        KUBECONFIG: join(this.directory, "kubeconfig"),
        METALLB_BGP_TYPE: "frr",
        METALLB_NAMESPACE: namespace,
        ...env,
      },
      stdio: ["ignore", "pipe", "pipe"],
    });
    let [out, errors] = ["", ""];
    child.stdout.setEncoding("utf8").on("data", (text: string) => (out += text));
    child.stderr.setEncoding("utf8").on("data", (text: string) => (errors += text));
    const program: Program = {
      process: child,
      // The last one may be on its way.
      lines: () =>
        out
          .split("\n")
          .slice(0, -1)
          .map((line) => JSON.parse(line) as Record<string, unknown>),
      stderr: () => errors,
      ended: new Promise((resolve) => child.once("close", resolve)),
    };
    this.#programs.push(program);
    return program;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { process } of this.#programs) process.kill("SIGKILL");
    await Promise.all(this.#programs.map(({ ended }) => ended));
    this.#stop.abort();
    await this.#plane.close();
    await rm(this.directory, { recursive: true });
  }
}
