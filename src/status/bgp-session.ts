import { createHash } from "node:crypto";
import type { BgpObserved, ObservedSession } from "../announce/desired.ts";
import { apiVersionOf } from "../api/kind.ts";
import { type BgpSessionStatus, bgpSessionStatus } from "../api/kinds/bgp-session-status.ts";
import { labelNode, ownLabelPeer, ownLabelVrf, sessionStatusNamePrefix } from "../api/names.ts";
import { type ObjectMeta, type OwnerReference, refOf } from "../api/object.ts";
import type { Problem } from "../api/problem.ts";
import type { Peer } from "../config/config.ts";
import { deepEqual } from "../std/equal.ts";
import { sortedBy } from "../std/order.ts";
import { isStillOpening } from "./events.ts";
import { neighborOf } from "./service-bgp.ts";
import type { Write } from "./write.ts";

interface BgpSessionInput {
  readonly node: string;
  /** MetalLB's namespace. */
  readonly namespace: string;
  /** The speaker's Pod, so that its objects go with it. */
  readonly owner: OwnerReference;
  /** Those of this node. */
  readonly peers: readonly Peer[];
  /** A peer of this node that is refused from the start is in no configuration: its problem tells of it. */
  readonly problems: readonly Problem[];
  readonly observed: BgpObserved;
  /** What FRR did not take, or that it doesn't answer, in a sentence: why it doesn't show a peer. */
  readonly failure: string | undefined;
  /** Unix time in milliseconds. */
  readonly nowMs: number;
  /** Those of this node (label `metallb.io/node`). */
  readonly existing: readonly BgpSessionStatus[];
}

type Status = NonNullable<BgpSessionStatus["status"]>;

/** How soon a write must be made: what comes in floods, or comes and goes by itself, may wait for what follows it. */
export type Pace =
  /** A session up or down, another reason, a peer that is new or gone. */
  | "at-once"
  /** How many prefixes were sent, and nothing else: a thousand new Services are one write. */
  | "counts"
  /** A session that is tried in vain goes from Idle to Connect to Active and back, for as long as it takes. */
  | "trying";

export interface PacedWrite {
  readonly write: Write;
  readonly pace: Pace;
}

/**
 * What to write so that each peer of this node has one BGPSessionStatus that says what FRR says of it; nothing where nothing
 * has changed.
 *
 * The name follows from node and peer, so that no race makes two.
 */
export function bgpSessionWrites(input: BgpSessionInput): PacedWrite[] {
  const rest = new Map(input.existing.map((object) => [object.metadata.name, object]));
  const writes = sessionsOf(input).flatMap((session) => {
    const metadata = metadataOf(session, input);
    const object = rest.get(metadata.name);
    rest.delete(metadata.name);
    return object ? updates(object, metadata, statusOf(session, object.status, input)) : [creation(session, input)];
  });
  const gone = [...rest.values()].map((object): PacedWrite => {
    return { write: { kind: "delete", object: refOf(object) }, pace: "at-once" };
  });
  return [...writes, ...gone];
}

/** One peer of this node, with what FRR shows of it, or what keeps FRR from that. */
interface Session {
  readonly peer: string;
  readonly vrf?: string;
  readonly neighbor?: string;
  readonly shown?: ObservedSession;
  readonly missing?: string;
}

function sessionsOf({ peers, problems, observed, failure }: BgpSessionInput): readonly Session[] {
  const shown = new Map(observed.sessions.map((session) => [`${session.vrf} ${session.neighbor}`, session]));
  const refusals = refusalsOf(problems);
  const known = peers.map((peer): Session => {
    const neighbor = neighborOf(peer);
    const found = shown.get(`${peer.vrf} ${neighbor}`);
    const of = { peer: peer.name, neighbor, ...(peer.vrf !== "" && { vrf: peer.vrf }) };
    if (found) return { ...of, shown: found };
    return { ...of, missing: refusals.get(peer.name) ?? failure ?? "FRR does not show this peer" };
  });
  const names = new Set(peers.map(({ name }) => name));
  const left = [...refusals].flatMap(([peer, missing]): Session[] => (names.has(peer) ? [] : [{ peer, missing }]));
  return sortedBy([...known, ...left], ({ peer }) => peer);
}

/** Peer → what is wrong with it, in a line. */
function refusalsOf(problems: readonly Problem[]): ReadonlyMap<string, string> {
  const refused = problems.filter(({ object, severity }) => severity === "refused" && object.kind === "BGPPeer");
  const byPeer = Map.groupBy(refused, ({ object }) => object.name);
  return new Map([...byPeer].map(([peer, of]) => [peer, of.map(({ message }) => message).join("; ")]));
}

function statusOf(
  { peer, vrf, neighbor, shown, missing }: Session,
  before: Status | undefined,
  input: BgpSessionInput,
) {
  const { node, nowMs } = input;
  const reason = shown ? shown.downReason : missing;
  const bgpStatus = shown?.state ?? "Unknown";
  return {
    node,
    peer,
    ...(vrf !== undefined && { vrf }),
    ...(neighbor !== undefined && { neighbor }),
    bgpStatus,
    bfdStatus: bfdWord(shown?.bfd),
    ...(reason !== undefined && { reason: fitting(reason) }),
    since: sinceOf({ bgpStatus, sinceMs: shown?.sinceMs }, before, nowMs),
    ...(shown?.up && upStatus(shown.up)),
  } satisfies Status;
}

function upStatus({ sentCounts, holdTimeSeconds, keepaliveSeconds, families }: NonNullable<ObservedSession["up"]>) {
  const total = Object.values(sentCounts).reduce((sum, count) => sum + count, 0);
  return {
    prefixesSent: { total, ...sentCounts },
    negotiated: { holdTimeSeconds, keepaliveSeconds, families },
  };
}

/** frr-k8s's words: whatever is not up is down, and no session is neither. */
const bfdWord = (status: string | undefined): "Up" | "Down" | "N/A" =>
  status === undefined ? "N/A" : status === "up" ? "Up" : "Down";

/** FRR's reasons are a line; a refusal can be long. */
const longestReason = 1024;
const fitting = (text: string): string =>
  text.length <= longestReason ? text : `${text.slice(0, longestReason - 1)}…`;

/** FRR's times are in whole seconds, and counted anew each time. */
const alikeMs = 2_500;

/** The same text as long as it is the same time. A session that is not up is one and the same through all of its tries. */
function sinceOf(
  { bgpStatus, sinceMs }: { readonly bgpStatus: string; readonly sinceMs: number | undefined },
  before: Status | undefined,
  nowMs: number,
): string {
  const isSame = before?.bgpStatus !== undefined && phaseOf(before.bgpStatus) === phaseOf(bgpStatus);
  const known = isSame ? before.since : undefined;
  if (known !== undefined && (sinceMs === undefined || Math.abs(Date.parse(known) - sinceMs) < alikeMs)) return known;
  return new Date(sinceMs ?? nowMs).toISOString().replace(/\.\d+Z$/, "Z");
}

const phaseOf = (state: string): "up" | "unknown" | "down" =>
  state === "Established" ? "up" : state === "Unknown" ? "unknown" : "down";

/** Others may have more on it. */
const ourLabels = [labelNode, ownLabelPeer, ownLabelVrf];

function updates(object: BgpSessionStatus, metadata: ObjectMeta, status: Status): PacedWrite[] {
  const { labels = {}, ownerReferences } = metadata;
  const stale = ourLabels.filter((label) => object.metadata.labels?.[label] !== labels[label]);
  const isOwned = deepEqual(object.metadata.ownerReferences, ownerReferences);
  const ref = refOf(object);
  const patched = Object.fromEntries(stale.map((label) => [label, labels[label] ?? null]));
  const body = { metadata: { labels: patched, ownerReferences } };
  const isSame = isOwned && stale.length === 0;
  const patches: PacedWrite[] = isSame ? [] : [{ write: { kind: "patch", object: ref, body }, pace: "at-once" }];
  if (deepEqual(object.status, status)) return patches;
  const write: Write = { kind: "patch-status", object: ref, body: { status: withNulls(object.status, status) } };
  return [...patches, { write, pace: paceOf(object.status, status) }];
}

/** A merge patch that leaves nothing of what was there (RFC 7396): what is absent is taken away by null. */
function withNulls(before: object | undefined, after: object): Record<string, unknown> {
  const old: Readonly<Record<string, unknown>> = { ...before };
  const next: Readonly<Record<string, unknown>> = { ...after };
  const gone = Object.keys(old).filter((key) => !(key in next));
  const kept = Object.entries(next).map(([key, value]) => {
    const nested = isRecord(old[key]) && isRecord(value);
    return [key, nested ? withNulls(old[key] as object, value as object) : value] as const;
  });
  return Object.fromEntries([...kept, ...gone.map((key) => [key, null] as const)]);
}

const isRecord = (value: unknown): boolean => typeof value === "object" && value !== null && !Array.isArray(value);

function paceOf(before: Status | undefined, after: Status): Pace {
  if (before === undefined) return "at-once";
  const alike = (fields: Partial<Status>): boolean => deepEqual({ ...before, ...fields }, { ...after, ...fields });
  if (alike({ prefixesSent: {} })) return "counts";
  const areTries = [before, after].every(({ bgpStatus = "Unknown" }) => phaseOf(bgpStatus) === "down");
  const noReason = isStillOpening(after.reason) ? { reason: "" } : {};
  return areTries && alike({ bgpStatus: "", ...noReason }) ? "trying" : "at-once";
}

function creation(session: Session, input: BgpSessionInput): PacedWrite {
  const write: Write = {
    kind: "create",
    object: {
      apiVersion: apiVersionOf(bgpSessionStatus),
      kind: bgpSessionStatus.kind,
      metadata: metadataOf(session, input),
    },
    status: statusOf(session, undefined, input),
  };
  return { write, pace: "at-once" };
}

function metadataOf({ peer, vrf }: Session, { node, namespace, owner }: BgpSessionInput): ObjectMeta {
  const digest = createHash("sha256").update(`${node}/${peer}`).digest("hex");
  return {
    name: `${sessionStatusNamePrefix}${digest.slice(0, 12)}`,
    namespace,
    labels: { [labelNode]: node, ...labelled(ownLabelPeer, peer), ...labelled(ownLabelVrf, vrf ?? "") },
    ownerReferences: [owner],
  };
}

/** An object's name may be longer than a label's value, and a VRF's may have other characters: then the status alone has it. */
const labelled = (label: string, value: string): Readonly<Record<string, string>> =>
  /^[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/.test(value) ? { [label]: value } : {};
