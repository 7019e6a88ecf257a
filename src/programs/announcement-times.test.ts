import { beforeEach, expect, test } from "vitest";
import { type Change, changesBetween } from "../announce/changes.ts";
import { decide, type Decision } from "../announce/decide.ts";
import type { ObservedSession } from "../announce/desired.ts";
import { advertisement, config, peer, service, snapshot } from "../announce/testing/world.ts";
import { parsePrefix } from "../net/prefix.ts";
import { AnnouncementTimes } from "./announcement-times.ts";

const world = config({ peers: [peer("a", "10.0.0.1"), peer("b", "10.0.0.2")] });

let now: number;
let recorded: string[];
let times: AnnouncementTimes;
let before: Decision;

beforeEach(() => {
  now = 0;
  recorded = [];
  times = new AnnouncementTimes(
    ({ stage, change }, seconds) => recorded.push(`${change} ${stage} ${seconds}`),
    () => now,
  );
  before = decision();
  turn(before, []);
});

function decision(names: readonly string[] = [], of = world): Decision {
  const services = names.map((name) => service(name, { has: [`10.100.0.${name.length}`] }));
  return decide({ config: of, snapshot: snapshot(services), node: "n1", ignoreExcludeLB: false, lbClass: "" });
}

const session = (neighbor: string, sent: readonly string[], state = "Established"): ObservedSession => ({
  vrf: "",
  neighbor,
  state,
  sent: new Set(sent.flatMap((text) => parsePrefix(text) ?? [])),
});

/** A turn that an event began 10 ms before, whose lines FRR took 2 ms to answer, and that looked 3 ms later. */
function turn(next: Decision, sessions: readonly ObservedSession[], reached = true): void {
  const changes: readonly Change[] = changesBetween(before.announcements, next.announcements);
  times.received();
  now += 10;
  times.begin();
  now += 2;
  times.acknowledged();
  now += 3;
  times.end({ changes, desired: next.desired, observed: { sessions }, reached });
  before = next;
}

const [first, second] = ["10.100.0.1/32", "10.100.0.2/32"];

test("from the event to the answer, and to the last of the peers that are up", () => {
  turn(decision(["w"]), [session("10.0.0.1", []), session("10.0.0.2", [])]);
  expect(recorded).toEqual(["announce acknowledged 0.012"]);
  turn(before, [session("10.0.0.1", [first]), session("10.0.0.2", [])]);
  expect(recorded.length).toBe(1);
  turn(before, [session("10.0.0.1", [first]), session("10.0.0.2", [first])]);
  expect(recorded).toEqual(["announce acknowledged 0.012", "announce sent 0.045"]);
  turn(decision(), [session("10.0.0.1", []), session("10.0.0.2", [])]);
  expect(recorded.slice(2)).toEqual(["withdraw acknowledged 0.012", "withdraw sent 0.015"]);
  turn(before, []);
  expect(recorded.length).toBe(4);
});

test("a peer that is down is not waited for, and with none up nothing was sent", () => {
  turn(decision(["w"]), [session("10.0.0.1", [first]), session("10.0.0.2", [], "Active")]);
  expect(recorded).toEqual(["announce acknowledged 0.012", "announce sent 0.015"]);
  turn(decision(["w", "xx"]), []);
  turn(before, [session("10.0.0.1", [first, second]), session("10.0.0.2", [first, second])]);
  expect(recorded.slice(2)).toEqual(["announce acknowledged 0.012"]);
});

test("what FRR does not answer is not acknowledged until it does", () => {
  turn(decision(["w"]), [], false);
  expect(recorded).toEqual([]);
  turn(before, [session("10.0.0.1", [first])]);
  expect(recorded).toEqual(["announce acknowledged 0.027", "announce sent 0.03"]);
});

test("the first turn after a start is no event", () => {
  times = new AnnouncementTimes(
    () => recorded.push("anything"),
    () => now,
  );
  turn(decision(["w"]), [session("10.0.0.1", [first])]);
  turn(before, [session("10.0.0.1", [first])]);
  expect(recorded).toEqual([]);
});

test("a prefix that another Service keeps is no withdrawal, nor is one that was there an announcement", () => {
  const aggregated = config({ ...world, bgpAdvertisements: [advertisement("adv", { aggregationLength: 24 })] });
  turn(decision(["w"], aggregated), [session("10.0.0.1", ["10.100.0.0/24"])]);
  recorded.length = 0;
  turn(decision(["w", "xx"], aggregated), [session("10.0.0.1", ["10.100.0.0/24"])]);
  turn(decision(["xx"], aggregated), [session("10.0.0.1", ["10.100.0.0/24"])]);
  expect(recorded).toEqual(["announce acknowledged 0.012", "announce sent 0.015"]);
});

test("what changes back before it was seen, and what is not seen within a minute, is not counted", () => {
  turn(decision(["w"]), [session("10.0.0.1", [])]);
  turn(decision(), [session("10.0.0.1", [])]);
  turn(decision(["w"]), [session("10.0.0.1", [])]);
  now += 61_000;
  turn(before, [session("10.0.0.1", [first])]);
  expect(recorded.filter((line) => line.startsWith("announce sent"))).toEqual([]);
});

test("a turn that changes nothing costs nothing, however many Services there are", () => {
  const many = Array.from({ length: 2_000 }, (_, i) => service(`s${i}`, { has: [`10.100.${i >> 8}.${i & 255}`] }));
  const all = decide({ config: world, snapshot: snapshot(many), node: "n1", ignoreExcludeLB: false, lbClass: "" });
  before = all;
  const sessions = new Proxy([session("10.0.0.1", [])], {
    get: () => {
      throw new Error("somebody looked");
    },
  });
  times.end({ changes: [], desired: all.desired, observed: { sessions }, reached: true });
});
