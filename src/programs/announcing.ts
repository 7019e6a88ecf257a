import type { Announcement } from "../announce/announcement.ts";
import { changesBetween } from "../announce/changes.ts";
import type { BgpDesired, BgpObserved } from "../announce/desired.ts";
import { Decider, type Decision } from "../announce/decide.ts";
import { type FormerPools, formerForMs, formerPoolsAfter } from "../announce/former-pools.ts";
import type { DaemonNews } from "../announce/news.ts";
import type { Refusal } from "../announce/refusal.ts";
import type { BgpSessionStatus, ConfigurationState, ServiceBgpStatus } from "../api/kinds/index.ts";
import { eventSources, speakerStateName } from "../api/names.ts";
import { type ObjectRef, type OwnerReference, refOf } from "../api/object.ts";
import type { Problem } from "../api/problem.ts";
import type { Snapshot } from "../api/snapshot.ts";
import { ApplyError, type BgpBackend } from "../backends/backend.ts";
import type { Config } from "../config/config.ts";
import { isUnanswered } from "../kube/api-error.ts";
import type { Cache } from "../kube/cache.ts";
import type { KubeClient } from "../kube/client.ts";
import { EventRecorder } from "../kube/events.ts";
import type { World } from "../kube/snapshot.ts";
import type { ClientMetrics } from "../metrics/registry.ts";
import type { Announced, AnnouncedMetric } from "../metrics/speaker.ts";
import { Attempts } from "../runtime/attempts.ts";
import { monotonicMs } from "../runtime/clock.ts";
import { IdleCollector } from "../runtime/garbage.ts";
import { KeyedWork } from "../runtime/keyed-work.ts";
import { errorText, type Log } from "../runtime/log.ts";
import type { Wake } from "../runtime/wake.ts";
import { configurationStateWrites } from "../status/configuration-state.ts";
import { bgpSessionWrites } from "../status/bgp-session.ts";
import { absenceEvents, announcedServices, announcementEvents, daemonEvents, sessionEvents } from "../status/events.ts";
import { ownRefusals, refusalProblems } from "../status/refusals.ts";
import { ServiceBgpBook, serviceOf } from "../status/service-bgp.ts";
import type { Write } from "../status/write.ts";
import { VtyError } from "../vty/session.ts";
import type { AnnouncementTimes } from "./announcement-times.ts";
import { configReader } from "./config-reader.ts";
import { DecisionLog } from "./decision-log.ts";
import { PacedWrites } from "./paced-writes.ts";
import type { Performer } from "./perform.ts";
import { Reporter } from "./reporter.ts";

/** What a speaker waits for before it may be called ready. */
export type Missing = "the API server's objects" | "its own Node object" | "FRR" | undefined;

export interface AnnouncingContext {
  readonly namespace: string;
  readonly node: string;
  readonly owner: OwnerReference;
  readonly lbClass: string;
  readonly ignoreExcludeLB: boolean;
  readonly world: World;
  readonly states: Cache<ConfigurationState>;
  /** Those of this node. */
  readonly bgpStatuses: Cache<ServiceBgpStatus>;
  /** Those of this node; never synced where the kind is not installed, as with MetalLB's own CRDs, and then not written. */
  readonly sessionStatuses: Cache<BgpSessionStatus>;
  readonly isSynced: () => boolean;
  readonly backend: BgpBackend & { takeNews(): readonly DaemonNews[] };
  readonly client: KubeClient;
  readonly performer: Performer;
  readonly metrics: ClientMetrics & { announced: AnnouncedMetric; drift: (daemon: string) => void };
  readonly times: AnnouncementTimes;
  /** What was in force when the speaker before this one ended. */
  readonly lastGood: Config | undefined;
  /** Is told what is in force, for the speaker that comes next. */
  readonly keep: (config: Config) => void;
  readonly log: Log;
  /** Is told after each turn. */
  readonly missing: (missing: Missing) => void;
}

/**
 * The speaker's loop: snapshot → config → desired → FRR → observed → status.
 *
 * Nothing is sent to FRR before the first complete snapshot, and nothing is taken back at the end: FRR forwards on. Returns what was
 * decided last; `undefined` before the first decision.
 */
export async function announce(
  context: AnnouncingContext,
  wake: Wake,
  signal: AbortSignal,
): Promise<BgpDesired | undefined> {
  const { node, world, isSynced, metrics, missing, times } = context;
  const read = configReader(node, context.lastGood);
  const decider = new Decider();
  const routing = new Routing(context, wake);
  const telling = new Telling(context, wake, signal);
  const garbage = new IdleCollector();
  let before: BgpObserved | undefined;
  let desired: BgpDesired | undefined;
  let last: { readonly config: Config | undefined; readonly former: readonly FormerPools[] } = {
    config: undefined,
    former: [],
  };
  for await (const _ of wake) {
    garbage.hold();
    if (!isSynced()) continue;
    const snapshot = world.snapshot();
    // Without its labels no selector can be judged; a Node object that goes leaves everything as it is.
    const own = nodeNamed(snapshot, node);
    if (own === undefined) {
      missing("its own Node object");
      continue;
    }
    times.begin();
    const { config, problems } = read(snapshot);
    const { ignoreExcludeLB, lbClass } = context;
    const former = formerPoolsAfter(last, config, monotonicMs());
    if (former.length > 0 && former !== last.former) wake.wakeIn(formerForMs + 1);
    last = { config, former };
    const decision = decider.decide({ config, snapshot, node, ignoreExcludeLB, lbClass, former });
    ({ desired } = decision);
    // What ran before we said anything: so that a session's rise is told once, by the speaker that brought it about.
    before ??= await routing.observe(signal);
    const { failure, refusals } = await routing.apply(decision.desired, signal);
    times.acknowledged();
    const observed = await routing.observe(signal);
    if (signal.aborted) break;
    if (routing.isReached) context.keep(config);
    const all = refusals.length === 0 ? problems : [...problems, ...refusalProblems(refusals, config)];
    telling.tell({ node: own, config, problems: all, decision, before, observed, failure, reached: routing.isReached });
    before = observed;
    garbage.release();
    metrics.turn();
    missing(routing.isReached ? undefined : "FRR");
  }
  await telling.settled();
  return desired;
}

function nodeNamed({ nodes }: Snapshot, name: string): ObjectRef | undefined {
  const found = nodes.find(({ metadata }) => metadata.name === name);
  return found && refOf(found);
}

const unreachable = "daemon-unreachable";

interface Applied {
  /** What did not take effect though no object is wrong, in a sentence. */
  readonly failure: string | undefined;
  /** What FRR does not take of the objects. */
  readonly refusals: readonly Refusal[];
}

/** The backend, with what it last failed at. */
class Routing {
  readonly #backend: BgpBackend;
  readonly #wake: Wake;
  readonly #log: Log;
  readonly #metrics: ClientMetrics;
  readonly #attempts = new Attempts({ minMs: 100, maxMs: 10_000 });
  #error: string | undefined;
  #reached = false;

  constructor({ backend, log, metrics }: AnnouncingContext, wake: Wake) {
    this.#backend = backend;
    this.#wake = wake;
    this.#log = log;
    this.#metrics = metrics;
  }

  /** Whether FRR answers, and has acknowledged the last configuration as far as it accepts it. */
  get isReached(): boolean {
    return this.#reached;
  }

  /** What did not take effect. What FRR refuses is not said again until something changes. */
  async apply(desired: BgpDesired, signal: AbortSignal): Promise<Applied> {
    try {
      await this.#backend.apply(desired, signal);
      this.#attempts.succeeded("apply");
      this.#note(undefined, true, desired);
      return { failure: undefined, refusals: [] };
    } catch (error) {
      if (signal.aborted) return { failure: undefined, refusals: [] };
      if (!(error instanceof ApplyError)) throw error;
      const { code, refusals } = error;
      if (code === unreachable) this.#wake.wakeIn(this.#attempts.failed("apply"));
      this.#note(errorText(error), code !== unreachable, desired);
      return { failure: code === unreachable ? errorText(error) : ownRefusals(refusals), refusals };
    }
  }

  /** What FRR does. One that can't be asked holds no session that we know of. */
  async observe(signal: AbortSignal): Promise<BgpObserved> {
    try {
      return await this.#backend.observe(signal);
    } catch (error) {
      if (signal.aborted || error instanceof VtyError) return { sessions: [] };
      throw error;
    }
  }

  #note(error: string | undefined, reached: boolean, { routers }: BgpDesired): void {
    const peers = routers.flatMap((router) => router.peers);
    const fields = { peers: peers.length, paths: peers.reduce((sum, { paths }) => sum + paths.length, 0) };
    if (error !== undefined && error !== this.#error) {
      this.#metrics.failure();
      this.#log.error({ error }, "FRR did not take the configuration");
    }
    if (error === undefined && (this.#error !== undefined || !this.#reached)) {
      this.#log.info(fields, "FRR has taken the configuration");
    }
    this.#error = error;
    this.#reached = reached;
  }
}

interface Turn {
  /** Our own Node object. */
  readonly node: ObjectRef;
  readonly config: Config;
  readonly problems: readonly Problem[];
  readonly decision: Decision;
  /** At the end of the turn before. */
  readonly before: BgpObserved;
  readonly observed: BgpObserved;
  readonly failure: string | undefined;
  readonly reached: boolean;
}

/** Everything that others may read of a turn: objects, events, log and metrics. */
class Telling {
  readonly #context: AnnouncingContext;
  readonly #work: KeyedWork;
  readonly #reporter: Reporter;
  readonly #decisions: DecisionLog;
  readonly #paced: PacedWrites;
  #announced: Set<string> | undefined;
  #announcements: readonly Announcement[] = [];
  readonly #statuses = new ServiceBgpBook();

  constructor(context: AnnouncingContext, wake: Wake, signal: AbortSignal) {
    const { client, node, log, metrics } = context;
    const failed = (key: string, error: unknown, retryInMs: number) => {
      metrics.failure();
      const fields = { write: key, error: errorText(error), retryInMs };
      if (isUnanswered(error)) log.debug(fields, "write failed");
      else log.warn(fields, "write failed");
    };
    this.#context = context;
    this.#work = new KeyedWork({ wake, failed }, signal);
    const events = new EventRecorder({ client, component: eventSources.speaker, host: node, log }, signal);
    this.#reporter = new Reporter(events, log);
    this.#decisions = new DecisionLog(log);
    this.#paced = new PacedWrites(wake);
  }

  tell(turn: Turn): void {
    const { node, metrics, performer, bgpStatuses, times } = this.#context;
    const { config, problems, decision, before, observed } = turn;
    const { announcements } = decision;
    const changes = changesBetween(this.#announcements, announcements);
    this.#announcements = announcements;
    // After a start, what the speaker before announced is no news.
    const announced = this.#announced ?? new Set(bgpStatuses.items.map(serviceOf));
    const changed = changes.flatMap(({ after }) => after ?? []);
    this.#work.want(performer.work(this.#writes(turn)));
    this.#decisions.tell(changes);
    this.#reporter.tellProblems(problems);
    this.#reporter.tell(announcementEvents(node, announced, changed));
    this.#reporter.tell(sessionEvents({ node, peers: config.peers, before, after: observed }));
    this.#tellOfNode(turn);
    times.end({ changes, desired: decision.desired, observed, reached: turn.reached });
    metrics.config(problems.some(({ severity }) => severity === "refused"));
    metrics.announced({
      gone: changes.flatMap((change) => rows(change.before)),
      come: changes.flatMap((change) => rows(change.after)),
    });
    this.#announced ??= new Set();
    for (const { before: old } of changes) if (old) this.#announced.delete(old.key);
    for (const key of announcedServices(changed)) this.#announced.add(key);
  }

  #tellOfNode({ node }: Turn): void {
    const { backend, client, metrics } = this.#context;
    const news = backend.takeNews();
    this.#reporter.tell([...daemonEvents(node, news), ...absenceEvents(node, client.reach.takeAbsences())]);
    for (const { kind, daemon } of news) if (kind === "drift") metrics.drift(daemon);
  }

  settled(): Promise<void> {
    return this.#work.settled();
  }

  #writes({ config, problems, decision, observed, failure }: Turn): Iterable<Write> {
    const { namespace, node, owner, states, bgpStatuses, sessionStatuses } = this.#context;
    const { announcements } = decision;
    const { peers } = config;
    const at = { node, namespace, owner, nowMs: Date.now(), existing: sessionStatuses.items };
    const sessions = sessionStatuses.synced ? bgpSessionWrites({ ...at, peers, problems, observed, failure }) : [];
    const existing = bgpStatuses.items;
    const state = configurationStateWrites({
      component: { kind: "speaker", node },
      namespace,
      owner,
      problems,
      ...(failure !== undefined && { failure }),
      now: new Date().toISOString(),
      existing: states.get(`${namespace}/${speakerStateName(node)}`),
    });
    const statuses = this.#statuses.writes({ node, namespace, owner, peers, announcements, observed, existing });
    return inTurn(state, this.#paced.due(sessions), statuses);
  }
}

function* inTurn<T>(...lists: readonly Iterable<T>[]): Generator<T, void> {
  for (const list of lists) yield* list;
}

function rows(announcement: Announcement | undefined): Announced[] {
  if (announcement?.decision.kind !== "announced") return [];
  const { key, decision } = announcement;
  return decision.addresses.map((ip) => ({ service: key, protocol: "bgp", ip }));
}
