import type { LocalApi } from "../types.ts";

/** The part of a logger that the lab's loops use; pino's fits. */
export interface Log {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

/** What every controller is started with. */
export interface ControllerOptions {
  readonly api: LocalApi;
  readonly log: Log;
  readonly signal: AbortSignal;
}

export interface Loop {
  /** Asks for a turn of `key`; many asks before the turn are one turn. With `afterMs`, not before then. */
  wake(key: string, afterMs?: number): void;
  /** Resolves when the signal has fired and the turn under way has ended. */
  readonly ended: Promise<void>;
}

interface LoopOptions {
  readonly name: string;
  readonly log: Log;
  readonly turn: (key: string) => Promise<void>;
}

const FIRST_RETRY_MS = 10;
const LAST_RETRY_MS = 10_000;

/** A level-triggered work queue: one turn at a time, failed turns again after a growing pause. */
export function startLoop({ name, log, turn }: LoopOptions, signal: AbortSignal): Loop {
  const pending = new Set<string>();
  const timers = new Map<string, { at: number; timer: NodeJS.Timeout }>();
  const failures = new Map<string, number>();
  let bell = Promise.withResolvers<void>();

  const wakeLater = (key: string, afterMs: number) => {
    const at = Date.now() + afterMs;
    const planned = timers.get(key);
    if (planned && planned.at <= at) return;
    clearTimeout(planned?.timer);
    const ring = () => {
      timers.delete(key);
      wake(key);
    };
    timers.set(key, { at, timer: setTimeout(ring, afterMs) });
  };

  const wake = (key: string, afterMs = 0) => {
    if (signal.aborted) return;
    if (afterMs > 0) return wakeLater(key, afterMs);
    pending.add(key);
    bell.resolve();
  };

  const attempt = async (key: string) => {
    try {
      await turn(key);
      failures.delete(key);
    } catch (error) {
      const count = failures.get(key) ?? 0;
      failures.set(key, count + 1);
      if (!isConflict(error)) log.warn({ loop: name, key, error: String(error) }, "turn failed, will try again");
      wake(key, Math.min(FIRST_RETRY_MS * 2 ** count, LAST_RETRY_MS));
    }
  };

  const run = async () => {
    signal.addEventListener("abort", () => bell.resolve(), { once: true });
    while (!signal.aborted) {
      await bell.promise;
      bell = Promise.withResolvers();
      for (const key of pending) {
        if (signal.aborted) break;
        pending.delete(key);
        await attempt(key);
      }
    }
    for (const { timer } of timers.values()) clearTimeout(timer);
  };

  return { wake, ended: run() };
}

/** Someone else wrote first: everyday life between writers, not worth a line in the log. */
const isConflict = (error: unknown): boolean => (error as { code?: unknown }).code === 409;
