import { allKinds } from "../src/api/crd.ts";
import type { Bounds, Field, Fields, Shape } from "../src/api/field.ts";
import { apiVersionOf, type Kind } from "../src/api/kind.ts";

/** The page that lists every field of every kind, in Markdown. */
export function referencePage(): string {
  const kinds = allKinds.flat().sort((a, b) => (title(a) < title(b) ? -1 : 1));
  const contents = kinds.map((kind) => `- [${title(kind)}](#${anchor(title(kind))})`).join("\n");
  return (
    [
      "# Reference: the kinds of metallb.io",
      "Only objects in MetalLB's own namespace are read. A selector list selects what any of its selectors matches; an empty selector matches everything.",
      contents,
      ...kinds.map(section),
    ].join("\n\n") + "\n"
  );
}

const title = (kind: Kind): string => `${kind.kind} (${kind.version})`;
const anchor = (heading: string): string =>
  heading
    .toLowerCase()
    .replaceAll(" ", "-")
    .replace(/[^a-z0-9-]/g, "");

function section(kind: Kind): string {
  const columns = kind.columns.map(({ name, priority }) => (priority ? `${name} (wide)` : name));
  return [
    `## ${title(kind)}`,
    kind.doc,
    `\`apiVersion: ${apiVersionOf(kind)}\`, \`kubectl get ${kind.plural}\`${columns.length > 0 ? ` shows ${columns.join(", ")}` : ""}.`,
    "| field | type | default | meaning |\n| --- | --- | --- | --- |\n" + rows(kind.fields, "").join("\n"),
  ].join("\n\n");
}

function rows(fields: Fields, above: string): string[] {
  return Object.entries(fields).flatMap(([name, field]) => [
    row(above + name, field),
    ...rowsBelow(field, above + name),
  ]);
}

/** A selector's own fields are Kubernetes', and said once in its row. */
function rowsBelow(field: Field, path: string): string[] {
  const [shape, mark] = field.shape.kind === "list" ? [field.shape.of.shape, "[]"] : [field.shape, ""];
  return shape.kind === "object" && !isSelector(shape) ? rows(shape.fields, `${path}${mark}.`) : [];
}

const isSelector = (shape: Shape): boolean => shape.kind === "object" && "matchLabels" in shape.fields;

const row = (path: string, field: Field): string =>
  `| \`${path}\`${field.presence === "required" ? " (required)" : ""} | ${typeOf(field.shape)} | ${
    field.default === undefined ? "" : `\`${JSON.stringify(field.default)}\``
  } | ${cell(field.doc)} |`;

const cell = (words: string): string => words.replaceAll("|", "\\|").replaceAll("\n", " ");

function typeOf(shape: Shape): string {
  switch (shape.kind) {
    case "text":
      return cell(shape.oneOf?.map((word) => `\`${word}\``).join(" or ") ?? shape.grammar?.accepts ?? "text");
    case "integer":
      return ["integer", range(shape.accepts ?? shape.bounds ?? {})].filter(Boolean).join(", ");
    case "boolean":
      return "boolean";
    case "labels":
      return "map of texts";
    case "list":
      return isSelector(shape.of.shape) ? "list of label selectors" : `list: ${typeOf(shape.of.shape)}`;
    case "object":
      return isSelector(shape) ? "label selector" : "object";
  }
}

function range({ minimum, maximum }: Bounds): string {
  if (minimum === undefined && maximum === undefined) return "";
  return `${minimum ?? ""}…${maximum ?? ""}`;
}
