import fc from "fast-check";
import { expect, test } from "vitest";
import { decide } from "../announce/decide.ts";
import type { ObservedSession } from "../announce/desired.ts";
import { config, peer, service, snapshot } from "../announce/testing/world.ts";
import type { ServiceBgpStatus } from "../api/kinds/index.ts";
import type { Prefix } from "../net/prefix.ts";
import { sortedBy } from "../std/order.ts";
import { ServiceBgpBook, serviceBgpWrites } from "./service-bgp.ts";

const world = config({
  peers: [peer("tor-b", "10.0.0.2"), peer("tor-a", "10.0.0.1"), peer("red", "10.0.0.1", { vrf: "red" })],
});
const owner = { apiVersion: "v1", kind: "Pod", name: "speaker-x", uid: "u" };
const { announcements } = decide({
  config: world,
  snapshot: snapshot([service("web")]),
  node: "n1",
  ignoreExcludeLB: false,
  lbClass: "",
});

const session = (neighbor: string, sent: readonly string[], vrf = ""): ObservedSession => ({
  vrf,
  neighbor,
  state: "Established",
  sent: new Set(sent as readonly Prefix[]),
});
const writesFor = (sessions: readonly ObservedSession[], existing: readonly ServiceBgpStatus[] = []) =>
  serviceBgpWrites({
    node: "n1",
    namespace: "metallb-system",
    owner,
    peers: world.peers,
    announcements,
    observed: { sessions },
    existing,
  });

const status = (peers: readonly string[], name = "web") => ({
  node: "n1",
  serviceName: name,
  serviceNamespace: "default",
  peers,
});
const object = (name: string, peers?: readonly string[], of = "web"): ServiceBgpStatus => ({
  apiVersion: "metallb.io/v1beta1",
  kind: "ServiceBGPStatus",
  metadata: {
    name,
    namespace: "metallb-system",
    labels: {
      "metallb.io/node": "n1",
      "metallb.io/service-name": of,
      "metallb.io/service-namespace": "default",
    },
  },
  ...(peers && { status: status(peers, of) }),
});

test("a peer is listed once its Adj-RIB-Out has the prefix, in its own VRF", () => {
  const sessions = [
    session("10.0.0.2", ["10.100.0.1/32"]),
    session("10.0.0.1", []),
    session("10.0.0.1", ["10.100.0.1/32"], "red"),
  ];
  expect(writesFor(sessions)).toMatchObject([
    {
      kind: "create",
      object: {
        metadata: { namespace: "metallb-system", labels: object("").metadata.labels, ownerReferences: [owner] },
      },
      status: status(["red", "tor-b"]),
    },
  ]);
});

test("nothing sent, nothing said; what was said goes", () => {
  expect(writesFor([session("10.0.0.1", ["10.9.9.9/32"])])).toEqual([]);
  expect(writesFor([], [object("bgp-1", ["tor-a"])])).toMatchObject([{ kind: "delete", object: { name: "bgp-1" } }]);
});

test.each<[string, readonly ServiceBgpStatus[], readonly object[]]>([
  ["right already", [object("bgp-1", ["tor-a"])], []],
  [
    "created, status not yet written",
    [object("bgp-1")],
    [{ kind: "patch-status", body: { status: status(["tor-a"]) } }],
  ],
  ["edited by somebody", [object("bgp-1", ["x"])], [{ kind: "patch-status", body: { status: status(["tor-a"]) } }]],
  [
    "one too many",
    [object("bgp-2", ["tor-a"]), object("bgp-1", ["tor-a"])],
    [{ kind: "delete", object: { name: "bgp-2" } }],
  ],
  [
    "another Service's, which is gone",
    [object("bgp-0", ["tor-a"], "old"), object("bgp-1", ["tor-a"])],
    [{ kind: "delete", object: { name: "bgp-0" } }],
  ],
])("existing objects: %s", (_, existing, expected) => {
  const writes = writesFor([session("10.0.0.1", ["10.100.0.1/32"])], existing);
  expect(writes).toHaveLength(expected.length);
  expect(writes).toMatchObject(expected);
});

test("what is remembered from turn to turn changes no answer", () => {
  const names = ["a", "b", "c", "d"];
  const decided = names.map(
    (name, i) =>
      decide({
        config: world,
        snapshot: snapshot([service(name, { has: [`10.100.0.${i}`] })]),
        node: "n1",
        ignoreExcludeLB: false,
        lbClass: "",
      }).announcements,
  );
  const objects = names.flatMap((name) => [
    object(`bgp-1${name}`, ["tor-a"], name),
    object(`bgp-2${name}`, ["red", "tor-b"], name),
    object(`bgp-3${name}`, undefined, name),
  ]);
  const prefixes = names.map((_, i) => `10.100.0.${i}/32`);
  const turn = fc.record({
    peers: fc.subarray([...world.peers]),
    services: fc.subarray(decided),
    existing: fc.subarray(objects),
    sent: fc.tuple(fc.subarray(prefixes), fc.subarray(prefixes), fc.subarray(prefixes)),
  });
  fc.assert(
    fc.property(fc.array(turn, { maxLength: 8 }), (turns) => {
      const book = new ServiceBgpBook();
      for (const { peers, services, existing, sent } of turns) {
        const input = {
          node: "n1",
          namespace: "metallb-system",
          owner,
          peers,
          announcements: services.flat(),
          observed: {
            sessions: [session("10.0.0.1", sent[0]), session("10.0.0.2", sent[1]), session("10.0.0.1", sent[2], "red")],
          },
          existing: sortedBy(existing, ({ metadata }) => metadata.name),
        };
        expect([...book.writes(input)]).toEqual(serviceBgpWrites(input));
        expect([...book.writes(input)]).toEqual(serviceBgpWrites(input));
      }
    }),
  );
});
