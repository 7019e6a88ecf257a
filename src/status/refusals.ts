import type { PathAttributes } from "../announce/desired.ts";
import type { Refusal, RefusalCause } from "../announce/refusal.ts";
import type { ObjectRef } from "../api/object.ts";
import type { Problem } from "../api/problem.ts";
import { bgpExtrasKey } from "../api/names.ts";
import { problemAt } from "../api/read.ts";
import { refused } from "../api/rules.ts";
import type { BfdParameters, BgpPolicy, Config, Peer, Pool } from "../config/config.ts";
import { prefixFamily, prefixLength, type Prefix } from "../net/prefix.ts";
import { exhaustive } from "../std/exhaustive.ts";
import { rangeOfPrefix, rangesOverlap } from "../net/range.ts";

/** Where the words of a refusal belong: on an object, and what becomes of it until it is corrected. */
interface Place {
  readonly object: ObjectRef;
  readonly field: string;
  /** Absent for a secret, and for what has no text of its own. */
  readonly value?: string | undefined;
  readonly outcome: string;
}

/** Problems of the objects whose lines the routing daemon refuses, in its own words. */
export const refusalProblems = (refusals: readonly Refusal[], config: Config): readonly Problem[] =>
  refusals.flatMap((refusal) => [
    ...placesOf(refusal, config).map((place) => problemFrom(place, refusal)),
    ...extrasProblems(refusal, config),
  ]);

/** Those that no object asks for, in a sentence: a mistake of our own, or a daemon that we don't know. */
export function ownRefusals(refusals: readonly Refusal[]): string | undefined {
  const own = refusals.filter(({ cause }) => cause.kind === "own");
  return own.length === 0
    ? undefined
    : own.map(({ daemon, line, words }) => `${daemon}: "${line}": ${quoted(words)}`).join("; ");
}

function problemFrom({ object, field, value, outcome }: Place, { daemon, words }: Refusal): Problem {
  const is = value === undefined ? "is" : `is ${value}, which is`;
  const message = `${is} refused by FRR's ${daemon} (${quoted(words)}): ${outcome}; change or remove it`;
  return problemAt(object, refused(field, "RejectedByRouter", message));
}

/** A daemon's words may hold the whole line again. */
const longestWords = 120;

function quoted(words: string): string {
  const [first = ""] = words.replace(/^% ?/, "").split("\n");
  return JSON.stringify(first.length > longestWords ? `${first.slice(0, longestWords)}…` : first);
}

function placesOf({ cause, isKept }: Refusal, config: Config): readonly Place[] {
  switch (cause.kind) {
    case "peer": {
      const { peer, field } = cause;
      const outcome = isKept ? "the session goes on with what it had" : "there is no session with this peer";
      return [{ object: peer.ref, ...peerFields[field](peer), outcome }];
    }
    case "router": {
      const { router, field } = cause;
      const outcome = isKept ? "what was in force stays" : "no session of this VRF can have it";
      return router.peers.map(({ peer }) => ({ object: peer.ref, ...peerFields[field](peer), outcome }));
    }
    case "bfd-profile": {
      const { profile, field } = cause;
      const outcome = isKept ? "its last good value stays in force" : "the profile is in force without it";
      return [{ object: profile.ref, field: profileField(field), value: textOf(profile[field]), outcome }];
    }
    case "attribute":
      return attributePlaces(cause, config);
    case "prefix": {
      const { prefix } = cause;
      const outcome = isKept ? `${prefix} is announced as before` : `${prefix} is not announced`;
      const pools = config.pools.filter(({ entries }) => holds(entries, prefix));
      return pools.map(({ ref }) => ({ object: ref, field: "spec.addresses", value: `for ${prefix}`, outcome }));
    }
    case "extras":
    case "own":
      return [];
    default:
      return exhaustive(cause);
  }
}

/** The other lines of the text are in force. */
function extrasProblems({ cause, daemon, line, words }: Refusal, { extras }: Config): readonly Problem[] {
  if (cause.kind !== "extras" || extras === undefined) return [];
  const what = `line ${cause.number} (${JSON.stringify(line)})`;
  const found =
    cause.by === "not said"
      ? refused(extrasField, "NotSupported", `${what} is not given to FRR: ${words}`)
      : refused(
          extrasField,
          "RejectedByRouter",
          `${what} is refused by FRR's ${daemon} (${quoted(words)}): the other lines are in force; change or remove it`,
        );
  return [problemAt(extras.ref, found)];
}

const extrasField = `data.${bgpExtrasKey}`;

type Attributes = Extract<RefusalCause, { kind: "attribute" }>;

function attributePlaces({ peer, attribute, samples }: Attributes, { bgpAdvertisements, pools }: Config): Place[] {
  const entries = new Map(pools.map(({ name, entries: of }) => [name, of]));
  const covers = ({ pools: names, ...policy }: BgpPolicy, prefix: Prefix): boolean =>
    lengthOf(policy, prefix) === prefixLength(prefix) && names.some((name) => holds(entries.get(name) ?? [], prefix));
  const isBehind = (policy: BgpPolicy): boolean =>
    (policy.peers === undefined || policy.peers.includes(peer.name)) &&
    isSet(policy[attribute]) &&
    samples.some(({ prefix, attributes }) => isPartOf(policy, attribute, attributes) && covers(policy, prefix));
  return bgpAdvertisements.filter(isBehind).map((policy) => ({
    object: policy.ref,
    field: attributeFields[attribute],
    value: attributeText(samples[0]?.attributes[attribute]),
    outcome: `peer ${peer.name} is told no new prefix with it, and those that it knows keep what they had`,
  }));
}

/** Whether a pool's addresses are among those of a prefix. */
const holds = (entries: Pool["entries"], prefix: Prefix): boolean =>
  entries.some(({ range }) => rangesOverlap(range, rangeOfPrefix(prefix)));

const lengthOf = (policy: Pick<BgpPolicy, "aggregationLength" | "aggregationLengthV6">, prefix: Prefix): number =>
  prefixFamily(prefix) === "ipv4" ? policy.aggregationLength : policy.aggregationLengthV6;

type AttributeValue = PathAttributes[keyof PathAttributes];

const isSet = (value: AttributeValue): boolean =>
  value !== undefined && value !== 0 && !(Array.isArray(value) && value.length === 0);

/** Lists of several policies are united, of numbers one counts. */
function isPartOf(policy: BgpPolicy, attribute: keyof PathAttributes, attributes: PathAttributes): boolean {
  const [own, all] = [policy[attribute], attributes[attribute]];
  if (!Array.isArray(own) || !Array.isArray(all)) return own === all;
  const whole = new Set<unknown>(all);
  return own.every((value) => whole.has(value));
}

/** Long lists are counted. */
function attributeText(value: AttributeValue): string | undefined {
  if (typeof value === "number") return String(value);
  if (value === undefined) return undefined;
  return value.length > 4 ? `${value.length} values, with those of other advertisements` : value.join(" ");
}

/** Fields of BGPAdvertisement. */
const attributeFields: { readonly [A in keyof Required<PathAttributes>]: string } = {
  localPref: "spec.localPref",
  asPathPrepend: "spec.asPathPrepend",
  med: "spec.med",
  communities: "spec.communities",
  largeCommunities: "spec.communities",
};

const profileField = (field: keyof BfdParameters): string =>
  field === "name" || field === "ref" ? "metadata.name" : `spec.${field}`;

const textOf = (value: unknown): string | undefined =>
  typeof value === "string" || typeof value === "number" || typeof value === "boolean" ? String(value) : undefined;

type FieldOf = (peer: Peer) => Pick<Place, "field" | "value">;

const ownField =
  (field: keyof Peer): FieldOf =>
  (peer) => ({ field: `spec.${field}`, value: textOf(peer[field]) });

const whole: FieldOf = () => ({ field: "" });
const endpointField: FieldOf = ({ endpoint }) =>
  endpoint.kind === "address"
    ? { field: "spec.peerAddress", value: endpoint.address }
    : { field: "spec.interface", value: endpoint.interface };

/** Fields of BGPPeer by those of `Peer`: one left out doesn't compile. */
const peerFields: { readonly [F in keyof Required<Peer>]: FieldOf } = {
  name: whole,
  ref: whole,
  // The line that makes the neighbor.
  remote: endpointField,
  endpoint: endpointField,
  timers: ({ timers }) => ({
    field: "spec.holdTime",
    value: timers && `${timers.holdTimeSeconds}s, with keepaliveTime ${timers.keepaliveSeconds}s`,
  }),
  connectTimeSeconds: ({ connectTimeSeconds }) => ({ field: "spec.connectTime", value: `${connectTimeSeconds}s` }),
  // A secret has no value to show, and may come from a Secret.
  password: () => ({ field: "spec.password" }),
  localASN: ownField("localASN"),
  ebgpMultiHop: ownField("ebgpMultiHop"),
  peerPort: ownField("peerPort"),
  sourceAddress: ownField("sourceAddress"),
  enableGracefulRestart: ownField("enableGracefulRestart"),
  bfdProfile: ownField("bfdProfile"),
  myASN: ownField("myASN"),
  routerID: ownField("routerID"),
  vrf: ownField("vrf"),
  dualStackAddressFamily: ownField("dualStackAddressFamily"),
};
