import type { KubeObject } from "../api/object.ts";
import { monotonicMs, sleep } from "../runtime/clock.ts";
import { errorText, type Log } from "../runtime/log.ts";
import { ApiError, isConflict, isNotFound, isUnanswered } from "./api-error.ts";
import type { KubeClient } from "./client.ts";
import type { Resource } from "./resource.ts";

interface Lease extends KubeObject {
  readonly spec?: {
    readonly holderIdentity?: string;
    readonly leaseDurationSeconds?: number;
    readonly acquireTime?: string;
    readonly renewTime?: string;
    readonly leaseTransitions?: number;
  };
}

const leases: Resource<Lease> = {
  apiVersion: "coordination.k8s.io/v1",
  kind: "Lease",
  plural: "leases",
  namespaced: true,
};

/** Whose a lease is. */
type Standing = "ours" | "theirs" | "unknown";

/** Proof of leadership that expires by itself. */
export interface Leadership {
  /** Aborts the moment leadership can't be proven any more. */
  readonly signal: AbortSignal;
  /** When the lease was known to be ours, on the monotonic clock: whoever led before writes nothing any more. */
  readonly since: number;
  /** Whether it is proven now; to be asked before each write, since a timer is late when the process was stopped. */
  isProven(): boolean;
}

export interface ElectionOptions {
  readonly client: KubeClient;
  readonly namespace: string;
  readonly name: string;
  /** Unique among candidates. The same identity takes its own lease over at once, as after a container's restart. */
  readonly identity: string;
  readonly log: Log;
  /** Called after each attempt to become leader, before the term if it succeeded, with what the lease was found to be. */
  readonly attempted?: (lease: Standing) => void;
  /**
   * The holder gives up before others may take over: renewDeadline < duration.
   *
   * 3 s, 2 s and 0.5 s when absent, so that a dead leader is replaced within 5 s: its last renewal may be seen one retry
   * late, and its end one retry late again. client-go's 15 s, 10 s and 2 s would take up to 20 s.
   */
  readonly durationMs?: number;
  readonly renewDeadlineMs?: number;
  readonly retryMs?: number;
}

/**
 * Stands for election until `signal` aborts, and runs `lead` in each term.
 *
 * `lead` must end when its leadership's signal aborts; then the lease is given back, if it still is ours. Time is this
 * machine's alone: a lease has expired when it did not change for its duration since we saw it change.
 *
 * @see client-go tools/leaderelection
 */
export async function elect(
  options: ElectionOptions,
  lead: (leadership: Leadership) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const candidate = new Candidate(options);
  while (!signal.aborted) {
    const asked = monotonicMs();
    const lease = await candidate.acquire(signal);
    const since = monotonicMs();
    options.attempted?.(lease);
    if (lease === "ours") await term(candidate, options, { asked, since }, lead, signal);
    await sleep(candidate.retryMs * (1 + Math.random() * 0.2), signal);
  }
}

async function term(
  candidate: Candidate,
  { log, name }: ElectionOptions,
  { asked, since }: { readonly asked: number; readonly since: number },
  lead: (leadership: Leadership) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  log.info({ lease: name, identity: candidate.identity }, "became leader");
  using fence = new Fence(candidate.renewDeadlineMs, asked);
  const leadership = { signal: AbortSignal.any([signal, fence.signal]), since, isProven: () => fence.isProven() };
  const ended = new AbortController();
  const leading = lead(leadership).finally(() => ended.abort());
  const until = AbortSignal.any([leadership.signal, ended.signal]);
  // Awaited below, at the latest when the request under way has ended.
  leading.catch(() => {});
  try {
    while (!until.aborted) {
      await sleep(candidate.retryMs, until);
      const started = monotonicMs();
      const lease = until.aborted ? "unknown" : await candidate.acquire(until);
      if (lease === "ours") fence.extend(started);
      if (lease === "theirs") fence.lose();
    }
    await leading;
  } finally {
    log.info({ lease: name, identity: candidate.identity }, "no longer leader");
    await candidate.release();
  }
}

/** A dead man's switch: aborts unless extended in time. */
class Fence implements Disposable {
  readonly #lost = new AbortController();
  readonly #deadlineMs: number;
  #until: number;
  #timer: NodeJS.Timeout;

  /** Counted from when the successful request was *sent*: others count from when it was served. */
  constructor(deadlineMs: number, asked: number) {
    this.#deadlineMs = deadlineMs;
    this.#until = asked + deadlineMs;
    this.#timer = this.#arm();
  }

  get signal(): AbortSignal {
    return this.#lost.signal;
  }

  isProven(): boolean {
    return !this.#lost.signal.aborted && monotonicMs() < this.#until;
  }

  lose(): void {
    this.#lost.abort();
  }

  extend(asked: number): void {
    this.#until = asked + this.#deadlineMs;
    clearTimeout(this.#timer);
    this.#timer = this.#arm();
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    this.#lost.abort();
  }

  #arm(): NodeJS.Timeout {
    return setTimeout(() => this.#lost.abort(), Math.max(0, this.#until - monotonicMs()));
  }
}

class Candidate {
  readonly identity: string;
  readonly renewDeadlineMs: number;
  readonly retryMs: number;
  readonly #options: ElectionOptions;
  readonly #durationMs: number;
  /** The lease as last seen to change, and when, on our clock. */
  #observed: { readonly version: string; readonly at: number } = { version: "", at: 0 };
  /** As long as somebody else may think the lease theirs, as it was last seen. */
  #othersUntil = 0;

  constructor(options: ElectionOptions) {
    this.identity = options.identity;
    this.renewDeadlineMs = options.renewDeadlineMs ?? 2_000;
    this.retryMs = options.retryMs ?? 500;
    this.#options = options;
    this.#durationMs = options.durationMs ?? 3_000;
  }

  /** Takes or renews the lease, if it is free, expired or ours. "unknown": no answer in time, or someone wrote meanwhile. */
  async acquire(signal: AbortSignal): Promise<Standing> {
    const bounded = AbortSignal.any([signal, AbortSignal.timeout(this.renewDeadlineMs)]);
    try {
      return await this.#acquire(bounded);
    } catch (error) {
      if (signal.aborted || isConflict(error)) return "unknown";
      if (!bounded.aborted && !(error instanceof ApiError)) throw error;
      const { log, name } = this.#options;
      const fields = { lease: name, error: errorText(error) };
      // Time has run out: nobody answered either.
      if (isUnanswered(error) || bounded.aborted) log.debug(fields, "could not take or renew the lease");
      else log.warn(fields, "could not take or renew the lease");
      return "unknown";
    }
  }

  async #acquire(signal: AbortSignal): Promise<"ours" | "theirs"> {
    const { client, namespace, name } = this.#options;
    const lease = await client.get(leases, { namespace, name }, signal).catch((error: unknown) => {
      if (isNotFound(error)) return undefined;
      throw error;
    });
    if (!lease) {
      // Somebody deleted it: whoever held it may not know yet.
      if (monotonicMs() < this.#othersUntil) return "theirs";
      await client.create(leases, { metadata: { namespace, name }, spec: this.#spec(undefined) }, signal);
      return "ours";
    }
    this.#observe(lease);
    const holder = lease.spec?.holderIdentity ?? "";
    const isOthers = holder !== "" && holder !== this.identity;
    this.#othersUntil = isOthers ? monotonicMs() + durationOf(lease) : 0;
    if (isOthers && !this.#expired(lease)) return "theirs";
    await client.update(leases, { ...lease, spec: this.#spec(lease) }, signal);
    return "ours";
  }

  /** Lets the next candidate in without waiting. Others' leases stay as they are. */
  async release(): Promise<void> {
    const signal = AbortSignal.timeout(1_000);
    for (;;) {
      try {
        return await this.#release(signal);
      } catch (error) {
        // A renewal of our own that the end cut short may have landed in between. Otherwise the lease expires.
        if (!isConflict(error)) return;
      }
    }
  }

  async #release(signal: AbortSignal): Promise<void> {
    const { client, namespace, name } = this.#options;
    const lease = await client.get(leases, { namespace, name }, signal);
    if (lease.spec?.holderIdentity !== this.identity) return;
    const spec = { ...lease.spec, holderIdentity: "", leaseDurationSeconds: 1 };
    await client.update(leases, { ...lease, spec }, signal);
  }

  #observe(lease: Lease): void {
    const version = lease.metadata.resourceVersion ?? "";
    if (version !== this.#observed.version) this.#observed = { version, at: monotonicMs() };
  }

  #expired(lease: Lease): boolean {
    return monotonicMs() > this.#observed.at + durationOf(lease);
  }

  #spec(old: Lease | undefined): NonNullable<Lease["spec"]> {
    const now = microTime();
    const again = old?.spec?.holderIdentity === this.identity;
    return {
      holderIdentity: this.identity,
      leaseDurationSeconds: Math.ceil(this.#durationMs / 1000),
      acquireTime: (again ? old.spec?.acquireTime : undefined) ?? now,
      renewTime: now,
      leaseTransitions: (old?.spec?.leaseTransitions ?? 0) + (old === undefined || again ? 0 : 1),
    };
  }
}

/** In milliseconds. */
const durationOf = ({ spec }: Lease): number => (spec?.leaseDurationSeconds ?? 0) * 1000;

/** metav1.MicroTime. */
const microTime = (): string => new Date().toISOString().replace("Z", "000Z");
