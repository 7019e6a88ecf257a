import { readFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { monotonicMs } from "../runtime/clock.ts";

/** How to reach one API server, and as whom. */
export interface Access {
  readonly server: URL;
  /** PEM; absent: the machine's own authorities. */
  readonly ca?: string;
  readonly serverName?: string;
  readonly insecure?: boolean;
  /** Client certificate and key, PEM. */
  readonly cert?: string;
  readonly key?: string;
  /** The bearer token for the next request. Never logged. */
  token(): Promise<string | undefined>;
  /** The namespace that this identity lives in. */
  readonly namespace?: string;
}

export const serviceAccountDirectory = "/var/run/secrets/kubernetes.io/serviceaccount";

/** A pod's own access: its service account's mount, and the address in `KUBERNETES_SERVICE_HOST` and `_PORT`. */
export async function inClusterAccess(directory: string, host: string, port: string): Promise<Access> {
  return {
    server: new URL(`https://${host.includes(":") ? `[${host}]` : host}:${port}`),
    ca: await readFile(join(directory, "ca.crt"), "utf8"),
    token: tokenFile(join(directory, "token")),
    namespace: (await readFile(join(directory, "namespace"), "utf8")).trim(),
  };
}

/** Tokens expire and the kubelet writes new ones, so the file is read again, at most each minute. */
function tokenFile(path: string): () => Promise<string> {
  let read: { readonly token: Promise<string>; readonly at: number } | undefined;
  return () => {
    if (read === undefined || monotonicMs() - read.at > 60_000) {
      const token = readFile(path, "utf8").then((text) => text.trim());
      read = { token, at: monotonicMs() };
      token.catch(() => {
        read = undefined;
      });
    }
    return read.token;
  };
}

interface Kubeconfig {
  readonly "current-context"?: string;
  readonly contexts?: readonly {
    readonly name: string;
    readonly context: { readonly cluster: string; readonly user: string; readonly namespace?: string };
  }[];
  readonly clusters?: readonly { readonly name: string; readonly cluster: Readonly<Record<string, unknown>> }[];
  readonly users?: readonly { readonly name: string; readonly user: Readonly<Record<string, unknown>> }[];
}

/**
 * The current context of a kubeconfig file: tokens, token files and client certificates; no exec plugins.
 *
 * @throws Error that names the file and what is missing in it
 */
export async function kubeconfigAccess(path: string): Promise<Access> {
  const { readYaml } = await import("../runtime/yaml.ts");
  const fail = (why: string): never => {
    throw new Error(`kubeconfig ${path}: ${why}`);
  };
  const [document] = readYaml(await readFile(path, "utf8"));
  if (!document) return fail("is empty");
  if (!document.ok) return fail(document.error);
  const file = (document.value ?? {}) as Kubeconfig;
  const context = file.contexts?.find(({ name }) => name === file["current-context"])?.context;
  if (!context) return fail(`no context named ${JSON.stringify(file["current-context"] ?? "")}`);
  const cluster = file.clusters?.find(({ name }) => name === context.cluster)?.cluster;
  if (!cluster) return fail(`no cluster named ${JSON.stringify(context.cluster)}`);
  const user = file.users?.find(({ name }) => name === context.user)?.user;
  if (!user) return fail(`no user named ${JSON.stringify(context.user)}`);
  if (user["exec"] !== undefined) return fail("exec plugins are not supported; use a token or a client certificate");
  const pem = (of: Readonly<Record<string, unknown>>, field: string) => material(of, field, dirname(path));
  const [ca, cert, key] = await Promise.all([
    pem(cluster, "certificate-authority"),
    pem(user, "client-certificate"),
    pem(user, "client-key"),
  ]);
  return {
    server: new URL(String(cluster["server"])),
    ...(ca !== undefined && { ca }),
    ...(cert !== undefined && { cert }),
    ...(key !== undefined && { key }),
    ...(cluster["insecure-skip-tls-verify"] === true && { insecure: true }),
    ...(typeof cluster["tls-server-name"] === "string" && { serverName: cluster["tls-server-name"] }),
    token: tokenOf(user, dirname(path)),
    ...(context.namespace !== undefined && { namespace: context.namespace }),
  };
}

function tokenOf(user: Readonly<Record<string, unknown>>, directory: string): () => Promise<string | undefined> {
  if (typeof user["tokenFile"] === "string") return tokenFile(resolve(directory, user["tokenFile"]));
  const token = user["token"];
  return () => Promise.resolve(typeof token === "string" ? token : undefined);
}

/** `field-data` in base64, or `field` as a path relative to the kubeconfig. */
async function material(
  of: Readonly<Record<string, unknown>>,
  field: string,
  directory: string,
): Promise<string | undefined> {
  const inline = of[`${field}-data`];
  if (typeof inline === "string") return Buffer.from(inline, "base64").toString("utf8");
  const path = of[field];
  return typeof path === "string" ? readFile(resolve(directory, path), "utf8") : undefined;
}
