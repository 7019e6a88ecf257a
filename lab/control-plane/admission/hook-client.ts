import { request as httpsRequest } from "node:https";
import { isIP } from "node:net";
import { text } from "node:stream/consumers";
import { connect, type TLSSocket } from "node:tls";
import type { ServiceDialer } from "../types.ts";

/** admissionregistration/v1 and apiextensions/v1 WebhookClientConfig: `url` or `service`. */
export interface HookAddress {
  readonly url?: string;
  readonly service?: {
    readonly namespace: string;
    readonly name: string;
    readonly path?: string;
    readonly port?: number;
  };
  /** PEM, in base64. Absent: the machine's authorities. */
  readonly caBundle?: string;
}

interface Call {
  readonly address: HookAddress;
  readonly body: unknown;
  readonly timeoutSeconds: number;
  readonly dial: ServiceDialer;
}

/**
 * Posts JSON to a webhook over https and reads its JSON answer.
 *
 * @throws Error with the words after "failed to call webhook: ", as kube-apiserver's: `Post "https://…": <why>`
 */
export async function callHook({ address, body, timeoutSeconds, dial }: Call): Promise<unknown> {
  const url = urlOf(address);
  url.searchParams.set("timeout", `${timeoutSeconds}s`);
  const signal = AbortSignal.timeout(timeoutSeconds * 1000);
  try {
    const { status, answer } = await Promise.race([post(url, { address, body, dial, signal }), expiry(signal)]);
    if (status !== 200) throw new Error(`the server answered with status ${status}: ${answer.slice(0, 500)}`);
    return JSON.parse(answer);
  } catch (error) {
    const why = signal.aborted ? "context deadline exceeded" : error instanceof Error ? error.message : String(error);
    throw new Error(`Post "${url.href}": ${why}`, { cause: error });
  }
}

/** A Service's name is in its certificate as `name.namespace.svc`; the port is the Service's. */
function urlOf({ url, service }: HookAddress): URL {
  if (!service) return new URL(url ?? "");
  const { namespace, name, path = "/", port = 443 } = service;
  // URL drops 443, which kube-apiserver prints; only the words differ.
  return new URL(path, `https://${name}.${namespace}.svc:${port}`);
}

/** Dialling has no signal of its own; the time limit covers it too. */
const expiry = (signal: AbortSignal): Promise<never> =>
  new Promise((_, reject) => signal.addEventListener("abort", () => reject(new Error("expired")), { once: true }));

async function post(
  url: URL,
  { address, body, dial, signal }: { address: HookAddress; body: unknown; dial: ServiceDialer; signal: AbortSignal },
): Promise<{ status: number; answer: string }> {
  const socket = await open(url, address, dial);
  const payload = JSON.stringify(body);
  const headers = { "content-type": "application/json", "content-length": Buffer.byteLength(payload), host: url.host };
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number; answer: string }>();
  const request = httpsRequest(url, { method: "POST", headers, signal, createConnection: () => socket });
  socket.once("error", reject);
  request.once("error", reject);
  request.once("response", (response) => {
    text(response).then((answer) => resolve({ status: response.statusCode ?? 0, answer }), reject);
  });
  request.end(payload);
  try {
    return await promise;
  } finally {
    socket.destroy();
  }
}

async function open(url: URL, { service, caBundle }: HookAddress, dial: ServiceDialer): Promise<TLSSocket> {
  const trust = caBundle ? { ca: Buffer.from(caBundle, "base64") } : {};
  if (!service) {
    const host = url.hostname.replace(/^\[(.*)\]$/, "$1");
    // A certificate for an address is checked against the address itself; TLS has no server name for it.
    const name = isIP(host) ? {} : { servername: host };
    return connect({ host, port: Number(url.port || 443), ...name, ...trust });
  }
  const socket = await dial(service.namespace, service.name, service.port ?? 443);
  return connect({ socket, servername: url.hostname, ...trust });
}
