import { allKinds } from "../api/crd.ts";
import { apiVersionOf } from "../api/kind.ts";
import type { KubeObject } from "../api/object.ts";
import { problemOf, readSpec } from "../api/read.ts";
import type { Snapshot } from "../api/snapshot.ts";
import { parseConfig } from "../config/parse.ts";

/**
 * What the controller and a speaker would say of these objects, in their words: each in itself, and together those that
 * are for every node. Secrets aren't here to be looked up, and nothing is said of them.
 */
export function wordsOn(objects: readonly KubeObject[], namespace: string): readonly string[] {
  const inThemselves = objects.flatMap((object) => {
    const kind = allKinds.flat().find((one) => one.kind === object.kind && apiVersionOf(one) === object.apiVersion);
    return kind ? readSpec(kind, object).problems.map((found) => problemOf(object, found).message) : [];
  });
  const { problems } = parseConfig(snapshotOf(objects, namespace), { node: "any" });
  const together = problems.filter(({ field, reason }) => !(field === "spec.passwordSecret" && reason === "NotFound"));
  return [...new Set([...inThemselves, ...together.map(({ message }) => message)])];
}

function snapshotOf(objects: readonly KubeObject[], namespace: string): Snapshot {
  const of = <T>(kind: string): readonly T[] =>
    objects.filter((object) => object.kind === kind) as readonly unknown[] as readonly T[];
  return {
    namespace,
    pools: of("IPAddressPool"),
    peers: of("BGPPeer"),
    bgpAdvertisements: of("BGPAdvertisement"),
    l2Advertisements: of("L2Advertisement"),
    bfdProfiles: of("BFDProfile"),
    communities: of("Community"),
    services: [],
    endpointSlices: new Map(),
    nodes: [],
    namespaces: [],
    secrets: [],
    configMaps: [],
  };
}
