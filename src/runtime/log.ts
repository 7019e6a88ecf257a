import { type DestinationStream, type Logger, pino } from "pino";

export type Log = Pick<Logger, "debug" | "info" | "warn" | "error" | "fatal">;

/** MetalLB's `--log-level`. */
export const logLevels = ["all", "debug", "info", "warn", "error", "none"] as const;
export type LogLevel = (typeof logLevels)[number];

/**
 * JSON lines with MetalLB's keys: `level`, `ts` (RFC 3339), `caller`, `msg`, then the line's own fields.
 *
 * `caller` is the room that speaks (MetalLB: file and line of Go source). Values under keys
 * that name a secret are replaced, at any depth; errors are printed as their message and `code`, never as a stack.
 */
export function createLog(level: LogLevel, caller: string, destination?: DestinationStream): Log {
  const options = {
    level: pinoLevel(level),
    base: { caller },
    timestamp: () => `,"ts":"${new Date().toISOString()}"`,
    formatters: {
      level: (label: string) => ({ level: label }),
      log: (fields: Record<string, unknown>) => redact(fields, 0) as Record<string, unknown>,
    },
  };
  return destination === undefined ? pino(options) : pino(options, destination);
}

function pinoLevel(level: LogLevel): string {
  if (level === "all") return "trace";
  return level === "none" ? "silent" : level;
}

const secretKey = /password|passwd|token|authorization|credential|private|^secret(key)?$/i;

function redact(value: unknown, depth: number): unknown {
  if (value instanceof Error) return errorText(value);
  if (typeof value !== "object" || value === null || depth > 6) return value;
  if (Array.isArray(value)) return value.map((item) => redact(item, depth + 1));
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key, secretKey.test(key) ? "[redacted]" : redact(item, depth + 1)]),
  );
}

/** An error and its causes as one line: `could not list: connect ECONNREFUSED 10.0.0.1:443`. */
export function errorText(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause === undefined ? "" : errorText(error.cause);
  // Happy-eyeballs failures have an empty message and a list of errors.
  const message =
    error.message || (error instanceof AggregateError ? error.errors.map(errorText).join("; ") : error.name);
  return cause === "" || message.includes(cause) ? message : `${message}: ${cause}`;
}
