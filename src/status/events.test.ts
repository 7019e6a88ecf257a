import { describe, expect, test } from "vitest";
import { decide } from "../announce/decide.ts";
import type { ObservedSession } from "../announce/desired.ts";
import { config, peer, service, snapshot } from "../announce/testing/world.ts";
import type { Problem } from "../api/problem.ts";
import {
  absenceEvents,
  announcedServices,
  announcementEvents,
  daemonEvents,
  problemEvents,
  sessionEvents,
} from "./events.ts";

describe("sessions", () => {
  const session = (state: string, rest: Partial<ObservedSession> = {}): ObservedSession => ({
    vrf: "",
    neighbor: "10.0.0.1",
    state,
    sent: new Set(),
    ...rest,
  });
  const up = session("Established");

  test.each<[string, ObservedSession | undefined, ObservedSession, readonly string[]]>([
    ["up after a start is no news", undefined, up, []],
    ["up", session("Active"), up, ['SessionEstablished: BGP session of node "n1" with 10.0.0.1 is established']],
    ["still up", up, up, []],
    [
      "down",
      up,
      session("Idle", { downReason: "Hold Timer Expired" }),
      ['SessionDown: BGP session of node "n1" with 10.0.0.1 is Idle: Hold Timer Expired'],
    ],
    ["never up, without a reason yet", session("Idle"), session("Active"), []],
    [
      "never up, for the same reason",
      session("Idle", { downReason: "Bad Peer AS" }),
      session("Active", { downReason: "Bad Peer AS" }),
      [],
    ],
    [
      "never up, for a reason",
      undefined,
      session("Active", { downReason: "Bad Peer AS" }),
      ['SessionDown: BGP session of node "n1" with 10.0.0.1 is Active: Bad Peer AS'],
    ],
    [
      "BFD up",
      session("Established", { bfd: "down" }),
      session("Established", { bfd: "up" }),
      ['BFDUp: BFD session of node "n1" with 10.0.0.1 is up'],
    ],
    [
      "BFD down",
      session("Established", { bfd: "up" }),
      session("Established", { bfd: "down" }),
      ['BFDDown: BFD session of node "n1" with 10.0.0.1 is down'],
    ],
  ])("%s", (_, before, after, expected) => {
    const events = sessionEvents({
      node: "n1",
      peers: [peer("tor", "10.0.0.1")],
      before: before && { sessions: [before] },
      after: { sessions: [after] },
    });
    expect(events.map(({ reason, message }) => `${reason}: ${message}`)).toEqual(expected);
    for (const { object } of events) expect(object).toMatchObject({ kind: "BGPPeer", name: "tor" });
  });
});

test("a Service's announcement is said when it begins", () => {
  const input = { config: config(), node: "n1", ignoreExcludeLB: false, lbClass: "" };
  const { announcements } = decide({ ...input, snapshot: snapshot([service("a"), service("b", { has: [] })]) });
  expect(announcementEvents("n1", new Set(), announcements)).toEqual([
    {
      object: { apiVersion: "v1", kind: "Service", namespace: "default", name: "a", uid: "uid-a" },
      type: "Normal",
      reason: "nodeAssigned",
      message: 'announcing from node "n1" with protocol "bgp"',
    },
  ]);
  expect(announcementEvents("n1", announcedServices(announcements), announcements)).toEqual([]);
});

test("a problem is said once", () => {
  const problem: Problem = {
    object: { apiVersion: "metallb.io/v1beta2", kind: "BGPPeer", name: "tor" },
    field: "spec.myASN",
    reason: "Required",
    message: "BGPPeer tor: spec.myASN is missing",
    severity: "refused",
  };
  expect(problemEvents([], [problem])).toMatchObject([{ type: "Warning", reason: "ConfigurationError" }]);
  expect(problemEvents([problem], [problem])).toEqual([]);
});

const node = { apiVersion: "v1", kind: "Node", name: "n1", uid: "u" };

test("what happens to FRR is said on the Node, with a few of the lines that were set right", () => {
  const lines = ["router bgp 64513: no network 10.99.0.0/24", "two", "three", "four", "x".repeat(500)];
  const events = daemonEvents(node, [
    { kind: "lost", daemon: "bgpd" },
    { kind: "back", daemon: "bgpd" },
    { kind: "drift", daemon: "bfdd", lines: ["bfd: no profile mine"] },
    { kind: "drift", daemon: "bgpd", lines },
  ]);
  expect(events.map(({ type, reason, message }) => `${type} ${reason}: ${message}`)).toEqual([
    `Warning FRRDaemonLost: FRR's bgpd on node "n1" was lost: its connection closed`,
    `Normal FRRDaemonBack: FRR's bgpd on node "n1" answers again`,
    `Warning FRRDriftRepaired: someone changed the configuration of FRR's bfdd on node "n1"; 1 line set right: "bfd: no profile mine"`,
    `Warning FRRDriftRepaired: someone changed the configuration of FRR's bgpd on node "n1"; 5 lines set right: "router bgp 64513: no network 10.99.0.0/24", "two", "three" and 2 more`,
  ]);
  for (const { object } of events) expect(object).toBe(node);
  const [long] = daemonEvents(node, [{ kind: "drift", daemon: "bgpd", lines: lines.slice(4) }]);
  expect(long?.message.length).toBeLessThan(250);
});

test("that the API server was away is said on the Node, from when to when", () => {
  const [from, to] = [new Date("2026-01-02T00:00:00.500Z"), new Date("2026-01-02T00:10:00Z")];
  expect(absenceEvents(node, [{ from, to }])).toMatchObject([
    {
      object: node,
      reason: "APIServerWasAway",
      message: expect.stringContaining("from 2026-01-02T00:00:00Z to 2026-01-02T00:10:00Z"),
    },
  ]);
});
