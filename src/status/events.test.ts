import { describe, expect, test } from "vitest";
import { decide } from "../announce/decide.ts";
import type { ObservedSession } from "../announce/desired.ts";
import { config, peer, service, snapshot } from "../announce/testing/world.ts";
import type { Problem } from "../api/problem.ts";
import { announcedServices, announcementEvents, problemEvents, sessionEvents } from "./events.ts";

describe("sessions", () => {
  const session = (state: string, rest: Partial<ObservedSession> = {}): ObservedSession => ({
    vrf: "",
    neighbor: "10.0.0.1",
    state,
    sent: [],
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
