import { advertisement, bfdProfile, onNode, pool, service, toSpine } from "./manifests.ts";
import { apply, both, run, type Scenario } from "./scenario.ts";

/** BFD beside the session, as the router at the other end measures and negotiates it. */

const web = "10.100.0.0/32";
/** Not counted from the start: where BFD is up before BGP, FRR begins it anew with the session, which the other end takes for an end. */
const up = { bgpState: "Established" };
const sessions = { "10.0.0.11": up, "10.0.0.12": up };
const announced = (name: string): readonly string[] => [advertisement("web"), service(name)];
const watched = "peerASN: 64514\nbfdProfile: fast";
const intervals = "receiveInterval: 300\ntransmitInterval: 300";
const fast = `${intervals}\ndetectMultiplier: 3`;
/** Where sessions are counted: seconds without a turn on a busy machine must not end one. */
const patient = `${intervals}\ndetectMultiplier: 20`;
const spine = {
  asn: 64514,
  options: ["bfd", "bfd profile spine"],
  bfd: ["receive-interval 300", "transmit-interval 300", "detect-multiplier 20"],
};
/** For an end that must find out that the other one has begun anew. */
const quickSpine = { ...spine, bfd: ["receive-interval 300", "transmit-interval 300"] };
const bothUp = (shown: object) => ({
  "10.0.0.11": { status: "up", ...shown },
  "10.0.0.12": { status: "up", ...shown },
});

export const bfd: readonly Scenario[] = [
  {
    name: "BFD, 300 ms three times",
    shows: "BFD up with both nodes, with their intervals and multiplier",
    spine,
    manifests: [bfdProfile("fast", fast), toSpine(watched), ...announced("bfd-1")],
    holds: {
      sessions,
      bfd: bothUp({
        multihop: false,
        "remote-receive-interval": 300,
        "remote-transmit-interval": 300,
        "remote-detect-multiplier": 3,
      }),
      spine: { [web]: both() },
    },
  },
  {
    name: "a BFDProfile that is edited",
    shows: "the new intervals and multiplier, in the session that is there",
    spine,
    manifests: [bfdProfile("fast", patient), toSpine(watched), ...announced("bfd-2")],
    holds: { sessions, bfd: bothUp({ "remote-detect-multiplier": 20 }), spine: { [web]: both() } },
    next: [
      {
        does: "slower",
        keeps: ["10.0.0.11", "10.0.0.12"],
        acts: [apply(bfdProfile("fast", "receiveInterval: 400\ntransmitInterval: 500\ndetectMultiplier: 27"))],
        holds: {
          sessions,
          bfd: bothUp({
            "remote-receive-interval": 400,
            "remote-transmit-interval": 500,
            "remote-detect-multiplier": 27,
          }),
          spine: { [web]: both() },
        },
      },
    ],
  },
  {
    name: "a BFDProfile that says nothing",
    shows: "FRR's own: 300 ms three times",
    spine,
    manifests: [bfdProfile("fast", ""), toSpine(watched), ...announced("bfd-3")],
    holds: {
      sessions,
      bfd: bothUp({
        "remote-receive-interval": 300,
        "remote-transmit-interval": 300,
        "remote-detect-multiplier": 3,
      }),
    },
  },
  {
    name: "silence",
    shows: "node1's paths go by BFD, not by hold time, and node2's stay; they are back with the packets",
    spine,
    manifests: [bfdProfile("fast", patient), toSpine(watched), ...announced("bfd-4")],
    holds: { sessions, bfd: bothUp({}), spine: { [web]: both() } },
    next: [
      {
        does: "nothing of node1 gets to the router any more",
        keeps: ["10.0.0.12"],
        acts: [
          run("node1", "nft", "add table ip silence { chain out { type filter hook output priority 0; }; }"),
          run("node1", "nft", "add rule ip silence out ip daddr 10.0.0.2 drop"),
        ],
        holds: {
          spine: { [web]: { node2: {} } },
          bfd: { "10.0.0.11": { status: "down" }, "10.0.0.12": { status: "up" } },
          sessions: { "10.0.0.12": up },
          tor: { [web]: both() },
        },
      },
      {
        does: "it does again",
        acts: [run("node1", "nft", "delete table ip silence")],
        holds: { spine: { [web]: both() }, bfd: bothUp({}) },
      },
    ],
    // Also where the steps were not all taken.
    undo: [run("node1", "nft", "add table ip silence"), run("node1", "nft", "delete table ip silence")],
  },
  {
    name: "BFD over two hops",
    shows: "a multihop BFD session with the router's loopback, beside ebgpMultiHop",
    spine: {
      ...spine,
      options: ["ebgp-multihop 255", "update-source 10.255.0.2", ...spine.options],
    },
    manifests: [
      bfdProfile("fast", `${fast}\nminimumTtl: 200`),
      toSpine(`${watched}\npeerAddress: 10.255.0.2\nebgpMultiHop: true`),
      ...announced("bfd-5"),
    ],
    holds: { sessions, bfd: bothUp({ multihop: true, local: "10.255.0.2" }), spine: { [web]: both() } },
  },
  {
    name: "passiveMode",
    shows: "BFD down while both ends wait for the other; up as soon as the router begins",
    spine: { ...quickSpine, bfd: [...quickSpine.bfd, "passive-mode"] },
    manifests: [bfdProfile("fast", `${fast}\npassiveMode: true`), toSpine(watched), ...announced("bfd-6")],
    holds: {
      spine: { [web]: both() },
      bfd: { "10.0.0.11": { status: "down" }, "10.0.0.12": { status: "down" } },
    },
    next: [
      {
        does: "the router begins",
        acts: [{ kind: "spine", spine: quickSpine }],
        holds: { bfd: bothUp({}), spine: { [web]: both() } },
      },
    ],
  },
  {
    name: "echoMode and echoInterval",
    shows: "that the nodes take echo packets every 100 ms, and send theirs",
    spine: { ...spine, bfd: [...spine.bfd, "echo-mode", "echo transmit-interval 100", "echo receive-interval 100"] },
    manifests: [
      pool("four", "addresses: [10.101.0.0/24]"),
      bfdProfile("fast", `${patient}\nechoMode: true\nechoInterval: 100`),
      toSpine(watched),
      advertisement("web", "ipAddressPools: [four]"),
      service("bfd-four", "", "annotations:\n  metallb.io/address-pool: four"),
    ],
    holds: {
      sessions,
      bfd: bothUp({ "remote-echo-receive-interval": 100 }),
      spine: { "10.101.0.0/32": both() },
    },
  },
  {
    name: "BFD over an unnumbered peer",
    shows: "BFD up between the link-local addresses",
    spine: { ...spine, neighbors: ["node1"] },
    manifests: [
      bfdProfile("fast", patient),
      toSpine(`dynamicASN: external\ninterface: spine\nbfdProfile: fast\n${onNode("node1")}`),
      ...announced("bfd-7"),
    ],
    holds: { spine: { [web]: { node1: {} } }, sessions: { node1: { ...up, peerBfdInfo: { status: "Up" } } } },
  },
];
