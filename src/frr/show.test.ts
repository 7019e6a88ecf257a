import { expect, test } from "vitest";
import { isSettled, readAdvertisedTo, readBfd, readNeighbors, readSent } from "./show.ts";

test("neighbors of every VRF, up, down and never tried", () => {
  const shown = {
    default: {
      vrfId: 0,
      vrfName: "default",
      eth0: { bgpState: "Idle", lastResetDueTo: "Waiting for Peer IPv6 LLA", addressFamilyInfo: { ipv4Unicast: {} } },
      "10.0.0.1": {
        bgpState: "Established",
        lastResetDueTo: "Waiting for peer OPEN",
        messageStats: { opensSent: 2 },
        bgpTimerUpEstablishedEpoch: 1795628455,
        bgpTimerHoldTimeMsecs: 90_000,
        bgpTimerKeepAliveIntervalMsecs: 30_000,
        lastResetTimerMsecs: 3000,
        neighborCapabilities: {
          multiprotocolExtensions: {
            ipv4Unicast: { advertisedAndReceived: true },
            ipv6Unicast: { advertised: true },
          },
        },
        addressFamilyInfo: { ipv4Unicast: { sentPrefixCounter: 3 }, ipv6Unicast: { sentPrefixCounter: 1 } },
      },
    },
    red: {
      vrfId: 7,
      vrfName: "red",
      "10.4.4.4": {
        bgpState: "Active",
        lastResetDueTo: "BGP Notification send",
        lastNotificationReason: "OPEN Message Error/Bad Peer AS",
        lastResetTimerMsecs: 5000,
      },
    },
    blue: {
      vrfId: -1,
      vrfName: "blue",
      "10.5.5.5": { bgpState: "Idle", lastResetDueTo: "No AFI/SAFI activated for peer" },
    },
  };
  expect(readNeighbors(JSON.stringify(shown))).toEqual([
    {
      vrf: "",
      neighbor: "eth0",
      state: "Idle",
      downReason: "Waiting for Peer IPv6 LLA",
      sentPrefixes: 0,
      messages: {},
    },
    {
      vrf: "",
      neighbor: "10.0.0.1",
      state: "Established",
      upSince: 1795628455,
      up: { sentCounts: { ipv4: 3, ipv6: 1 }, holdTimeSeconds: 90, keepaliveSeconds: 30, families: ["ipv4"] },
      sentPrefixes: 4,
      messages: { opensSent: 2 },
    },
    {
      vrf: "red",
      neighbor: "10.4.4.4",
      state: "Active",
      downReason: "BGP Notification send (OPEN Message Error/Bad Peer AS)",
      downForMs: 5000,
      sentPrefixes: 0,
      messages: {},
    },
    {
      vrf: "blue",
      neighbor: "10.5.5.5",
      state: "Idle",
      downReason: 'this node has no VRF "blue"',
      sentPrefixes: 0,
      messages: {},
    },
  ]);
});

test("no BGP yet is no neighbor", () => {
  expect([readNeighbors("{}"), readSent("{}"), readBfd("[]"), readAdvertisedTo("{}")]).toEqual([[], [], [], []]);
});

test("only a session that is up has sent anything", () => {
  const peer = { state: "Active", pfxSnt: 9, tableVersion: 0, connectionsEstablished: 1 };
  const json = JSON.stringify({ default: { ipv4Unicast: { tableVersion: 7, peers: { "10.0.0.1": peer } } } });
  expect(readSent(json)).toEqual([{ vrf: "", family: "ipv4", neighbor: "10.0.0.1", count: 0, stamp: "7 0 1 0" }]);
});

test.each([
  ["its best path is chosen", [{ local: true, valid: true, bestpath: { overall: true } }], true],
  ["not yet", [{ local: true, valid: true }], false],
  ["its VRF has no device", [{ local: true, valid: false }], true],
  ["another's path", [{ valid: true, bestpath: {} }], false],
])("settled: %s", (_, paths, expected) => {
  expect(isSettled(JSON.stringify({ paths }))).toBe(expected);
});
