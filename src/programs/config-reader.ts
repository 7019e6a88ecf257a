import type { Snapshot } from "../api/snapshot.ts";
import { parseConfig } from "../config/parse.ts";

type Parsed = ReturnType<typeof parseConfig>;

/** What the configuration is made of; Services and endpoints, which change most, are not. */
const inputs = [
  "pools",
  "peers",
  "bgpAdvertisements",
  "l2Advertisements",
  "bfdProfiles",
  "communities",
  "nodes",
  "namespaces",
  "secrets",
  "configMaps",
] as const satisfies readonly (keyof Snapshot)[];

/**
 * Reads the configuration as `node` sees it (`undefined`: the controller), remembering the last good one, and anew only
 * when one of its objects has changed.
 */
export function configReader(node: string | undefined): (snapshot: Snapshot) => Parsed {
  let last: { readonly snapshot: Snapshot; readonly parsed: Parsed } | undefined;
  return (snapshot) => {
    if (last && inputs.every((part) => last?.snapshot[part] === snapshot[part])) return last.parsed;
    const parsed = parseConfig(snapshot, { node, ...(last && { lastGood: last.parsed.config }) });
    last = { snapshot, parsed };
    return parsed;
  };
}
