import type { SpecOf } from "../api/kind.ts";
import { type BgpAdvertisement, bgpAdvertisement } from "../api/kinds/bgp-advertisement.ts";
import type { IpAddressPool } from "../api/kinds/index.ts";
import { refOf } from "../api/object.ts";
import type { FieldProblem, Problem } from "../api/problem.ts";
import { isRefused, readSpec } from "../api/read.ts";
import { refused, warning } from "../api/rules.ts";
import {
  compareCommunities,
  type CommunityValue,
  type LargeCommunity,
  parseCommunity,
  type StandardCommunity,
} from "../net/community.ts";
import { omit } from "../std/omit.ts";
import { sortedBy, sortedText } from "../std/order.ts";
import { err, ok, type Result } from "../std/result.ts";
import { type AnnouncementRules, leftOut, PolicyGround } from "./announcement-rules.ts";
import { type BgpPolicy, type Pool, resolvedPolicyFields } from "./config.ts";
import { poolWarnings, selectedPools, unknownNames } from "./selection.ts";
import { byName, type Candidate, inTurn, type Settled, tied } from "./settle.ts";

/** What an advertisement refers to. */
export interface PolicyReferences {
  readonly node: string;
  /** Pools in force, and all that exist. */
  readonly pools: readonly Pool[];
  readonly poolObjects: readonly IpAddressPool[];
  /** Of all BGPPeers that exist, on whatever node. */
  readonly peerNames: ReadonlySet<string>;
  readonly aliases: ReadonlyMap<string, CommunityValue>;
}

/**
 * The policies of one node. `objects` are the advertisements that select it.
 *
 * A policy that breaks a rule for one of its pools loses that pool only, unless it was good for it before: then its
 * last good value stays in force as a whole, whether it was edited itself or what it refers to.
 */
export function settleBgpPolicies(
  objects: readonly BgpAdvertisement[],
  references: PolicyReferences,
  rules: AnnouncementRules,
  lastGood: readonly BgpPolicy[],
): Settled<BgpPolicy> {
  const ground = new PolicyGround(rules);
  const inForce = new Set(references.pools.map(({ name }) => name));
  const last = byName(
    lastGood.map((policy) => ({ ...policy, pools: policy.pools.filter((name) => inForce.has(name)) })),
  );
  const { steady, changed } = inTurn(
    objects.map((object) => candidateOf(object, references)),
    last,
  );
  const placed = [
    ...steady.map((candidate) => place(candidate, last.get(candidate.object.metadata.name), ground)),
    ...changed.map((candidate) => place(candidate, standing(last.get(candidate.object.metadata.name), ground), ground)),
  ];
  return {
    values: sortedBy(
      placed.flatMap(({ value }) => value ?? []),
      ({ name }) => name,
    ),
    problems: placed.flatMap(({ problems }) => problems),
  };
}

interface Placed {
  readonly value: BgpPolicy | undefined;
  readonly problems: readonly Problem[];
}

/** @param previous what is in force, as far as it may stay */
function place(
  { object, value, problems }: Candidate<BgpPolicy>,
  previous: BgpPolicy | undefined,
  ground: PolicyGround,
): Placed {
  const broken = value ? ground.brokenFor(value) : new Map<string, FieldProblem>();
  const keepsPrevious = previous !== undefined && (!value || previous.pools.some((pool) => broken.has(pool)));
  const inForce = keepsPrevious ? previous : value && without(value, broken);
  if (inForce) ground.take(inForce);
  const found = [...broken.values()].map((problem) =>
    keepsPrevious ? { ...problem, message: problem.message.replace(leftOut, "") } : problem,
  );
  return { value: inForce, problems: tied(object, [...problems, ...found], keepsPrevious) };
}

/** Only another policy takes a pool away from one in force: an edited pool, peer or BFDProfile must not take routes back. */
const standing = (previous: BgpPolicy | undefined, ground: PolicyGround): BgpPolicy | undefined =>
  previous && without(previous, ground.conflictsOf(previous));

const without = (policy: BgpPolicy, broken: ReadonlyMap<string, unknown>): BgpPolicy => ({
  ...policy,
  pools: policy.pools.filter((pool) => !broken.has(pool)),
});

type Spec = SpecOf<typeof bgpAdvertisement>;

function candidateOf(object: BgpAdvertisement, references: PolicyReferences): Candidate<BgpPolicy> {
  const { value: spec, problems } = readSpec(bgpAdvertisement, object);
  if (!spec) return { object, value: undefined, problems };
  const communities = spec.communities.map((text, i) => resolveCommunity(text, i, references.aliases));
  const found = [
    ...problems,
    ...communities.flatMap((community) => (community.ok ? [] : [community.error])),
    ...poolWarnings(spec, references.poolObjects),
    ...peerWarnings(spec.peers, references.peerNames),
  ];
  const values = communities.flatMap((community) => (community.ok ? [community.value] : []));
  return { object, value: isRefused(found) ? undefined : policyOf(object, spec, values, references), problems: found };
}

/** What isn't resolved here passes through under its own name. */
function policyOf(
  object: BgpAdvertisement,
  spec: Spec,
  values: readonly CommunityValue[],
  { node, pools, peerNames }: PolicyReferences,
): BgpPolicy {
  const { peers } = spec;
  return {
    ...omit(spec, resolvedPolicyFields),
    name: object.metadata.name,
    ref: refOf(object),
    pools: selectedPools(spec, pools),
    peers: peers.length === 0 ? undefined : sortedText(peers.filter((name) => peerNames.has(name))),
    nodes: [node],
    communities: distinct(values.flatMap((one) => (one.kind === "standard" ? [one.value] : []))),
    largeCommunities: distinct(values.flatMap((one) => (one.kind === "large" ? [one.value] : []))),
  };
}

const distinct = <T extends StandardCommunity | LargeCommunity>(communities: readonly T[]): readonly T[] =>
  [...new Set(communities)].sort(compareCommunities);

/** An alias, or else a community as it is written. MetalLB internal/config/config.go, getCommunityValue. */
function resolveCommunity(
  text: string,
  i: number,
  aliases: ReadonlyMap<string, CommunityValue>,
): Result<CommunityValue, FieldProblem> {
  const alias = aliases.get(text);
  if (alias) return ok(alias);
  const literal = parseCommunity(text);
  if (literal.ok) return literal;
  const [reason, said] =
    literal.error === "format"
      ? (["NotFound", "is neither a community nor a name that a Community gives"] as const)
      : (["Invalid", "has an invalid community value"] as const);
  const accepted = "write one such as 64512:100, large:64512:1:2, or the name of an alias";
  return err(refused(`spec.communities[${i}]`, reason, `${JSON.stringify(text)} ${said}; ${accepted}`));
}

function peerWarnings(names: readonly string[], known: ReadonlySet<string>): readonly FieldProblem[] {
  if (names.length === 0 && known.size === 0) {
    return [warning("spec", "MatchesNothing", "is for every BGPPeer, and there is none, so nothing is announced")];
  }
  const unknown = unknownNames("spec.peers", names, known, "a BGPPeer");
  if (unknown.length === 0 || unknown.length < names.length) return unknown;
  return [...unknown, warning("spec.peers", "MatchesNothing", "select no BGPPeer, so nothing is announced")];
}
