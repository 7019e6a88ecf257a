import { getHeapStatistics, setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

setFlagsFromString("--expose-gc");

/** Collects this process's garbage, all of it, now: 35 to 100 ms for a heap of 50 MiB. */
export const collectGarbage = runInNewContext("gc") as () => void;

/** Less is not worth the time. V8 begins by itself at 2 to 4 MiB (with `nodeFlags`), in the midst of work. */
const worthBytes = 2.5 * 1024 * 1024;

/** Work mostly comes together: after so long without any, there is time. What it has set off in FRR is done too. */
const restMs = 130;

/**
 * Collects garbage while nothing is to be done.
 *
 * Left alone, V8 collects when memory is asked for, which is when there is work: with 10,000 Services every tenth change then took 20
 * to 30 ms longer than the others.
 */
export class IdleCollector {
  #timer: NodeJS.Timeout | undefined;
  /** The least that was in use since the last collection, be it ours or V8's. */
  #least = 0;

  /** Work begins. */
  hold(): void {
    clearTimeout(this.#timer);
  }

  /** Work has come to its end. */
  release(): void {
    this.#timer = setTimeout(() => this.#collect(), restMs).unref();
  }

  #collect(): void {
    const now = used();
    this.#least = Math.min(this.#least, now);
    if (now - this.#least < worthBytes) return;
    collectGarbage();
    this.#least = used();
  }
}

const used = (): number => getHeapStatistics().used_heap_size;
