/** The JSONPath of kubectl and of printer columns: `.a.b`, `['a.b']`, `[0]`, `[*]`, `[?(@.type=="Ready")]`, `..` excepted. */
import { deepEqual } from "../../../src/std/equal.ts";
import { isObject } from "../schema/schema.ts";

type Step = (value: unknown) => unknown[];

/**
 * Compiles a path to a function that gives everything it leads to, in order; nothing where it leads nowhere.
 *
 * @throws SyntaxError when the path is not understood
 * @see k8s.io/client-go/util/jsonpath
 */
export function compileJsonPath(path: string): (value: unknown) => unknown[] {
  const steps = stepsOf(path);
  return (value) => steps.reduce<unknown[]>((found, step) => found.flatMap(step), [value]);
}

const patterns: readonly (readonly [RegExp, (match: RegExpExecArray) => Step])[] = [
  [/^\.?\[\*\]|^\.\*/, () => everything],
  [/^\.?\[\?\((.+?)\)\]/, (match) => filter(match[1] ?? "")],
  [/^\.?\[(-?\d+)\]/, (match) => element(Number(match[1]))],
  [/^\.?\[(?:'([^']*)'|"([^"]*)")\]/, (match) => member(match[1] ?? match[2] ?? "")],
  [/^\.((?:[^.[\]\\]|\\.)+)/, (match) => member((match[1] ?? "").replaceAll(/\\(.)/g, "$1"))],
];

function stepsOf(path: string): Step[] {
  const steps: Step[] = [];
  let rest = path
    .trim()
    .replace(/^\{(.*)\}$/, "$1")
    .replace(/^\$/, "");
  while (rest !== "" && rest !== ".") {
    const [match, step] = nextStep(rest);
    if (match === null || step === undefined)
      throw new SyntaxError(`JSONPath ${JSON.stringify(path)} is not understood at ${JSON.stringify(rest)}`);
    steps.push(step);
    rest = rest.slice(match[0].length);
  }
  return steps;
}

function nextStep(rest: string): [RegExpExecArray | null, Step?] {
  for (const [pattern, make] of patterns) {
    const match = pattern.exec(rest);
    if (match !== null) return [match, make(match)];
  }
  return [null];
}

const everything: Step = (value) => (Array.isArray(value) ? value : isObject(value) ? Object.values(value) : []);

const element =
  (index: number): Step =>
  (value) =>
    Array.isArray(value) && value.at(index) !== undefined ? [value.at(index)] : [];

const member =
  (name: string): Step =>
  (value) =>
    isObject(value) && Object.hasOwn(value, name) ? [value[name]] : [];

type Compare = (a: unknown, b: unknown) => boolean;

const comparisons: Readonly<Record<string, Compare>> = {
  "==": deepEqual,
  "!=": (a, b) => !deepEqual(a, b),
  "<": (a, b) => ordered(a, b, (x, y) => x < y),
  "<=": (a, b) => ordered(a, b, (x, y) => x <= y),
  ">": (a, b) => ordered(a, b, (x, y) => x > y),
  ">=": (a, b) => ordered(a, b, (x, y) => x >= y),
};

function ordered(a: unknown, b: unknown, holds: (x: string | number, y: string | number) => boolean): boolean {
  if (typeof a === "number" && typeof b === "number") return holds(a, b);
  return typeof a === "string" && typeof b === "string" && holds(a, b);
}

/** Items of a list for which `@.path`, or a comparison of it with a literal, holds. */
function filter(condition: string): Step {
  const match = /^@((?:\.|\[).*?)?\s*(?:(==|!=|<=|>=|<|>)\s*(.+))?$/.exec(condition.trim());
  if (match === null) throw new SyntaxError(`JSONPath filter ${JSON.stringify(condition)} is not understood`);
  const left = compileJsonPath(match[1] ?? "");
  const compare = match[2] === undefined ? undefined : comparisons[match[2]];
  const right = compare === undefined ? undefined : literal((match[3] ?? "").trim());
  const holds = (item: unknown): boolean =>
    left(item).some((value) => (compare === undefined ? true : compare(value, right)));
  return (value) => (Array.isArray(value) ? value.filter(holds) : []);
}

function literal(text: string): unknown {
  const quoted = /^(?:'([^']*)'|"([^"]*)")$/.exec(text);
  if (quoted !== null) return quoted[1] ?? quoted[2];
  if (text === "true" || text === "false") return text === "true";
  if (text !== "" && !Number.isNaN(Number(text))) return Number(text);
  throw new SyntaxError(`JSONPath literal ${JSON.stringify(text)} is not understood`);
}
