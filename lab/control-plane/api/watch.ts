import type { Change } from "../store/history.ts";
import { sameId, type Store } from "../store/revisions.ts";
import type { ApiObject } from "../types.ts";
import { selection } from "./read.ts";
import { expired } from "./status.ts";
import { fromStored, storedUnder } from "./versions.ts";
import type { Target } from "./write.ts";

export interface WatchOptions {
  readonly labelSelector: string | undefined;
  readonly fieldSelector: string | undefined;
  readonly resourceVersion: string | undefined;
  readonly sendInitialEvents: boolean;
  readonly bookmarks: boolean;
}

/** One event of a watch. A bookmark's object holds nothing but the revision up to which the client has seen everything. */
export type Notice =
  | { readonly type: "ADDED" | "MODIFIED" | "DELETED"; readonly object: ApiObject }
  | { readonly type: "BOOKMARK"; readonly revision: string; readonly initialEnd: boolean };

/** Idle watchers learn this often how far they have seen. */
const BOOKMARK_MS = 60_000;

/**
 * What happens to a collection, from `resourceVersion` on, until `signal` fires.
 *
 * Unset or "0" begins with an ADDED for each existing object, as does `sendInitialEvents`, which also marks their end with a bookmark.
 * An object that leaves the selector is DELETED; one that enters it is ADDED.
 *
 * @throws ApiStatusError 410 before the first event, when the revision is no longer known
 */
export function watch(store: Store, target: Target, options: WatchOptions, signal: AbortSignal): AsyncIterable<Notice> {
  const matches = selection(target, options);
  const id = storedUnder(target.kind);
  const from = options.resourceVersion ?? "";
  const initial = options.sendInitialEvents || from === "" || from === "0";
  // From here to the subscription nothing awaits: no commit can fall between.
  const existing = initial ? store.list(id, target.namespace) : [];
  const missed = initial ? [] : store.changesAfter(id, Number(from));
  if (!missed) throw expired();
  const revision = store.revision;
  const queue = new Queue<Change>();
  for (const change of missed) queue.push(change);
  const unsubscribe = store.subscribe((change) => {
    if (sameId(change.id, id)) queue.push(change);
  });
  const stop = (): void => {
    unsubscribe();
    queue.end();
  };
  signal.addEventListener("abort", stop, { once: true });
  return notices();

  async function* notices(): AsyncGenerator<Notice> {
    for (const object of await show(existing)) if (matches(object)) yield { type: "ADDED", object };
    if (options.sendInitialEvents) yield { type: "BOOKMARK", revision: String(revision), initialEnd: true };
    yield* changes();
  }

  async function* changes(): AsyncGenerator<Notice> {
    while (!signal.aborted) {
      const seen = store.revision;
      const change = await queue.next(options.bookmarks ? BOOKMARK_MS : undefined);
      if (change === "idle") yield { type: "BOOKMARK", revision: String(seen), initialEnd: false };
      else if (change === "end") return;
      else yield* noticeOf(change);
    }
  }

  async function* noticeOf(change: Change): AsyncGenerator<Notice> {
    const { namespace } = change.now.metadata;
    if (target.namespace !== undefined && namespace !== target.namespace) return;
    const [now = change.now, old] = await show(change.old ? [change.now, change.old] : [change.now]);
    const was = old !== undefined && matches(old);
    const is = change.type !== "DELETED" && matches(now);
    if (is) yield { type: was ? "MODIFIED" : "ADDED", object: now };
    // As Kubernetes: the old content, at the revision at which it left.
    else if (was && change.type === "DELETED") yield { type: "DELETED", object: now };
    else if (was) yield { type: "DELETED", object: leaving(old, now) };
  }

  async function show(objects: readonly ApiObject[]): Promise<ApiObject[]> {
    return fromStored(target.kind, objects, target.version.name);
  }
}

function leaving(old: ApiObject, now: ApiObject): ApiObject {
  const { resourceVersion } = now.metadata;
  return { ...old, metadata: { ...old.metadata, ...(resourceVersion === undefined ? {} : { resourceVersion }) } };
}

/** Items pushed while the reader was busy wait here. One reader. */
class Queue<T> {
  readonly #items: T[] = [];
  #wake: (() => void) | undefined;
  #ended = false;

  push(item: T): void {
    this.#items.push(item);
    this.#wake?.();
  }

  end(): void {
    this.#ended = true;
    this.#wake?.();
  }

  /** The next item; "idle" after `idleMs` without one. */
  async next(idleMs: number | undefined): Promise<T | "idle" | "end"> {
    if (this.#items.length === 0 && !this.#ended) await this.#wait(idleMs);
    if (this.#ended) return "end";
    return this.#items.shift() ?? "idle";
  }

  async #wait(idleMs: number | undefined): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = idleMs === undefined ? undefined : setTimeout(resolve, idleMs);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#wake = undefined;
  }
}
