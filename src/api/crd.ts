import type { CelRule, Field, Shape } from "./field.ts";
import { group, type Column, type Kind } from "./kind.ts";
import { bfdProfile } from "./kinds/bfd-profile.ts";
import { bgpAdvertisement } from "./kinds/bgp-advertisement.ts";
import { bgpPeer } from "./kinds/bgp-peer.ts";
import { bgpPeerV1beta1 } from "./kinds/bgp-peer-v1beta1.ts";
import { bgpSessionStatus } from "./kinds/bgp-session-status.ts";
import { community } from "./kinds/community.ts";
import { configurationState } from "./kinds/configuration-state.ts";
import { ipAddressPool } from "./kinds/ip-address-pool.ts";
import { l2Advertisement } from "./kinds/l2-advertisement.ts";
import { serviceBgpStatus } from "./kinds/service-bgp-status.ts";
import { serviceL2Status } from "./kinds/service-l2-status.ts";
import { conversionPath, webhookService } from "./names.ts";

/** apiextensions.k8s.io/v1, the part that we write. */
export interface CustomResourceDefinition {
  readonly apiVersion: "apiextensions.k8s.io/v1";
  readonly kind: "CustomResourceDefinition";
  readonly metadata: { readonly name: string };
  readonly spec: {
    readonly group: string;
    readonly names: {
      readonly kind: string;
      readonly listKind: string;
      readonly plural: string;
      readonly singular: string;
      readonly shortNames?: readonly string[];
    };
    readonly scope: "Namespaced";
    readonly conversion?: object;
    readonly versions: readonly CrdVersion[];
  };
}

interface CrdVersion {
  readonly name: string;
  readonly served: true;
  readonly storage: boolean;
  readonly deprecated?: true;
  readonly deprecationWarning?: string;
  readonly additionalPrinterColumns?: readonly object[];
  readonly schema: { readonly openAPIV3Schema: Schema };
  readonly subresources: { readonly status: object };
}

/** A structural schema, by the rules of apiextensions.k8s.io/v1. */
interface Schema {
  readonly description?: string;
  readonly type: "object" | "array" | "string" | "integer" | "boolean";
  readonly format?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: Schema;
  readonly items?: Schema;
  readonly required?: readonly string[];
  readonly enum?: readonly string[];
  readonly default?: unknown;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly pattern?: string;
  readonly minItems?: number;
  readonly "x-kubernetes-list-type"?: "atomic" | "map";
  readonly "x-kubernetes-list-map-keys"?: readonly string[];
  readonly "x-kubernetes-map-type"?: "atomic";
  readonly "x-kubernetes-validations"?: readonly CelRule[];
}

/** Every kind, each with its versions, the stored one last. Sorted by plural name. */
export const allKinds: readonly (readonly Kind[])[] = [
  [bfdProfile],
  [bgpAdvertisement],
  [bgpPeerV1beta1, bgpPeer],
  [bgpSessionStatus],
  [community],
  [configurationState],
  [ipAddressPool],
  [l2Advertisement],
  [serviceBgpStatus],
  [serviceL2Status],
];

/** All definitions, for an installation in `namespace`, which is where the API server finds the conversion. */
export const crds = (namespace: string): readonly CustomResourceDefinition[] =>
  allKinds.map((versions) => crdOf(versions, namespace));

function crdOf(versions: readonly Kind[], namespace: string): CustomResourceDefinition {
  const stored = versions.at(-1);
  if (!stored) throw new Error("bug: a kind without versions");
  const { kind, plural, shortNames } = stored;
  return {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: `${plural}.${group}` },
    spec: {
      group,
      names: { kind, listKind: `${kind}List`, plural, singular: kind.toLowerCase(), ...(shortNames && { shortNames }) },
      scope: "Namespaced",
      ...(versions.length > 1 && { conversion: conversion(namespace) }),
      versions: versions.map((version) => versionOf(version, version === stored)),
    },
  };
}

/**
 * `conversionReviewVersions` is as MetalLB has it: the API server takes the names for versions of ConversionReview, so
 * the only one it knows is v1beta1.
 */
const conversion = (namespace: string): object => ({
  strategy: "Webhook",
  webhook: {
    clientConfig: { service: { name: webhookService, namespace, path: conversionPath } },
    conversionReviewVersions: ["v1beta1", "v1beta2"],
  },
});

const versionOf = (kind: Kind, stored: boolean): CrdVersion => ({
  name: kind.version,
  served: true,
  storage: stored,
  ...(kind.deprecated !== undefined && { deprecated: true, deprecationWarning: kind.deprecated }),
  ...(kind.columns.length > 0 && { additionalPrinterColumns: kind.columns.map(columnOf) }),
  schema: { openAPIV3Schema: rootSchema(kind) },
  subresources: { status: {} },
});

const columnOf = ({ name, type, path, priority }: Column): object => ({
  name,
  type,
  jsonPath: path,
  ...(priority !== undefined && { priority }),
});

/** The schema of a whole object. */
function rootSchema(kind: Kind): Schema {
  const fields = schemaOf({ doc: kind.doc, presence: "required", shape: { kind: "object", fields: kind.fields } });
  return { ...fields, properties: { ...typeMeta, ...fields.properties } };
}

const typeMeta: Readonly<Record<string, Schema>> = {
  apiVersion: { type: "string", description: "The group and version of this form of the object." },
  kind: { type: "string", description: "The kind of the object." },
  metadata: { type: "object" },
};

function schemaOf(field: Field): Schema {
  return {
    ...(field.doc !== "" && { description: field.doc }),
    ...shapeSchema(field.shape),
    ...(field.default !== undefined && { default: field.default }),
    ...(field.rules && { "x-kubernetes-validations": field.rules }),
  };
}

function shapeSchema(shape: Shape): Schema {
  switch (shape.kind) {
    case "text":
      return { type: "string", ...shape.facets, ...(shape.oneOf && { enum: shape.oneOf }) };
    case "integer":
      return { type: "integer", ...(shape.format && { format: shape.format }), ...shape.bounds };
    case "boolean":
      return { type: "boolean" };
    case "labels":
      return { type: "object", additionalProperties: { type: "string" } };
    case "list":
      return listSchema(shape);
    case "object":
      return objectSchema(shape);
  }
}

const listSchema = (shape: Extract<Shape, { kind: "list" }>): Schema => ({
  type: "array",
  items: schemaOf(shape.of),
  ...(shape.atLeast !== undefined && { minItems: shape.atLeast }),
  ...(shape.atomic && { "x-kubernetes-list-type": "atomic" }),
  ...(shape.mapKeys && { "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": shape.mapKeys }),
});

function objectSchema(shape: Extract<Shape, { kind: "object" }>): Schema {
  const entries = Object.entries(shape.fields);
  const required = entries.filter(([, field]) => field.presence === "required").map(([name]) => name);
  return {
    type: "object",
    ...(entries.length > 0 && {
      properties: Object.fromEntries(entries.map(([name, field]) => [name, schemaOf(field)])),
    }),
    ...(required.length > 0 && { required }),
    ...(shape.atomic && { "x-kubernetes-map-type": "atomic" }),
  };
}
