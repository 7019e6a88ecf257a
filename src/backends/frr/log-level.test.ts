import { expect, test } from "vitest";
import { frrLogLevel, logLines } from "./log-level.ts";

test.each([
  ["debug", undefined, "debugging"],
  ["info", "", "informational"],
  ["error", undefined, "errors"],
  ["none", undefined, "emergencies"],
  ["info", "debugging", "debugging"],
  ["debug", "error", "errors"],
] as const)("our %s, with FRR_LOGGING_LEVEL %s, is FRR's %s", (level, override, expected) => {
  expect(frrLogLevel(level, override)).toEqual({ ok: true, value: expected });
});

test.each(["e", "loud", "debugging\nno router bgp"])("FRR_LOGGING_LEVEL %j is no level", (override) => {
  expect(frrLogLevel("info", override).ok).toBe(false);
});

test("only at debugging is anything debugged", () => {
  expect(logLines("bgpd", "informational")).toEqual(["log stdout informational", "log timestamp precision 3"]);
  expect(logLines("bgpd", "debugging")).toContain("debug bgp updates");
});
