import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Registry } from "prom-client";
import { parse } from "yaml";
import { crds } from "../src/api/crd.ts";
import * as names from "../src/api/names.ts";
import upstream from "../src/api/testdata/metallb-crds.json" with { type: "json" };
import { poolMetrics } from "../src/metrics/controller.ts";
import { apiReachMetric, clientMetrics } from "../src/metrics/registry.ts";
import { announcedMetric, announcementDurationMetric, driftMetric, frrMetrics } from "../src/metrics/speaker.ts";
import { deepEqual } from "../src/std/equal.ts";
import { differencesOf, sources } from "./differences.ts";
import { chartValues, flags, metrics } from "./metallb-surface.ts";

/** The page that holds every public name of MetalLB against what is here, in Markdown. */
export function compatibilityPage(root: string): string {
  const code = sources(root).map((file) => ({ file, text: readFileSync(join(root, file), "utf8") }));
  return (
    [
      "# Reference: every public name, and its state",
      "What MetalLB 0.16.1 has in FRR mode, and what is here. The words on it are in [compatibility](../compatibility.md); the meaning of each field in [the kinds of metallb.io](api.md).",
      "## Fields",
      "Type, default, bounds and rules of a field count; its description doesn't.",
      table(["kind", "field", "state"], fieldRows()),
      "## Annotations, labels, names",
      table(["what", "name", "state"], nameRows(code)),
      "## Events",
      table(["reason", "of", "state"], eventRows(code)),
      "## Metrics",
      table(["name", "labels", "state"], metricRows()),
      "## Flags",
      table(["program", "flag", "state"], flagRows(code)),
      "## Chart values",
      table(["value", "default in MetalLB", "state"], valueRows(root)),
      "## Differences",
      "As the code says them.",
      table(["where", "what it is", "difference"], differenceRows(root)),
    ].join("\n\n") + "\n"
  );
}

interface Source {
  readonly file: string;
  readonly text: string;
}

const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [head, head.map(() => "---"), ...rows].map((row) => `| ${row.map(cell).join(" | ")} |`).join("\n");
const cell = (words: string): string => words.replaceAll("|", "\\|").replaceAll("\n", " ");
const quoted = (text: string): string => `\`${text}\``;

interface Schema {
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
}
interface Version {
  readonly name: string;
  readonly schema: { readonly openAPIV3Schema: Schema };
}

function fieldRows(): readonly (readonly string[])[] {
  const theirs = new Map(
    Object.values(upstream.crds).map((crd) => [crd.names.kind, crd.versions as readonly Version[]]),
  );
  return crds(names.defaultNamespace).flatMap(({ spec }) =>
    spec.versions.flatMap((version) => {
      const other = theirs.get(spec.names.kind)?.find(({ name }) => name === version.name);
      const [ours, its] = [leaves(version.schema.openAPIV3Schema), leaves(other?.schema.openAPIV3Schema ?? {})];
      const paths = [...new Set([...ours.keys(), ...its.keys()])];
      return paths.map((path) => [
        `${spec.names.kind} ${version.name}`,
        quoted(path),
        stateOf(ours.get(path), its.get(path)),
      ]);
    }),
  );
}

const stateOf = (ours: unknown, theirs: unknown): string => {
  if (ours === undefined) return "missing";
  if (theirs === undefined) return "only here";
  return deepEqual(ours, theirs) ? "same" : "differs";
};

/** Fields without fields of their own, by path; a selector's are Kubernetes'. */
function leaves(schema: Schema, above = ""): ReadonlyMap<string, unknown> {
  const found = new Map<string, unknown>();
  for (const [name, field] of Object.entries(schema.properties ?? {})) {
    if (above === "" && ["apiVersion", "kind", "metadata"].includes(name)) continue;
    const path = above === "" ? name : `${above}.${name}`;
    const [inside, mark] = field.items ? [field.items, "[]"] : [field, ""];
    const isSelector = inside.properties && "matchLabels" in inside.properties;
    if (inside.properties && !isSelector) for (const entry of leaves(inside, path + mark)) found.set(...entry);
    else found.set(path, withoutWords(field));
  }
  return found;
}

function withoutWords(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutWords);
  if (typeof value !== "object" || value === null) return value;
  const members = Object.entries(value).filter(([key, member]) => key !== "description" || typeof member !== "string");
  return Object.fromEntries(members.map(([key, member]) => [key, withoutWords(member)]));
}

/** Whether anything but its definition speaks of a name. */
const isUsed = (code: readonly Source[], name: string): boolean =>
  code.some(({ file, text }) => file !== "src/api/names.ts" && new RegExp(`\\b${name}\\b`).test(text));

const used = (yes: boolean): string => (yes ? "same" : "not in use");

const kindsOfNames: readonly (readonly [RegExp, string])[] = [
  [/^annotation[A-Z](?!refix)/, "annotation of a Service"],
  [/^(label|ownLabel)/, "label"],
  [/^condition(?!Reasons)/, "condition"],
  [
    /^(webhook|bgpExtras|controllerState|conversionPath|basicAuth|password|(bgp|l2)StatusName)/,
    "name of an object, or in one",
  ],
];

function nameRows(code: readonly Source[]): readonly (readonly string[])[] {
  const texts = Object.entries(names).flatMap(([name, value]) =>
    typeof value === "string" ? [[name, value] as const] : [],
  );
  const rows = texts.flatMap(([name, value]) => {
    const what = kindsOfNames.find(([pattern]) => pattern.test(name))?.[1];
    const state = name.startsWith("own") ? "only here" : used(isUsed(code, name));
    return what ? [[what, quoted(value), state]] : [];
  });
  const old = names.deprecatedAnnotationPrefix;
  const reasons = Object.values(names.conditionReasons).map((reason) => [
    "reason of a condition",
    quoted(reason),
    "same",
  ]);
  return [...rows, ["annotation's old prefix, with its event", quoted(old), "same"], ...reasons];
}

function eventRows(code: readonly Source[]): readonly (readonly string[])[] {
  const rows = (reasons: Readonly<Record<string, string>>, of: string, state: string) =>
    Object.entries(reasons).map(([name, reason]) => [quoted(reason), of, isUsed(code, name) ? state : "not emitted"]);
  return [
    ...rows(names.eventReasons, "Services", "same"),
    ...rows(names.ownEventReasons, "objects of metallb.io", "only here"),
    ...rows(names.nodeEventReasons, "Nodes", "only here"),
  ];
}

/** What every metric of prom-client has, though its types don't say so. */
interface Labelled {
  readonly name: string;
  readonly labelNames: readonly string[];
}

function metricRows(): readonly (readonly string[])[] {
  const registry = new Registry();
  poolMetrics(registry);
  clientMetrics(registry);
  apiReachMetric(registry, () => undefined);
  announcedMetric(registry, "");
  announcementDurationMetric(registry);
  driftMetric(registry);
  frrMetrics(registry);
  const here = registry.getMetricsAsArray() as readonly unknown[] as readonly Labelled[];
  const ours = new Map(here.map((metric) => [metric.name, metric.labelNames]));
  return [...new Set([...ours.keys(), ...Object.keys(metrics)])].map((name) => [
    quoted(name),
    (ours.get(name) ?? metrics[name] ?? []).join(", "),
    stateOf(ours.get(name), metrics[name]),
  ]);
}

/** The rows of the programs' tables of flags, wherever in `src/programs` they stand. */
function flagRows(code: readonly Source[]): readonly (readonly string[])[] {
  const programs = code.filter(({ file }) => /^src\/programs\/[\w-]+\.ts$/.test(file));
  const rows = programs.flatMap(({ file, text }) =>
    [...text.matchAll(/^ {2}"?([a-z][a-z0-9-]*)"?: \{\s*kind: "(?:text|number|switch)"[^}]*\}/gm)].map((row) => ({
      file,
      name: row[1] ?? "",
      unused: row[0].includes("unused:"),
    })),
  );
  return Object.entries(flags).flatMap(([program, wanted]) => {
    const other = program === "controller" ? "speaker" : "controller";
    const own = rows.filter(
      ({ file }) => !file.includes(other) && !(program === "speaker" && file.includes("webhook")),
    );
    const known = new Map(own.map((row) => [row.name, row]));
    const state = (name: string): string => {
      const row = known.get(name);
      if (!row) return "missing";
      return row.unused ? "accepted, without effect" : "in force";
    };
    const more = [...known.keys()].filter((name) => !(wanted as readonly string[]).includes(name));
    return [
      ...wanted.map((name) => [program, quoted(`--${name}`), state(name)]),
      ...more.map((name) => [program, quoted(`--${name}`), "only here"]),
    ];
  });
}

function valueRows(root: string): readonly (readonly string[])[] {
  const values: unknown = parse(readFileSync(join(root, "charts/metallb/values.yaml"), "utf8"));
  return Object.entries(chartValues).map(([path, theirs]) => {
    const ours = path
      .split(".")
      .reduce<unknown>((at, key) => (at as Readonly<Record<string, unknown>> | undefined)?.[key], values);
    const state =
      ours === undefined ? "missing" : deepEqual(ours, theirs) ? "same" : `default ${quoted(JSON.stringify(ours))}`;
    return [quoted(path), quoted(JSON.stringify(theirs)), state];
  });
}

const differenceRows = (root: string): readonly (readonly string[])[] =>
  differencesOf(root).map(({ file, subject, context, words }) => [`${quoted(subject)} in ${file}`, context, words]);
