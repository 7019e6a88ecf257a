import type { Node } from "../api/core.ts";
import type { IpAddressPool } from "../api/kinds/ip-address-pool.ts";
import { type L2Advertisement, l2Advertisement } from "../api/kinds/l2-advertisement.ts";
import { refOf } from "../api/object.ts";
import { readSpec } from "../api/read.ts";
import { warning } from "../api/rules.ts";
import type { L2Policy, Pool } from "./config.ts";
import { NodeIndex } from "./node-index.ts";
import { nodeWarnings, poolWarnings, selectedNodes, selectedPools } from "./selection.ts";
import { type Candidate, openGround, settle, type Settled } from "./settle.ts";

interface References {
  readonly nodes: readonly Node[];
  /** Pools in force, and all that exist. */
  readonly pools: readonly Pool[];
  readonly poolObjects: readonly IpAddressPool[];
}

/** The policies of all nodes: every speaker must see the same candidates. */
export const settleL2Policies = (
  objects: readonly L2Advertisement[],
  references: References,
  lastGood: readonly L2Policy[],
): Settled<L2Policy> => {
  const index = new NodeIndex(references.nodes);
  return settle<L2Policy>(
    objects.map((object) => candidateOf(object, references, index)),
    lastGood,
    openGround,
  );
};

/** Differs: nothing is announced by layer 2 yet; the object is kept, and says so. */
const notYet = warning(
  "spec",
  "NotSupported",
  "is accepted, but no node answers ARP or NDP yet: announce the addresses by a BGPAdvertisement",
);

function candidateOf(
  object: L2Advertisement,
  { nodes, pools, poolObjects }: References,
  index: NodeIndex,
): Candidate<L2Policy> {
  const { value: spec, problems } = readSpec(l2Advertisement, object);
  if (!spec) return { object, value: undefined, problems };
  const value = {
    name: object.metadata.name,
    ref: refOf(object),
    pools: selectedPools(spec, pools),
    nodes: selectedNodes(spec.nodeSelectors, nodes),
    interfaces: spec.interfaces,
    serviceSelectors: spec.serviceSelectors,
  };
  const suspicious = [...poolWarnings(spec, poolObjects), ...nodeWarnings(spec.nodeSelectors, index), notYet];
  return { object, value, problems: [...problems, ...suspicious] };
}
