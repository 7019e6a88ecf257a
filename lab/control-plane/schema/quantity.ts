/** Resource quantities such as `100m`, `1.5Gi` or `2e3`, exactly. @see k8s.io/apimachinery/pkg/api/resource */

export interface Quantity {
  readonly numerator: bigint;
  /** Positive. */
  readonly denominator: bigint;
}

const pattern = /^([+-]?)(\d*)(?:\.(\d*))?(?:(Ki|Mi|Gi|Ti|Pi|Ei)|([numkMGTPE])|[eE]([+-]?\d+))?$/;
const binary = ["Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];
const decimal: Readonly<Record<string, number>> = { n: -9, u: -6, m: -3, k: 3, M: 6, G: 9, T: 12, P: 15, E: 18 };

/** Parses a quantity; undefined when it is none. */
export function parseQuantity(text: string): Quantity | undefined {
  const match = pattern.exec(text);
  const [, sign, whole = "", fraction = "", power2, power10, exponent] = match ?? [];
  if (match === null || whole + fraction === "") return undefined;
  const digits = BigInt(whole + fraction) * (sign === "-" ? -1n : 1n);
  const scale = power2 === undefined ? 1n : 1024n ** BigInt(binary.indexOf(power2) + 1);
  const tens = (power10 === undefined ? Number(exponent ?? 0) : (decimal[power10] ?? 0)) - fraction.length;
  return tens >= 0
    ? { numerator: digits * scale * 10n ** BigInt(tens), denominator: 1n }
    : { numerator: digits * scale, denominator: 10n ** BigInt(-tens) };
}

/** -1, 0 or 1. */
export function compareQuantities(a: Quantity, b: Quantity): -1 | 0 | 1 {
  const left = a.numerator * b.denominator;
  const right = b.numerator * a.denominator;
  return left < right ? -1 : left > right ? 1 : 0;
}
