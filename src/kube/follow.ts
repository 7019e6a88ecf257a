import type { KubeObject } from "../api/object.ts";
import { backoffMs } from "../runtime/backoff.ts";
import { monotonicMs, sleep } from "../runtime/clock.ts";
import { errorText, type Log } from "../runtime/log.ts";
import { isGone, isUnanswered } from "./api-error.ts";
import { Cache } from "./cache.ts";
import type { KubeClient, Scope } from "./client.ts";
import type { Resource } from "./resource.ts";

/** What client-go's reflector uses. */
const limits = { minMs: 800, maxMs: 30_000 };

/** One kind, watched into a cache. */
export class Watched<T extends KubeObject> {
  readonly cache: Cache<T>;
  readonly #resource: Resource<T>;
  readonly #scope: Scope;
  /** When the list was asked for that the cache stands on, on the monotonic clock. */
  #listedAt = -Infinity;
  /** Ends what is under way, for a new list. */
  #again = new AbortController();

  constructor(resource: Resource<T>, scope: Scope, changed: () => void) {
    this.cache = new Cache<T>(changed);
    this.#resource = resource;
    this.#scope = scope;
  }

  /**
   * Keeps the cache true until `signal` aborts: list, watch, resume from the last version after any break; list again, and
   * compare, when the server has forgotten that version. Failures wait longer each time, until an event arrives.
   */
  async follow(client: KubeClient, log: Log, signal: AbortSignal): Promise<void> {
    let version = "";
    let [failures, gone] = [0, 0];
    /** What the log has in its last line on this: a kind that is not installed is said once. */
    let said = "";
    while (!signal.aborted) {
      if (this.#again.signal.aborted) [version, this.#again] = ["", new AbortController()];
      const again = this.#again.signal;
      const until = AbortSignal.any([signal, again]);
      const started = monotonicMs();
      const before = version;
      try {
        if (version === "") version = await this.#list(client, until);
        for await (const event of client.watch(this.#resource, { ...this.#scope, resourceVersion: version }, until)) {
          this.cache.receive(event);
          version =
            (event.type === "BOOKMARK" ? event.resourceVersion : event.object.metadata.resourceVersion) ?? version;
          [failures, gone] = [0, 0];
          said = "";
        }
        // A server that ends watches at once must not be asked again at once.
        if (version !== before || monotonicMs() - started > 1000) continue;
      } catch (error) {
        if (signal.aborted) return;
        if (again.aborted) continue;
        if (isGone(error)) version = "";
        // A list mends it. However long the server was away before; but one that forgets at once is not asked at once.
        if (isGone(error) && gone++ === 0) continue;
        const fields = { kind: this.#resource.kind, error: errorText(error) };
        if (isUnanswered(error) || fields.error === said) log.debug(fields, "watch broke; will resume");
        else log.warn(fields, "watch broke; will resume");
        said = fields.error;
      }
      await sleep(backoffMs(++failures, limits), until);
    }
  }

  /**
   * Lists again, unless the last list was asked for at `time` or later; until it is there, the cache is not synced.
   *
   * A watch may lag, or be dead without anyone having noticed: what it has not told may have happened long ago. A list
   * tells all that had happened when it was asked for.
   */
  notBefore(time: number): void {
    if (this.#listedAt >= time) return;
    this.cache.doubt();
    this.#again.abort();
  }

  async #list(client: KubeClient, signal: AbortSignal): Promise<string> {
    const asked = monotonicMs();
    const list = await client.list(this.#resource, this.#scope, signal);
    this.#listedAt = asked;
    this.cache.replace(list.items, list.resourceVersion);
    return list.resourceVersion;
  }
}
