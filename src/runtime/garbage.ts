import { getHeapStatistics, setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { monotonicMs } from "./clock.ts";

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

/** Collects this process's garbage, all of it, now: some 30 ms for a heap of 50 MiB. */
export const collectGarbage = (): void => collect();

/** Less is not worth the time. V8 itself begins at 8 MiB or so, in the midst of work. */
const worthBytes = 3 * 1024 * 1024;

/** So long after work there may be more of it, and others on this machine are busy with what it has set off. */
const restMs = 150;

/** Whoever has written to a socket of ours meanwhile goes first. */
const graceMs = 10;

/**
 * Collects garbage while nothing is to be done.
 *
 * Left alone, V8 collects when memory is asked for, which is when there is work: with 10,000 Services every third change then took 20
 * to 30 ms longer than the others.
 */
export class IdleCollector {
  #timer: NodeJS.Timeout | undefined;
  /** What was left after the last collection. */
  #left = 0;
  #workedAt = Number.NEGATIVE_INFINITY;

  /** A turn begins, whatever it brings. */
  hold(): void {
    clearTimeout(this.#timer);
  }

  /** A turn has come to its end; `isIdle`: it had nothing to do. */
  release(isIdle: boolean): void {
    if (!isIdle) this.#workedAt = monotonicMs();
    else if (monotonicMs() - this.#workedAt >= restMs) {
      this.#timer = setTimeout(() => this.#collect(), graceMs).unref();
    }
  }

  #collect(): void {
    if (used() - this.#left < worthBytes) return;
    collectGarbage();
    this.#left = used();
  }
}

const used = (): number => getHeapStatistics().used_heap_size;
