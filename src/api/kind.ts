import type { Fields, MeaningOf, WireFields } from "./field.ts";
import type { KubeObject } from "./object.ts";

/** A kind of `metallb.io` in one version: everything that is known of it. */
export interface Kind<Fs extends Fields = Fields> {
  readonly kind: string;
  readonly plural: string;
  /** Other names that kubectl takes. */
  readonly shortNames?: readonly string[];
  readonly version: string;
  readonly doc: string;
  /** What `kubectl get` prints. */
  readonly columns: readonly Column[];
  /** The root's fields beside metadata: `spec`, `status`. */
  readonly fields: Fs;
  /** Words for whoever still uses this version. */
  readonly deprecated?: string;
}

export interface Column {
  readonly name: string;
  readonly type: "string" | "boolean" | "integer" | "date";
  readonly path: string;
  /** Above 0: only with `-o wide`. */
  readonly priority?: number;
}

/** The API group of every kind. */
export const group = "metallb.io";

/** An object of this kind, as it travels. */
export type ObjectOf<K extends Kind> = KubeObject & WireFields<K["fields"]>;

/** What an object's spec means: parsed, defaults filled in. */
export type SpecOf<K extends Kind> = MeaningOf<K["fields"]["spec"]>;

export const kind = <const Fs extends Fields>(definition: Kind<Fs>): Kind<Fs> => definition;

export const apiVersionOf = (of: Kind): string => `${group}/${of.version}`;

/** The table of a kind's spec; empty if it has none. */
export function specFields(kind: Kind): Fields {
  const shape = kind.fields["spec"]?.shape;
  return shape?.kind === "object" ? shape.fields : {};
}
