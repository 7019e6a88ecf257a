import { globSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join, relative } from "node:path";
import begin from "../tests/network/run.ts";
import type { Row, Rows } from "./bench.ts";

/**
 * Runs every bench of this folder and prints one table; exits with 1 when a budget is exceeded.
 *
 *     node bench/run.ts [NAME...]    all, or those of these files
 *
 * What was measured is in bench/results/latest.json too: times are of one machine, ratios to a baseline of any.
 */

const frame = new Set(["bench.ts", "run.ts"]);
const wanted = process.argv.slice(2);
const files = globSync("*.ts", { cwd: import.meta.dirname })
  .filter((file) => !frame.has(file) && !file.endsWith(".test.ts"))
  .filter((file) => wanted.length === 0 || wanted.includes(file.replace(/\.ts$/, "")))
  .sort();

const rows: Row[] = [];
const end = begin();
try {
  for (const file of files) {
    const bench = (await import(join(import.meta.dirname, file))) as { readonly rows: Rows };
    rows.push(...(await bench.rows()));
  }
} finally {
  end();
}
print(["", "measured", "against", "ratio", "budget"], rows.map(cells));
await save();
if (rows.some(isOver)) process.exitCode = 1;

function cells(row: Row): readonly string[] {
  const { what, value, unit, baseline, budget } = row;
  return [
    what,
    `${rounded(value)} ${unit}`,
    baseline ? `${rounded(baseline.value)} ${unit} ${baseline.what}` : "",
    baseline ? rounded(ratioOf(row) ?? 0) : "",
    budget === undefined ? "" : `${budget} ${isOver(row) ? "EXCEEDED" : "kept"}`,
  ];
}

function isOver({ value, budget }: Row): boolean {
  return budget !== undefined && value > budget;
}

function ratioOf({ value, baseline }: Row): number | undefined {
  return baseline && value / baseline.value;
}

function rounded(value: number): string {
  return String(Number(value.toPrecision(3)));
}

function print(head: readonly string[], lines: readonly (readonly string[])[]): void {
  const all = [head, ...lines];
  const widths = head.map((_, i) => Math.max(...all.map((line) => line[i]?.length ?? 0)));
  for (const line of all)
    console.log(
      line
        .map((cell, i) => cell.padEnd(widths[i] ?? 0))
        .join("  ")
        .trimEnd(),
    );
}

/** A run of some benches only leaves the file as it is. */
async function save(): Promise<void> {
  if (wanted.length > 0) return;
  const directory = join(import.meta.dirname, "results");
  await mkdir(directory, { recursive: true });
  const results = rows.map((row) => ({ ...row, ...(row.baseline && { ratio: ratioOf(row) }) }));
  const record = { node: process.version, platform: `${process.platform} ${process.arch}`, results };
  const path = join(directory, "latest.json");
  await writeFile(path, `${JSON.stringify(record, undefined, 2)}\n`);
  console.log(`\n${relative(process.cwd(), path)}`);
}
