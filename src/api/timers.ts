import { parseDuration } from "./duration.ts";
import type { FieldProblem } from "./problem.ts";
import { refused } from "./rules.ts";

/** A peer's timers in milliseconds; both or neither (RFC 4271 §4.2, §4.4). */
export interface Timers {
  readonly holdTimeMs: number;
  readonly keepaliveMs: number;
}

/**
 * Fills in the missing one: a keepalive is a third of the hold time. Both missing: the router's defaults.
 *
 * @see MetalLB internal/config/config.go, parseTimers
 */
export function timersOf(holdTimeMs: number | undefined, keepaliveMs: number | undefined): Timers | undefined {
  if (holdTimeMs === undefined && keepaliveMs === undefined) return undefined;
  const hold = holdTimeMs ?? (keepaliveMs ?? 0) * 3;
  return { holdTimeMs: hold, keepaliveMs: keepaliveMs ?? hold / 3 };
}

/** A text that is no duration is reported by its own field. */
export function timerProblems(spec: {
  readonly holdTime?: string;
  readonly keepaliveTime?: string;
}): readonly FieldProblem[] {
  const [hold, keepalive] = [read(spec.holdTime), read(spec.keepaliveTime)];
  if (hold === null || keepalive === null) return [];
  const timers = timersOf(hold, keepalive);
  return timers ? [...holdProblems(timers, spec), ...orderProblems(timers, spec)] : [];
}

/** RFC 4271 §4.2: zero or at least three seconds, in two octets. As in MetalLB, parts of a second don't count. */
function holdProblems(
  { holdTimeMs }: Timers,
  { holdTime, keepaliveTime }: { holdTime?: string; keepaliveTime?: string },
) {
  const seconds = Math.trunc(holdTimeMs / 1000);
  if (seconds === 0 || (seconds >= 3 && seconds <= 65535)) return [];
  const said = holdTime
    ? `${JSON.stringify(holdTime)} is`
    : `would be three times keepaliveTime ${JSON.stringify(keepaliveTime)},`;
  return [refused("holdTime", "OutOfRange", `${said} an invalid hold time: must be 0 or >=3s, and at most 65535s`)];
}

function orderProblems(timers: Timers, spec: { holdTime?: string; keepaliveTime?: string }) {
  if (timers.keepaliveMs <= timers.holdTimeMs) return [];
  const said = `${JSON.stringify(spec.keepaliveTime)} is longer than holdTime ${JSON.stringify(spec.holdTime)}`;
  return [refused("keepaliveTime", "Conflict", `${said}, must be lower than holdTime; a third of it is usual`)];
}

const read = (text: string | undefined): number | undefined | null =>
  text ? (parseDuration(text) ?? null) : undefined;
