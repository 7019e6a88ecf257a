const unitsInMs = {
  ns: 1e-6,
  us: 1e-3,
  "\u00b5s": 1e-3,
  "\u03bcs": 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
} as const;
const part = /([0-9]+(?:\.[0-9]*)?|\.[0-9]+)(ns|us|\u00b5s|\u03bcs|ms|s|m|h)/y;

/**
 * Milliseconds of a Kubernetes duration such as `90s`, `1m30s` or `1.5h`; `undefined` when malformed.
 *
 * Differs: MetalLB takes any Go duration; a negative one has no meaning for a timer and is refused.
 * @see Go time.ParseDuration
 */
export function parseDuration(text: string): number | undefined {
  if (text === "0") return 0;
  let ms = 0;
  part.lastIndex = text.startsWith("+") ? 1 : 0;
  do {
    const match = part.exec(text);
    if (!match) return undefined;
    ms += Number(match[1]) * unitsInMs[match[2] as keyof typeof unitsInMs];
  } while (part.lastIndex < text.length);
  // 1.1h are 3,960,000 ms, which floating point misses: to the nanosecond, as in Go.
  return Math.round(ms * 1e6) / 1e6;
}
