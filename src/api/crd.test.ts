import { expect, test } from "vitest";
import { sortedText } from "../std/order.ts";
import { crds } from "./crd.ts";
import upstream from "./testdata/metallb-crds.json" with { type: "json" };

/** Fields of specs that MetalLB doesn't have, off unless they are set. */
const onlyHere: Readonly<Record<string, object>> = {
  BGPAdvertisement: {
    asPathPrepend: { type: "integer", format: "int32", minimum: 0, maximum: 10 },
    med: { type: "integer", format: "int64", minimum: 0, maximum: 4294967295 },
  },
};

/** Kinds that MetalLB doesn't have: statuses, which nobody needs to write. */
const kindsOnlyHere = ["BGPSessionStatus"];

test("fields, types, defaults, bounds, rules, columns and versions are MetalLB's, and what is only here is optional", () => {
  const all = crds("metallb-system").map(({ spec }) => [spec.names.kind, comparable(spec)] as const);
  const ours = Object.fromEntries(all.filter(([kind]) => !kindsOnlyHere.includes(kind)));
  expect(all.length).toBe(Object.keys(ours).length + kindsOnlyHere.length);
  const theirs = Object.entries(upstream.crds).map(([kind, crd]) => [kind, withFields(crd, onlyHere[kind] ?? {})]);
  expect(ours).toEqual(Object.fromEntries(theirs));
});

function withFields(crd: object, fields: object): object {
  const copy = structuredClone(crd) as {
    versions: { schema: { openAPIV3Schema: { properties: { spec?: { properties: object } } } } }[];
  };
  for (const { schema } of copy.versions)
    Object.assign(schema.openAPIV3Schema.properties.spec?.properties ?? {}, fields);
  return copy;
}

test("the conversion webhook is looked for in the namespace of the installation", () => {
  const text = JSON.stringify(crds("elsewhere"));
  expect(text).toContain('"namespace":"elsewhere"');
  expect(text).not.toContain("metallb-system");
});

test("every field has something to say in kubectl explain", () => {
  const undocumented: string[] = [];
  const walk = (schema: Walked, path: string): void => {
    for (const [name, property] of Object.entries(schema.properties ?? {})) {
      if (!property.description && path !== "") undocumented.push(`${path}.${name}`);
      walk(property.items ?? property, `${path}.${name}`);
    }
  };
  for (const crd of crds("x")) for (const version of crd.spec.versions) walk(version.schema.openAPIV3Schema, "");
  expect(undocumented).toEqual([]);
});

interface Walked {
  readonly description?: string;
  readonly properties?: Readonly<Record<string, Walked>>;
  readonly items?: Walked;
}

/** Without descriptions, and with the order of `required` out of the way. */
function comparable(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(comparable);
  if (typeof value !== "object" || value === null) return value;
  const members = Object.entries(value).filter(([key, member]) => key !== "description" || typeof member !== "string");
  return Object.fromEntries(
    members.map(([key, member]) => [key, key === "required" ? sortedText(member as string[]) : comparable(member)]),
  );
}
