import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { type Admission, createAdmission } from "../../lab/control-plane/admission/admit.ts";
import { createConversion } from "../../lab/control-plane/admission/conversion.ts";
import { type ControlPlane, startControlPlane } from "../../lab/control-plane/server.ts";
import type { PodRuntime } from "../../lab/control-plane/types.ts";
import { KubeClient } from "../../src/kube/client.ts";
import { World } from "../../src/kube/snapshot.ts";
import { WebhookService } from "../../src/programs/webhook-service.ts";
import { createLog } from "../../src/runtime/log.ts";

/** An API server that asks webhooks and evaluates roles, with the chart installed, and kubectl. */
export interface Rig extends AsyncDisposable {
  readonly plane: ControlPlane;
  kubectl(args: string, input?: string): Promise<Outcome>;
  /**
   * Starts webhooks as the chart's controller would: under its service account, with its rights and no others. With
   * `certDir` as with `--disable-cert-rotation`.
   */
  startReplica(options?: { readonly certDir: string }): Promise<Replica>;
  /** The replica to which the Service leads; none: nobody listens. */
  serving: Replica | undefined;
}

interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Replica {
  readonly service: WebhookService;
  /** What it logged as a warning. */
  readonly warnings: readonly string[];
  stop(): Promise<void>;
}

export const namespace = "metallb-system";
const root = join(import.meta.dirname, "../..");

const noPods: PodRuntime = {
  exec: () => Promise.reject(new Error("no pods here")),
  // oxlint-disable-next-line require-yield
  logs: async function* () {
    throw new Error("no pods here");
  },
};

function program(name: "kubectl" | "helm"): string {
  const path = join(root, ".cache/bin", name);
  if (!existsSync(path)) throw new Error(`${path} is missing: run scripts/setup.sh`);
  return path;
}

/** @param values of the chart, as `--set` takes them */
export async function startRig(...values: readonly string[]): Promise<Rig> {
  const stop = new AbortController();
  const directory = mkdtempSync(join(tmpdir(), "admission-"));
  const later: { admission?: Admission } = {};
  const rig: { serving: Replica | undefined } = { serving: undefined };
  const dial = async () => {
    const port = rig.serving?.service.port;
    if (port === undefined) throw new Error('no endpoints available for service "metallb-webhook-service"');
    return net.connect(port, "127.0.0.1");
  };
  const plane = await startControlPlane({
    host: "127.0.0.1",
    port: 0,
    certNames: [],
    runtime: noPods,
    convert: createConversion({ dial }),
    admit: async (request) => later.admission?.admit(request) ?? { object: request.object, warnings: [] },
    authorize: (request) => later.admission?.authorize(request) ?? { allowed: true, reason: "" },
    signal: stop.signal,
  });
  later.admission = createAdmission({ api: plane.api, dial });
  const kubeconfig = join(directory, "kubeconfig");
  writeFileSync(kubeconfig, plane.kubeconfig());
  const env = { PATH: process.env["PATH"], HOME: directory, KUBECONFIG: kubeconfig };

  async function kubectl(args: string, input = ""): Promise<Outcome> {
    const child = spawn(program("kubectl"), args.split(" "), { env });
    child.stdin.end(input);
    const [stdout, stderr, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, "close")]);
    return { code: Number(code), stdout, stderr };
  }

  const replicas = new Set<Replica>();
  async function startReplica({ certDir = "" } = {}): Promise<Replica> {
    const end = new AbortController();
    const token = plane.issueToken(namespace, "metallb-controller");
    const access = { server: new URL(plane.url), ca: plane.caPem, token: () => Promise.resolve(token) };
    const client = new KubeClient(access, "metallb-controller");
    const warnings: string[] = [];
    const log = createLog("warn", "controller", { write: (line: string) => void warnings.push(line) });
    const world = new World({ namespace, parts: ["pools", "communities", "namespaces"], changed: () => {} });
    const service = new WebhookService({
      flags: {
        "webhook-secret": "metallb-webhook-cert",
        "cert-service-name": "metallb-webhook-service",
        "cert-dir": certDir,
        "disable-cert-rotation": certDir !== "",
      },
      policy: { minVersion: "TLSv1.3" },
      namespace,
      client,
      world,
      log,
      at: { host: "127.0.0.1", port: 0 },
    });
    const running = Promise.all([world.follow(client, log, end.signal), service.follow(end.signal)]);
    const replica: Replica = {
      service,
      warnings,
      async stop() {
        end.abort();
        await running;
        client[Symbol.dispose]();
        replicas.delete(replica);
      },
    };
    replicas.add(replica);
    return replica;
  }

  const chart = execFileSync(
    program("helm"),
    [
      "template",
      "metallb",
      join(root, "charts/metallb"),
      "-n",
      namespace,
      ...values.flatMap((value) => ["--set", value]),
    ],
    { encoding: "utf8", env, maxBuffer: 1 << 26 },
  );
  await kubectl(`create namespace ${namespace}`);
  const installed = await kubectl("apply -f -", chart);
  if (installed.code !== 0) throw new Error(installed.stderr);

  return Object.assign(rig, {
    plane,
    kubectl,
    startReplica,
    async [Symbol.asyncDispose]() {
      await Promise.all([...replicas].map((replica) => replica.stop()));
      stop.abort();
      await plane.close();
      rmSync(directory, { recursive: true, force: true });
    },
  });
}
