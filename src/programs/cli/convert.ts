import { readFile } from "node:fs/promises";
import { text } from "node:stream/consumers";
import { parseArgs } from "node:util";
import { defaultNamespace } from "../../api/names.ts";
import type { KubeObject } from "../../api/object.ts";
import { wordsOn } from "../../convert/check.ts";
import { convert } from "../../convert/convert.ts";
import { type Conversion, joined, type Remark } from "../../convert/conversion.ts";
import { ok } from "../../std/result.ts";
import type { Command } from "./command.ts";

export const convertCommand: Command = {
  name: "convert",
  usage: "convert [FILE...]",
  doc: "Prints the objects of today's API for a MetalLB ConfigMap of before 0.13, or for objects of any version.",
  help: `Reads YAML or JSON from the files, or from standard input without any or for "-".
Prints objects for kubectl apply to standard output, and to standard error a report: what became of each part, what
isn't quite the same, what nothing can stand for, and what the controller would say of the outcome.

Exits with 0 when everything has an equivalent and would be accepted, with 1 otherwise.`,
  run,
};

/** The order of the report: what needs a hand comes last, where it is seen. */
const headings = {
  mapped: "converted",
  changed: "changed",
  lost: "no equivalent",
} as const satisfies Readonly<Record<Remark["kind"], string>>;

async function run(argv: readonly string[]): Promise<number> {
  const { positionals } = parseArgs({ args: [...argv], allowPositionals: true, options: {} });
  const sources = positionals.length > 0 ? positionals : ["-"];
  const { writeYaml } = await import("../../runtime/yaml.ts");
  const conversion = joined(await Promise.all(sources.map(conversionOf)));
  const { objects, remarks } = conversion;
  for (const object of objects) process.stdout.write(`---\n${writeYaml(object)}`);
  const words = wordsOn(objects, namespaceOf(objects));
  process.stderr.write(reportOf(conversion, words));
  return words.length === 0 && remarks.every(({ kind }) => kind !== "lost") ? 0 : 1;
}

const namespaceOf = ([first]: readonly KubeObject[]): string => first?.metadata.namespace ?? defaultNamespace;

async function conversionOf(source: string): Promise<Conversion> {
  const content = source === "-" ? await text(process.stdin) : await readFile(source, "utf8");
  const { readYaml } = await import("../../runtime/yaml.ts");
  const about = source === "-" ? "standard input" : source;
  const parts = readYaml(content).map((document): Conversion => {
    if (document.ok) return convert(document.value, about, (yaml) => readYaml(yaml)[0] ?? ok(null));
    return { objects: [], remarks: [{ kind: "lost", about, message: `can't be read: ${document.error}` }] };
  });
  return joined(parts);
}

function reportOf({ remarks }: Conversion, words: readonly string[]): string {
  const sections = Object.entries(headings).map(([kind, heading]) => ({
    heading,
    lines: remarks.filter((remark) => remark.kind === kind).map((remark) => `${remark.about}: ${remark.message}`),
  }));
  const all = [...sections, { heading: "would be refused or warned about", lines: words }];
  return all
    .filter(({ lines }) => lines.length > 0)
    .map(({ heading, lines }) => `${heading}:\n${lines.map((line) => `  ${line}\n`).join("")}`)
    .join("");
}
