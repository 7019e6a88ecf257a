import { parseArgs } from "node:util";
import { err, ok, type Result } from "../std/result.ts";

/** One flag: how it reads and what it is without being given. */
export type Flag = (
  | { readonly kind: "text"; readonly default: string; readonly oneOf?: readonly string[] }
  | { readonly kind: "number"; readonly default: number; readonly min: number; readonly max: number }
  | { readonly kind: "switch" }
) & {
  /** The environment variable that is the default when set. */
  readonly env?: string;
  /** Accepted so that MetalLB's arguments work as they are; why it does nothing. */
  readonly unused?: string;
};

export type FlagValues<F extends Readonly<Record<string, Flag>>> = {
  readonly [K in keyof F]: F[K] extends { readonly kind: "number" }
    ? number
    : F[K] extends { readonly kind: "switch" }
      ? boolean
      : F[K] extends { readonly oneOf: readonly (infer Choice)[] }
        ? Choice
        : string;
};

export type Environment = Readonly<Record<string, string | undefined>>;

/** Command line over environment over defaults; or one line that says what is wrong. Go's spelling `--switch=true` is understood. */
export function parseFlags<const F extends Readonly<Record<string, Flag>>>(
  flags: F,
  argv: readonly string[],
  env: Environment,
): Result<{ readonly values: FlagValues<F>; readonly unused: readonly string[] }> {
  const given = readArguments(flags, argv);
  if (!given.ok) return given;
  const values: Record<string, string | number | boolean> = {};
  for (const [name, flag] of Object.entries<Flag>(flags)) {
    const fromEnv = flag.env === undefined ? undefined : env[flag.env];
    const text = given.value.get(name) ?? (fromEnv === "" ? undefined : fromEnv);
    const value = valueOf(`--${name}`, flag, text);
    if (!value.ok) return value;
    values[name] = value.value;
  }
  const unused = [...given.value.keys()].filter((name) => flags[name]?.unused !== undefined);
  return ok({
    values: values as FlagValues<F>,
    unused: unused.map((name) => `--${name}: ${flags[name]?.unused ?? ""}`),
  });
}

function readArguments(
  flags: Readonly<Record<string, Flag>>,
  argv: readonly string[],
): Result<ReadonlyMap<string, string>> {
  const options = Object.fromEntries(
    Object.entries(flags).map(([name, { kind }]) => [
      name,
      { type: kind === "switch" ? "boolean" : "string" } as const,
    ]),
  );
  const { tokens } = parseArgs({ args: [...argv], options, strict: false, tokens: true });
  const given = new Map<string, string>();
  for (const token of tokens) {
    if (token.kind === "positional") return err(`unexpected argument ${JSON.stringify(token.value)}`);
    if (token.kind !== "option") continue;
    const flag = Object.hasOwn(flags, token.name) ? flags[token.name] : undefined;
    if (!flag) return err(`unknown flag ${token.rawName}`);
    if (token.value === undefined && flag.kind !== "switch") return err(`${token.rawName} needs a value`);
    given.set(token.name, token.value ?? "true");
  }
  return ok(given);
}

function valueOf(name: string, flag: Flag, text: string | undefined): Result<string | number | boolean> {
  switch (flag.kind) {
    case "text":
      if (text === undefined || !flag.oneOf || flag.oneOf.includes(text)) return ok(text ?? flag.default);
      return err(`${name}: ${JSON.stringify(text)} is not one of ${flag.oneOf.join(", ")}`);
    case "switch":
      if (text === undefined || text === "true" || text === "false") return ok(text === "true");
      return err(`${name}: ${JSON.stringify(text)} is neither true nor false`);
    case "number": {
      const number = text === undefined ? flag.default : /^\d+$/.test(text) ? Number(text) : Number.NaN;
      if (number >= flag.min && number <= flag.max) return ok(number);
      return err(`${name}: ${JSON.stringify(text)} is not a whole number from ${flag.min} to ${flag.max}`);
    }
  }
}
