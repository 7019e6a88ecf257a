import http from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import tls from "node:tls";
import { connectIn } from "../topology/netns.ts";
import type { Container, Handler, HttpGet, Probe } from "./types.ts";

/** Where a probe or a hook finds its container. */
export interface ProbeTarget {
  readonly netns: string;
  /** The pod's first address. */
  readonly host: string;
  readonly container: Container;
  /** Runs a command in the container; its output in one. */
  exec(argv: readonly string[], signal: AbortSignal): Promise<{ readonly code: number; readonly output: string }>;
}

export type ProbeResult = { readonly ok: true } | { readonly ok: false; readonly message: string };

/** What a probe has come to: `ok` turns only when its threshold is reached. */
export interface ProbeListener {
  onTurn(ok: boolean): void;
  /** Every failed try, in a kubelet's words. */
  onFailure(message: string): void;
}

/**
 * Probes until the signal fires. A try starts one period after the start of the one before.
 * @see Kubernetes pkg/kubelet/prober/worker.go
 */
export async function watchProbe(probe: Probe, target: ProbeTarget, listener: ProbeListener, signal: AbortSignal) {
  const periodMs = (probe.periodSeconds ?? 10) * 1000;
  const thresholds = { ok: probe.successThreshold ?? 1, failed: probe.failureThreshold ?? 3 };
  let run = { ok: true, length: 0 };
  await pause((probe.initialDelaySeconds ?? 0) * 1000, signal);
  while (!signal.aborted) {
    const next = pause(periodMs, signal);
    const result = await runHandler(probe, target, (probe.timeoutSeconds ?? 1) * 1000, signal);
    if (signal.aborted) return;
    run = { ok: result.ok, length: run.ok === result.ok ? run.length + 1 : 1 };
    if (!result.ok) listener.onFailure(result.message);
    if (run.length === (result.ok ? thresholds.ok : thresholds.failed)) listener.onTurn(result.ok);
    await next;
  }
}

const pause = (ms: number, signal: AbortSignal): Promise<unknown> => delay(ms, undefined, { signal }).catch(() => {});

/** Does what a probe or a life-cycle hook asks for, once. Never rejects. */
export async function runHandler(
  handler: Handler,
  target: ProbeTarget,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<ProbeResult> {
  const timeout = AbortSignal.timeout(timeoutMs);
  const either = AbortSignal.any([signal, timeout]);
  try {
    if (handler.exec) return await execOnce(handler.exec.command ?? [], target, either, timeoutMs);
    if (handler.httpGet) return await getOnce(handler.httpGet, target, either);
    if (handler.tcpSocket) return await connectOnce(handler.tcpSocket, target, either);
    if (handler.sleep) return await sleepOnce(handler.sleep.seconds, either);
    return { ok: false, message: "the lab knows exec, httpGet and tcpSocket handlers" };
  } catch (error) {
    return { ok: false, message: timeout.aborted ? timeoutMessage(handler, target) : (error as Error).message };
  }
}

async function execOnce(
  argv: readonly string[],
  target: ProbeTarget,
  signal: AbortSignal,
  timeoutMs: number,
): Promise<ProbeResult> {
  const { code, output } = await target.exec(argv, signal);
  if (signal.aborted)
    return { ok: false, message: `command timed out: "${argv.join(" ")}" timed out after ${timeoutMs / 1000}s` };
  return code === 0 ? { ok: true } : { ok: false, message: output.trim() };
}

async function getOnce(get: HttpGet, target: ProbeTarget, signal: AbortSignal): Promise<ProbeResult> {
  const port = portNumber(get.port, target.container);
  const socket = await connected(target, get.host ?? target.host, port, signal).catch((error: Error) => {
    throw new Error(`Get "${urlOf(get, target)}": ${error.message}`);
  });
  const stream = get.scheme === "HTTPS" ? tls.connect({ socket, rejectUnauthorized: false }) : socket;
  const headers = { "User-Agent": "kube-probe/1.35", Accept: "*/*", ...headersOf(get) };
  try {
    const status = await new Promise<number>((resolve, reject) => {
      const options = { path: get.path ?? "/", host: get.host ?? target.host, port, headers, signal };
      // No `agent: false`: an agent, even a fresh one, would not ask createConnection.
      const request = http.get({ ...options, createConnection: () => stream }, (response) => {
        response.resume();
        resolve(response.statusCode ?? 0);
      });
      request.once("error", (error) => reject(new Error(`Get "${urlOf(get, target)}": ${error.message}`)));
      stream.once("error", reject);
    });
    const good = status >= 200 && status < 400;
    return good ? { ok: true } : { ok: false, message: `HTTP probe failed with statuscode: ${status}` };
  } finally {
    socket.destroy();
  }
}

const headersOf = (get: HttpGet): Record<string, string> =>
  Object.fromEntries((get.httpHeaders ?? []).map(({ name, value }) => [name, value]));

async function connectOnce(
  spec: NonNullable<Handler["tcpSocket"]>,
  target: ProbeTarget,
  signal: AbortSignal,
): Promise<ProbeResult> {
  const socket = await connected(target, spec.host ?? target.host, portNumber(spec.port, target.container), signal);
  socket.destroy();
  return { ok: true };
}

async function sleepOnce(seconds: number, signal: AbortSignal): Promise<ProbeResult> {
  await delay(seconds * 1000, undefined, { signal });
  return { ok: true };
}

function connected(target: ProbeTarget, host: string, port: number, signal: AbortSignal) {
  return new Promise<import("node:net").Socket>((resolve, reject) => {
    const socket = connectIn(target.netns, host, port);
    const onAbort = () => socket.destroy(new Error("context deadline exceeded"));
    signal.addEventListener("abort", onAbort);
    // A peer may reset at any later time; whoever reads the socket learns it there.
    socket.on("error", (error: NodeJS.ErrnoException) => reject(new Error(dialMessage(host, port, error))));
    socket.once("connect", () => resolve(socket));
    socket.once("close", () => signal.removeEventListener("abort", onAbort));
  });
}

/** As Go says it. */
function dialMessage(host: string, port: number, error: NodeJS.ErrnoException): string {
  const words: Record<string, string> = {
    ECONNREFUSED: "connect: connection refused",
    EHOSTUNREACH: "connect: no route to host",
    ENETUNREACH: "connect: network is unreachable",
  };
  return `dial tcp ${hostPort(host, port)}: ${words[error.code ?? ""] ?? error.message}`;
}

function timeoutMessage(handler: Handler, target: ProbeTarget): string {
  if (!handler.httpGet) return "context deadline exceeded";
  return `Get "${urlOf(handler.httpGet, target)}": context deadline exceeded (Client.Timeout exceeded while awaiting headers)`;
}

const urlOf = (get: HttpGet, target: ProbeTarget): string =>
  `${(get.scheme ?? "HTTP").toLowerCase()}://${hostPort(get.host ?? target.host, portNumber(get.port, target.container))}${get.path ?? "/"}`;

const hostPort = (host: string, port: number | string): string =>
  host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;

/** A port may be named after one of the container's. */
function portNumber(port: number | string, container: Container): number {
  if (typeof port === "number") return port;
  const named = container.ports?.find(({ name }) => name === port)?.containerPort ?? Number(port);
  if (!Number.isInteger(named)) throw new Error(`couldn't find port: "${port}"`);
  return named;
}
