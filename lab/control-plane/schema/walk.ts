/** Defaults, prunes and validates values by structural schema, as kube-apiserver's apiextensions does (pkg/apiserver/schema). */
import { deepEqual } from "../../../src/std/equal.ts";
import type { Cause, Components, Schema } from "../types.ts";
import { hasRules, validateRules } from "./cel.ts";
import { formatProblem } from "./formats.ts";
import { isObject, join, type JsonObject, listKeyOf, memberOf, oldItemOf, resolve } from "./schema.ts";

/**
 * Fills in defaults, in place.
 *
 * A null where the schema has no `nullable` counts as absent: it becomes the default or goes away.
 */
export function defaultObject(schema: Schema, components: Components, value: unknown): void {
  const own = resolve(schema, components);
  if (Array.isArray(value)) {
    if (own.items !== undefined) for (const item of value) defaultObject(own.items, components, item);
    return;
  }
  if (!isObject(value)) return;
  for (const [key, property] of Object.entries(own.properties ?? {})) defaultMember(property, components, value, key);
  for (const key of Object.keys(value)) {
    const member = memberOf(own, key);
    if (member === undefined) continue;
    if (value[key] === null && !isNullable(member, components)) delete value[key];
    else defaultObject(member, components, value[key]);
  }
}

function defaultMember(property: Schema, components: Components, value: JsonObject, key: string): void {
  if (property.default === undefined) return;
  const present = Object.hasOwn(value, key) && (value[key] !== null || isNullable(property, components));
  if (!present) value[key] = structuredClone(property.default);
}

function isNullable(schema: Schema, components: Components): boolean {
  const own = resolve(schema, components);
  // A schema that names no type takes anything, null included.
  return own.nullable === true || (own.type === undefined && own["x-kubernetes-preserve-unknown-fields"] === true);
}

/**
 * Removes fields that the schema does not know, in place, and returns their paths (`spec.x`, `spec.list[0].y`).
 *
 * `apiVersion`, `kind` and `metadata` are known at the root and in embedded resources.
 */
export function pruneObject(schema: Schema, components: Components, value: unknown): string[] {
  const unknown: string[] = [];
  prune({ ...resolve(schema, components), "x-kubernetes-embedded-resource": true }, components, value, "", unknown);
  return unknown;
}

const identity = new Set(["apiVersion", "kind", "metadata"]);

function prune(schema: Schema, components: Components, value: unknown, path: string, unknown: string[]): void {
  const own = resolve(schema, components);
  if (Array.isArray(value)) {
    const items = own.items;
    if (items === undefined) return;
    for (const [i, item] of value.entries()) prune(items, components, item, `${path}[${i}]`, unknown);
    return;
  }
  if (!isObject(value)) return;
  for (const key of Object.keys(value)) {
    const member = memberOf(own, key);
    if (member !== undefined) prune(member, components, value[key], join(path, key), unknown);
    else if (!keepsUnknown(own, key)) {
      unknown.push(join(path, key));
      delete value[key];
    }
  }
}

const keepsUnknown = (schema: Schema, key: string): boolean =>
  schema["x-kubernetes-preserve-unknown-fields"] === true ||
  schema.additionalProperties === true ||
  (schema["x-kubernetes-embedded-resource"] === true && identity.has(key));

/**
 * Everything wrong with a value by its schema: types, bounds, enums, patterns, formats, list types, and CEL rules.
 *
 * With `old`, what an update leaves unchanged is not blamed on it (CRDValidationRatcheting), and rules on `oldSelf` apply.
 */
export function validateObject(schema: Schema, components: Components, value: unknown, old?: unknown): Cause[] {
  const causes: Cause[] = [];
  validate({ components, causes, builtin: false }, { schema, value, old, path: "" });
  if (causes.some((cause) => blocking.has(cause.reason))) {
    return hasRules(schema, components) ? [...causes, notChecked] : causes;
  }
  return [...causes, ...validateRules(schema, components, value, old)];
}

/** Rules may not see values of a wrong shape. */
const blocking: ReadonlySet<Cause["reason"]> = new Set([
  "FieldValueNotSupported",
  "FieldValueRequired",
  "FieldValueTooLong",
  "FieldValueTooMany",
  "FieldValueTypeInvalid",
]);

const notChecked: Cause = {
  reason: "FieldValueInvalid",
  message:
    'Invalid value: "null": some validation rules were not checked because the object was invalid; correct the existing errors to complete validation',
  field: "<nil>",
};

interface Context {
  readonly components: Components;
  readonly causes: Cause[];
  /** Inside a built-in component, whose lists kube-apiserver does not check by list type. */
  readonly builtin: boolean;
}

interface Spot {
  readonly schema: Schema;
  readonly value: unknown;
  readonly old: unknown;
  readonly path: string;
}

function validate(context: Context, spot: Spot): void {
  const { value, old, path } = spot;
  if (old !== undefined && deepEqual(value, old)) return;
  const schema = resolve(spot.schema, context.components);
  if (value === null && isNullable(spot.schema, context.components)) return;
  const wrong = typeProblem(schema, value);
  if (wrong !== undefined) {
    context.causes.push(invalidType(path, wrong, typeOf(value)));
    return;
  }
  const inner = spot.schema.$ref === undefined ? context : { ...context, builtin: true };
  checkValue(inner, schema, value, path);
  checkCombinations(inner, schema, value, path);
  if (Array.isArray(value)) validateItems(inner, schema, { ...spot, value });
  else if (isObject(value)) validateMembers(inner, schema, { ...spot, value });
}

function validateItems(context: Context, list: Schema, spot: Spot & { readonly value: unknown[] }): void {
  if (!context.builtin) checkListType(context, list, spot.value, spot.path);
  const items = list.items;
  if (items === undefined) return;
  for (const [i, value] of spot.value.entries()) {
    const old = oldItemOf(list, context.components, spot.old, value);
    validate(context, { schema: items, value, old, path: `${spot.path}[${i}]` });
  }
}

function validateMembers(context: Context, schema: Schema, spot: Spot & { readonly value: JsonObject }): void {
  const { value, path } = spot;
  for (const name of requiredOf(schema)) {
    if (!Object.hasOwn(value, name)) context.causes.push(required(join(path, name)));
  }
  for (const [key, member] of Object.entries(value)) {
    const known = memberOf(schema, key);
    if (known === undefined) continue;
    const old = isObject(spot.old) && Object.hasOwn(spot.old, key) ? spot.old[key] : undefined;
    validate(context, { schema: known, value: member, old, path: join(path, key) });
  }
}

const requiredOf = (schema: Schema): readonly string[] =>
  schema["x-kubernetes-embedded-resource"] === true
    ? [...new Set(["apiVersion", "kind", ...(schema.required ?? [])])]
    : (schema.required ?? []);

/** The type that was wanted, when the value has another. */
function typeProblem(schema: Schema, value: unknown): string | undefined {
  const actual = typeOf(value);
  if (schema["x-kubernetes-int-or-string"] === true) {
    return actual === "integer" || actual === "string" ? undefined : "integer,string";
  }
  const wanted = schema.type;
  if (wanted === undefined || wanted === actual || (wanted === "number" && actual === "integer")) return undefined;
  return wanted;
}

function typeOf(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "array";
  if (typeof value === "number") return Number.isInteger(value) ? "integer" : "number";
  return typeof value;
}

function checkValue(context: Context, schema: Schema, value: unknown, path: string): void {
  if (schema.enum !== undefined && !schema.enum.some((allowed) => deepEqual(allowed, value))) {
    context.causes.push(notSupported(path, value, schema.enum));
  }
  if (typeof value === "string") checkString(context, schema, value, path);
  if (typeof value === "number") checkNumber(context, schema, value, path);
  if (Array.isArray(value)) checkArray(context, schema, value, path);
  if (isObject(value)) checkSize(context, schema, Object.keys(value).length, path);
}

function checkString(context: Context, schema: Schema, value: string, path: string): void {
  const { causes } = context;
  const length = Array.from(value).length;
  if (schema.maxLength !== undefined && length > schema.maxLength) causes.push(tooLong(path, schema.maxLength));
  if (schema.minLength !== undefined && length < schema.minLength) {
    causes.push(invalid(path, value, `should be at least ${schema.minLength} chars long`));
  }
  if (schema.pattern !== undefined && !regexp(schema.pattern).test(value)) {
    causes.push(invalid(path, value, `should match '${schema.pattern}'`));
  }
  if (schema.format !== undefined && formatProblem(schema.format, value)) {
    causes.push({
      ...invalid(path, value, `must be of type ${schema.format}: ${quote(value)}`),
      reason: "FieldValueTypeInvalid",
    });
  }
}

function checkNumber(context: Context, schema: Schema, value: number, path: string): void {
  const problems: (string | false)[] = [
    schema.minimum !== undefined &&
      (schema.exclusiveMinimum === true ? value <= schema.minimum : value < schema.minimum) &&
      `should be greater than ${schema.exclusiveMinimum === true ? "" : "or equal to "}${schema.minimum}`,
    schema.maximum !== undefined &&
      (schema.exclusiveMaximum === true ? value >= schema.maximum : value > schema.maximum) &&
      `should be less than ${schema.exclusiveMaximum === true ? "" : "or equal to "}${schema.maximum}`,
    schema.multipleOf !== undefined &&
      !Number.isInteger(value / schema.multipleOf) &&
      `should be a multiple of ${schema.multipleOf}`,
    schema.format === "int32" && (value > 2147483647 || value < -2147483648) && 'must be of type int32: "int64"',
  ];
  for (const problem of problems) if (problem !== false) context.causes.push(invalid(path, value, problem));
}

function checkArray(context: Context, schema: Schema, value: readonly unknown[], path: string): void {
  const { causes } = context;
  if (schema.maxItems !== undefined && value.length > schema.maxItems) {
    causes.push(tooMany(path, value.length, schema.maxItems));
  }
  if (schema.minItems !== undefined && value.length < schema.minItems) {
    causes.push(invalid(path, value.length, `should have at least ${schema.minItems} items`));
  }
  if (schema.uniqueItems === true && new Set(value.map(canonical)).size < value.length) {
    causes.push(invalid(path, "", "shouldn't contain duplicates"));
  }
}

function checkSize(context: Context, schema: Schema, size: number, path: string): void {
  if (schema.maxProperties !== undefined && size > schema.maxProperties) {
    context.causes.push(tooMany(path, size, schema.maxProperties));
  }
  if (schema.minProperties !== undefined && size < schema.minProperties) {
    context.causes.push(invalid(path, size, `should have at least ${schema.minProperties} properties`));
  }
}

/** Duplicates in set and map lists. */
function checkListType(context: Context, list: Schema, value: readonly unknown[], path: string): void {
  const type = list["x-kubernetes-list-type"];
  if (type !== "set" && type !== "map") return;
  const seen = new Set<string>();
  for (const [i, item] of value.entries()) {
    const identity = type === "set" ? item : listKeyOf(list, context.components, item);
    if (identity === undefined) {
      for (const name of missingKeys(list, context.components, item))
        context.causes.push(required(`${path}[${i}].${name}`));
      continue;
    }
    const text = canonical(identity);
    if (seen.has(text)) {
      context.causes.push({
        reason: "FieldValueDuplicate",
        message: `Duplicate value: ${show(identity)}`,
        field: `${path}[${i}]`,
      });
    }
    seen.add(text);
  }
}

/** List keys that an item lacks and that its schema does not require anyway. */
function missingKeys(list: Schema, components: Components, item: unknown): string[] {
  if (!isObject(item) || list.items === undefined) return [];
  const demanded = resolve(list.items, components).required ?? [];
  return (list["x-kubernetes-list-map-keys"] ?? []).filter(
    (key) => !Object.hasOwn(item, key) && !demanded.includes(key),
  );
}

function checkCombinations(context: Context, schema: Schema, value: unknown, path: string): void {
  for (const part of schema.allOf ?? []) validate(context, { schema: part, value, old: undefined, path });
  const matches = (part: Schema): boolean => {
    const causes: Cause[] = [];
    validate({ ...context, causes }, { schema: part, value, old: undefined, path });
    return causes.length === 0;
  };
  const combined = (detail: string): void => {
    context.causes.push({ reason: "FieldValueInvalid", message: `Invalid value: "": ${detail}`, field: "<nil>" });
  };
  if (schema.anyOf !== undefined && !schema.anyOf.some(matches)) {
    combined(`${quote(path)} must validate at least one schema (anyOf)`);
  }
  const found = schema.oneOf?.filter(matches).length ?? 1;
  if (found !== 1) {
    const how = found === 0 ? "Found none valid" : `Found ${found} valid alternatives`;
    combined(`${quote(path)} must validate one and only one schema (oneOf). ${how}`);
  }
  if (schema.not !== undefined && matches(schema.not)) combined(`${quote(path)} must not validate the schema (not)`);
}

const required = (field: string): Cause => ({ reason: "FieldValueRequired", message: "Required value", field });

const invalid = (field: string, value: unknown, problem: string): Cause => ({
  reason: "FieldValueInvalid",
  message: `Invalid value: ${show(value)}: ${field} in body ${problem}`,
  field,
});

const invalidType = (field: string, wanted: string, actual: string): Cause => ({
  reason: "FieldValueTypeInvalid",
  message: `Invalid value: "${actual}": ${field} in body must be of type ${wanted}: "${actual}"`,
  field,
});

const notSupported = (field: string, value: unknown, allowed: readonly unknown[]): Cause => ({
  reason: "FieldValueNotSupported",
  message: `Unsupported value: ${show(value)}: supported values: ${allowed.map((one) => quote(String(one))).join(", ")}`,
  field,
});

const tooLong = (field: string, max: number): Cause => ({
  reason: "FieldValueTooLong",
  message: `Too long: may not be more than ${max} bytes`,
  field,
});

const tooMany = (field: string, actual: number, max: number): Cause => ({
  reason: "FieldValueTooMany",
  message: `Too many: ${actual}: must have at most ${max} items`,
  field,
});

const quote = (text: string): string => JSON.stringify(text);
const show = (value: unknown): string => JSON.stringify(value);

/** Equal values give equal text, whatever the order of their members. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_, member: unknown) =>
    isObject(member) ? Object.fromEntries(Object.entries(member).sort(([a], [b]) => (a < b ? -1 : 1))) : member,
  );
}

const patterns = new Map<string, RegExp>();

/** A Go (RE2) pattern as a JavaScript one. Only the anchors and leading flags differ for what CRDs use. */
function regexp(pattern: string): RegExp {
  const known = patterns.get(pattern);
  if (known !== undefined) return known;
  const flags = /^\(\?([ims]+)\)/.exec(pattern);
  const body = pattern
    .slice(flags?.[0].length ?? 0)
    .replaceAll("\\A", "^")
    .replaceAll("\\z", "$");
  const made = new RegExp(body, flags?.[1] ?? "");
  patterns.set(pattern, made);
  return made;
}
