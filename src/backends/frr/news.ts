import type { DaemonNews } from "../../announce/news.ts";
import { diff } from "../../frr/diff.ts";
import { type DaemonName, emptyTree, type Tree } from "../../frr/tree.ts";
import { masked } from "../../std/masked.ts";

/** Nobody fetches them in a speaker that waits for its first snapshot; then the oldest go. */
const kept = 256;

/** Collects what happens to the daemons until somebody asks. */
export class News {
  #items: DaemonNews[] = [];
  readonly #away = new Set<DaemonName>();
  /** Found, and not yet set right. */
  readonly #drift = new Map<DaemonName, readonly string[]>();

  /** A daemon has several connections, which end together: that is one loss. */
  lost(daemon: DaemonName): void {
    if (this.#away.has(daemon)) return;
    this.#away.add(daemon);
    // What others changed in it is gone with it.
    this.unsettled(daemon);
    this.#add({ kind: "lost", daemon });
  }

  answers(daemon: DaemonName): void {
    if (this.#away.delete(daemon)) this.#add({ kind: "back", daemon });
  }

  drifted(daemon: DaemonName, found: Partial<Tree>, believed: Partial<Tree>): void {
    this.#drift.set(daemon, repairs(found, believed));
  }

  /** Whether something was found that is not set right yet. */
  get isDrifting(): boolean {
    return this.#drift.size > 0;
  }

  /** All that was to be said to the daemon was taken. */
  settled(daemon: DaemonName): void {
    const lines = this.#drift.get(daemon);
    if (lines === undefined) return;
    this.#drift.delete(daemon);
    this.#add({ kind: "drift", daemon, lines });
  }

  /** The daemon is gone, or does not take what it should run: nothing can be said to be set right. */
  unsettled(daemon: DaemonName): void {
    this.#drift.delete(daemon);
  }

  /** What has happened since the last call. */
  take(): readonly DaemonNews[] {
    const taken = this.#items;
    this.#items = [];
    return taken;
  }

  #add(item: DaemonNews): void {
    this.#items.push(item);
    if (this.#items.length > kept) this.#items.shift();
  }
}

/** The commands from what was found to what was believed, each with the context that it belongs to. */
const repairs = (found: Partial<Tree>, believed: Partial<Tree>): readonly string[] =>
  diff({ ...emptyTree, ...found }, { ...emptyTree, ...believed }).flatMap((step) =>
    step.kind === "settle" ? [] : step.lines.map((line) => masked([...step.context, line].join(": "))),
  );
