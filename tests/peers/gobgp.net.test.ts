import { otherRouterCases } from "./cases.ts";
import { Gobgp } from "./gobgp.ts";

otherRouterCases("gobgp-", (network) => Gobgp.start(network));
