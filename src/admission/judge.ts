import { type KubeObject, type ObjectRef, refOf } from "../api/object.ts";
import type { Problem } from "../api/problem.ts";
import type { Snapshot } from "../api/snapshot.ts";
import type { Config, Pool } from "../config/config.ts";
import { aliasesOf } from "../config/communities.ts";
import { parseConfig, secretsByName } from "../config/parse.ts";
import { entriesInForce } from "./aliases.ts";
import { settlePools } from "../config/pools.ts";
import type { Settled } from "../config/settle.ts";
import { deepEqual } from "../std/equal.ts";
import { granted } from "./granted.ts";
import { type JudgedPart, partOf, replaced } from "./kinds.ts";
import { type View, viewsOf } from "./views.ts";

/** A write that somebody asks for. */
export type Change =
  | { readonly operation: "CREATE"; readonly object: KubeObject }
  | { readonly operation: "UPDATE"; readonly object: KubeObject; readonly old: KubeObject }
  | { readonly operation: "DELETE"; readonly old: KubeObject };

/** Why not, everything; empty when nothing speaks against it. And what the writer should know anyway. */
export interface Verdict {
  readonly refusals: readonly string[];
  readonly warnings: readonly string[];
}

/**
 * Judges a write by the rules, and in the words, by which the configuration is read when it is in force.
 *
 * Only what is wrong with this object decides, and what it would break that was whole. What is broken already, and what
 * is named but not there yet, never stands in the way.
 *
 * Differs: A reference to what is not there is a warning; in MetalLB it is not mentioned.
 *
 * Differs: MetalLB reads all objects of the kind and refuses the write for the first mistake in any of them.
 */
export function judge(change: Change, snapshot: Snapshot): Verdict {
  switch (change.operation) {
    case "CREATE":
      return isOurs(change.object, snapshot) ? judgeContent(change.object, undefined, snapshot) : refuse(foreign);
    case "UPDATE":
      if (!isOurs(change.object, snapshot)) return { refusals: [], warnings: [ignored(change.object, snapshot)] };
      return judgeContent(change.object, change.old, snapshot);
    case "DELETE":
      return judgeDeletion(change.old, snapshot);
  }

  function foreign(): string {
    const { kind, name } = subject(change);
    return `${kind} ${name}: resource must be created in ${snapshot.namespace} namespace`;
  }
}

const nothing: Verdict = { refusals: [], warnings: [] };
const refuse = (why: () => string): Verdict => ({ refusals: [why()], warnings: [] });
const subject = (change: Change) => refOf(change.operation === "DELETE" ? change.old : change.object);
const isOurs = ({ metadata }: KubeObject, { namespace }: Snapshot): boolean => metadata.namespace === namespace;

const ignored = ({ kind, metadata }: KubeObject, { namespace }: Snapshot): string =>
  `${kind} ${metadata.name} has no effect: only objects in namespace ${namespace} have`;

/**
 * Only the deletion of a BFDProfile that a peer names is refused, as it would take the peer's session down.
 *
 * @see MetalLB internal/k8s/webhooks/webhookv1beta1/bfdprofile_webhook.go
 */
function judgeDeletion(old: KubeObject, snapshot: Snapshot): Verdict {
  if (partOf(old) !== "bfdProfiles" || !isOurs(old, snapshot)) return nothing;
  const { name } = old.metadata;
  const users = snapshot.peers.filter(
    ({ spec, metadata }) => spec?.bfdProfile === name && metadata.deletionTimestamp === undefined,
  );
  if (users.length === 0) return nothing;
  const names = users.map(({ metadata }) => metadata.name).join(", ");
  return refuse(() => `BFDProfile ${name} is in use by BGPPeer ${names}; remove bfdProfile there first`);
}

function judgeContent(object: KubeObject, old: KubeObject | undefined, snapshot: Snapshot): Verdict {
  const part = partOf(object);
  // An object on its way out must be let go, whatever it says.
  if (part === undefined || object.metadata.deletionTimestamp !== undefined) return nothing;
  const before = replaced(snapshot, part, object.metadata.name, old);
  const after = withNewcomer(before, part, object);
  const views = viewsOf({ part, object, before, after });
  const isOwn = isAbout(object);
  const sameSpec = old !== undefined && deepEqual(specOf(old), specOf(object));
  const [wholeBefore, wholeAfter] = [granted(before), granted(after, object)];
  const pools = part === "pools" ? undefined : settlePools(before.pools, undefined, []);
  const inPrinciple = look({ before: wholeBefore, after: wholeAfter, views, pools }, object);
  const refusals = refusalsIn(inPrinciple, isOwn, sameSpec);
  if (refusals.length > 0) return { refusals: refusals.map(textOf), warnings: [] };
  if (wholeBefore === before && wholeAfter === after) return warn(inPrinciple);
  // What an object refers to is there on every node or on none; only an alias is missed by others.
  const enough = part === "communities" ? views : views.slice(0, 2);
  return warn(look({ before, after, views: enough, pools }, object));

  function warn(sight: Sight): Verdict {
    return { refusals: [], warnings: warningsIn(sight, isOwn).map(textOf) };
  }
}

/**
 * The world with the object that is judged. In a conflict with what is in force it is to blame; what is not in force has
 * no say.
 */
function withNewcomer(before: Snapshot, part: JudgedPart, object: KubeObject): Snapshot {
  if (part !== "communities") return replaced(before, part, object.metadata.name, aged(object, beforeAll));
  const others = { ...before, communities: entriesInForce(before.communities) };
  return replaced(others, part, object.metadata.name, aged(object, afterAll));
}

const aged = (object: KubeObject, creationTimestamp: string): KubeObject => ({
  ...object,
  metadata: { ...object.metadata, creationTimestamp },
});

/** What is in force goes before it all the same (`inTurn`). */
const beforeAll = "";
/** Sorts after every time, and after having none (`compareAge`). */
const afterAll = "~~";

/** Problems by one view or more, each once. */
interface Sight {
  readonly before: readonly Problem[];
  readonly after: readonly Problem[];
}

interface Worlds {
  readonly before: Snapshot;
  readonly after: Snapshot;
  readonly views: readonly View[];
  /** Settled once, when they are the same in both. */
  readonly pools: Settled<Pool> | undefined;
}

/** What is wrong before and after. What is in force before is there first, but for the object that is judged. */
function look({ before, after, views, pools }: Worlds, judged: KubeObject): Sight {
  const [sharedBefore, sharedAfter] = [shared(before), shared(after)];
  const sights = views.map(({ node, narrow }) => {
    const then = parseConfig(narrow(before), { node, ...sharedBefore, ...(pools && { pools }) });
    const lastGood = withoutValueOf(judged, then.config);
    const now = parseConfig(narrow(after), { node, lastGood, ...sharedAfter, ...(pools && { pools }) });
    return { before: then.problems, after: now.problems };
  });
  return { before: each(sights.flatMap((one) => one.before)), after: each(sights.flatMap((one) => one.after)) };
}

/** What is the same for all nodes. */
const shared = ({ communities, peers, secrets }: Snapshot) => ({
  aliases: aliasesOf(communities),
  peerNames: new Set(peers.map(({ metadata }) => metadata.name)),
  secrets: secretsByName(secrets),
});

const each = (problems: readonly Problem[]): readonly Problem[] => [
  ...new Map(problems.map((problem) => [keyOf(problem), problem])).values(),
];

function withoutValueOf(judged: KubeObject, config: Config): Config {
  const isOther = ({ ref }: { readonly ref: ObjectRef }) =>
    ref.kind !== judged.kind || ref.name !== judged.metadata.name;
  return {
    pools: config.pools.filter(isOther),
    peers: config.peers.filter(isOther),
    bgpAdvertisements: config.bgpAdvertisements.filter(isOther),
    l2Advertisements: config.l2Advertisements.filter(isOther),
    bfdProfiles: config.bfdProfiles.filter(isOther),
  };
}

/**
 * The object's own refusals, and those of others that were whole before.
 *
 * Differs: MetalLB lets in a pool that breaks an advertisement, and never looks at updates of BFDProfiles.
 *
 * Differs: An update that leaves the spec as it is, such as of a finalizer or an annotation, is not asked to mend what was
 * wrong; in MetalLB it is.
 */
function refusalsIn({ before, after }: Sight, isOwn: Claim, sameSpec: boolean): readonly Problem[] {
  const said = new Set(before.map(keyOf));
  const wasWhole = isWhole(before);
  return after.filter(
    (problem) => isRefusal(problem) && (isOwn(problem) ? !(sameSpec && said.has(keyOf(problem))) : wasWhole(problem)),
  );
}

/** What keeps the object out of force for now, or is surely not meant; and whom else the write puts out of force. */
function warningsIn({ before, after }: Sight, isOwn: Claim): readonly Problem[] {
  const wasWhole = isWhole(before);
  const others = after.filter((problem) => isRefusal(problem) && !isOwn(problem) && wasWhole(problem));
  return [...after.filter(isOwn), ...others];
}

type Claim = (problem: Problem) => boolean;

const specOf = (object: KubeObject): unknown => ("spec" in object ? object.spec : undefined);
const isRefusal = ({ severity }: Problem): boolean => severity === "refused";
const textOf = ({ message }: Problem): string => message;
const ownerOf = ({ object }: Problem): string => `${object.kind}/${object.name}`;
const keyOf = (problem: Problem): string => `${ownerOf(problem)} ${problem.field} ${problem.message}`;

/** Whether nothing of the problem's object was refused. */
function isWhole(before: readonly Problem[]): Claim {
  const broken = new Set(before.filter(isRefusal).map(ownerOf));
  return (problem) => !broken.has(ownerOf(problem));
}

const isAbout =
  ({ kind, metadata }: KubeObject) =>
  ({ object }: Problem): boolean =>
    object.kind === kind && object.name === metadata.name;
