import { existsSync } from "node:fs";
import { chmod, rm } from "node:fs/promises";
import { createServer, type Server, type Socket } from "node:net";
import { once } from "node:events";
import type { Daemon } from "./daemon.ts";

/** Name of the target in FRR's configuration; not part of the tree, see `frr/owners.ts`. */
const target = "metallb";

/**
 * Listens for the daemons' logs (RFC 5424 lines on a stream, FRR `log extended`) and calls `onEvent` with them when one tells of
 * a session. They are hints: what they say is asked again, so their text is not relied on.
 */
export class EventListener implements AsyncDisposable {
  #server: Server | undefined;
  readonly #path: string;
  readonly #onEvent: (told: string) => void;
  readonly #sockets = new Set<Socket>();
  /** Two daemons may come back at once. */
  #listening: Promise<void> = Promise.resolve();

  static async listen(path: string, onEvent: (told: string) => void): Promise<EventListener> {
    const listener = new EventListener(path, onEvent);
    await listener.#listen();
    return listener;
  }

  private constructor(path: string, onEvent: (told: string) => void) {
    this.#path = path;
    this.#onEvent = onEvent;
  }

  async #listen(): Promise<void> {
    // Closing removes the path, so before there is a new one.
    this.#server?.close();
    // Left by a speaker that was killed.
    await rm(this.#path, { force: true });
    const server = createServer((socket) => this.#take(socket));
    this.#server = server;
    server.listen(this.#path);
    await once(server, "listening");
    // The daemons run as user frr.
    await chmod(this.#path, 0o777);
  }

  #take(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on("close", () => this.#sockets.delete(socket));
    socket.on("error", () => socket.destroy());
    // A message may be split over reads; then its first piece has the name of the event, or the next event rings.
    socket.on("data", (chunk) => {
      const told = chunk.toString("latin1");
      if (tellsOfSession.test(told)) this.#onEvent(told);
    });
  }

  /** FRR's container may sweep the directory when it starts again: then nobody could connect any more. */
  #present(): Promise<void> {
    this.#listening = this.#listening.catch(() => {}).then(() => (existsSync(this.#path) ? undefined : this.#listen()));
    return this.#listening;
  }

  /**
   * Makes a daemon send its log here. Naming the destination again makes it connect at once, also to a socket of the same path.
   *
   * The target is never removed: `no log extended` on one whose reader is gone, as after a speaker that was killed, ends bgpd with
   * SIGSEGV and leaves bfdd hanging (FRR 8.4.4, lib/zlog_5424.c; seen in four runs of four).
   */
  async subscribe(daemon: Daemon, signal: AbortSignal): Promise<void> {
    const session = await daemon.open(signal);
    try {
      await this.#present();
      await session.run("configure terminal", signal);
      // Bfdd tells of its sessions in debugging messages only (FRR bfdd/bfd.c, ptm_bfd_notify).
      if (daemon.name === "bfdd") await session.run("debug bfd peer", signal);
      await session.run(`log extended ${target}`, signal);
      await session.run(`destination unix ${this.#path}`, signal);
      await session.run(`priority ${daemon.name === "bfdd" ? "debugging" : "informational"}`, signal);
      await session.run("end", signal);
    } finally {
      session.close();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server?.close();
    await rm(this.#path, { force: true });
  }
}

const tellsOfSession = /%ADJCHANGE|%NOTIFICATION|%MAXPFX|state-change/;

/** Whether a BGP session has ended. FRR bgpd/bgp_fsm.c, bgp_fsm_change_status. */
export const tellsOfEnd = (told: string): boolean => /%ADJCHANGE: .* Down /.test(told);
