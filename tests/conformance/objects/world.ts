import { expect } from "vitest";
import { fromV1beta1 } from "../../../src/api/conversion.ts";
import { apiVersionOf } from "../../../src/api/kind.ts";
import { bgpPeerV1beta1 } from "../../../src/api/kinds/bgp-peer-v1beta1.ts";
import type { KubeObject } from "../../../src/api/object.ts";
import type { Snapshot } from "../../../src/api/snapshot.ts";
import type { Config } from "../../../src/config/config.ts";
import { parseConfig } from "../../../src/config/parse.ts";
import { namespaced, node, snapshot } from "../../objects.ts";
import { type ObjectCase, plain } from "./object-case.ts";

/** What every case finds in its cluster. */
export const nodes = [node("node-1", { rack: "1" }), node("node-2", { rack: "2" })];
export const namespaces = [namespaced("team-a", { team: "a" }), namespaced("team-b", { team: "b" })];

/** The object of a case, with one spec or another. */
export const objectOf = ({ kind, name, labels }: ObjectCase, namespace: string, spec: unknown): KubeObject =>
  plain({
    apiVersion: apiVersionOf(kind),
    kind: kind.kind,
    metadata: { name: name ?? "tested", namespace, ...(labels && { labels }) },
    spec,
  }) as KubeObject;

export const inNamespace = (object: KubeObject, namespace: string): KubeObject => ({
  ...object,
  metadata: { ...object.metadata, namespace },
});

/** An object as it is stored. */
export const stored = (object: KubeObject): KubeObject =>
  object.apiVersion === apiVersionOf(bgpPeerV1beta1) && object.kind === bgpPeerV1beta1.kind
    ? fromV1beta1(object)
    : object;

const lists = {
  IPAddressPool: "pools",
  BGPPeer: "peers",
  BGPAdvertisement: "bgpAdvertisements",
  L2Advertisement: "l2Advertisements",
  BFDProfile: "bfdProfiles",
  Community: "communities",
  Secret: "secrets",
} as const satisfies Readonly<Record<string, keyof Snapshot>>;
type Read = keyof typeof lists;

/** The kinds that a configuration is read from. */
export const isRead = (kind: string): kind is Read => Object.hasOwn(lists, kind);

/** One namespace's objects, as they are stored, as a snapshot of the whole cluster. */
export function snapshotOf(objects: readonly KubeObject[], namespace: string): Snapshot {
  const parts: object = Object.groupBy(objects, ({ kind }) => (isRead(kind) ? lists[kind] : "configMaps"));
  return snapshot({ ...parts, configMaps: [], nodes, namespaces, namespace });
}

/** What the parser says of the object that a case is about, and what it leaves in force. */
export function expectReading(one: ObjectCase, world: Snapshot): void {
  const tested = one.name ?? "tested";
  const isPool = one.kind.kind === "IPAddressPool";
  const { config, problems } = parseConfig(world, { node: isPool ? undefined : "node-1" });
  const own = problems.filter(({ object }) => object.kind === one.kind.kind && object.name === tested);
  const others = problems.filter((problem) => !own.includes(problem));

  const refusals = own.filter(({ severity }) => severity === "refused").map(({ message }) => message);
  if (one.refused === undefined) expect(refusals).toEqual([]);
  else
    expect(
      refusals.filter((message) => message.includes(one.refused ?? "")),
      refusals.join("\n"),
    ).toHaveLength(1);
  for (const message of refusals) expect(message).toMatch(new RegExp(`^${one.kind.kind} ${tested}: \\S`));

  const warnings = own.filter(({ severity }) => severity === "warning").map(({ message }) => message);
  if (refusals.length === 0) {
    expect(warnings).toEqual((one.warns ?? []).map((words) => expect.stringContaining(words) as string));
  }
  expect(
    others.map(({ message }) => message),
    "whoever is beside a bad object must not notice",
  ).toEqual([]);
  if (refusals.length === 0) expectMeaning(one, config);
}

function expectMeaning({ kind, name = "tested", means }: ObjectCase, config: Config): void {
  const part = lists[kind.kind as Read];
  if (!(part in config)) return;
  const inForce = config[part as Exclude<keyof Config, "extras" | "refusedPools">].find((value) => value.name === name);
  if (means === null) expect(inForce).toBeUndefined();
  else expect(partOf(inForce, means ?? {})).toEqual(means ?? {});
}

/** Those members of a value that `wanted` has: what it says `undefined` of must not be there. */
export function partOf(value: unknown, wanted: unknown): unknown {
  if (typeof wanted !== "object" || wanted === null || typeof value !== "object" || value === null) return value;
  if (Array.isArray(wanted)) return (value as unknown[]).map((item, i) => partOf(item, wanted[i]));
  const members = value as Readonly<Record<string, unknown>>;
  return Object.fromEntries(Object.entries(wanted).map(([key, inside]) => [key, partOf(members[key], inside)]));
}
