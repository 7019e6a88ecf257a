/** Reading plain JSON whose shape a schema has checked, or will. */

export type Node = Record<string, unknown>;

/** Reads a path of plain members; anything missing is undefined. */
export const at = (value: unknown, ...path: string[]): unknown =>
  path.reduce<unknown>(
    (node, key) => (typeof node === "object" && node !== null ? (node as Node)[key] : undefined),
    value,
  );

/** A list of objects; empty when there is none. */
export const items = (value: unknown): Node[] => (Array.isArray(value) ? (value as Node[]) : []);

/** A scalar as text; `absent` for what is missing or empty, and for what is no scalar. */
export function text(value: unknown, absent = ""): string {
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  return typeof value === "string" && value !== "" ? value : absent;
}

export const texts = (value: unknown): string[] => (Array.isArray(value) ? value.map((each) => text(each)) : []);

/** A copy without some members. */
export function without<T extends object, K extends keyof T>(value: T, ...keys: readonly K[]): Omit<T, K> {
  const copy = { ...value };
  for (const key of keys) delete copy[key];
  return copy;
}

/** Sets members that are absent. */
export function fill(node: Node, defaults: Readonly<Node>): void {
  for (const [key, value] of Object.entries(defaults)) node[key] ??= structuredClone(value);
}
