/** Validation rules (`x-kubernetes-validations`): compiled once for each schema, evaluated with `self` and, on updates, `oldSelf`. */
import { Environment } from "@marcbachmann/cel-js";
import { deepEqual } from "../../../src/std/equal.ts";
import type { Cause, Components, Schema } from "../types.ts";
import { durationOf, registerKubernetesFunctions } from "./cel-functions.ts";
import { isObject, join, memberOf, oldItemOf, resolve } from "./schema.ts";

type Rule = NonNullable<Schema["x-kubernetes-validations"]>[number];
type Evaluate = (variables: Record<string, unknown>) => unknown;

interface CompiledRule {
  readonly rule: Rule;
  /** Uses `oldSelf`: runs only on updates, where an old value corresponds. */
  readonly transition: boolean;
  readonly evaluate: Evaluate;
  readonly message: Evaluate | undefined;
}

/**
 * Evaluates the rules of a schema against a value of the right shape.
 *
 * A rule that cannot be evaluated is a failure, as in kube-apiserver. A rule without `oldSelf` does not blame an update for a value
 * that it left unchanged.
 */
export function validateRules(schema: Schema, components: Components, value: unknown, old?: unknown): Cause[] {
  const causes: Cause[] = [];
  visit({ components, causes }, { schema, value, old, path: "" });
  return causes;
}

/** Whether a schema has rules anywhere below it. */
export function hasRules(schema: Schema, components: Components): boolean {
  const own = resolve(schema, components);
  const known = ruled.get(own);
  if (known !== undefined) return known;
  // Assumed while its members are asked: a schema may contain itself.
  ruled.set(own, false);
  const answer =
    own["x-kubernetes-validations"] !== undefined || membersOf(own).some((one) => hasRules(one, components));
  ruled.set(own, answer);
  return answer;
}

const ruled = new WeakMap<Schema, boolean>();

function membersOf(schema: Schema): Schema[] {
  const members = Object.values(schema.properties ?? {});
  if (schema.items !== undefined) members.push(schema.items);
  if (typeof schema.additionalProperties === "object") members.push(schema.additionalProperties);
  return members;
}

/** Why a rule does not compile, or undefined when it does. */
export function ruleProblem(rule: string): string | undefined {
  try {
    const checked = environment.parse(rule).check();
    return checked.valid ? undefined : reasonOf(checked.error);
  } catch (error) {
    return reasonOf(error);
  }
}

interface Context {
  readonly components: Components;
  readonly causes: Cause[];
}

interface Spot {
  readonly schema: Schema;
  readonly value: unknown;
  readonly old: unknown;
  readonly path: string;
}

function visit(context: Context, spot: Spot): void {
  const { value, old, path } = spot;
  if (value === null || !hasRules(spot.schema, context.components)) return;
  const schema = resolve(spot.schema, context.components);
  runRules(context, schema, spot);
  if (Array.isArray(value)) {
    const items = schema.items;
    if (items === undefined) return;
    for (const [i, item] of value.entries()) {
      visit(context, {
        schema: items,
        value: item,
        old: oldItemOf(schema, context.components, old, item),
        path: `${path}[${i}]`,
      });
    }
  } else if (isObject(value)) {
    for (const [key, member] of Object.entries(value)) {
      const known = memberOf(schema, key);
      if (known === undefined) continue;
      const oldMember = isObject(old) && Object.hasOwn(old, key) ? old[key] : undefined;
      const declared = schema.properties !== undefined && Object.hasOwn(schema.properties, key);
      visit(context, {
        schema: known,
        value: member,
        old: oldMember,
        path: declared ? join(path, key) : `${path}[${key}]`,
      });
    }
  }
}

function runRules(context: Context, schema: Schema, spot: Spot): void {
  const rules = compiledRules(schema);
  if (rules.length === 0) return;
  const unchanged = spot.old !== undefined && deepEqual(spot.value, spot.old);
  const self = toCel(schema, context.components, spot.value);
  const oldSelf = spot.old === undefined || spot.old === null ? undefined : toCel(schema, context.components, spot.old);
  for (const compiled of rules) {
    if (compiled.transition ? oldSelf === undefined : unchanged) continue;
    const failure = failureOf(compiled, compiled.transition ? { self, oldSelf } : { self });
    if (failure !== undefined) context.causes.push(causeOf(compiled.rule, schema, spot.path, failure));
  }
}

/** The words for a rule that does not hold, or undefined when it does. */
function failureOf(compiled: CompiledRule, variables: Record<string, unknown>): string | undefined {
  const words = compiled.rule.message ?? `failed rule: ${compiled.rule.rule.trim()}`;
  try {
    if (compiled.evaluate(variables) === true) return undefined;
  } catch (error) {
    return `${reasonOf(error)} evaluating rule: ${words}`;
  }
  return expressed(compiled, variables) ?? words;
}

/** What `messageExpression` gives; nothing when it fails or gives no line of text, as the message is then used. */
function expressed(compiled: CompiledRule, variables: Record<string, unknown>): string | undefined {
  if (compiled.message === undefined) return undefined;
  try {
    const text = compiled.message(variables);
    return typeof text === "string" && text.trim() !== "" && !text.includes("\n") ? text : undefined;
  } catch {
    return undefined;
  }
}

function causeOf(rule: Rule, schema: Schema, path: string, detail: string): Cause {
  const field = `${path}${rule.fieldPath ?? ""}`.replace(/^\./, "");
  const kind = JSON.stringify(
    schema.type ?? (schema["x-kubernetes-int-or-string"] === true ? "int-or-string" : "object"),
  );
  switch (rule.reason) {
    case "FieldValueRequired":
      return { reason: "FieldValueRequired", message: `Required value: ${detail}`, field };
    case "FieldValueForbidden":
      return { reason: "FieldValueForbidden", message: `Forbidden: ${detail}`, field };
    case "FieldValueDuplicate":
      return { reason: "FieldValueDuplicate", message: `Duplicate value: ${kind}: ${detail}`, field };
    case "FieldValueInvalid":
    case undefined:
    default:
      return { reason: "FieldValueInvalid", message: `Invalid value: ${kind}: ${detail}`, field };
  }
}

const compiled = new WeakMap<Schema, readonly CompiledRule[]>();

function compiledRules(schema: Schema): readonly CompiledRule[] {
  const rules = schema["x-kubernetes-validations"];
  if (rules === undefined) return [];
  const known = compiled.get(schema);
  if (known !== undefined) return known;
  const made = rules.map((rule) => ({
    rule,
    transition: /\boldSelf\b/.test(rule.rule),
    evaluate: compile(rule.rule),
    message: rule.messageExpression === undefined ? undefined : compile(rule.messageExpression),
  }));
  compiled.set(schema, made);
  return made;
}

/** A rule that does not parse fails at each evaluation; validateCrd refuses it before it gets here. */
function compile(expression: string): Evaluate {
  try {
    return environment.parse(expression);
  } catch (error) {
    return () => {
      throw error;
    };
  }
}

const environment = new Environment({ enableOptionalTypes: true, homogeneousAggregateLiterals: false })
  .registerVariable("self", "dyn")
  .registerVariable("oldSelf", "dyn");
registerKubernetesFunctions(environment);

/** cel-go's words: `no such key: x`, where the library says `No such key: x` and adds a picture of the source. */
function reasonOf(error: unknown): string {
  const text =
    error instanceof Error ? ((error as { readonly summary?: string }).summary ?? error.message) : String(error);
  const line = text.split("\n", 1)[0] ?? "";
  return line.slice(0, 1).toLowerCase() + line.slice(1);
}

/**
 * A JSON value as CEL sees it by its schema: integers as int (bigint), date-time as timestamp, duration, bytes, property names
 * escaped where CEL could not name them. Fields without a schema are not visible to rules.
 */
function toCel(declared: Schema, components: Components, value: unknown): unknown {
  const schema = resolve(declared, components);
  if (value === null || value === undefined) return null;
  if (Array.isArray(value)) {
    const items = schema.items;
    return items === undefined ? [] : value.map((item) => toCel(items, components, item));
  }
  if (isObject(value)) return objectToCel(schema, components, value);
  if (typeof value === "number") return schema.type === "number" || !Number.isInteger(value) ? value : BigInt(value);
  if (typeof value === "string") return textToCel(schema.format, value);
  return value;
}

function objectToCel(schema: Schema, components: Components, value: Record<string, unknown>): unknown {
  const members: [string, unknown][] = [];
  const names = { ...(schema["x-kubernetes-embedded-resource"] === true && embedded), ...schema.properties };
  for (const [key, member] of Object.entries(value)) {
    if (Object.hasOwn(names, key)) {
      const name = escapedName(key);
      if (name !== undefined) members.push([name, toCel(names[key] ?? {}, components, member)]);
    } else if (typeof schema.additionalProperties === "object") {
      members.push([key, toCel(schema.additionalProperties, components, member)]);
    }
  }
  return Object.fromEntries(members);
}

const embedded: Readonly<Record<string, Schema>> = {
  apiVersion: { type: "string" },
  kind: { type: "string" },
  metadata: { type: "object", properties: { name: { type: "string" }, generateName: { type: "string" } } },
};

function textToCel(format: string | undefined, value: string): unknown {
  switch (format) {
    case "date-time":
    case "date":
      return new Date(value);
    case "duration":
      return durationOf(value);
    case "byte":
      return new Uint8Array(Buffer.from(value, "base64"));
    case undefined:
    default:
      return value;
  }
}

const reserved: ReadonlySet<string> = new Set(
  "true false null in as break const continue else for function if import let loop package namespace return var void while".split(
    " ",
  ),
);

/** A property's name in CEL; undefined when CEL cannot name it. @see k8s.io/apiserver/pkg/cel/escaping.go */
function escapedName(name: string): string | undefined {
  if (reserved.has(name)) return `__${name}__`;
  if (!/^[A-Za-z_][A-Za-z0-9_./-]*$/.test(name)) return undefined;
  return name
    .replaceAll("__", "__underscores__")
    .replaceAll(".", "__dot__")
    .replaceAll("-", "__dash__")
    .replaceAll("/", "__slash__");
}
