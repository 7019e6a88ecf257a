import { monotonicMs } from "../runtime/clock.ts";
import type { Wake } from "../runtime/wake.ts";
import type { Pace, PacedWrite } from "../status/bgp-session.ts";
import type { Write } from "../status/write.ts";

/** How long after one write to an object the next may come, in milliseconds. */
const restMs: Readonly<Record<Pace, number>> = { "at-once": 0, counts: 1_000, trying: 30_000 };

/** Holds back writes that may wait, and wakes the loop when they may not any longer: it then says what is true by that time. */
export class PacedWrites {
  readonly #wake: Pick<Wake, "wakeIn">;
  readonly #now: () => number;
  /** When an object was written last, by its name. */
  readonly #written = new Map<string, number>();
  /** When the loop will be woken. */
  #wakesAt = Number.NEGATIVE_INFINITY;

  constructor(wake: Pick<Wake, "wakeIn">, now: () => number = monotonicMs) {
    this.#wake = wake;
    this.#now = now;
  }

  /** Those that may be made now. */
  due(writes: readonly PacedWrite[]): Write[] {
    const now = this.#now();
    for (const [name, at] of this.#written) if (now - at > restMs.trying) this.#written.delete(name);
    return writes.flatMap(({ write, pace }) => {
      const name = write.kind === "create" ? write.object.metadata.name : write.object.name;
      const at = (this.#written.get(name) ?? Number.NEGATIVE_INFINITY) + restMs[pace];
      if (at > now) {
        this.#wakeAt(at, now);
        return [];
      }
      this.#written.set(name, now);
      return [write];
    });
  }

  /** One timer is enough: the turn that it begins holds back anew what has to wait longer. */
  #wakeAt(at: number, now: number): void {
    if (this.#wakesAt > now && this.#wakesAt <= at) return;
    this.#wakesAt = at;
    this.#wake.wakeIn(Math.ceil(at - now));
  }
}
