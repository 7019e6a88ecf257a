import type { Snapshot } from "../api/snapshot.ts";
import { parseConfig } from "../config/parse.ts";
import { sameItems } from "../std/equal.ts";

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
  // Not the snapshot: its Services and endpoints would stay in memory, a second world that grows old.
  let last: { readonly from: readonly unknown[]; readonly parsed: Parsed } | undefined;
  return (snapshot) => {
    const from = inputs.map((part) => snapshot[part]);
    if (last && sameItems(last.from, from)) return last.parsed;
    const parsed = parseConfig(snapshot, { node, ...(last && { lastGood: last.parsed.config }) });
    last = { from, parsed };
    return parsed;
  };
}
