import type { Snapshot } from "../api/snapshot.ts";
import { parseConfig } from "../config/parse.ts";
import type { KubeObject } from "../api/object.ts";
import { sameToReaders } from "../kube/cache.ts";

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
 * when one of its objects has changed. `before`: what was in force before this program started.
 */
export function configReader(node: string | undefined, before?: Parsed["config"]): (snapshot: Snapshot) => Parsed {
  let lastGood = before;
  // Not the snapshot: its Services and endpoints would stay in memory, a second world that grows old.
  let last: { readonly from: readonly (readonly KubeObject[])[]; readonly parsed: Parsed } | undefined;
  return (snapshot) => {
    const from = inputs.map((part): readonly KubeObject[] => snapshot[part]);
    if (last?.from.every((part, i) => isSame(part, from[i] ?? []))) {
      last = { ...last, from };
      return last.parsed;
    }
    const parsed = parseConfig(snapshot, { node, ...(lastGood && { lastGood }) });
    last = { from, parsed };
    lastGood = parsed.config;
    return parsed;
  };
}

/** Of objects that were written again without another word nothing follows. */
const isSame = (a: readonly KubeObject[], b: readonly KubeObject[]): boolean =>
  a === b ||
  (a.length === b.length &&
    a.every((one, i) => {
      const other = b[i];
      return one === other || (other !== undefined && sameToReaders(one, other));
    }));
