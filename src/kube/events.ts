import { randomBytes } from "node:crypto";
import type { KubeObject, ObjectRef } from "../api/object.ts";
import { errorText, type Log } from "../runtime/log.ts";
import { backoffMs } from "../runtime/backoff.ts";
import { monotonicMs, sleep } from "../runtime/clock.ts";
import { isConflict, isNotFound, isUnanswered } from "./api-error.ts";
import type { KubeClient } from "./client.ts";
import type { Resource } from "./resource.ts";

/** Something that happened to an object, in words for its owner. */
export interface Happening {
  readonly object: ObjectRef;
  readonly type: "Normal" | "Warning";
  readonly reason: string;
  readonly message: string;
}

const events: Resource<KubeObject> = { apiVersion: "v1", kind: "Event", plural: "events", namespaced: true };

/** Repeats are counted for as many different events as this; the oldest is forgotten and would be written anew. */
const remembered = 1024;
/** How long an event waits for an API server that is away: as long as events live in it. */
const patienceMs = 3_600_000;
const retry = { minMs: 500, maxMs: 10_000 };
/** Waiting to be written: 10,000 Services may all have something to say. The newest beyond it are dropped: events are help, not record. */
const waiting = 16_384;

/**
 * Writes Kubernetes Events, in order, behind the caller's back: recording never waits and never fails. What happens while
 * the API server is away is written once it is back, under the time when it happened.
 *
 * A repeat raises the count of the event that was written first. Both first and last timestamps are set, which
 * `kubectl get events --sort-by=.lastTimestamp` needs.
 */
export class EventRecorder {
  readonly #client: KubeClient;
  readonly #source: { readonly component: string; readonly host?: string };
  readonly #log: Log;
  readonly #signal: AbortSignal;
  readonly #known = new Map<string, { readonly name: string; readonly count: number }>();
  #queue: Promise<void> = Promise.resolve();
  #queued = 0;

  /** `component`: `metallb-controller` or `metallb-speaker`; `host`: the node. */
  constructor(
    options: { readonly client: KubeClient; readonly component: string; readonly host?: string; readonly log: Log },
    signal: AbortSignal,
  ) {
    this.#client = options.client;
    this.#source = { component: options.component, ...(options.host !== undefined && { host: options.host }) };
    this.#log = options.log;
    this.#signal = signal;
  }

  record(happening: Happening): void {
    if (this.#queued >= waiting) return;
    this.#queued++;
    const at = new Date();
    this.#queue = this.#queue.then(() => this.#write(happening, at)).finally(() => this.#queued--);
  }

  async #write(happening: Happening, at: Date): Promise<void> {
    const key = JSON.stringify([happening.object, happening.type, happening.reason, happening.message]);
    const name = `${happening.object.name}.${randomBytes(8).toString("hex")}`;
    const until = monotonicMs() + patienceMs;
    for (let failures = 1; !this.#signal.aborted; failures++) {
      try {
        const known = this.#known.get(key);
        const again = known && (await this.#repeat(happening, known, at));
        this.#remember(key, again ?? (await this.#create(happening, name, at)));
        return;
      } catch (error) {
        if (this.#signal.aborted) return;
        if (!isUnanswered(error) || monotonicMs() > until) {
          this.#log.warn({ event: happening.reason, error: errorText(error) }, "could not write an event");
          return;
        }
        await sleep(backoffMs(failures, retry), this.#signal);
      }
    }
  }

  /** `undefined` when the event is gone: they live an hour. */
  async #repeat(happening: Happening, { name, count }: { readonly name: string; readonly count: number }, at: Date) {
    const body = { count: count + 1, lastTimestamp: seconds(at) };
    const place = { namespace: namespaceOf(happening), name };
    try {
      await this.#client.patch(events, place, { kind: "merge", body }, this.#signal);
      return { name, count: count + 1 };
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  async #create(happening: Happening, name: string, at: Date) {
    const body = {
      metadata: { name, namespace: namespaceOf(happening) },
      involvedObject: happening.object,
      type: happening.type,
      reason: happening.reason,
      message: happening.message,
      source: this.#source,
      reportingComponent: this.#source.component,
      reportingInstance: this.#source.host ?? "",
      firstTimestamp: seconds(at),
      lastTimestamp: seconds(at),
      count: 1,
    };
    try {
      await this.#client.create(events, body, this.#signal);
    } catch (error) {
      // Only we know the name: it was written, and the answer was lost.
      if (!isConflict(error)) throw error;
    }
    return { name, count: 1 };
  }

  #remember(key: string, written: { readonly name: string; readonly count: number }): void {
    this.#known.delete(key);
    this.#known.set(key, written);
    const [oldest] = this.#known.keys();
    if (this.#known.size > remembered && oldest !== undefined) this.#known.delete(oldest);
  }
}

/** Events of cluster-scoped objects live in `default`. */
const namespaceOf = ({ object }: Happening): string => object.namespace ?? "default";

/** metav1.Time: no fractions. */
const seconds = (at: Date): string => at.toISOString().replace(/\.\d+Z$/, "Z");
