import type { Problem } from "../api/problem.ts";
import type { EventRecorder } from "../kube/events.ts";
import type { Log } from "../runtime/log.ts";
import { type Happening, problemEvents } from "../status/events.ts";

/** Tells people: each happening once as an event on its object and as a line of the log, in the same words. */
export class Reporter {
  readonly #events: EventRecorder;
  readonly #log: Log;
  #problems: readonly Problem[] = [];

  constructor(events: EventRecorder, log: Log) {
    this.#events = events;
    this.#log = log;
  }

  tell(happenings: readonly Happening[]): void {
    for (const happening of happenings) {
      const { object, type, reason, message } = happening;
      this.#events.record(happening);
      const fields = { event: reason, kind: object.kind, object: nameOf(object), message };
      if (type === "Warning") this.#log.warn(fields, "event");
      else this.#log.info(fields, "event");
    }
  }

  /** Tells the problems that are new since the last call, and in the log those that are no more. */
  tellProblems(problems: readonly Problem[]): void {
    this.tell(problemEvents(this.#problems, problems));
    const present = new Set(problems.map(({ object, message }) => `${object.kind}\0${nameOf(object)}\0${message}`));
    for (const { object, message } of this.#problems) {
      if (present.has(`${object.kind}\0${nameOf(object)}\0${message}`)) continue;
      this.#log.info({ kind: object.kind, object: nameOf(object), message }, "configuration problem is gone");
    }
    this.#problems = problems;
  }
}

const nameOf = ({ namespace, name }: Happening["object"]): string =>
  namespace === undefined ? name : `${namespace}/${name}`;
