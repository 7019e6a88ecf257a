import { expect, test } from "vitest";
import { parseFlags } from "./flags.ts";

const flags = {
  port: { kind: "number", default: 9120, min: 0, max: 65535 },
  "log-level": { kind: "text", default: "info", oneOf: ["info", "debug"] },
  "node-name": { kind: "text", default: "", env: "NODE" },
  "ignore-exclude-lb": { kind: "switch" },
  host: { kind: "text", default: "", unused: "nothing reads it" },
} as const;

const parse = (argv: string[], env = {}) => {
  const result = parseFlags(flags, argv, env);
  return result.ok ? result.value : result.error;
};

test("defaults, then environment, then arguments", () => {
  const values = { port: 9120, "log-level": "info", "node-name": "", "ignore-exclude-lb": false, host: "" };
  expect(parse([])).toEqual({ values, unused: [] });
  expect(parse([], { NODE: "n1" })).toMatchObject({ values: { "node-name": "n1" } });
  expect(parse(["--node-name", "n2", "--port=0"], { NODE: "n1" })).toMatchObject({
    values: { "node-name": "n2", port: 0 },
  });
});

test("Go's spellings of a switch", () => {
  expect(parse(["--ignore-exclude-lb"])).toMatchObject({ values: { "ignore-exclude-lb": true } });
  expect(parse(["--ignore-exclude-lb=true"])).toMatchObject({ values: { "ignore-exclude-lb": true } });
  expect(parse(["--ignore-exclude-lb=false"])).toMatchObject({ values: { "ignore-exclude-lb": false } });
});

test("what does nothing is said", () => {
  expect(parse(["--host=1.2.3.4"])).toMatchObject({ unused: ["--host: nothing reads it"] });
});

test.each([
  [["--prot=1"], "unknown flag --prot"],
  [["--port"], "--port needs a value"],
  [["--port=99999"], '--port: "99999" is not a whole number from 0 to 65535'],
  [["--port=abc"], '--port: "abc" is not a whole number from 0 to 65535'],
  [["--log-level=loud"], '--log-level: "loud" is not one of info, debug'],
  [["--ignore-exclude-lb=maybe"], '--ignore-exclude-lb: "maybe" is neither true nor false'],
  [["run"], 'unexpected argument "run"'],
])("%j is refused in one line", (argv, line) => {
  expect(parse(argv)).toBe(line);
});
