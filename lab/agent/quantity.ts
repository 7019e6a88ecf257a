const SUFFIXES: Readonly<Record<string, number>> = {
  "": 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
};

/** A resource quantity in bytes, such as `128Mi`. @throws RangeError when it is not one. @see k8s.io/apimachinery resource.Quantity */
export function parseQuantity(text: string): number {
  const match = /^([0-9]+(?:\.[0-9]+)?)(k|M|G|T|Ki|Mi|Gi|Ti)?$/.exec(text.trim());
  if (!match) throw new RangeError(`not a quantity of bytes: ${JSON.stringify(text)}`);
  return Math.ceil(Number(match[1]) * (SUFFIXES[match[2] ?? ""] as number));
}
