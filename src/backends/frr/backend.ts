import { exhaustive } from "../../std/exhaustive.ts";
import { omit } from "../../std/omit.ts";
import type { BgpDesired, BgpObserved } from "../../announce/desired.ts";
import type { DaemonNews } from "../../announce/news.ts";
import type { Refusal } from "../../announce/refusal.ts";
import { causeOf } from "../../frr/cause.ts";
import { diff, type Step } from "../../frr/diff.ts";
import { type Direction, effective, touchesExtras, undone } from "../../frr/effect.ts";
import { parseRunning } from "../../frr/parse.ts";
import { Planner } from "../../frr/planner.ts";
import { freshAmong, withoutConsequences } from "../../frr/refused.ts";
import { type DaemonName, emptyTree, families, readRouterLine, type Tree } from "../../frr/tree.ts";
import type { FrrCounts } from "../../metrics/speaker.ts";
import { parsePrefix } from "../../net/prefix.ts";
import { backoffMs } from "../../runtime/backoff.ts";
import { monotonicMs, sleep } from "../../runtime/clock.ts";
import type { Log } from "../../runtime/log.ts";
import { VtyError } from "../../vty/session.ts";
import { ApplyError, type BgpBackend } from "../backend.ts";
import { AdjRibOut } from "./adj-rib-out.ts";
import { Bell } from "./bell.ts";
import { Daemon } from "./daemon.ts";
import { EventListener, tellsOfEnd } from "./events.ts";
import { type Refused, SaidExtras } from "./extras.ts";
import { type FrrLogLevel, logLines } from "./log-level.ts";
import { News } from "./news.ts";
import { observeSessions, readFrrCounts } from "./observe.ts";
import { takeLines, takeSettle } from "./take.ts";

export interface FrrBackendOptions {
  /** Directory with the daemons' vty sockets, `/var/run/frr` in a pod. The event socket is made there too. */
  readonly socketDir: string;
  readonly log?: Log;
  /** How much the daemons write into their container's log; absent: as they were started. */
  readonly logLevel?: FrrLogLevel;
  /** Milliseconds on a clock that never jumps. */
  readonly now?: () => number;
}

/** The backend that drives FRR, and FRR's counters, which only this one has. */
export interface FrrBackend extends BgpBackend {
  readCounters(signal: AbortSignal): Promise<FrrCounts>;
  /** What has happened to FRR's daemons since the last call. */
  takeNews(): readonly DaemonNews[];
}

/** Drives FRR over its vty sockets, by differences from what its daemons acknowledged. */
export const createFrrBackend = (options: FrrBackendOptions): FrrBackend => new FrrDriver(options);

const daemonNames: readonly DaemonName[] = ["zebra", "bgpd", "bfdd"];

/**
 * How long acknowledged state is trusted: a person in vtysh leaves no trace but the configuration itself.
 *
 * The longer, the shorter it is since anything was said: of 10,000 prefixes bgpd's configuration is 400 KB, for which the next change,
 * or what the last one has set off in bgpd, would have to wait.
 *
 * FRR could log each command (`log commands`), but to all of its logs, and passwords in clear (lib/vty.c, vty_command; seen
 * with 8.4 and 10.3). What ends a session is noticed at once, see `#hear`.
 */
const trust = [
  { quietMs: 1_000, ms: 60_000 },
  { quietMs: 200, ms: 120_000 },
  { quietMs: 0, ms: 180_000 },
] as const;

/** A session that goes up and down must not have the configuration read without end: at 10,000 prefixes it is 400 KB. */
const restMs = 1_000;

/** When to look again after prefixes changed, or others changed something: bgpd holds its queue for 50 ms, and a busy one for longer. */
const lookAgainMs = [60, 250, 1_100];

/** Until a router whose session has just come up hears a request for its routes; see `#sayPolicies`. It waits for up to 500 ms. */
const secondLookMs = 1_100;

/** What happens while one value is applied. */
interface Turn {
  readonly failures: Map<DaemonName, VtyError[]>;
  /** At its beginning. */
  readonly losses: ReadonlyMap<DaemonName, number>;
  /** Daemons in which a step may have changed what an administrator's own lines mean. */
  readonly touched: Set<DaemonName>;
}

class FrrDriver implements FrrBackend {
  readonly name = "frr";
  readonly #daemons: Readonly<Record<DaemonName, Daemon>>;
  readonly #adjRibOut: AdjRibOut;
  readonly #bell = new Bell();
  readonly #eventPath: string;
  readonly #log: Log | undefined;
  readonly #logLevel: FrrLogLevel | undefined;
  readonly #now: () => number;
  readonly #lookAgain = new Set<NodeJS.Timeout>();
  readonly #news = new News();
  /** What each daemon runs, as acknowledged; absent when unknown. */
  readonly #running = new Map<DaemonName, Partial<Tree>>();
  /** What was applied last as far as the daemons take it, what they ran then, and what they didn't take. */
  #outcome:
    | {
        readonly desired: BgpDesired;
        readonly running: ReadonlyMap<DaemonName, Partial<Tree>>;
        readonly error: ApplyError | undefined;
      }
    | undefined;
  /** What is not said again while the same is wanted, its daemon lives and is trusted. */
  #refused: readonly Refused[] = [];
  readonly #planner = new Planner();
  readonly #extras: SaidExtras;
  #secondLook: NodeJS.Timeout | undefined;
  /** How often each daemon was lost. */
  readonly #losses = new Map<DaemonName, number>();
  /** When the configuration was read last because its time had come, and when for whatever reason. */
  #checkedAt = Number.NEGATIVE_INFINITY;
  #readAt = Number.NEGATIVE_INFINITY;
  /** When anything was said last. */
  #saidAt = Number.NEGATIVE_INFINITY;
  /** When it is to be read again before its time. */
  #trustedUntil = Number.POSITIVE_INFINITY;
  #turn: Promise<void> = Promise.resolve();

  constructor({ socketDir, log, logLevel, now = monotonicMs }: FrrBackendOptions) {
    const daemon = (name: DaemonName): Daemon => new Daemon(name, socketDir, () => this.#lost(name));
    this.#daemons = { zebra: daemon("zebra"), bgpd: daemon("bgpd"), bfdd: daemon("bfdd") };
    this.#adjRibOut = new AdjRibOut(this.#daemons.bgpd, now);
    this.#eventPath = `${socketDir}/metallb-events.sock`;
    this.#extras = new SaidExtras(`${socketDir}/metallb-extras.json`, log);
    this.#log = log;
    this.#logLevel = logLevel;
    this.#now = now;
  }

  /** One apply at a time: two would run in each other's contexts. */
  apply(desired: BgpDesired, signal: AbortSignal): Promise<void> {
    const turn = this.#turn.then(() => this.#apply(desired, signal));
    this.#turn = turn.catch(() => {});
    return turn;
  }

  async #apply(desired: BgpDesired, signal: AbortSignal): Promise<void> {
    const turn: Turn = { failures: new Map(), losses: new Map(this.#losses), touched: new Set() };
    const quietMs = desired === this.#outcome?.desired ? this.#now() - this.#saidAt : 0;
    const isFresh = await this.#readRunning(quietMs, turn.failures, signal);
    const known = this.#knownOutcome(desired);
    if (known === "in force") return;
    if (known !== undefined) throw known;
    if (this.#news.isDrifting) this.#ringLater();
    await this.#extras.begin(desired, this.#tree(), isFresh);
    await this.#sayPolicies(turn, signal);
    const wanted = await this.#sayExtras(await this.#takeAll(desired, turn, signal), desired, turn, signal);
    const running = effective(wanted, this.#extras.effect);
    for (const name of daemonNames) {
      if (turn.failures.has(name) || this.#isLostIn(turn, name)) {
        this.#running.delete(name);
        this.#news.unsettled(name);
      } else {
        this.#running.set(name, partOf(running, name));
        this.#news.settled(name);
      }
    }
    if (turn.failures.size === 0) await this.#extras.save();
    const error = applyError(turn.failures, this.#refused, desired, this.#extras.refusals);
    if (turn.failures.size === 0) this.#outcome = { desired, running: new Map(this.#running), error };
    if (error !== undefined) throw error;
  }

  /**
   * Takes the steps to what is desired; returns what is wanted in the end.
   *
   * At each refusal the daemon is read again, and the way from there leaves out what it refused: a neighbor without one of its lines,
   * or a path without one of its attributes, must not go out.
   */
  async #takeAll(desired: BgpDesired, turn: Turn, signal: AbortSignal): Promise<Tree> {
    for (;;) {
      const attainable = isLost(turn.failures.get("bfdd")) ? withoutBfd(desired) : desired;
      const running = undone(this.#tree(), this.#extras.effect);
      const { refused, reserved } = { refused: this.#refused, reserved: this.#extras.reserved };
      const { wanted, steps, standing } = this.#planner.plan(attainable, running, { refused, reserved });
      this.#refused = standing;
      const found = await this.#takeUntilRefused(steps, turn, signal);
      if (found.length === 0) return wanted;
      const fresh = freshAmong(found, standing);
      // Said although it was to be left out: our own mistake, which must not be repeated without end.
      if (fresh.length === 0) for (const { daemon, error } of found) note(turn.failures, daemon, error);
      this.#refused = [...standing, ...fresh];
      await this.#readRunning(0, turn.failures, signal);
      if (found.some(({ daemon }) => turn.failures.has(daemon))) return wanted;
    }
  }

  /** What the first step was refused of which anything was; nothing when all are taken. What was said to is read again then. */
  async #takeUntilRefused(steps: readonly Step[], turn: Turn, signal: AbortSignal): Promise<readonly Refused[]> {
    if (steps.length > 0) this.#saidAt = this.#now();
    if (steps.some(changesPrefixes)) this.#ringLater();
    const said = new Set<DaemonName>();
    for (const step of steps) {
      const name = daemonOf(step);
      // A daemon that was lost on the way, or came back as another, is read again before anything else is said to it.
      if (this.#isLostIn(turn, name)) note(turn.failures, name, new VtyError("closed", ""));
      if (isLost(turn.failures.get(name))) continue;
      said.add(name);
      if (this.#extras.isInForce && touchesExtras(step, this.#extras.effect)) turn.touched.add(name);
      const refused = await this.#take(step, turn.failures, signal);
      if (refused.length === 0) continue;
      for (const one of said) this.#running.delete(one);
      return refused.map((one) => ({ ...one, daemon: name }));
    }
    return [];
  }

  /**
   * Says an administrator's own lines on top of what was taken, where that is due, and learns what they do; returns what is wanted.
   *
   * Last of all, as they stand in MetalLB's file.
   */
  async #sayExtras(wanted: Tree, desired: BgpDesired, turn: Turn, signal: AbortSignal): Promise<Tree> {
    const isReached = (name: DaemonName): boolean => !turn.failures.has(name) && !this.#isLostIn(turn, name);
    const due = this.#extras.dueAfter(turn.touched).filter(isReached);
    this.#extras.rendered(wanted);
    const rendered = due.length === 0 ? wanted : await this.#ourOwn(due, desired, turn, signal);
    if (due.length > 0) {
      const refused: Refused[] = [];
      for (const step of due.flatMap(this.#extras.stepsFor)) {
        if (!isReached(step.daemon)) continue;
        const found = await this.#take(step, turn.failures, signal);
        refused.push(...found.map((one) => ({ ...one, daemon: step.daemon })));
      }
      for (const name of due) await this.#read(name, turn.failures, signal);
      const running = this.#tree();
      this.#extras.learn(new Set(due.filter(isReached)), { rendered, running, refused });
    }
    if (this.#extras.policyChanges.length > 0 && isReached("bgpd")) await this.#lookThrough(desired, turn, signal);
    return rendered;
  }

  /**
   * Says to a bgpd without a router the lists and route-maps of the administrator's lines, so that they are there when sessions come up.
   *
   * What a router told before them would have to be asked for again, which FRR as a router forgets within 100 ms of a session's start
   * (8.4, bgpd/bgp_route.c, bgp_announce_route: one is under way, and suppresses what it has sent already).
   */
  async #sayPolicies(turn: Turn, signal: AbortSignal): Promise<void> {
    const isReached = this.#running.has("bgpd") && !this.#isLostIn(turn, "bgpd");
    const hasRouter = [...this.#tree().bgpd.keys()].some((line) => readRouterLine(line) !== undefined);
    if (!isReached || hasRouter) return;
    const before = this.#tree();
    const steps = this.#extras.firstSteps();
    if (steps.length === 0) return;
    // Said again with all the rest, when a refusal is told.
    for (const step of steps) await this.#take(step, turn.failures, signal);
    await this.#read("bgpd", turn.failures, signal);
    this.#extras.saidFirst(before, this.#tree());
  }

  /** Sets right what others changed since the last look: it must not count as the administrator's lines' doing. */
  async #ourOwn(due: readonly DaemonName[], desired: BgpDesired, turn: Turn, signal: AbortSignal): Promise<Tree> {
    for (const name of due) await this.#read(name, turn.failures, signal);
    return this.#takeAll(desired, turn, signal);
  }

  async #read(name: DaemonName, failures: Map<DaemonName, VtyError[]>, signal: AbortSignal): Promise<void> {
    await this.#attempt(name, failures, signal, async () => {
      this.#running.set(name, await this.#ask(name, signal));
    });
  }

  /** With `bgp route-map delay-timer 0` bgpd goes by a changed list or route-map only for what comes from then on. */
  async #lookThrough({ routers }: BgpDesired, { failures }: Turn, signal: AbortSignal): Promise<void> {
    await this.#attempt("bgpd", failures, signal, async () => {
      const directions = this.#extras.policyChanges;
      for (const direction of directions) await this.#clearSoftly(routers, direction, signal);
      this.#extras.lookedThrough();
      this.#ringLater();
      if (directions.includes("in")) this.#lookLater(routers, signal);
    });
  }

  #lookLater(routers: BgpDesired["routers"], signal: AbortSignal): void {
    clearTimeout(this.#secondLook);
    this.#secondLook = setTimeout(() => {
      // A bgpd that is gone has forgotten all that it was told.
      this.#clearSoftly(routers, "in", signal).catch(() => {});
    }, secondLookMs).unref();
  }

  /** "in" asks each peer for its routes again (RFC 2918), "out" tells each peer all of ours again. */
  async #clearSoftly(routers: BgpDesired["routers"], direction: Direction, signal: AbortSignal): Promise<void> {
    for (const { vrf } of routers) {
      for (const family of families)
        await this.#daemons.bgpd.show(
          `clear bgp ${vrf === "" ? "" : `vrf ${vrf} `}${family} unicast * soft ${direction}`,
          signal,
        );
    }
  }

  #isLostIn({ losses }: Turn, name: DaemonName): boolean {
    return this.#losses.get(name) !== losses.get(name);
  }

  /** What came of this very value, if it was applied last and no daemon has been lost, or was found otherwise, since. */
  #knownOutcome(desired: BgpDesired): ApplyError | "in force" | undefined {
    const { desired: last, running, error } = this.#outcome ?? {};
    const stands = last === desired && daemonNames.every((name) => running?.get(name) === this.#running.get(name));
    return stands ? (error ?? "in force") : undefined;
  }

  /** Asks each daemon whose state is unknown, or too long ago (see `trust`); whether it was for that. */
  async #readRunning(quietMs: number, failures: Map<DaemonName, VtyError[]>, signal: AbortSignal): Promise<boolean> {
    const age = this.#now() - this.#checkedAt;
    const due = trust.some((limit) => age > limit.ms && quietMs >= limit.quietMs);
    const stale = due || this.#now() > this.#trustedUntil;
    if (due && (this.#refused.length > 0 || this.#extras.wasRefused)) {
      this.#refused = [];
      this.#outcome = undefined;
    }
    for (const name of daemonNames.filter((daemon) => stale || !this.#running.has(daemon))) {
      await this.#attempt(name, failures, signal, async () => this.#learn(name, await this.#ask(name, signal)));
    }
    if (!stale) return false;
    this.#readAt = this.#now();
    if (due) this.#checkedAt = this.#readAt;
    // Whoever changes one line mostly changes another: trust comes back with a look that finds none.
    this.#trustedUntil = this.#news.isDrifting ? this.#readAt : Number.POSITIVE_INFINITY;
    return true;
  }

  async #ask(name: DaemonName, signal: AbortSignal): Promise<Partial<Tree>> {
    const session = await this.#daemons[name].session("configure", signal);
    return parseRunning(name, await session.run("show running-config", signal));
  }

  #learn(name: DaemonName, found: Partial<Tree>): void {
    const believed = this.#running.get(name);
    if (believed !== undefined && sameTree(believed, found)) return;
    if (believed !== undefined) {
      this.#log?.warn({ daemon: name }, "the daemon's configuration was changed by others; setting it right");
      this.#news.drifted(name, found, believed);
      this.#adjRibOut.forget();
    }
    this.#running.set(name, found);
  }

  #tree(): Tree {
    return Object.assign({ ...emptyTree }, ...this.#running.values()) as Tree;
  }

  async #take(
    step: Step,
    failures: Map<DaemonName, VtyError[]>,
    signal: AbortSignal,
  ): Promise<readonly Omit<Refused, "daemon">[]> {
    const name = daemonOf(step);
    let refused: readonly Omit<Refused, "daemon">[] = [];
    await this.#attempt(name, failures, signal, async () => {
      if (step.kind === "settle") return takeSettle(this.#daemons.bgpd, step.vrf, step.prefixes, signal);
      this.#touch(step);
      const session = await this.#daemons[name].session("configure", signal);
      refused = await takeLines(session, step, signal);
    });
    return refused;
  }

  async #attempt(
    name: DaemonName,
    failures: Map<DaemonName, VtyError[]>,
    signal: AbortSignal,
    work: () => Promise<void>,
  ): Promise<void> {
    try {
      await work();
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof VtyError)) throw error;
      note(failures, name, error);
    }
  }

  #touch({ context, lines }: Exclude<Step, { kind: "settle" }>): void {
    const vrf = readRouterLine(context[0] ?? "")?.vrf;
    if (vrf === undefined) return;
    const prefixes = lines.flatMap((line) => parsePrefix(networkOf(line) ?? "") ?? []);
    this.#adjRibOut.touch(vrf, prefixes);
  }

  #ringLater(): void {
    for (const timer of this.#lookAgain) clearTimeout(timer);
    this.#lookAgain.clear();
    for (const ms of lookAgainMs) this.#ringIn(ms);
  }

  #ringIn(ms: number): void {
    const timer = setTimeout(() => {
      this.#lookAgain.delete(timer);
      this.#bell.ring();
    }, ms).unref();
    this.#lookAgain.add(timer);
  }

  async observe(signal: AbortSignal): Promise<BgpObserved> {
    const { bgpd, bfdd } = this.#daemons;
    return observeSessions(bgpd, bfdd, this.#adjRibOut, signal);
  }

  async readCounters(signal: AbortSignal): Promise<FrrCounts> {
    const { bgpd, bfdd } = this.#daemons;
    return readFrrCounts(bgpd, bfdd, this.#tree().bgpd, signal);
  }

  /** Also keeps the daemons within reach: it reconnects to those that are gone, and has their logs sent here. */
  async *changes(signal: AbortSignal): AsyncGenerator<void> {
    await using listener = await EventListener.listen(this.#eventPath, (told) => this.#hear(told));
    const over = new AbortController();
    const ending = AbortSignal.any([signal, over.signal]);
    const watches = daemonNames.map((name) => this.#watch(this.#daemons[name], listener, ending));
    try {
      for (;;) {
        await this.#bell.next(signal);
        if (signal.aborted) return;
        yield;
      }
    } finally {
      over.abort();
      await Promise.all(watches);
    }
  }

  takeNews(): readonly DaemonNews[] {
    return this.#news.take();
  }

  /** A session that ends may be somebody's doing: then the configuration is another. */
  #hear(told: string): void {
    if (tellsOfEnd(told)) {
      const restForMs = this.#readAt + restMs - this.#now();
      this.#trustedUntil = Math.min(this.#trustedUntil, this.#readAt + restMs);
      if (restForMs > 0) this.#ringIn(restForMs + 1);
    }
    this.#bell.ring();
  }

  /** Connects, subscribes and rings; when the session ends, begins again. */
  async #watch(daemon: Daemon, listener: EventListener, signal: AbortSignal): Promise<void> {
    const ended = new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
    for (let failures = 0; !signal.aborted; ) {
      try {
        if (daemon.name !== "zebra") await listener.subscribe(daemon, signal);
        await this.#setLogLevel(daemon, signal);
        const session = await daemon.session("show", signal);
        this.#log?.info({ daemon: daemon.name }, "connected");
        this.#news.answers(daemon.name);
        failures = 0;
        this.#bell.ring();
        await Promise.race([session.closed, ended]);
      } catch (error) {
        if (signal.aborted) return;
        if (!(error instanceof VtyError)) throw error;
        failures += 1;
        if (failures === 1) this.#log?.warn({ daemon: daemon.name, error }, "no connection; trying again");
        await sleep(backoffMs(failures, reconnect), signal);
      }
    }
  }

  /** In a session of its own: nothing of ours may be under way in it. What a release does not know, it does without. */
  async #setLogLevel(daemon: Daemon, signal: AbortSignal): Promise<void> {
    if (this.#logLevel === undefined) return;
    const session = await daemon.open(signal);
    try {
      await session.send(["configure terminal", ...logLines(daemon.name, this.#logLevel), "end"], signal);
    } finally {
      session.close();
    }
  }

  #lost(name: DaemonName): void {
    this.#losses.set(name, (this.#losses.get(name) ?? 0) + 1);
    this.#running.delete(name);
    this.#refused = this.#refused.filter(({ daemon }) => daemon !== name);
    if (name === "bgpd") this.#adjRibOut.forget();
    this.#news.lost(name);
    this.#log?.warn({ daemon: name }, "the connection was closed");
    this.#bell.ring();
  }

  async close(): Promise<void> {
    for (const timer of this.#lookAgain) clearTimeout(timer);
    clearTimeout(this.#secondLook);
    for (const name of daemonNames) this.#daemons[name].close();
    await this.#turn;
  }
}

/** A daemon is back within a second of its death, and prefixes wait for it. */
const reconnect = { minMs: 10, maxMs: 500 };

const daemonOf = (step: Step): DaemonName => (step.kind === "settle" ? "bgpd" : step.daemon);

const isLost = (errors: readonly VtyError[] | undefined): boolean =>
  errors?.some(({ code }) => code !== "refused") ?? false;

/**
 * What can be had while bfdd is away: sessions that nothing watches over but their hold time.
 *
 * Bgpd itself would end them when bfdd comes back, whose BFD sessions begin with being down (RFC 5880 §6.8.1; FRR bgpd/bgp_bfd.c,
 * bfd_session_status_update). Put on again they are new to bgpd, which waits for them to come up.
 */
const withoutBfd = ({ routers }: BgpDesired): BgpDesired => ({
  routers: routers.map((router) => ({
    ...router,
    peers: router.peers.map(({ peer, paths }) => ({ peer: omit(peer, ["bfdProfile"]), paths })),
  })),
  bfdProfiles: [],
});

/** The prefix that a command sets or removes. */
const networkOf = (line: string): string | undefined => /^(?:no )?network (\S+)/.exec(line)?.[1];

const changesPrefixes = (step: Step): boolean =>
  step.kind !== "settle" && step.lines.some((line) => networkOf(line) !== undefined);

function note(failures: Map<DaemonName, VtyError[]>, name: DaemonName, error: VtyError): void {
  failures.set(name, [...(failures.get(name) ?? []), error]);
}

/** What went wrong, if anything did. */
function applyError(
  failures: ReadonlyMap<DaemonName, readonly VtyError[]>,
  refused: readonly Refused[],
  desired: BgpDesired,
  extras: readonly Refusal[],
): ApplyError | undefined {
  const failed = [...failures].flatMap(([daemon, errors]) => errors.map((error) => ({ daemon, error })));
  const all = [...failed, ...withoutConsequences(refused)];
  if (all.length + extras.length === 0) return undefined;
  const texts = all.map(({ daemon, error }) => `${daemon}: ${error.message}`);
  const text = [...texts, ...extras.map(textOf)].join("; ");
  const code = failed.some(({ error }) => error.code !== "refused") ? "daemon-unreachable" : "rejected";
  return new ApplyError(code, text, {
    refusals: [...withoutConsequences(refused).map((one) => refusalOf(one, desired)), ...extras],
    cause: new AggregateError(
      all.map(({ error }) => error),
      text,
    ),
  });
}

const textOf = ({ daemon, line, words }: Refusal): string =>
  `bgpextras: ${daemon === "" ? "" : `${daemon}: `}"${line}": ${words}`;

const refusalOf = (refused: Refused, desired: BgpDesired): Refusal => ({
  daemon: refused.daemon,
  context: refused.context,
  line: refused.error.command,
  words: refused.error.output,
  cause: causeOf(refused, desired),
  isKept: refused.isKept ?? false,
});

function partOf({ zebra, bgpd, bfdd, networks }: Tree, name: DaemonName): Partial<Tree> {
  switch (name) {
    case "zebra":
      return { zebra };
    case "bgpd":
      return { bgpd, networks };
    case "bfdd":
      return { bfdd };
    default:
      return exhaustive(name);
  }
}

/**
 * Equal for every daemon that both tell of: nothing to do from one to the other, and back. One way is not enough: what is never wanted, such
 * as `redistribute`, has no step that adds it.
 */
function sameTree(a: Partial<Tree>, b: Partial<Tree>): boolean {
  const [one, other] = [
    { ...emptyTree, ...a },
    { ...emptyTree, ...b },
  ];
  return diff(one, other).length === 0 && diff(other, one).length === 0;
}
