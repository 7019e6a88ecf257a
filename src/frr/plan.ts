import type { BgpDesired } from "../announce/desired.ts";
import { diff, type Step } from "./diff.ts";
import { type RefusedLine, refusedSets, standingOf, withoutRefused } from "./refused.ts";
import { render, unusedGroups, withoutUnused } from "./render.ts";
import type { Tree } from "./tree.ts";

/** What to do, and what runs once it is done. */
export interface Plan<R extends RefusedLine = RefusedLine> {
  readonly wanted: Tree;
  readonly steps: readonly Step[];
  /** Those of `refused` that are still wanted, and left out of `wanted`. */
  readonly standing: readonly R[];
}

export interface Limits<R> {
  /** What a daemon has refused. */
  readonly refused?: readonly R[];
  /** Numbers that no group may have. */
  readonly reserved?: ReadonlySet<number> | undefined;
}

/** How many unused groups may stand: route-map lines make bgpd slower only by the hundred. */
const spareGroups = 32;

/**
 * The way from what runs to what is desired: nothing to do when it is so already.
 *
 * Unused groups go with a later change than the one that emptied them, and only when there are many: a desired value that
 * runs costs no command, whatever stands around. What a daemon has refused is not said to it again while the same is wanted.
 */
export function plan<R extends RefusedLine>(
  desired: BgpDesired,
  running: Tree,
  { refused = [], reserved }: Limits<R> = {},
): Plan<R> {
  const { wanted, standing } = acceptable(desired, running, { refused, reserved });
  const steps = diff(running, wanted);
  if (steps.length === 0 || unusedGroups(wanted, running).size <= spareGroups) return { wanted, steps, standing };
  const lean = withoutUnused(wanted, running);
  return { wanted: lean, steps: diff(running, lean), standing };
}

function acceptable<R extends RefusedLine>(desired: BgpDesired, running: Tree, { refused = [], reserved }: Limits<R>) {
  const limits = reserved === undefined ? {} : { reserved };
  const whole = render(desired, running, limits);
  const standing = standingOf(refused, whole, running);
  if (standing.length === 0) return { wanted: whole, standing };
  const sets = refusedSets(standing);
  const wanted = sets.size === 0 ? whole : render(desired, running, { ...limits, refused: sets });
  return { wanted: withoutRefused(wanted, running, standing), standing };
}
