import type { Outcome } from "../allocate/outcome.ts";
import type { Announcement } from "../announce/announcement.ts";
import type { BgpObserved, ObservedSession } from "../announce/desired.ts";
import type { DaemonNews } from "../announce/news.ts";
import { eventReasons, nodeEventReasons, ownEventReasons } from "../api/names.ts";
import { type ObjectRef, refOf } from "../api/object.ts";
import type { Problem } from "../api/problem.ts";
import type { Peer } from "../config/config.ts";
import { exhaustive } from "../std/exhaustive.ts";
import { neighborOf } from "./service-bgp.ts";

/** An event to emit on an object. What lasts is said once, when it begins. */
export interface Happening {
  readonly object: ObjectRef;
  readonly type: "Normal" | "Warning";
  readonly reason: string;
  readonly message: string;
}

/** What an allocation pass has to say. */
export const allocationEvents = (outcomes: readonly Outcome[]): Happening[] =>
  outcomes.flatMap(({ service, events }) => events.map((note) => ({ object: refOf(service), ...note })));

/** Keys of the Services that a node announces: what `announcementEvents` compares with. */
export const announcedServices = (announcements: readonly Announcement[]): ReadonlySet<string> =>
  new Set(announcements.filter(({ decision }) => decision.kind === "announced").map(({ key }) => key));

/**
 * A node has begun to announce a Service. After a start, `before` is what the node's ServiceBGPStatus objects name.
 *
 * Differs: said when it begins; MetalLB says it at every look at the Service.
 * @see MetalLB speaker/main.go, handleService
 */
export const announcementEvents = (
  node: string,
  before: ReadonlySet<string>,
  announcements: readonly Announcement[],
): Happening[] =>
  announcements
    .filter(({ key, decision }) => decision.kind === "announced" && !before.has(key))
    .map(({ service }) => ({
      object: service,
      type: "Normal",
      reason: eventReasons.nodeAssigned,
      message: `announcing from node "${node}" with protocol "bgp"`,
    }));

/** Problems that were not there before, on the objects that have them. */
export function problemEvents(before: readonly Problem[], after: readonly Problem[]): Happening[] {
  const known = new Set(before.map(identity));
  return after
    .filter((problem) => !known.has(identity(problem)))
    .map(({ object, severity, message }) => ({
      object,
      type: "Warning",
      reason: severity === "refused" ? ownEventReasons.configurationError : ownEventReasons.configurationWarning,
      message,
    }));
}

const identity = ({ object, message }: Problem): string => JSON.stringify([object.kind, object.name, message]);

interface SessionEventsInput {
  readonly node: string;
  readonly peers: readonly Peer[];
  /** `undefined` after a start: only what is wrong is said then. */
  readonly before: BgpObserved | undefined;
  readonly after: BgpObserved;
}

/**
 * Sessions that came up or went down, BFD sessions likewise, and new reasons for being down; on the BGPPeers.
 *
 * Differs: MetalLB says nothing about sessions.
 */
export function sessionEvents({ node, peers, before, after }: SessionEventsInput): Happening[] {
  return peers.flatMap((peer) => {
    const now = sessionOf(peer, after);
    if (now === undefined) return [];
    const changes = changesBetween(before && (sessionOf(peer, before) ?? unknown), now);
    const subject = `of node "${node}" with ${neighborOf(peer)}${peer.vrf === "" ? "" : ` in VRF ${peer.vrf}`}`;
    return changes.map(({ what, ...rest }) => ({ object: peer.ref, ...rest, message: what(subject) }));
  });
}

/** A session that the router did not list: not up, and no reason known. */
const unknown: Pick<ObservedSession, "state" | "downReason" | "bfd"> = { state: "Idle" };

const sessionOf = (peer: Peer, { sessions }: BgpObserved): ObservedSession | undefined =>
  sessions.find(({ vrf, neighbor }) => vrf === peer.vrf && neighbor === neighborOf(peer));

type Seen = Pick<ObservedSession, "state" | "downReason" | "bfd">;
type Change = Pick<Happening, "type" | "reason"> & { readonly what: (subject: string) => string };

const changesBetween = (before: Seen | undefined, now: Seen): Change[] => [
  ...bgpChange(before, now),
  ...bfdChange(before, now),
];

function bgpChange(before: Seen | undefined, now: Seen): Change[] {
  const { sessionEstablished, sessionDown } = ownEventReasons;
  const wasUp = before?.state === "Established";
  if (now.state === "Established") {
    if (wasUp || before === undefined) return [];
    return [{ type: "Normal", reason: sessionEstablished, what: (subject) => `BGP session ${subject} is established` }];
  }
  if (!wasUp && (now.downReason === before?.downReason || isStillOpening(now.downReason))) return [];
  const why = now.downReason === undefined ? "" : `: ${now.downReason}`;
  return [{ type: "Warning", reason: sessionDown, what: (subject) => `BGP session ${subject} is ${now.state}${why}` }];
}

/** What FRR gives as the reason of a session that is only on its way up (FRR bgpd/bgp_vty.c, peer_down_str). */
export const isStillOpening = (reason: string | undefined): boolean =>
  reason === undefined || reason.startsWith("Waiting for ");

function bfdChange(before: Seen | undefined, now: Seen): Change[] {
  const { bfdUp, bfdDown } = ownEventReasons;
  if (now.bfd === "up" && before !== undefined && before.bfd !== "up") {
    return [{ type: "Normal", reason: bfdUp, what: (subject) => `BFD session ${subject} is up` }];
  }
  if (before?.bfd === "up" && now.bfd !== "up") {
    return [{ type: "Warning", reason: bfdDown, what: (subject) => `BFD session ${subject} is ${now.bfd ?? "gone"}` }];
  }
  return [];
}

/** Lines that an event names: a person who typed many knows them by a few. */
const namedLines = 3;
const longestLine = 120;

/** What happened to the node's FRR, on its Node object. `node`: that object. */
export const daemonEvents = (node: ObjectRef, news: readonly DaemonNews[]): Happening[] =>
  news.map((item) => ({ object: node, ...daemonEvent(node.name, item) }));

function daemonEvent(node: string, item: DaemonNews): Omit<Happening, "object"> {
  const { frrDaemonLost, frrDaemonBack, frrDriftRepaired } = nodeEventReasons;
  const subject = `FRR's ${item.daemon} on node "${node}"`;
  switch (item.kind) {
    case "lost":
      return { type: "Warning", reason: frrDaemonLost, message: `${subject} was lost: its connection closed` };
    case "back":
      return { type: "Normal", reason: frrDaemonBack, message: `${subject} answers again` };
    case "drift": {
      const { lines } = item;
      const shown = lines.slice(0, namedLines).map((line) => `"${line.slice(0, longestLine)}"`);
      const more = lines.length > namedLines ? ` and ${lines.length - namedLines} more` : "";
      const took = lines.length === 1 ? "1 line" : `${lines.length} lines`;
      const message = `someone changed the configuration of ${subject}; ${took} set right: ${shown.join(", ")}${more}`;
      return { type: "Warning", reason: frrDriftRepaired, message };
    }
    default:
      return exhaustive(item);
  }
}

interface Absence {
  readonly from: Date;
  readonly to: Date;
}

/** That a node's speaker could not reach the API server for a while, on the Node object. */
export const absenceEvents = (node: ObjectRef, absences: readonly Absence[]): Happening[] =>
  absences.map(({ from, to }) => ({
    object: node,
    type: "Warning",
    reason: nodeEventReasons.apiServerWasAway,
    message: `the API server was away from node "${node.name}" from ${second(from)} to ${second(to)}; everything stayed announced as it was decided before`,
  }));

const second = (at: Date): string => at.toISOString().replace(/\.\d+Z$/, "Z");
