import { advertisementCases } from "./advertisements.ts";
import type { ObjectCase } from "./object-case.ts";
import { peerCases } from "./peers.ts";
import { poolCases } from "./pools.ts";
import { profileAndCommunityCases } from "./profiles-and-communities.ts";
import { selectorCases } from "./selectors.ts";
import { stateCases } from "./states.ts";

/** Every object of the table, for whoever runs it: the parser alone, or an API server by kubectl. */
export const table: readonly ObjectCase[] = [
  ...poolCases,
  ...selectorCases,
  ...peerCases,
  ...advertisementCases,
  ...profileAndCommunityCases,
  ...stateCases,
];

/** Like `BGPPeer v1beta2, port 0`. */
export const titleOf = ({ kind, says }: ObjectCase): string => `${kind.kind}: ${says}`;
