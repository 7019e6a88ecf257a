import type { Bounds, Field, MeaningOf, Shape } from "./field.ts";
import type { Kind, SpecOf } from "./kind.ts";
import type { KubeObject, LabelSelector, ObjectRef } from "./object.ts";
import { refOf } from "./object.ts";
import type { FieldProblem, Problem } from "./problem.ts";
import { refused, warning } from "./rules.ts";
import { canonicalSelector } from "./selector.ts";

/** What an object means, and all that is wrong with it. Without a value when something is refused. */
export interface Reading<M> {
  readonly value: M | undefined;
  readonly problems: readonly FieldProblem[];
}

/**
 * Reads an object's spec by its kind's table: types, bounds, grammars, rules between fields, defaults.
 *
 * Messages follow the field's path ("spec.peerASN" + "is missing…"); `problemOf` makes sentences of them. A spec that
 * isn't there reads as an empty one.
 */
export const readSpec = <K extends Kind>(kind: K, object: KubeObject): Reading<SpecOf<K>> =>
  readField(specOf(kind), ("spec" in object ? object.spec : undefined) ?? {}, "spec") as Reading<SpecOf<K>>;

/** Ties a mistake to its object, in a sentence that stands alone. */
export const problemOf = (object: KubeObject, found: FieldProblem): Problem => problemAt(refOf(object), found);

export function problemAt(object: ObjectRef, found: FieldProblem): Problem {
  const subject = `${object.kind} ${object.name}`;
  const message = found.field === "" ? `${subject} ${found.message}` : `${subject}: ${found.field} ${found.message}`;
  return { ...found, object, message };
}

export const isRefused = (problems: readonly { readonly severity: string }[]): boolean =>
  problems.some((problem) => problem.severity === "refused");

function specOf(kind: Kind): Field {
  const spec = kind.fields["spec"];
  if (!spec) throw new Error(`bug: ${kind.kind} has no spec to read`);
  return spec;
}

/** Reads one field; `path` is what its problems name. */
export function readField<F extends Field>(field: F, value: unknown, path: string): Reading<MeaningOf<F>> {
  const found: Found = { problems: [], wellTyped: true };
  const meaning = read(field, value, path, found) as MeaningOf<F>;
  return { value: isRefused(found.problems) ? undefined : meaning, problems: found.problems };
}

interface Found {
  readonly problems: FieldProblem[];
  wellTyped: boolean;
}

function read(field: Field, value: unknown, path: string, found: Found): unknown {
  if (isAbsent(field, value)) {
    // Rules between fields count on what is required being there; a 0 is there, though it stands for nothing.
    if (field.presence === "required" && value !== 0) found.wellTyped = false;
    return absent(field, path, found);
  }
  if (field.deprecated !== undefined && value !== field.default) {
    found.problems.push(warning(path, "Deprecated", `is deprecated: ${field.deprecated}`));
  }
  return readShape(field.shape, value, path, found);
}

function readShape(shape: Shape, value: unknown, path: string, found: Found): unknown {
  switch (shape.kind) {
    case "text":
      return typeof value === "string" ? readText(shape, value, path, found) : wrongType("text", path, found);
    case "integer":
      return Number.isInteger(value)
        ? readInteger(shape, value as number, path, found)
        : wrongType("an integer", path, found);
    case "boolean":
      return typeof value === "boolean" ? value : wrongType("true or false", path, found);
    case "labels":
      return isLabels(value) ? value : wrongType("a map of texts", path, found);
    case "list":
      return Array.isArray(value) ? readList(shape, value, path, found) : wrongType("a list", path, found);
    case "object":
      return isRecord(value) ? readObject(shape, value, path, found) : wrongType("an object", path, found);
  }
}

/** As for Go's `omitempty`: an empty text, and 0 where it can't be meant, are as good as nothing. */
function isAbsent({ shape, presence }: Field, value: unknown): boolean {
  if (value === undefined || value === null) return true;
  if (shape.kind === "text") return value === "" && presence !== "required" && (!!shape.grammar || !!shape.oneOf);
  return shape.kind === "integer" && shape.zeroIsAbsent === true && value === 0;
}

function absent(field: Field, path: string, found: Found): unknown {
  if (field.presence === "required") {
    found.problems.push(refused(path, "Required", field.doc === "" ? "is required" : `is required: ${field.doc}`));
    return undefined;
  }
  return field.default === undefined ? field.unset : read(field, field.default, path, found);
}

/** The value is not repeated: it may be a secret in the wrong place. */
function wrongType(wanted: string, path: string, found: Found): undefined {
  found.wellTyped = false;
  found.problems.push(refused(path, "Invalid", `has the wrong type; write ${wanted}`));
}

type ShapeOf<K extends Shape["kind"]> = Extract<Shape, { readonly kind: K }>;

function readText({ grammar, oneOf }: ShapeOf<"text">, text: string, path: string, found: Found): unknown {
  if (oneOf && !oneOf.includes(text)) {
    const message = `${JSON.stringify(text)} is not supported; write ${oneOf.join(" or ")}`;
    found.problems.push(refused(path, "NotSupported", message));
    return undefined;
  }
  if (!grammar) return text;
  const parsed = grammar.parse(text);
  if (parsed.ok) return parsed.value;
  const said = grammar.secret ? parsed.error : `${JSON.stringify(text)} ${parsed.error}`;
  found.problems.push(refused(path, "Invalid", `${said}; write ${grammar.accepts}`));
  return undefined;
}

function readInteger({ bounds, accepts }: ShapeOf<"integer">, value: number, path: string, found: Found): unknown {
  const { minimum = -Infinity, maximum = Infinity } = accepts ?? bounds ?? {};
  if (value >= minimum && value <= maximum) return value;
  found.problems.push(
    refused(path, "OutOfRange", `${value} is out of range; write ${inWords(accepts ?? bounds ?? {})}`),
  );
  return undefined;
}

function inWords({ minimum, maximum }: Bounds): string {
  if (minimum === undefined) return `a number up to ${maximum}`;
  return maximum === undefined ? `a number of ${minimum} or more` : `a number from ${minimum} to ${maximum}`;
}

function readList(shape: ShapeOf<"list">, items: readonly unknown[], path: string, found: Found): unknown {
  if (items.length < (shape.atLeast ?? 0))
    found.problems.push(refused(path, "Required", "is empty; write at least one"));
  const meanings = items.map((item, i) => read(shape.of, item, `${path}[${i}]`, found));
  if (shape.unique && found.wellTyped) noteRepeated(items, path, found);
  return meanings;
}

/** MetalLB internal/config/validation.go, validateDuplicate and validateLabelSelectorDuplicate. */
function noteRepeated(items: readonly unknown[], path: string, found: Found): void {
  const seen = new Set<string>();
  const what = path.slice(path.lastIndexOf(".") + 1);
  for (const [i, item] of items.entries()) {
    const key = typeof item === "string" ? item : canonicalSelector(withoutNulls(item) as LabelSelector);
    const message = `${JSON.stringify(item)} is a duplicate definition of ${what}; remove one`;
    if (seen.has(key)) found.problems.push(refused(`${path}[${i}]`, "Duplicate", message));
    seen.add(key);
  }
}

/** The rules between fields see the object only if every field of it has its type. */
function readObject(shape: ShapeOf<"object">, value: Record<string, unknown>, path: string, found: Found): unknown {
  const inside: Found = { problems: found.problems, wellTyped: true };
  const meaning: Record<string, unknown> = {};
  for (const [name, field] of Object.entries(shape.fields)) {
    const member = Object.hasOwn(value, name) ? value[name] : undefined;
    const part = read(field, member, `${path}.${name}`, inside);
    if (part !== undefined) meaning[name] = part;
  }
  found.wellTyped &&= inside.wellTyped;
  if (!shape.check || !inside.wellTyped) return meaning;
  for (const problem of shape.check(withoutNulls(value) as never)) {
    found.problems.push({ ...problem, field: `${path}.${problem.field}` });
  }
  return meaning;
}

/** A member that is null is as good as absent, however deep. */
function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (!isRecord(value)) return value;
  const present = Object.entries(value).filter(([, member]) => member !== null);
  return Object.fromEntries(present.map(([name, member]) => [name, withoutNulls(member)]));
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const isLabels = (value: unknown): value is Record<string, string> =>
  isRecord(value) && Object.values(value).every((text) => typeof text === "string");
