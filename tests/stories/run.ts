import { stringify } from "yaml";
import { allocate } from "../../src/allocate/allocate.ts";
import type { Outcome } from "../../src/allocate/outcome.ts";
import type { Announcement, Offer } from "../../src/announce/announcement.ts";
import { type Decision, decide } from "../../src/announce/decide.ts";
import type { BgpDesired, BgpObserved, PathAttributes } from "../../src/announce/desired.ts";
import type { ServiceBgpStatus } from "../../src/api/kinds/index.ts";
import type { OwnerReference } from "../../src/api/object.ts";
import type { Problem } from "../../src/api/problem.ts";
import type { Config } from "../../src/config/config.ts";
import { parseConfig } from "../../src/config/parse.ts";
import type { Step } from "../../src/frr/diff.ts";
import { plan } from "../../src/frr/plan.ts";
import { print } from "../../src/frr/print.ts";
import { emptyTree, type Tree } from "../../src/frr/tree.ts";
import type { Prefix } from "../../src/net/prefix.ts";
import { configurationStateWrites } from "../../src/status/configuration-state.ts";
import { neighborOf, serviceBgpWrites, serviceOf } from "../../src/status/service-bgp.ts";
import type { Write } from "../../src/status/write.ts";
import { sortedBy } from "../../src/std/order.ts";
import { snapshotOf, type Story, type StoryStep, type Viewer } from "./story.ts";

/** What the pure rooms make of one step. */
export interface Told {
  readonly desired: BgpDesired;
  /** From what the step before left. */
  readonly steps: readonly Step[];
  /** What FRR runs afterwards. */
  readonly wanted: Tree;
  /** Writes of a second turn in the same world. */
  readonly secondWrites: readonly Write[];
  /** File name → text. */
  readonly files: Readonly<Record<string, string>>;
}

/** What one step leaves to the next. */
interface Before {
  readonly speaker: Config | undefined;
  readonly controller: Config | undefined;
  readonly running: Tree;
  readonly statuses: readonly ServiceBgpStatus[];
}

/** Runs a story through every pure room, as the two programs do. */
export function run({ viewer, steps }: Story): readonly Told[] {
  let before: Before = { speaker: undefined, controller: undefined, running: emptyTree, statuses: [] };
  return steps.map((step) => {
    const { told, after } = runStep(step, viewer, before);
    before = after;
    return steps.length > 1 ? told : { ...told, files: withoutCommands(told.files) };
  });
}

function runStep({ objects }: StoryStep, viewer: Viewer, before: Before): { told: Told; after: Before } {
  const snapshot = snapshotOf(objects);
  const speaker = parseConfig(snapshot, { node: viewer.node, ...lastGood(before.speaker) });
  const controller = parseConfig(snapshot, { node: undefined, ...lastGood(before.controller) });
  const decision = decide({ config: speaker.config, snapshot, ...viewer });
  const { outcomes } = allocate({ config: controller.config, services: snapshot.services, lbClass: viewer.lbClass });
  const { steps, wanted } = plan(decision.desired, before.running);
  const look = { viewer, config: speaker.config, decision };
  const statuses = taken(before.statuses, statusWrites(look, before.statuses));
  const status = {
    ...assignmentsOf(outcomes),
    serviceBGPStatus: Object.fromEntries(statuses.map((object) => [serviceOf(object), object.status?.peers])),
    configurationState: {
      speaker: verdict(viewer, speaker.problems),
      controller: verdict(undefined, controller.problems),
    },
    problems: speaker.problems.map(problemText),
  };
  const files = {
    "decisions.yaml": yaml(decisionsOf(decision)),
    "frr.conf": `${print(wanted)}\n`,
    "status.yaml": yaml(status),
    "commands.txt": steps.map(commandText).join(""),
  };
  return {
    told: { desired: decision.desired, steps, wanted, secondWrites: statusWrites(look, statuses), files },
    after: { speaker: speaker.config, controller: controller.config, running: wanted, statuses },
  };
}

const lastGood = (config: Config | undefined) => (config === undefined ? {} : { lastGood: config });

function withoutCommands(files: Told["files"]): Told["files"] {
  const { "commands.txt": _, ...others } = files;
  return others;
}

const yaml = (value: object): string => stringify(value, { lineWidth: 0 });

/** For each Service × peer the paths, or the reason for none. */
function decisionsOf({ desired, announcements }: Decision): object {
  const paths = new Map(
    desired.routers.flatMap(({ peers }) =>
      peers.map(
        ({ peer, paths: of }) => [peer.name, new Map(of.map((path) => [path.prefix, path.attributes]))] as const,
      ),
    ),
  );
  return Object.fromEntries(announcements.map(({ key, decision }) => [key, decisionOf(decision, paths)]));
}

type Paths = ReadonlyMap<string, ReadonlyMap<Prefix, PathAttributes>>;

function decisionOf(decision: Announcement["decision"], paths: Paths): object {
  if (decision.kind === "not-announced") return { no: decision.reason, because: decision.message };
  const withheld = decision.withheld.map(({ address, reason, message }) => [address, { no: reason, because: message }]);
  return {
    ...Object.fromEntries(decision.offers.map((offer) => [offer.peer, offerOf(offer, paths.get(offer.peer))])),
    ...(withheld.length > 0 && { withheld: Object.fromEntries(withheld) as object }),
  };
}

function offerOf(offer: Offer, paths: ReadonlyMap<Prefix, PathAttributes> | undefined): object | string {
  switch (offer.kind) {
    case "offered":
      return Object.fromEntries(offer.prefixes.map((prefix) => [prefix, attributesText(paths?.get(prefix))]));
    case "not-named":
      return `no: not named by BGPAdvertisement ${offer.policies.join(", ")}`;
    case "family-not-carried":
      return `no: the session does not carry ${offer.families.join(", ")}`;
  }
}

/** Every attribute that is set, under its own name. */
function attributesText(attributes: PathAttributes | undefined): string {
  if (attributes === undefined) return "bug: offered, but not desired";
  const words = Object.entries(attributes).flatMap(([name, value]) => {
    const text = (Array.isArray(value) ? value : [value]).join(" ");
    return text === "" || (text === "0" && name !== "med") ? [] : [`${name} ${text}`];
  });
  return words.length === 0 ? "no attributes" : words.join(", ");
}

/** Only of Services for which the controller has something to do. */
function assignmentsOf(outcomes: readonly Outcome[]): object {
  const told = outcomes.flatMap(({ key, state, before }) => {
    if (state.kind === "waiting") return [[key, `waiting: ${state.refusal.message}`]];
    if (state.kind === "not-load-balancer" || String(state.addresses) === String(before)) return [];
    return [[key, state.addresses.map((address, i) => `${address} of ${state.pools[i]}`).join(", ")]];
  });
  return told.length === 0 ? {} : { assignments: Object.fromEntries(told) as object };
}

const owner: OwnerReference = { apiVersion: "v1", kind: "Pod", name: "speaker", uid: "1" };

interface Look {
  readonly viewer: Viewer;
  readonly config: Config;
  readonly decision: Decision;
}

const statusWrites = ({ viewer, config, decision }: Look, existing: readonly ServiceBgpStatus[]): readonly Write[] =>
  serviceBgpWrites({
    node: viewer.node,
    namespace: "metallb-system",
    owner,
    peers: config.peers,
    announcements: decision.announcements,
    observed: everythingSent(decision.desired),
    existing,
  });

/** Every session is up, and was sent all that is desired. */
const everythingSent = ({ routers }: BgpDesired): BgpObserved => ({
  sessions: routers.flatMap(({ vrf, peers }) =>
    peers.map(({ peer, paths }) => ({
      vrf,
      neighbor: neighborOf(peer),
      state: "Established",
      sent: new Set(paths.map(({ prefix }) => prefix)),
    })),
  ),
});

/** The statuses as the API has them once all is written. */
function taken(existing: readonly ServiceBgpStatus[], writes: readonly Write[]): readonly ServiceBgpStatus[] {
  const all = new Map(existing.map((object) => [object.metadata.name, object]));
  for (const write of writes) {
    const { name } = write.kind === "create" ? write.object.metadata : write.object;
    if (write.kind === "delete") all.delete(name);
    if (write.kind === "create") all.set(name, { ...write.object, status: write.status } as ServiceBgpStatus);
    if (write.kind === "patch-status") all.set(name, { ...all.get(name), ...write.body } as ServiceBgpStatus);
  }
  return sortedBy([...all.values()], serviceOf);
}

/** `Valid`, or the result with its summary, as the program's ConfigurationState says it. */
function verdict(viewer: Viewer | undefined, problems: readonly Problem[]): string {
  const [write] = configurationStateWrites({
    component: viewer ? { kind: "speaker", node: viewer.node } : { kind: "controller" },
    namespace: "metallb-system",
    owner,
    problems,
    now: "2026-01-01T00:00:00Z",
    existing: undefined,
  });
  const { result, errorSummary } = (write?.kind === "create" ? write.status : {}) as Record<string, string>;
  return errorSummary === "" ? `${result}` : `${result}\n${errorSummary}`;
}

const problemText = ({ severity, reason, message }: Problem): string => `${severity} (${reason}): ${message}`;

function commandText(step: Step): string {
  if (step.kind === "settle") return `bgpd: wait until it has ${step.prefixes.join(" and ")}\n`;
  const together = step.kind === "start" ? ", in one piece" : "";
  const context = ["configure", ...step.context].join(" > ");
  const lines = step.lines.map((line) => `  ${line.replace(/( password ).*/, "$1****")}\n`);
  return `${step.daemon}: ${context}${together}\n${lines.join("")}`;
}
