import type { IncomingMessage } from "node:http";
import { PassThrough, Writable } from "node:stream";
import type { Duplex } from "node:stream";
import { type RawData, type WebSocket, WebSocketServer } from "ws";
import { asStatusError, badRequest, failureStatus } from "../api/status.ts";
import type { ApiObject, ExecRequest, PodRuntime } from "../types.ts";
import { containerOf } from "./container.ts";

/** First byte of each frame (k8s.io/apimachinery/pkg/util/remotecommand, v5.channel.k8s.io). */
const CHANNEL = { stdin: 0, stdout: 1, stderr: 2, error: 3, resize: 4, close: 255 } as const;
const PROTOCOLS = ["v5.channel.k8s.io", "v4.channel.k8s.io"];

const sockets = new WebSocketServer({
  noServer: true,
  clientTracking: false,
  perMessageDeflate: false,
  handleProtocols: (offered) => PROTOCOLS.find((protocol) => offered.has(protocol)) ?? false,
});

/** Which container, which command. Throws before the upgrade, so that the client sees a Status. @throws ApiStatusError 400 */
export function checkExec(request: IncomingMessage, pod: ApiObject, query: URLSearchParams): string {
  if (query.getAll("command").length === 0) throw badRequest("you must specify at least 1 command for the container");
  const container = containerOf(pod, query.get("container"));
  // Last: kubectl repeats a refused request over SPDY and prints the answer to that.
  const offered = (request.headers["sec-websocket-protocol"] ?? "").split(",").map((each) => each.trim());
  if (!PROTOCOLS.some((protocol) => offered.includes(protocol))) {
    throw badRequest(`unable to upgrade: this server speaks ${PROTOCOLS.join(" and ")} over WebSocket`);
  }
  return container;
}

/** Serves one `kubectl exec` over an upgraded connection; settles when the connection is closed. */
export async function serveExec(options: {
  runtime: PodRuntime;
  pod: ApiObject;
  container: string;
  query: URLSearchParams;
  request: IncomingMessage;
  socket: Duplex;
  head: Buffer;
}): Promise<void> {
  const websocket = await new Promise<WebSocket>((resolve) =>
    sockets.handleUpgrade(options.request, options.socket, options.head, resolve),
  );
  const gone = new AbortController();
  websocket.on("close", () => gone.abort());
  // A broken connection is followed by "close", which ends the command.
  websocket.on("error", () => undefined);
  const status = await run(websocket, options, gone.signal);
  if (gone.signal.aborted) return;
  await send(websocket, CHANNEL.error, Buffer.from(JSON.stringify(status)));
  websocket.close(1000);
}

async function run(
  websocket: WebSocket,
  options: Parameters<typeof serveExec>[0],
  signal: AbortSignal,
): Promise<object> {
  const request = execRequest(websocket, options.query, signal);
  try {
    const code = await options.runtime.exec(options.pod, options.container, request, signal);
    await Promise.all([ended(request.stdout), request.stderr && ended(request.stderr)]);
    return code === 0 ? { metadata: {}, status: "Success" } : exitStatus(code);
  } catch (error) {
    return failureStatus(asStatusError(error));
  }
}

/** Ends a stream and waits until everything in it was sent; the runtime may have ended it before. */
const ended = async (stream: NodeJS.WritableStream): Promise<void> =>
  new Promise((resolve) => {
    if ((stream as Writable).writableFinished || (stream as Writable).destroyed) return resolve();
    stream.once("finish", resolve).once("close", resolve);
    stream.end();
  });

const exitStatus = (code: number): object => ({
  metadata: {},
  status: "Failure",
  message: `command terminated with non-zero exit code: exit status ${code}`,
  reason: "NonZeroExitCode",
  details: { causes: [{ reason: "ExitCode", message: String(code) }] },
});

function execRequest(websocket: WebSocket, query: URLSearchParams, signal: AbortSignal): ExecRequest {
  const tty = flag(query, "tty");
  const stdin = flag(query, "stdin") ? new PassThrough() : undefined;
  const sizes = new Sizes();
  websocket.on("message", (data: RawData) => {
    const frame = asBuffer(data);
    const rest = frame.subarray(1);
    if (frame[0] === CHANNEL.stdin && stdin && !stdin.writableEnded) feed(websocket, stdin, rest);
    else if (frame[0] === CHANNEL.resize) sizes.receive(rest);
    else if (frame[0] === CHANNEL.close && rest[0] === CHANNEL.stdin) stdin?.end();
  });
  signal.addEventListener("abort", () => stdin?.end(), { once: true });
  return {
    argv: query.getAll("command"),
    ...(stdin ? { stdin } : {}),
    stdout: channel(websocket, CHANNEL.stdout),
    ...(tty || !flag(query, "stderr") ? {} : { stderr: channel(websocket, CHANNEL.stderr) }),
    tty,
    ...(tty ? { onResize: (listener) => sizes.listen(listener) } : {}),
  };
}

/** A slow command slows the client down: no more frames are read until it has taken these. */
function feed(websocket: WebSocket, stdin: PassThrough, bytes: Buffer): void {
  if (stdin.write(bytes)) return;
  websocket.pause();
  stdin.once("drain", () => websocket.resume());
}

const channel = (websocket: WebSocket, number: number): Writable =>
  new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      send(websocket, number, chunk).then(() => done(), done);
    },
  });

/** Resolves when the bytes are on their way; what a closed connection does not take is dropped. */
const send = async (websocket: WebSocket, number: number, bytes: Buffer): Promise<void> =>
  new Promise((resolve) => {
    websocket.send(Buffer.concat([Buffer.from([number]), bytes]), { binary: true }, () => resolve());
  });

/** Terminal sizes: the last one is kept for a listener that comes later. */
class Sizes {
  #last: { columns: number; rows: number } | undefined;
  #listener: ((size: { columns: number; rows: number }) => void) | undefined;

  receive(bytes: Buffer): void {
    try {
      const { Width, Height } = JSON.parse(bytes.toString()) as { Width: number; Height: number };
      this.#last = { columns: Width, rows: Height };
      this.#listener?.(this.#last);
    } catch {
      // A size that nobody can read changes nothing.
    }
  }

  listen(listener: (size: { columns: number; rows: number }) => void): void {
    this.#listener = listener;
    if (this.#last) listener(this.#last);
  }
}

const flag = (query: URLSearchParams, name: string): boolean => ["true", "1"].includes(query.get(name) ?? "");

function asBuffer(data: RawData): Buffer {
  if (Array.isArray(data)) return Buffer.concat(data);
  return Buffer.isBuffer(data) ? data : Buffer.from(data);
}
