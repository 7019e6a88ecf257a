import { expect, test } from "vitest";
import type { ObservedSession } from "../announce/desired.ts";
import { config, peer } from "../announce/testing/world.ts";
import type { BgpSessionStatus } from "../api/kinds/index.ts";
import type { Problem } from "../api/problem.ts";
import { bgpSessionWrites } from "./bgp-session.ts";

const owner = { apiVersion: "v1", kind: "Pod", name: "speaker-x", uid: "u" };
const nowMs = Date.parse("2026-01-02T00:00:00Z");
const base = {
  node: "n1",
  namespace: "metallb-system",
  owner,
  peers: config({ peers: [peer("tor", "10.0.0.1")] }).peers,
  problems: [],
  observed: { sessions: [] },
  failure: undefined,
  nowMs,
  existing: [],
};

const upSession: ObservedSession = {
  vrf: "",
  neighbor: "10.0.0.1",
  state: "Established",
  sent: new Set(),
  sinceMs: nowMs - 60_000,
  up: { sentCounts: { ipv4: 3 }, holdTimeSeconds: 90, keepaliveSeconds: 30, families: ["ipv4"] },
};
const downSession = (state: string, rest: Partial<ObservedSession> = {}): ObservedSession => ({
  vrf: "",
  neighbor: "10.0.0.1",
  state,
  sent: new Set(),
  ...rest,
});

type Input = Parameters<typeof bgpSessionWrites>[0];
const writes = (sessions: readonly ObservedSession[], over: Partial<Input> = {}) =>
  bgpSessionWrites({ ...base, observed: { sessions }, ...over });

/** The object that stands once the API server has taken the writes for one peer. */
function standing(sessions: readonly ObservedSession[], over: Partial<Input> = {}): BgpSessionStatus {
  const [first] = writes(sessions, over);
  if (first?.write.kind !== "create") throw new Error("nothing is created");
  return { ...first.write.object, status: first.write.status as NonNullable<BgpSessionStatus["status"]> };
}

const upStatus = {
  node: "n1",
  peer: "tor",
  neighbor: "10.0.0.1",
  bgpStatus: "Established",
  bfdStatus: "N/A",
  since: "2026-01-01T23:59:00Z",
  prefixesSent: { total: 3, ipv4: 3 },
  negotiated: { holdTimeSeconds: 90, keepaliveSeconds: 30, families: ["ipv4"] },
};

test("each peer gets an object of its own, named after node and peer", () => {
  const peers = config({ peers: [peer("tor", "10.0.0.1"), peer("red", "eth1", { vrf: "red" })] }).peers;
  const red: ObservedSession = { ...upSession, vrf: "red", neighbor: "eth1", bfd: "init" };
  const created = writes([upSession, red], { peers });
  expect(created).toMatchObject([
    {
      pace: "at-once",
      write: {
        kind: "create",
        object: {
          kind: "BGPSessionStatus",
          metadata: {
            labels: { "metallb.io/node": "n1", "metallb.io/peer": "red", "metallb.io/vrf": "red" },
            ownerReferences: [owner],
          },
        },
        status: { peer: "red", vrf: "red", neighbor: "eth1", bfdStatus: "Down" },
      },
    },
    { write: { kind: "create", status: upStatus } },
  ]);
  const names = created.map(({ write }) => (write.kind === "create" ? write.object.metadata.name : ""));
  expect(new Set(names).size).toBe(2);
  expect(standing([upSession]).metadata.name).toBe(names[1]);
});

test("looking again writes nothing, though FRR counts its seconds anew", () => {
  const existing = [standing([upSession])];
  for (const drift of [-1000, 0, 1000, 2000]) {
    const sinceMs = (upSession.sinceMs ?? 0) + drift;
    expect(writes([{ ...upSession, sinceMs }], { existing, nowMs: nowMs + 5000 })).toEqual([]);
  }
  const labels = { ...existing[0]?.metadata.labels, "example.com/team": "net" };
  const labelled = existing.map((object) => ({ ...object, metadata: { ...object.metadata, labels } }));
  expect(writes([upSession], { existing: labelled })).toEqual([]);
});

test("a session that goes down loses what it had, and says why and since when", () => {
  const existing = [standing([upSession])];
  const down = downSession("Idle", { downReason: "Hold Timer Expired", sinceMs: nowMs - 1000, bfd: "down" });
  const [told] = writes([down], { existing });
  expect(told).toMatchObject({
    pace: "at-once",
    write: {
      kind: "patch-status",
      body: {
        status: {
          bgpStatus: "Idle",
          bfdStatus: "Down",
          reason: "Hold Timer Expired",
          since: "2026-01-01T23:59:59Z",
          prefixesSent: null,
          negotiated: null,
        },
      },
    },
  });
});

test("a family that is no longer carried is taken away from the counts", () => {
  const both = { ...upSession, up: { ...upStatus.negotiated, families: [], sentCounts: { ipv4: 3, ipv6: 1 } } };
  const [told] = writes([upSession], { existing: [standing([both])] });
  expect(told?.write).toMatchObject({ body: { status: { prefixesSent: { total: 3, ipv4: 3, ipv6: null } } } });
});

test("counts alone may wait, and so may the states of a session that is tried in vain", () => {
  const more = { ...upSession, up: { ...upStatus.negotiated, families: ["ipv4"] as const, sentCounts: { ipv4: 4 } } };
  expect(writes([more], { existing: [standing([upSession])] })).toMatchObject([{ pace: "counts" }]);

  const since = { sinceMs: nowMs - 9000 };
  const trying = standing([downSession("Active", { ...since, downReason: "Waiting for peer OPEN" })]);
  const next = (state: string, rest: Partial<ObservedSession>) =>
    writes([downSession(state, { ...since, ...rest })], { existing: [trying] }).map(({ pace }) => pace);
  expect(next("Connect", { downReason: "Waiting for peer OPEN" })).toEqual(["trying"]);
  expect(next("Idle", { downReason: "Waiting for NHT" })).toEqual(["trying"]);
  expect(next("Active", { downReason: "OPEN Message Error/Bad Peer AS" })).toEqual(["at-once"]);
  expect(next("Active", { downReason: "Waiting for peer OPEN", bfd: "up" })).toEqual(["at-once"]);
});

test("where FRR does not tell since when, the time of the first look stands through all tries", () => {
  const first = standing([downSession("Idle")]);
  expect(first.status?.since).toBe("2026-01-02T00:00:00Z");
  const [later] = writes([downSession("Connect")], { existing: [first], nowMs: nowMs + 60_000 });
  expect(later?.write).toMatchObject({ body: { status: { since: "2026-01-02T00:00:00Z" } } });
});

test.each<[string, Partial<Input>, string]>([
  ["FRR does not show it", {}, "FRR does not show this peer"],
  ["FRR has refused it", { failure: "bgpd: % Invalid" }, "bgpd: % Invalid"],
])("a peer that %s is Unknown, with the reason", (_, over, reason) => {
  expect(standing([], over).status).toMatchObject({ bgpStatus: "Unknown", bfdStatus: "N/A", reason });
});

test("a peer that is refused before FRR hears of it is Unknown, and warnings are no refusal", () => {
  const problem = (name: string, severity: Problem["severity"]): Problem => ({
    object: { apiVersion: "metallb.io/v1beta2", kind: "BGPPeer", name },
    field: "spec.myASN",
    reason: "Required",
    message: `BGPPeer ${name}: spec.myASN is missing`,
    severity,
  });
  const problems = [problem("bad", "refused"), problem("elsewhere", "warning"), problem("tor", "refused")];
  const told = writes([upSession], { problems });
  expect(told.map(({ write }) => write.kind === "create" && write.status)).toMatchObject([
    { peer: "bad", bgpStatus: "Unknown", reason: "BGPPeer bad: spec.myASN is missing" },
    upStatus,
  ]);
});

test("a peer whose own lines FRR has refused says that, and not what else went wrong", () => {
  const problems: readonly Problem[] = [
    {
      object: { apiVersion: "metallb.io/v1beta2", kind: "BGPPeer", name: "tor" },
      field: "spec",
      reason: "Invalid",
      message: "FRR refuses it",
      severity: "refused",
    },
  ];
  expect(standing([], { problems, failure: "bgpd: something else" }).status?.reason).toBe("FRR refuses it");
});

test("the object goes with the peer, and a new Pod takes it over", () => {
  const existing = [standing([upSession])];
  expect(writes([], { existing, peers: [] })).toMatchObject([{ pace: "at-once", write: { kind: "delete" } }]);
  expect(writes([upSession], { existing, owner: { ...owner, uid: "v" } })).toMatchObject([
    { write: { kind: "patch", body: { metadata: { ownerReferences: [{ uid: "v" }] } } } },
  ]);
});

test("a name that no label can hold is in the status alone", () => {
  const peers = [peer("p".repeat(80), "10.0.0.1", { vrf: "a@b" })];
  expect(standing([], { peers }).metadata.labels).toEqual({ "metallb.io/node": "n1" });
});
