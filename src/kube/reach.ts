import { monotonicMs } from "../runtime/clock.ts";
import { errorText, type Log } from "../runtime/log.ts";

/** An absence that has ended. */
export interface Absence {
  readonly from: Date;
  readonly to: Date;
}

/** Below this an absence is a connection that was made anew, and nobody is told. */
const worthSayingMs = 2_000;

/** Of those that nobody asks for, so many of the last. */
const kept = 16;

/**
 * Whether the API server answers, from what becomes of our requests: any answer counts, a refusal too.
 *
 * An absence begins with the first request that gets no answer, and ends with the next answer to any. It is said once in
 * the log when it begins and once when it ends, however many requests fail meanwhile.
 */
export class Reach {
  readonly #now: () => number;
  #away: { readonly from: Date; readonly at: number; isSaid: boolean } | undefined;
  #absences: Absence[] = [];
  #log: Log | undefined;
  #words = "";
  #ended: () => void = () => {};

  /** `now`: milliseconds on a clock that never jumps. */
  constructor(now: () => number = monotonicMs) {
    this.#now = now;
  }

  /** Has absences said in the log, with what stays true meanwhile; `ended` is called when there is one to take. */
  report(log: Log, words: string, ended: () => void = () => {}): void {
    this.#log = log;
    this.#words = words;
    this.#ended = ended;
  }

  /** Since when no request was answered; `undefined` while they are. */
  get awaySince(): Date | undefined {
    return this.#away?.from;
  }

  answered(): void {
    const away = this.#away;
    if (away === undefined) return;
    this.#away = undefined;
    if (!away.isSaid) return;
    const to = new Date();
    this.#log?.info({ from: away.from.toISOString() }, "the API server answers again");
    this.#absences.push({ from: away.from, to });
    if (this.#absences.length > kept) this.#absences.shift();
    this.#ended();
  }

  failed(error: unknown): void {
    this.#away ??= { from: new Date(), at: this.#now(), isSaid: false };
    if (this.#away.isSaid || this.#now() - this.#away.at < worthSayingMs) return;
    this.#away.isSaid = true;
    const since = this.#away.from.toISOString();
    this.#log?.warn({ since, error: errorText(error) }, `the API server does not answer; ${this.#words}`);
  }

  /** The absences that were said and have ended since the last call. */
  takeAbsences(): readonly Absence[] {
    const taken = this.#absences;
    this.#absences = [];
    return taken;
  }
}
