import type { KubeObject } from "../api/object.ts";
import { backoffMs } from "../runtime/backoff.ts";
import { monotonicMs, sleep } from "../runtime/clock.ts";
import { errorText, type Log } from "../runtime/log.ts";
import { isGone } from "./api-error.ts";
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
    let failures = 0;
    while (!signal.aborted) {
      const started = monotonicMs();
      const before = version;
      try {
        if (version === "") version = await this.#list(client, signal);
        for await (const event of client.watch(this.#resource, { ...this.#scope, resourceVersion: version }, signal)) {
          this.cache.receive(event);
          version =
            (event.type === "BOOKMARK" ? event.resourceVersion : event.object.metadata.resourceVersion) ?? version;
          failures = 0;
        }
        // A server that ends watches at once must not be asked again at once.
        if (version !== before || monotonicMs() - started > 1000) continue;
      } catch (error) {
        if (signal.aborted) return;
        if (isGone(error)) version = "";
        if (isGone(error) && failures++ === 0) continue;
        log.warn({ kind: this.#resource.kind, error: errorText(error) }, "watch broke; will resume");
      }
      await sleep(backoffMs(++failures, limits), signal);
    }
  }

  async #list(client: KubeClient, signal: AbortSignal): Promise<string> {
    const list = await client.list(this.#resource, this.#scope, signal);
    this.cache.replace(list.items, list.resourceVersion);
    return list.resourceVersion;
  }
}
