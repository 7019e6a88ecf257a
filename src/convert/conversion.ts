import type { KubeObject } from "../api/object.ts";

/** What came of the input: objects for `kubectl apply`, and a word on everything that isn't simply the same. */
export interface Conversion {
  readonly objects: readonly KubeObject[];
  readonly remarks: readonly Remark[];
}

/** "mapped": what became of a part. "changed": it isn't quite the same now. "lost": nothing can stand for it. */
export interface Remark {
  readonly kind: "mapped" | "changed" | "lost";
  /** What of the input is meant, such as `ConfigMap config: peers[0].peer-port`. */
  readonly about: string;
  readonly message: string;
}

export const nothing: Conversion = { objects: [], remarks: [] };

export const joined = (parts: readonly Conversion[]): Conversion => ({
  objects: parts.flatMap(({ objects }) => objects),
  remarks: parts.flatMap(({ remarks }) => remarks),
});

export const lost = (about: string, message: string): Conversion => ({
  objects: [],
  remarks: [{ kind: "lost", about, message }],
});

export type Members = Readonly<Record<string, unknown>>;

/** The members of an object; none of anything else. */
export const membersOf = (value: unknown): Members =>
  typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Members) : {};

export const itemsOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);
