import type { Asn } from "../net/asn.ts";
import type { Address } from "../net/address.ts";
import { addressGrammar, durationGrammar, type Grammar } from "./grammar.ts";
import type { LabelSelector } from "./object.ts";
import type { FieldProblem } from "./problem.ts";
import { selectorProblems } from "./selector.ts";

/**
 * The language in which a kind's table of fields is written.
 *
 * From one row come the TypeScript type (`WireOf`: as objects carry it), its meaning (`MeaningOf`: parsed, defaults
 * filled in), the CRD's schema (`crd.ts`), validation (`read.ts`) and the reference page (`reference.ts`).
 */
export interface Field<Wire = unknown, Meaning = Wire, P extends Presence = Presence> {
  /** What `kubectl explain` says. */
  readonly doc: string;
  readonly presence: P;
  readonly shape: Shape;
  /** Filled in by the API server. */
  readonly default?: unknown;
  /** What absence means where the schema has no default. */
  readonly unset?: unknown;
  readonly rules?: readonly CelRule[];
  /** Why a set value is only warned about: what to use instead. */
  readonly deprecated?: string;
  /** Never present: carries the types. */
  readonly __types?: { readonly wire: Wire; readonly meaning: Meaning };
}

/** "defaulted": may be left out, and always has a meaning. */
type Presence = "required" | "optional" | "defaulted";

export type Fields = Readonly<Record<string, Field>>;

/** `x-kubernetes-validations`. */
export interface CelRule {
  readonly rule: string;
  readonly message: string;
}

export type Shape =
  | {
      readonly kind: "text";
      readonly grammar?: Grammar<unknown>;
      readonly oneOf?: readonly string[];
      readonly facets?: TextFacets;
    }
  | {
      readonly kind: "integer";
      readonly format?: "int32" | "int64";
      /** What the schema enforces. */
      readonly bounds?: Bounds;
      /** What has a meaning, where the schema is laxer. */
      readonly accepts?: Bounds;
      /** 0 is as good as absent (Go's `omitempty`). */
      readonly zeroIsAbsent?: boolean;
    }
  | { readonly kind: "boolean" }
  | { readonly kind: "labels" }
  | (ListLimits & { readonly kind: "list"; readonly of: Field })
  | (ObjectLimits<never> & { readonly kind: "object"; readonly fields: Fields });

export interface Bounds {
  readonly minimum?: number;
  readonly maximum?: number;
}

export interface TextFacets {
  readonly format?: "date-time";
  readonly pattern?: string;
  readonly minLength?: number;
  readonly maxLength?: number;
}

type WireOf<F> = F extends { readonly __types?: { readonly wire: infer W } } ? W : never;
export type MeaningOf<F> = F extends { readonly __types?: { readonly meaning: infer M } } ? M : never;

type Keys<Fs extends Fields, P extends Presence> = {
  [K in keyof Fs]: Fs[K]["presence"] extends P ? K : never;
}[keyof Fs];
type Flat<T> = { [K in keyof T]: T[K] };

/** The type of an object with these fields, as it travels. */
export type WireFields<Fs extends Fields> = Flat<
  { readonly [K in Keys<Fs, "required">]: WireOf<Fs[K]> } & {
    readonly [K in Keys<Fs, "optional" | "defaulted">]?: WireOf<Fs[K]>;
  }
>;

/** The type of an object with these fields, once read. */
export type MeaningFields<Fs extends Fields> = Flat<
  { readonly [K in Keys<Fs, "required" | "defaulted">]: MeaningOf<Fs[K]> } & {
    readonly [K in Keys<Fs, "optional">]?: MeaningOf<Fs[K]>;
  }
>;

/** Without `optional`, `default` and `unset` a field is required. */
interface Options<Wire, Meaning> {
  readonly doc: string;
  readonly optional?: true;
  readonly default?: Wire;
  readonly unset?: Meaning;
  readonly rules?: readonly CelRule[];
  readonly deprecated?: string;
}

type PresenceOf<O> = O extends { readonly optional: true }
  ? "optional"
  : O extends { readonly default: unknown } | { readonly unset: unknown }
    ? "defaulted"
    : "required";

/** Free text, with facets that the schema enforces. */
export const text = <const O extends Options<string, string> & TextFacets>(
  options: O,
): Field<string, string, PresenceOf<O>> =>
  field({ kind: "text", facets: pick<TextFacets>(options, ["format", "pattern", "minLength", "maxLength"]) }, options);

/** Text with a grammar: nothing else gets through to its meaning. An empty text is as good as absent. */
export const parsed = <M, const O extends Options<string, M>>(
  grammar: Grammar<M>,
  options: O,
): Field<string, M, PresenceOf<O>> => field({ kind: "text", grammar }, options);

export const address = <const O extends Options<string, Address>>(options: O): Field<string, Address, PresenceOf<O>> =>
  parsed(addressGrammar, options);

/** A duration such as `90s`; means milliseconds. */
export const duration = <const O extends Options<string, number>>(options: O): Field<string, number, PresenceOf<O>> =>
  parsed(durationGrammar, options);

/** One of a few words. */
export const oneOf = <const W extends string, const O extends Options<W, W>>(
  words: readonly W[],
  options: O,
): Field<W, W, PresenceOf<O>> => field({ kind: "text", oneOf: words }, options);

interface IntegerOptions extends Options<number, number>, Bounds {
  readonly format?: "int32" | "int64";
  readonly accepts?: Bounds;
}

export const integer = <const O extends IntegerOptions>(options: O): Field<number, number, PresenceOf<O>> =>
  field(
    {
      kind: "integer",
      ...pick<Pick<IntegerOptions, "format" | "accepts">>(options, ["format", "accepts"]),
      bounds: pick<Bounds>(options, ["minimum", "maximum"]),
    },
    options,
  );

/** An AS number. Where the schema lets 0 through, it is as good as absent. */
export const asn = <const O extends Options<number, Asn> & { readonly minimum?: 0 | 1 }>(
  options: O,
): Field<number, Asn, PresenceOf<O>> =>
  field(
    {
      kind: "integer",
      format: "int64",
      bounds: { minimum: options.minimum ?? 1, maximum: 4294967295 },
      accepts: { minimum: 1, maximum: 4294967295 },
      zeroIsAbsent: options.minimum === 0,
    },
    options,
  );

export const boolean = <const O extends Options<boolean, boolean>>(
  options: O,
): Field<boolean, boolean, PresenceOf<O>> => field({ kind: "boolean" }, options);

/** A map of texts, such as labels. */
const labels = <const O extends Options<Labels, Labels>>(options: O): Field<Labels, Labels, PresenceOf<O>> =>
  field({ kind: "labels" }, options);
type Labels = Readonly<Record<string, string>>;

interface ListLimits {
  readonly atLeast?: number;
  /** No two items may mean the same. */
  readonly unique?: boolean;
  readonly mapKeys?: readonly string[];
  readonly atomic?: boolean;
}

interface ListOptions<W, M> extends Options<readonly W[], readonly M[]>, ListLimits {}

export const list = <W, M, const O extends ListOptions<W, M>>(
  of: Field<W, M>,
  options: O,
): Field<readonly W[], readonly M[], PresenceOf<O>> =>
  field({ kind: "list", of, ...pick<ListLimits>(options, ["atLeast", "unique", "mapKeys", "atomic"]) }, options);

interface ObjectLimits<W> {
  readonly atomic?: boolean;
  /** Rules between fields; called with well-typed values only, paths relative to this object. */
  readonly check?: (value: W) => readonly FieldProblem[];
}

interface ObjectOptions<W, M> extends Options<W, M>, ObjectLimits<W> {}

export const object = <const Fs extends Fields, const O extends ObjectOptions<WireFields<Fs>, MeaningFields<Fs>>>(
  fields: Fs,
  options: O,
): Field<WireFields<Fs>, MeaningFields<Fs>, PresenceOf<O>> =>
  field({ kind: "object", fields, ...pick<ObjectLimits<WireFields<Fs>>>(options, ["atomic", "check"]) }, options);

/** What is in a list is there. */
const item = { doc: "" } as const;

/** A list of distinct names. */
export const names = <const O extends Options<readonly string[], readonly string[]>>(
  options: O,
): Field<readonly string[], readonly string[], PresenceOf<O>> =>
  field({ kind: "list", of: text(item), unique: true }, options);

const selectorFields = {
  matchLabels: labels({
    optional: true,
    doc: "Labels that must be there with exactly these values. All of them must match.",
  }),
  matchExpressions: list(
    object(
      {
        key: text({ doc: "The label's key." }),
        operator: text({ doc: "In, NotIn, Exists or DoesNotExist." }),
        values: list(text(item), {
          optional: true,
          atomic: true,
          doc: "The values that In and NotIn compare with: at least one. Exists and DoesNotExist take none.",
        }),
      },
      { doc: "A requirement on one label." },
    ),
    { optional: true, atomic: true, doc: "Requirements on labels. All of them must hold." },
  ),
} as const;

/** A metav1.LabelSelector. */
export const selector = <const O extends Options<LabelSelector, LabelSelector>>(
  options: O,
): Field<LabelSelector, LabelSelector, PresenceOf<O>> =>
  field({ kind: "object", fields: selectorFields, atomic: true, check: selectorProblems }, options);

/** A list of selectors, of which one must match. Two that mean the same are refused. */
export const selectors = <const O extends Options<readonly LabelSelector[], readonly LabelSelector[]>>(
  options: O,
): Field<readonly LabelSelector[], readonly LabelSelector[], PresenceOf<O>> =>
  field({ kind: "list", of: anySelector, unique: true }, options);

const anySelector = selector({
  doc: "A query over labels: what it lists must all hold. An empty one matches everything.",
});

const legacySelectorFields = {
  matchLabels: labels({ optional: true, doc: "Labels that must be there with exactly these values." }),
  matchExpressions: list(
    object(
      {
        key: text({ doc: "The label's key." }),
        operator: text({ doc: "In, NotIn, Exists or DoesNotExist." }),
        values: list(text(item), { atLeast: 1, doc: "The values to compare with." }),
      },
      { doc: "A requirement on one label." },
    ),
    { optional: true, doc: "Requirements on labels." },
  ),
} as const;

/** The selector type of BGPPeer v1beta1, whose `values` are required. */
export const legacySelectors = <const O extends Options<readonly LabelSelector[], readonly LabelSelector[]>>(
  options: O,
): Field<readonly LabelSelector[], readonly LabelSelector[], PresenceOf<O>> =>
  list<LabelSelector, LabelSelector, O>(
    field({ kind: "object", fields: legacySelectorFields, check: selectorProblems }, item),
    options,
  );

/** The one place that vouches for a row's types: its constructor's signature. */
function field<W, M, O extends Options<W, M>>(shape: Shape, options: O): Field<W, M, PresenceOf<O>> {
  const row: Field = {
    ...pick<Options<W, M>>(options, ["doc", "default", "unset", "rules", "deprecated"]),
    presence: presence(options),
    shape,
  };
  return row as Field<W, M, PresenceOf<O>>;
}

function presence(options: Options<unknown, unknown>): Presence {
  if (options.optional) return "optional";
  return options.default !== undefined || options.unset !== undefined ? "defaulted" : "required";
}

/** Those of the named members that are there. All of T's members are optional. */
function pick<T extends object>(from: T, keys: readonly (keyof T)[]): T {
  return Object.fromEntries(Object.entries(from).filter(([key]) => keys.includes(key as keyof T))) as T;
}
