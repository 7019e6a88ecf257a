import { createServer } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import { serverCertificate } from "./api/certificates.ts";
import { type ConvertCustom, followCrds } from "./api/crds.ts";
import { Documents } from "./api/documents.ts";
import type { Admit, Authorize } from "./api/hooks.ts";
import { createHandlers } from "./api/http.ts";
import { kubeconfigText } from "./api/kubeconfig.ts";
import { createLocalApi, LOCAL } from "./api/local.ts";
import { createTokens, TOKEN_SECONDS } from "./api/tokens.ts";
import { createWriter } from "./api/write.ts";
import { builtinKinds } from "./registry/kinds.ts";
import { Registry } from "./registry/registry.ts";
import { builtinComponents } from "./schema/builtin.ts";
import { Store } from "./store/revisions.ts";
import type { Kind, LocalApi, PodRuntime } from "./types.ts";

export interface ControlPlaneOptions {
  /** SQLite file that keeps the cluster over restarts; absent: memory only. */
  readonly dataFile?: string;
  readonly host: string;
  /** 0 takes any free one. */
  readonly port: number;
  /** Host names and addresses that the server's certificate is good for, beside localhost and its loopback addresses. */
  readonly certNames: readonly string[];
  readonly runtime: PodRuntime;
  /** Completes the row of a built-in kind, such as a Service's with the addresses that this cluster gives. */
  readonly adapt?: (kind: Kind) => Kind;
  /** Never called before the start has resolved: it may use the API that is then there. */
  readonly admit?: Admit;
  /** Absent: everybody with a token may do everything. */
  readonly authorize?: Authorize;
  /** Converts custom resources whose CRD has a conversion webhook. */
  readonly convert?: ConvertCustom;
  readonly now?: () => Date;
  readonly signal: AbortSignal;
}

export interface ControlPlane {
  readonly url: string;
  readonly caPem: string;
  readonly adminToken: string;
  /** For the administrator. @param server another URL under which the same server is reached */
  kubeconfig(server?: string): string;
  readonly api: LocalApi;
  /** Serves a raw TCP connection that was taken elsewhere, such as by a listener inside a node's network namespace. */
  accept(socket: Socket): void;
  issueToken(namespace: string, serviceAccount: string): string;
  /** Ends all connections and writes what is not on disk yet. Also happens when `signal` fires. */
  close(): Promise<void>;
}

const NAMESPACES = ["default", "kube-system", "kube-public", "kube-node-lease"];
const LOOPBACK = ["localhost", "127.0.0.1", "::1", "kubernetes", "kubernetes.default", "kubernetes.default.svc"];
const allowAll: Authorize = () => ({ allowed: true, reason: "" });

/** Starts a Kubernetes API server in this process, with the built-in kinds and the namespaces that every cluster has. */
export async function startControlPlane(options: ControlPlaneOptions): Promise<ControlPlane> {
  const now = options.now ?? (() => new Date());
  const ending = new AbortController();
  const store = new Store({ file: options.dataFile ?? ":memory:", now: () => now().getTime() });
  const registry = new Registry(builtinKinds().map(options.adapt ?? ((kind) => kind)), builtinComponents());
  const writer = createWriter({ store, registry, admit: options.admit, now });
  followCrds({ store, registry, writer, convert: options.convert, now, caller: LOCAL, signal: ending.signal });
  const api = createLocalApi(store, registry, writer);
  // Admission may need this very API, which its owner has not got yet.
  const bare = createLocalApi(store, registry, createWriter({ store, registry, admit: undefined, now }));
  for (const name of NAMESPACES) await ensureNamespace(bare, name);

  const tokens = await createTokens(store, now);
  const { ca, certificate, key } = await serverCertificate(store, [...LOOPBACK, ...options.certNames], now());
  const authorize = options.authorize ?? allowAll;
  const documents = new Documents(registry);
  const { handle, upgrade } = createHandlers({
    store,
    registry,
    writer,
    runtime: options.runtime,
    tokens,
    authorize,
    now,
    documents,
  });

  // No h2: a WebSocket upgrade needs HTTP/1.1.
  const server = createServer({ cert: certificate, key, ALPNProtocols: ["http/1.1"], keepAliveTimeout: 60_000 });
  server.on("request", (request, response) => void handle(request, response));
  server.on("upgrade", (request, socket, head) => void upgrade(request, socket, head));
  const connections = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    connections.add(socket);
    // A reset by the peer is its business; "close" follows.
    socket.on("error", () => undefined);
    socket.once("close", () => connections.delete(socket));
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(options.port, options.host, resolve);
  });
  const { port } = server.address() as AddressInfo;
  const url = `https://${options.host.includes(":") ? `[${options.host}]` : options.host}:${port}`;

  let closing: Promise<void> | undefined;
  const close = (): Promise<void> => (closing ??= end());
  async function end(): Promise<void> {
    ending.abort();
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    for (const socket of connections) socket.destroy();
    await closed;
    store.close();
  }
  options.signal.addEventListener("abort", () => void close(), { once: true });

  return {
    url,
    caPem: ca,
    adminToken: tokens.admin,
    kubeconfig: (address = url) => kubeconfigText({ server: address, caPem: ca, token: tokens.admin, name: "lab" }),
    api,
    accept: (socket) => void server.emit("connection", socket),
    issueToken(namespace, name) {
      const uid = api.get({ group: "", resource: "serviceaccounts" }, namespace, name)?.metadata.uid;
      return tokens.issue({ namespace, name, uid }, TOKEN_SECONDS);
    },
    close,
  };
}

async function ensureNamespace(api: LocalApi, name: string): Promise<void> {
  const id = { group: "", resource: "namespaces" };
  if (!api.get(id, undefined, name)) await api.create(id, { apiVersion: "v1", kind: "Namespace", metadata: { name } });
}
