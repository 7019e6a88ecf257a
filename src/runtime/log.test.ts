import { expect, test } from "vitest";
import { createLog, errorText } from "./log.ts";

function logged(write: (log: ReturnType<typeof createLog>) => void): Record<string, unknown>[] {
  const lines: string[] = [];
  const log = createLog("info", "test", { write: (line: string) => void lines.push(line) });
  write(log);
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
}

test("a line has MetalLB's keys", () => {
  const [line] = logged((log) => log.info({ service: "default/web" }, "service announced"));
  expect(line).toMatchObject({ level: "info", caller: "test", msg: "service announced", service: "default/web" });
  expect(String(line?.["ts"])).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
});

test("secrets are replaced at any depth", () => {
  const text = JSON.stringify(
    logged((log) =>
      log.info({ peer: { name: "tor", password: "s3cret" }, headers: [{ Authorization: "s3cret" }] }, "x"),
    ),
  );
  expect(text).not.toContain("s3cret");
  expect(text).toContain("tor");
});

test("levels below the chosen one are silent", () => {
  expect(logged((log) => log.debug("x"))).toEqual([]);
});

test("an error's text holds its causes once", () => {
  const cause = new Error("connect ECONNREFUSED 127.0.0.1:1");
  expect(errorText(new Error("could not list pods", { cause }))).toBe(
    "could not list pods: connect ECONNREFUSED 127.0.0.1:1",
  );
  expect(errorText(new Error("failed: boom", { cause: new Error("boom") }))).toBe("failed: boom");
});
