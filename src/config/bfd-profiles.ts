import { type BfdProfile, bfdProfile } from "../api/kinds/bfd-profile.ts";
import { refOf } from "../api/object.ts";
import type { FieldProblem } from "../api/problem.ts";
import { isRefused, readSpec } from "../api/read.ts";
import { refused } from "../api/rules.ts";
import type { BfdParameters } from "./config.ts";
import { type Candidate, openGround, settle, type Settled } from "./settle.ts";

export const settleBfdProfiles = (
  objects: readonly BfdProfile[],
  lastGood: readonly BfdParameters[],
): Settled<BfdParameters> => settle(objects.map(candidateOf), lastGood, openGround);

function candidateOf(object: BfdProfile): Candidate<BfdParameters> {
  const { value: spec, problems: found } = readSpec(bfdProfile, object);
  const problems = [...found, ...nameProblems(object.metadata.name)];
  const value = spec && !isRefused(problems) ? { ...spec, name: object.metadata.name, ref: refOf(object) } : undefined;
  return { object, value, problems };
}

/** FRR lib/bfd.h, BFD_PROFILE_NAME_LEN: 64 with the end of the text. Kubernetes allows 253 characters. */
const nameProblems = (name: string): readonly FieldProblem[] =>
  name.length <= 63 && /^[-a-z0-9.]+$/.test(name)
    ? []
    : [refused("metadata.name", "Invalid", "can't name a profile in FRR; choose at most 63 letters, digits, - and .")];
