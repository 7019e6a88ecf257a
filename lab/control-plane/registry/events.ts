import type { ApiObject } from "../types.ts";

/** Names of one thing in core/v1 and in events.k8s.io/v1; the rest is spelled alike. */
const NAMES: readonly (readonly [core: string, modern: string])[] = [
  ["involvedObject", "regarding"],
  ["message", "note"],
  ["source", "deprecatedSource"],
  ["firstTimestamp", "deprecatedFirstTimestamp"],
  ["lastTimestamp", "deprecatedLastTimestamp"],
  ["count", "deprecatedCount"],
  ["reportingComponent", "reportingController"],
];

function renamed(event: ApiObject, names: ReadonlyMap<string, string>, apiVersion: string): ApiObject {
  const members = Object.entries(event).map(([key, value]) => [names.get(key) ?? key, value]);
  return { ...(Object.fromEntries(members) as ApiObject), apiVersion };
}

const toModern = new Map(NAMES);
const toCore = new Map(NAMES.map(([core, modern]) => [modern, core]));

/** Events live once, as core/v1; events.k8s.io shows the same ones under its own field names. */
export const modernEvent = (event: ApiObject): ApiObject => renamed(event, toModern, "events.k8s.io/v1");
export const coreEvent = (event: ApiObject): ApiObject => renamed(event, toCore, "v1");
