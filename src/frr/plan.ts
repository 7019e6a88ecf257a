import type { BgpDesired } from "../announce/desired.ts";
import { diff, type Step } from "./diff.ts";
import { render, unusedGroups, withoutUnused } from "./render.ts";
import type { Tree } from "./tree.ts";

/** What to do, and what runs once it is done. */
export interface Plan {
  readonly wanted: Tree;
  readonly steps: readonly Step[];
}

/** How many unused groups may stand: route-map lines make bgpd slower only by the hundred. */
const spareGroups = 32;

/**
 * The way from what runs to what is desired: nothing to do when it is so already.
 *
 * Unused groups go with a later change than the one that emptied them, and only when there are many: a desired value that
 * runs costs no command, whatever stands around.
 */
export function plan(desired: BgpDesired, running: Tree): Plan {
  const wanted = render(desired, running);
  const steps = diff(running, wanted);
  if (steps.length === 0 || unusedGroups(wanted, running).size <= spareGroups) return { wanted, steps };
  const lean = withoutUnused(wanted, running);
  return { wanted: lean, steps: diff(running, lean) };
}
