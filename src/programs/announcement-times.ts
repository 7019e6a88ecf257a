import type { Announcement } from "../announce/announcement.ts";
import type { Change } from "../announce/changes.ts";
import type { BgpDesired, BgpObserved, RouterPeer } from "../announce/desired.ts";
import { pathAt } from "../announce/offers.ts";
import type { AnnouncementDuration } from "../metrics/speaker.ts";
import type { Prefix } from "../net/prefix.ts";
import { monotonicMs } from "../runtime/clock.ts";
import { neighborOf } from "../status/service-bgp.ts";
import type { Members } from "../std/persistent.ts";

/** What a turn has done and seen. */
export interface TimedTurn {
  readonly changes: readonly Change[];
  readonly desired: BgpDesired;
  readonly observed: BgpObserved;
  /** Whether FRR has answered every line of it. */
  readonly reached: boolean;
}

interface Waiting {
  readonly change: "announce" | "withdraw";
  /** When the event came. */
  readonly at: number;
  readonly isAcknowledged: boolean;
  /** What has not been seen yet. */
  readonly pairs: readonly Pair[];
  readonly hasSeen: boolean;
}

/** A prefix, and a peer that is to have it or not. */
interface Pair {
  readonly peer: string;
  readonly prefix: Prefix;
}

/** What is not seen within this is not a matter of time any more. */
const patienceMs = 60_000;

/**
 * Measures how long a Service's change takes from the watch's event to FRR's acknowledgement, and to the Adj-RIB-Out of
 * every established peer concerned.
 *
 * All changes of one turn count from the first event that the turn has taken in. What is decided in the first turn after a
 * start is no event, and neither is what FRR is told again after it was lost. A turn costs what has changed in it, and what
 * still waits to be seen.
 */
export class AnnouncementTimes {
  readonly #record: AnnouncementDuration;
  readonly #now: () => number;
  readonly #waiting = new Map<string, Waiting>();
  /** The first event that no turn has taken in yet. */
  #event: number | undefined;
  #turn = 0;
  #acknowledged = 0;
  #isFirst = true;

  /** `now`: milliseconds on a clock that never jumps. */
  constructor(record: AnnouncementDuration, now: () => number = monotonicMs) {
    this.#record = record;
    this.#now = now;
  }

  /** An event has reached the cache. */
  received(): void {
    this.#event ??= this.#now();
  }

  /** A turn takes in all events so far. */
  begin(): void {
    this.#turn = this.#event ?? this.#now();
    this.#event = undefined;
  }

  /** FRR has answered the last line of the turn. */
  acknowledged(): void {
    this.#acknowledged = this.#now();
  }

  end({ changes, desired, observed, reached }: TimedTurn): void {
    if (!this.#isFirst) this.#add(changes, desired);
    this.#isFirst = false;
    if (this.#waiting.size === 0) return;
    const now = this.#now();
    const sessions = sessionsByPeer(desired, observed);
    for (const [key, waiting] of this.#waiting) {
      const next = this.#look(reached ? this.#acknowledge(waiting) : waiting, sessions, now);
      if (next) this.#waiting.set(key, next);
      else this.#waiting.delete(key);
    }
  }

  #add(changes: readonly Change[], desired: BgpDesired): void {
    if (changes.length === 0) return;
    const peers = new Map(desired.routers.flatMap((router) => router.peers).map((one) => [one.peer.name, one]));
    for (const { before, after } of changes) {
      const [old, next] = [pairsOf(before), pairsOf(after)];
      const come = next.filter((pair) => !old.some(isSame(pair)));
      const gone = old.filter((pair) => !next.some(isSame(pair)) && !isWanted(pair, peers));
      if (come.length + gone.length === 0) continue;
      const key = (after ?? before)?.key ?? "";
      this.#wait(`${key} announce`, "announce", come);
      this.#wait(`${key} withdraw`, "withdraw", gone);
    }
  }

  /** Takes the place of what an older change of the same Service still waits for. */
  #wait(key: string, change: Waiting["change"], pairs: readonly Pair[]): void {
    if (pairs.length === 0) this.#waiting.delete(key);
    else this.#waiting.set(key, { change, at: this.#turn, isAcknowledged: false, pairs, hasSeen: false });
  }

  #acknowledge(waiting: Waiting): Waiting {
    if (waiting.isAcknowledged) return waiting;
    const { change, at } = waiting;
    this.#record({ stage: "acknowledged", change }, (this.#acknowledged - at) / 1000);
    return { ...waiting, isAcknowledged: true };
  }

  /** What is left to wait for. A session that isn't up takes its prefixes out of the question. */
  #look(waiting: Waiting, sessions: Sessions, now: number): Waiting | undefined {
    const { change, at, pairs, isAcknowledged } = waiting;
    if (now - at > patienceMs) return undefined;
    if (!isAcknowledged) return waiting;
    const up = pairs.filter(({ peer }) => sessions.has(peer));
    const left = up.filter(({ peer, prefix }) => sessions.get(peer)?.has(prefix) !== (change === "announce"));
    const hasSeen = waiting.hasSeen || left.length < up.length;
    if (left.length > 0) return { ...waiting, pairs: left, hasSeen };
    if (hasSeen) this.#record({ stage: "sent", change }, (now - at) / 1000);
    return undefined;
  }
}

/** Of each peer whose session is up, what it was sent. */
type Sessions = ReadonlyMap<string, Members<Prefix>>;

function sessionsByPeer({ routers }: BgpDesired, { sessions }: BgpObserved): Sessions {
  const shown = new Map(sessions.map((session) => [`${session.vrf} ${session.neighbor}`, session]));
  return new Map(
    routers.flatMap(({ vrf, peers }) =>
      peers.flatMap(({ peer }) => {
        const session = shown.get(`${vrf} ${neighborOf(peer)}`);
        return session?.state === "Established" ? [[peer.name, session.sent] as const] : [];
      }),
    ),
  );
}

function pairsOf(announcement: Announcement | undefined): readonly Pair[] {
  if (announcement?.decision.kind !== "announced") return [];
  return announcement.decision.offers.flatMap((offer) =>
    offer.kind === "offered" ? offer.prefixes.map((prefix) => ({ peer: offer.peer, prefix })) : [],
  );
}

const isSame =
  (a: Pair) =>
  (b: Pair): boolean =>
    a.peer === b.peer && a.prefix === b.prefix;

/** Another Service may be behind the same prefix; a peer that is gone is told nothing. */
function isWanted({ peer, prefix }: Pair, peers: ReadonlyMap<string, RouterPeer>): boolean {
  const offered = peers.get(peer);
  return offered === undefined || pathAt(offered.paths, prefix) !== undefined;
}
