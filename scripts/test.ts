/**
 * `make test`: the static checks, every test, and one closing line `N passed, N failed, N skipped`.
 * Tests that were asked for and cannot run count as failed.
 */
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";

interface Counts {
  passed: number;
  failed: number;
  skipped: number;
}

const REPORT = ".cache/vitest.json";

const checked = await run("sh", ["scripts/check.sh", "static"]);
const tests = await vitest();
const total = { ...tests, passed: tests.passed + (checked ? 1 : 0), failed: tests.failed + (checked ? 0 : 1) };
console.log(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
process.exit(total.failed === 0 && total.passed > 0 ? 0 : 1);

/** Both projects; the exit code decides as well, so that an error outside any test is not lost. */
async function vitest(): Promise<Counts> {
  mkdirSync(".cache", { recursive: true });
  rmSync(REPORT, { force: true });
  const good = await run("vitest", ["run", "--reporter=default", "--reporter=json", `--outputFile.json=${REPORT}`]);
  // No report: vitest itself did not start, and has said why.
  const report = existsSync(REPORT) ? (JSON.parse(readFileSync(REPORT, "utf8")) as Record<string, number>) : {};
  const failed = report["numFailedTests"] ?? 0;
  return {
    passed: report["numPassedTests"] ?? 0,
    failed: good ? failed : Math.max(failed, 1),
    skipped: (report["numPendingTests"] ?? 0) + (report["numTodoTests"] ?? 0),
  };
}

function run(program: string, args: readonly string[]): Promise<boolean> {
  const child = spawn(program, args, { stdio: "inherit" });
  return new Promise((resolve) => child.on("error", () => resolve(false)).on("exit", (code) => resolve(code === 0)));
}
