import type { FieldProblem } from "../api/problem.ts";
import { refused } from "../api/rules.ts";
import { prefixLength } from "../net/prefix.ts";
import type { BfdParameters, BgpPolicy, Peer, Pool } from "./config.ts";

/** What the rules between a policy and its pools look at; all of it in force. */
export interface AnnouncementRules {
  readonly pools: ReadonlyMap<string, Pool>;
  readonly peers: readonly Peer[];
  readonly bfdProfiles: ReadonlyMap<string, BfdParameters>;
}

/** What becomes of a pool, in messages; unless the last good value stays in force. */
export const leftOut = ", so that pool is left out";

/** The policies in force so far, by pool. */
export class PolicyGround {
  readonly #rules: AnnouncementRules;
  readonly #byPool = new Map<string, BgpPolicy[]>();

  constructor(rules: AnnouncementRules) {
    this.#rules = rules;
  }

  /** The pools for which this policy breaks a rule, each with the first rule that it breaks. */
  brokenFor(policy: BgpPolicy): ReadonlyMap<string, FieldProblem> {
    const broken = new Map<string, FieldProblem>();
    for (const name of policy.pools) {
      const pool = this.#rules.pools.get(name);
      const problem = pool && this.#problemWith(policy, pool);
      if (problem) broken.set(name, problem);
    }
    return broken;
  }

  /** Of these pools, those for which it is in the way of another policy in force. */
  conflictsOf(policy: BgpPolicy): ReadonlyMap<string, FieldProblem> {
    const pools = policy.pools.flatMap((name) => this.#rules.pools.get(name) ?? []);
    return new Map(
      pools.flatMap((pool) => {
        const problem = this.#localPrefProblem(policy, pool);
        return problem ? [[pool.name, problem] as const] : [];
      }),
    );
  }

  take(policy: BgpPolicy): void {
    if (policy.serviceSelectors.length > 0) return;
    for (const pool of policy.pools) {
      const taken = this.#byPool.get(pool) ?? [];
      taken.push(policy);
      this.#byPool.set(pool, taken);
    }
  }

  #problemWith(policy: BgpPolicy, pool: Pool): FieldProblem | undefined {
    return (
      aggregationProblem(policy, pool) ?? echoProblem(policy, pool, this.#rules) ?? this.#localPrefProblem(policy, pool)
    );
  }

  /** With serviceSelectors it shows per Service only. MetalLB internal/config/config.go, validateBGPAdvPerPool. */
  #localPrefProblem(policy: BgpPolicy, pool: Pool): FieldProblem | undefined {
    if (policy.serviceSelectors.length > 0) return undefined;
    const other = this.#byPool.get(pool.name)?.find((taken) => disagree(policy, taken, pool));
    if (!other) return undefined;
    const message = `${policy.localPref} for pool ${pool.name}, but ${other.localPref} is set by ${other.name} for the same prefixes and peers${leftOut}; use the same value, or other peers, nodes or aggregation lengths`;
    return refused("spec.localPref", "Conflict", message);
  }
}

/**
 * Every entry of the pool must hold a whole prefix of that length; a range is judged by its shortest prefix.
 *
 * Differs: the message prints the length of the family concerned; MetalLB always prints IPv4's.
 */
function aggregationProblem(policy: BgpPolicy, pool: Pool): FieldProblem | undefined {
  for (const { text, range, prefixes } of pool.entries) {
    const [field, length] =
      range.family === "ipv4"
        ? (["aggregationLength", policy.aggregationLength] as const)
        : (["aggregationLengthV6", policy.aggregationLengthV6] as const);
    const shortest = Math.min(...prefixes.map(prefixLength));
    if (length >= shortest) continue;
    const message = `${length} is an invalid aggregation length for pool ${pool.name}: prefix ${shortest} in this pool is more specific than the aggregation length for addresses ${text}${leftOut}; write ${shortest} or more`;
    return refused(`spec.${field}`, "OutOfRange", message);
  }
  return undefined;
}

/**
 * FRR has no BFD echo for IPv6. As in MetalLB, the pool's family counts, not the session's.
 *
 * @see MetalLB internal/config/validation.go, validateConfig
 */
function echoProblem(
  policy: BgpPolicy,
  pool: Pool,
  { peers, bfdProfiles }: AnnouncementRules,
): FieldProblem | undefined {
  if (!pool.families.includes("ipv6")) return undefined;
  const isTold = ({ name }: Peer) => policy.peers === undefined || policy.peers.includes(name);
  const hasEcho = ({ bfdProfile }: Peer) => bfdProfile !== undefined && bfdProfiles.get(bfdProfile)?.echoMode === true;
  const peer = peers.find((one) => isTold(one) && hasEcho(one));
  if (!peer) return undefined;
  const message = `include ${peer.name}, whose BFDProfile ${peer.bfdProfile} has echoMode, which is not possible for the IPv6 addresses of pool ${pool.name}${leftOut}; turn echoMode off, or announce to other peers`;
  return refused("spec.peers", "Conflict", message);
}

/** MetalLB internal/config/config.go, BGPAdvertisementsHaveCompatibleLocalPref. All policies here are one node's. */
export function disagree(a: BgpPolicy, b: BgpPolicy, pool: Pool): boolean {
  return a.localPref !== b.localPref && mayBeSamePrefix(a, b, pool) && haveCommonPeer(a.peers, b.peers);
}

function mayBeSamePrefix(a: BgpPolicy, b: BgpPolicy, { families }: Pool): boolean {
  return families.some((family) =>
    family === "ipv4" ? a.aggregationLength === b.aggregationLength : a.aggregationLengthV6 === b.aggregationLengthV6,
  );
}

const haveCommonPeer = (a: readonly string[] | undefined, b: readonly string[] | undefined): boolean =>
  a === undefined || b === undefined || a.some((peer) => b.includes(peer));
