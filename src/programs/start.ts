import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Registry } from "prom-client";
import type { KubeObject, OwnerReference } from "../api/object.ts";
import { type Access, inClusterAccess, kubeconfigAccess, serviceAccountDirectory } from "../kube/access.ts";
import { isUnanswered } from "../kube/api-error.ts";
import { PathAuthorizer } from "../kube/authorize.ts";
import type { KubeClient, Place } from "../kube/client.ts";
import { pods } from "../kube/resource.ts";
import { type Routes, serveHttp, serveHttps } from "../runtime/http-server.ts";
import { errorText, type Log, logLevels } from "../runtime/log.ts";
import { sourceStack } from "../runtime/stack.ts";
import { mountedIdentity, parseTlsPolicy, selfSignedIdentity, type TlsPolicy } from "../runtime/tls.ts";
import type { Environment } from "./flags.ts";

/** The start failed for a reason that the person at the keyboard can mend: one line, no stack. */
export class StartError extends Error {
  override readonly name = "StartError";
}

/** Runs a program to its end and exits: 0 after an orderly stop, 1 with one line on stderr otherwise. */
export async function run(program: () => Promise<void>): Promise<void> {
  process.once("uncaughtException", fail);
  try {
    await program();
    process.exit(0);
  } catch (error) {
    fail(error);
  }
}

function fail(error: unknown): never {
  const bug = error instanceof Error && !(error instanceof StartError) ? `\n${sourceStack(error)}` : "";
  process.stderr.write(`${errorText(error)}${bug}\n`);
  process.exit(1);
}

/** A pod's service account, or the file in `KUBECONFIG` for a program that runs outside. */
export async function accessFrom(env: Environment): Promise<Access> {
  const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port, KUBECONFIG: kubeconfig } = env;
  try {
    if (kubeconfig) return await kubeconfigAccess(kubeconfig);
    if (host && port) return await inClusterAccess(serviceAccountDirectory, host, port);
  } catch (error) {
    throw new StartError(`can't use the Kubernetes credentials: ${errorText(error)}`);
  }
  throw new StartError("no API server: KUBERNETES_SERVICE_HOST is not set (not in a pod?) and neither is KUBECONFIG");
}

/** `--namespace`, else that of the service account. */
export async function namespaceFrom(flag: string, access: Access): Promise<string> {
  if (flag !== "") return flag;
  const mounted = await readFile(join(serviceAccountDirectory, "namespace"), "utf8").catch(() => "");
  const namespace = access.namespace ?? mounted.trim();
  if (namespace === "") throw new StartError("--namespace is not given and no service account names one");
  return namespace;
}

/** This project drives FRR, and says so instead of doing something else. */
export function requireFrr(env: Environment): void {
  const { METALLB_BGP_TYPE: type } = env;
  if (type === "frr") return;
  throw new StartError(
    `METALLB_BGP_TYPE is ${type === undefined || type === "" ? "not set" : JSON.stringify(type)}: only "frr" is supported`,
  );
}

/** Flags that the controller and the speaker share, as MetalLB has them. */
export const commonFlags = {
  port: { kind: "number", default: 9120, min: 0, max: 65535 },
  namespace: { kind: "text", default: "", env: "METALLB_NAMESPACE" },
  "pod-name": { kind: "text", default: "", env: "METALLB_POD_NAME" },
  "log-level": { kind: "text", default: "info", oneOf: logLevels },
  "health-probe-port": { kind: "number", default: 17472, min: 1, max: 65535 },
  "lb-class": { kind: "text", default: "" },
  "pprof-bind-address": { kind: "text", default: "", unused: "there is no Go profile to serve" },
  "tls-min-version": { kind: "text", default: "" },
  "tls-cipher-suites": { kind: "text", default: "" },
  "tls-curve-preferences": { kind: "text", default: "" },
  "metrics-cert-dir": { kind: "text", default: "" },
} as const;

export async function ownPod(client: KubeClient, at: Place, signal: AbortSignal): Promise<KubeObject> {
  if (at.name === "") throw new StartError("--pod-name is not given and METALLB_POD_NAME is not set");
  return client.get(pods, at, signal).catch((error: unknown) => {
    throw new StartError(`can't read our own Pod: ${errorText(error)}`);
  });
}

/** A Pod, as the owner of what we write. */
export const asOwner = ({ metadata: { name, uid = "" } }: KubeObject): OwnerReference => ({
  apiVersion: "v1",
  kind: "Pod",
  name,
  uid,
});

export function tlsPolicyFrom(flags: {
  readonly "tls-min-version": string;
  readonly "tls-cipher-suites": string;
  readonly "tls-curve-preferences": string;
}): TlsPolicy {
  const policy = parseTlsPolicy({
    minVersion: flags["tls-min-version"],
    cipherSuites: flags["tls-cipher-suites"],
    curvePreferences: flags["tls-curve-preferences"],
  });
  if (!policy.ok) throw new StartError(policy.error);
  return policy.value;
}

/**
 * `/healthz`: the process answers. `/readyz`: it does its work; until then, what it waits for. Both say since when the API server
 * has not answered, and say yes nevertheless: a restart would help nobody.
 *
 * Differs: MetalLB's are both unconditional.
 */
export async function serveHealth(
  at: {
    readonly host: string | undefined;
    readonly port: number;
    readonly waitingFor: () => string | undefined;
    readonly awaySince: () => Date | undefined;
  },
  signal: AbortSignal,
): Promise<void> {
  const away = (): string => {
    const since = at.awaySince();
    return since === undefined ? "" : `API server not reached since ${since.toISOString()}\n`;
  };
  const routes: Routes = {
    "/healthz": () => ({ status: 200, body: `ok\n${away()}` }),
    "/readyz": () => {
      const missing = at.waitingFor();
      return missing === undefined
        ? { status: 200, body: `ok\n${away()}` }
        : { status: 503, body: `waiting for ${missing}\n${away()}` };
    },
  };
  await serveHttp({ host: at.host, port: at.port, routes }, signal);
}

/** `/metrics` over TLS, for whom the API server lets read it. Port 0: not at all. */
export async function serveMetrics(
  options: {
    readonly port: number;
    readonly certDir: string;
    readonly policy: TlsPolicy;
    readonly client: KubeClient;
    readonly log: Log;
    readonly registry: Registry;
    /** Brings up to date what is only asked for when somebody looks. */
    readonly refresh?: (signal: AbortSignal) => Promise<void>;
  },
  signal: AbortSignal,
): Promise<void> {
  const { port, certDir, policy, client, log, registry, refresh } = options;
  if (port === 0) return;
  const authorizer = new PathAuthorizer(client, "/metrics");
  const routes: Routes = {
    "/metrics": async (request) => {
      const verdict = await authorizer.judge(request.headers.authorization, signal).catch((error: unknown) => {
        if (!isUnanswered(error)) log.warn({ error: errorText(error) }, "could not ask who may read metrics");
        throw error;
      });
      if (verdict !== "ok") return { status: verdict, body: verdict === 401 ? "Unauthorized\n" : "Forbidden\n" };
      await refresh?.(signal);
      return { status: 200, body: await registry.metrics(), contentType: registry.contentType };
    },
  };
  const identity = certDir === "" ? selfSignedIdentity() : mountedIdentity(certDir);
  await serveHttps({ host: undefined, port, routes, identity, policy }, signal);
}
