import { allocate } from "../allocate/allocate.ts";
import { lingeringAfter, lingerMs } from "../allocate/stand-ins.ts";
import type { Memory, Outcome } from "../allocate/outcome.ts";
import type { ConfigurationState } from "../api/kinds/index.ts";
import { controllerStateName, eventSources } from "../api/names.ts";
import type { OwnerReference } from "../api/object.ts";
import type { Problem } from "../api/problem.ts";
import { isUnanswered } from "../kube/api-error.ts";
import type { Cache } from "../kube/cache.ts";
import type { KubeClient } from "../kube/client.ts";
import { EventRecorder } from "../kube/events.ts";
import type { Leadership } from "../kube/lease.ts";
import type { World } from "../kube/snapshot.ts";
import type { PoolCounts } from "../metrics/controller.ts";
import type { ClientMetrics } from "../metrics/registry.ts";
import { monotonicMs } from "../runtime/clock.ts";
import { KeyedWork } from "../runtime/keyed-work.ts";
import { errorText, type Log } from "../runtime/log.ts";
import { Wake } from "../runtime/wake.ts";
import { configurationStateWrites } from "../status/configuration-state.ts";
import { allocationEvents } from "../status/events.ts";
import { poolWrites } from "../status/pool-status.ts";
import { serviceWrites } from "../status/service-status.ts";
import type { configReader } from "./config-reader.ts";
import type { Performer } from "./perform.ts";
import { Reporter } from "./reporter.ts";

/** What a controller is at the moment. */
export type Standing = "candidate" | "first pass" | "working";

interface TermContext {
  readonly namespace: string;
  /** Our own Pod. */
  readonly owner: OwnerReference;
  readonly lbClass: string;
  readonly world: World;
  /** The process's own, from term to term: it remembers what was good. */
  readonly read: ReturnType<typeof configReader>;
  readonly states: Cache<ConfigurationState>;
  readonly client: KubeClient;
  /** Makes the work that writes take, under a guard that is asked right before each. */
  readonly performer: (guard: () => void) => Performer;
  readonly metrics: ClientMetrics & { pools(counts: readonly PoolCounts[]): void };
  readonly log: Log;
}

/** Wake-ups within this many milliseconds are one turn. */
const windowMs = 5;

/**
 * The controller's loop, for one term as leader: snapshot → config → assignments → writes. `begin` is told what wakes the
 * loop, and how far it has come.
 *
 * Differs: during an update, MetalLB's old and new controller assign side by side, each from what it knows.
 */
export async function serveTerm(
  context: TermContext,
  leadership: Leadership,
  begin: (turns: Wake | undefined, standing: Standing) => void,
): Promise<void> {
  const { namespace, owner, lbClass, world, read, states, client, metrics, log } = context;
  const performer = context.performer(() => assertProven(leadership));
  const turns = new Wake(windowMs, leadership.signal);
  const failed = (key: string, error: unknown, retryInMs: number) => {
    metrics.failure();
    const fields = { write: key, error: errorText(error), retryInMs };
    if (isUnanswered(error)) log.debug(fields, "write failed");
    else log.warn(fields, "write failed");
  };
  const work = new KeyedWork({ wake: turns, failed }, leadership.signal);
  const events = new EventRecorder({ client, component: eventSources.controller, log }, leadership.signal);
  const reporter = new Reporter(events, log);
  let last: Parameters<typeof lingeringAfter>[0] & { readonly memory: Memory } = {
    pools: [],
    lingering: new Map(),
    outcomes: [],
    memory: new Map(),
  };

  // What the leader before us wrote last, our watches may not have told yet; nor of which pools.
  world.readSince(leadership.since);
  begin(turns, "first pass");
  turns.wake();
  for await (const _ of turns) {
    if (!world.synced) continue;
    const snapshot = world.snapshot();
    const { config, problems } = read(snapshot);
    const now = monotonicMs();
    const lingering = lingeringAfter(last, config, now);
    if ([...lingering.values()].some(({ until }) => until === now + lingerMs)) turns.wakeIn(lingerMs + 1);
    const result = allocate({ config, services: snapshot.services, lbClass, memory: last.memory, lingering });
    last = { pools: config.pools, lingering, outcomes: result.outcomes, memory: result.memory };

    const state = { component: { kind: "controller" }, namespace, owner, problems } as const;
    const existing = states.get(`${namespace}/${controllerStateName}`);
    // Where the kind is not there, or not ours to read, nobody waits for it.
    const stateWrites = states.synced
      ? configurationStateWrites({ ...state, now: new Date().toISOString(), existing })
      : [];
    const writes = [...serviceWrites(result.outcomes), ...poolWrites(snapshot.pools, result.pools), ...stateWrites];
    work.want(performer.work(writes));
    reporter.tellProblems(problems);
    reporter.tell(allocationEvents(result.outcomes));
    metrics.turn();
    for (const outcome of result.outcomes) if (isNewFailure(outcome)) metrics.failure();
    metrics.config(isStale(problems));
    metrics.pools(result.pools);
    begin(turns, "working");
  }
  begin(undefined, "candidate");
  // What is true of the pools now, the next leader says.
  metrics.pools([]);
  await work.settled();
}

/** MetalLB counts a Service that does not get what it asks for, at each look at it; here once, with its event. */
function isNewFailure({ state, events }: Outcome): boolean {
  const unmet = state.kind === "assigned" && state.unmet !== undefined && state.unmet.kind !== "no-second-family";
  return (state.kind === "waiting" || unmet) && events.some(({ type }) => type === "Warning");
}

/**
 * Reads the configuration while another leads, at each change: who takes over then knows what was good, and both say alike
 * whether it is.
 */
export async function watchAlong(
  { world, read, metrics }: Pick<TermContext, "world" | "read" | "metrics">,
  changes: AsyncIterable<void>,
): Promise<void> {
  for await (const _ of changes) {
    if (world.synced) metrics.config(isStale(read(world.snapshot()).problems));
  }
}

const isStale = (problems: readonly Problem[]): boolean => problems.some(({ severity }) => severity === "refused");

/** A process that was stopped for a while may wake up in the middle of a term that is over. */
function assertProven(leadership: Leadership): void {
  if (!leadership.isProven()) throw new Error("leadership is not proven");
}
