import { connect, type Socket } from "node:net";
import { masked } from "../std/masked.ts";
import { type Reply, ReplyReader } from "./reply.ts";

/** A command that a daemon did not carry out, or a connection that broke under it. */
export class VtyError extends Error {
  override readonly name = "VtyError";
  readonly code: "closed" | "framing" | "refused";
  /** FRR's status; absent when there was no answer. */
  readonly rc: number | undefined;
  /** The daemon's own words. */
  readonly output: string;
  /** Without secrets. */
  readonly command: string;

  constructor(code: "closed" | "framing" | "refused", command: string, reply?: Reply, options?: ErrorOptions) {
    const output = reply?.output.trim() ?? "";
    const shown = masked(command);
    super(
      `${shown === "" ? "connection" : `"${shown}"`}: ${output === "" ? (reply ? `rc ${reply.rc}` : code) : masked(output)}`,
      options,
    );
    this.code = code;
    this.rc = reply?.rc;
    this.output = masked(output);
    this.command = shown;
  }
}

/** FRR's buffer for a line is 4096 bytes; of a longer one it drops the end, or runs it as a command of its own (lib/vty.c). */
const longestLine = 4000;

/** The answer to a line that must not be sent. */
function unsendable(command: string): Reply | undefined {
  const bytes = Buffer.byteLength(command);
  if (bytes <= longestLine && !/[\0\n\r]/.test(command)) return undefined;
  return { rc: 2, output: `a line of ${bytes} bytes: FRR takes one line of at most ${longestLine}` };
}

export interface VtyOptions {
  /** Unix socket of the daemon. */
  readonly path: string;
  /**
   * Commands that may await their answers at once. Bgpd takes 256; mgmtd drops input queued behind a pending command, and the
   * other daemons have nothing to gain, so 1 is the rule elsewhere.
   */
  readonly window: number;
}

interface Pending {
  readonly command: string;
  readonly settle: (reply: Reply) => void;
  readonly fail: (error: VtyError) => void;
}

/** One CLI session with one FRR daemon. Replies come in the order of commands. */
export class VtySession {
  readonly #socket: Socket;
  readonly #window: number;
  readonly #reader = new ReplyReader();
  readonly #waiting: Pending[] = [];
  readonly #outstanding: Pending[] = [];
  /** Resolves when the connection is gone, for whatever reason. */
  readonly closed: Promise<void>;
  #failure: VtyError | undefined;

  /** Connects and enters the node in which configuration can be read (`enable`). */
  static async open({ path, window }: VtyOptions, signal: AbortSignal): Promise<VtySession> {
    signal.throwIfAborted();
    const socket = connect(path);
    const stop = () => socket.destroy(new Error("aborted"));
    signal.addEventListener("abort", stop, { once: true });
    try {
      await new Promise<void>((resolve, reject) => {
        socket.once("connect", resolve);
        socket.once("error", reject);
      });
      const session = new VtySession(socket, window);
      await session.run("enable", signal);
      return session;
    } catch (cause) {
      socket.destroy();
      throw cause instanceof VtyError ? cause : new VtyError("closed", "", undefined, { cause });
    } finally {
      signal.removeEventListener("abort", stop);
    }
  }

  private constructor(socket: Socket, window: number) {
    this.#socket = socket;
    this.#window = window;
    this.closed = new Promise((resolve) => {
      socket.once("close", () => {
        this.#fail(new VtyError("closed", ""));
        resolve();
      });
    });
    socket.on("error", (cause) => this.#fail(new VtyError("closed", "", undefined, { cause })));
    socket.on("data", (chunk) => this.#receive(Buffer.from(chunk)));
  }

  get isOpen(): boolean {
    return this.#failure === undefined;
  }

  /** The output of one command. Rejects with VtyError unless the status is 0. */
  async run(command: string, signal: AbortSignal): Promise<string> {
    const [reply] = await this.send([command], signal);
    if (reply === undefined || reply.rc !== 0) throw new VtyError("refused", command, reply);
    return reply.output;
  }

  /**
   * The replies to commands that don't wait for each other, whatever their status.
   *
   * As many as the window has room for leave in one write. An abort closes the session: what was sent can't be taken back.
   */
  async send(commands: readonly string[], signal: AbortSignal): Promise<readonly Reply[]> {
    signal.throwIfAborted();
    const abort = () => this.close();
    signal.addEventListener("abort", abort, { once: true });
    try {
      return await new Promise<Reply[]>((resolve, reject) => {
        if (this.#failure)
          return reject(new VtyError(codeOf(this.#failure), commands[0] ?? "", undefined, { cause: this.#failure }));
        const replies: Reply[] = commands.map(unsendable).map((reply) => reply ?? { rc: 0, output: "" });
        const sent = commands.flatMap((command, i) => (unsendable(command) === undefined ? [{ command, i }] : []));
        let missing = sent.length;
        if (missing === 0) return resolve(replies);
        const pending = sent.map(({ command, i }) => ({
          command,
          fail: reject,
          settle: (reply: Reply) => {
            replies[i] = reply;
            if (--missing === 0) resolve(replies);
          },
        }));
        this.#waiting.push(...pending);
        this.#pump();
      });
    } finally {
      signal.removeEventListener("abort", abort);
    }
  }

  close(): void {
    this.#socket.destroy();
    this.#fail(new VtyError("closed", ""));
  }

  #pump(): void {
    const room = this.#window - this.#outstanding.length;
    if (room <= 0 || this.#waiting.length === 0) return;
    const batch = this.#waiting.splice(0, room);
    this.#outstanding.push(...batch);
    this.#socket.write(batch.map(({ command }) => `${command}\0`).join(""));
  }

  #receive(chunk: Buffer): void {
    let replies: Reply[];
    try {
      replies = this.#reader.push(chunk);
    } catch (cause) {
      this.#fail(new VtyError("framing", this.#outstanding[0]?.command ?? "", undefined, { cause }));
      this.#socket.destroy();
      return;
    }
    for (const reply of replies) this.#outstanding.shift()?.settle(reply);
    this.#pump();
  }

  #fail(failure: VtyError): void {
    this.#failure ??= failure;
    for (const { command, fail } of [...this.#outstanding.splice(0), ...this.#waiting.splice(0)]) {
      fail(new VtyError(codeOf(this.#failure), command, undefined, { cause: this.#failure }));
    }
  }
}

const codeOf = ({ code }: VtyError): "closed" | "framing" => (code === "framing" ? "framing" : "closed");
