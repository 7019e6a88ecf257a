import type { DaemonName } from "../../frr/tree.ts";
import { VtySession } from "../../vty/session.ts";

/** Where a session is used: nothing may be asked while a context is open in it. */
type Purpose = "configure" | "show";

/** One FRR daemon, with a session to configure it and one to ask it; both are opened when first needed. */
export class Daemon {
  readonly name: DaemonName;
  readonly #path: string;
  readonly #onLost: () => void;
  readonly #sessions = new Map<Purpose, Promise<VtySession>>();

  /** `onLost` is called whenever a session ends without being asked to: the daemon may have restarted. */
  constructor(name: DaemonName, socketDir: string, onLost: () => void) {
    this.name = name;
    this.#path = `${socketDir}/${name}.vty`;
    this.#onLost = onLost;
  }

  /** @throws VtyError when the daemon can't be reached. */
  session(purpose: Purpose, signal: AbortSignal): Promise<VtySession> {
    const known = this.#sessions.get(purpose);
    if (known) return known;
    const opening = this.open(signal).then((session) => {
      void session.closed.then(() => this.#forget(purpose, opening));
      return session;
    });
    this.#sessions.set(purpose, opening);
    opening.catch(() => this.#sessions.delete(purpose));
    return opening;
  }

  /** A session for the caller alone, who closes it. */
  open(signal: AbortSignal): Promise<VtySession> {
    return VtySession.open({ path: this.#path, window: this.name === "bgpd" ? 256 : 1 }, signal);
  }

  /** The output of a `show` command; empty when the daemon has nothing to show (rc 1: no BGP instance yet). */
  async show(command: string, signal: AbortSignal): Promise<string> {
    const session = await this.session("show", signal);
    const [reply] = await session.send([command], signal);
    return reply?.rc === 0 ? reply.output : "";
  }

  close(): void {
    const open = [...this.#sessions.values()];
    this.#sessions.clear();
    for (const opening of open) opening.then((session) => session.close()).catch(() => {});
  }

  #forget(purpose: Purpose, opening: Promise<VtySession>): void {
    if (this.#sessions.get(purpose) !== opening) return;
    this.#sessions.delete(purpose);
    this.#onLost();
  }
}
