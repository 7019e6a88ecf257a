import { advertisement, onNode, peer, secret, service, toSpine } from "./manifests.ts";
import { apply, both, inside, run, type Scenario } from "./scenario.ts";

/** Each field of a BGPPeer, as the router at the other end sees the session. */

const web = "10.100.0.0/32";
const announced = (name: string): readonly string[] => [advertisement("web"), service(name)];
const up = { bgpState: "Established", connectionsEstablished: 1 };
const sessionsOf = (shown: object) => ({ "10.0.0.11": { ...up, ...shown }, "10.0.0.12": { ...up, ...shown } });

export const sessions: readonly Scenario[] = [
  {
    name: "a second router",
    shows: "a session with each node, AS 64513, and the address; nothing any more when the BGPPeer goes",
    spine: { asn: 64514 },
    manifests: [toSpine("peerASN: 64514"), ...announced("session-1")],
    holds: {
      // The router knows each node by its name.
      sessions: {
        "10.0.0.11": { ...up, remoteAs: 64513, bgpTimerHoldTimeMsecs: 180_000, hostname: "node1" },
        "10.0.0.12": { ...up, remoteAs: 64513, bgpTimerHoldTimeMsecs: 180_000, hostname: "node2" },
      },
      spine: { [web]: both() },
      tor: { [web]: both() },
    },
    next: [
      {
        does: "the BGPPeer goes",
        acts: [{ kind: "kubectl", args: ["delete", "bgppeer", "spine", "-n", "metallb-system"] }],
        holds: {
          sessions: { "10.0.0.11": { bgpState: "Active" }, "10.0.0.12": { bgpState: "Active" } },
          spine: {},
          tor: { [web]: both() },
        },
      },
    ],
  },
  {
    name: "a BGPPeer of version v1beta1",
    shows: "the same session as of v1beta2, with the hold time that it asks for",
    spine: { asn: 64514 },
    manifests: [
      toSpine("peerASN: 64514\nholdTime: 30s")
        .replace("metallb.io/v1beta2", "metallb.io/v1beta1")
        .replace(/\n +connectTime: 1s/, ""),
      ...announced("session-2"),
    ],
    holds: { sessions: sessionsOf({ bgpTimerHoldTimeMsecs: 30_000 }), spine: { [web]: both() } },
  },
  {
    name: "localASN",
    shows: "AS 65010 in the OPEN and in the AS path, in place of 64513",
    spine: { asn: 64514, nodeASN: 65010 },
    manifests: [toSpine("peerASN: 64514\nlocalASN: 65010"), ...announced("session-3")],
    holds: { sessions: sessionsOf({ remoteAs: 65010 }), spine: { [web]: both({ asPath: "65010" }) } },
  },
  {
    name: "dynamicASN: external",
    shows: "a session, though nobody wrote the router's number: 4200000001",
    spine: { asn: 4_200_000_001 },
    manifests: [toSpine("dynamicASN: external"), ...announced("session-4")],
    holds: { sessions: sessionsOf({ localAs: 4_200_000_001 }), spine: { [web]: both() } },
  },
  {
    name: "dynamicASN: internal",
    shows: "a session within AS 64513: an empty AS path, local preference 100",
    spine: { asn: 64513 },
    manifests: [toSpine("dynamicASN: internal"), ...announced("session-5")],
    holds: { sessions: sessionsOf({ localAs: 64513 }), spine: { [web]: both({ asPath: inside, localPref: 100 }) } },
  },
  {
    name: "a wrong AS number, put right",
    shows: "no session; the BGPPeer's events say Bad Peer AS; a session once it is right",
    spine: { asn: 64514 },
    manifests: [toSpine("peerASN: 64999"), ...announced("session-6")],
    holds: {
      spine: {},
      tor: { [web]: both() },
      says: { "describe bgppeer spine -n metallb-system": "Bad Peer AS" },
    },
    next: [
      {
        does: "the right number",
        acts: [apply(toSpine("peerASN: 64514"))],
        holds: { sessions: sessionsOf({}), spine: { [web]: both() } },
      },
    ],
  },
  {
    name: "peerPort",
    shows: "a session that came in at port 1790",
    spine: { asn: 64514 },
    manifests: [toSpine("peerASN: 64514\npeerPort: 1790"), ...announced("session-7")],
    holds: {
      sessions: sessionsOf({}),
      spine: { [web]: both() },
      hosts: { "node1: ss -Htn state established dst 10.0.0.2": /10\.0\.0\.2:1790/ },
    },
  },
  {
    name: "holdTime and keepaliveTime",
    shows: "both negotiated: 9 s and 3 s",
    spine: { asn: 64514 },
    manifests: [toSpine("peerASN: 64514\nholdTime: 9s\nkeepaliveTime: 3s"), ...announced("session-8")],
    holds: {
      sessions: sessionsOf({ bgpTimerHoldTimeMsecs: 9_000, bgpTimerKeepAliveIntervalMsecs: 3_000 }),
      spine: { [web]: both() },
    },
  },
  {
    name: "no hold time at all",
    shows: "hold time 0: the session never ends for silence (RFC 4271 §4.2)",
    spine: { asn: 64514 },
    manifests: [toSpine("peerASN: 64514\nholdTime: 0s\nkeepaliveTime: 0s"), ...announced("session-9")],
    holds: { sessions: sessionsOf({ bgpTimerHoldTimeMsecs: 0 }), spine: { [web]: both() } },
  },
  {
    name: "connectTime, and a router that comes late",
    shows: "a session seconds after the router is there; without connectTime FRR 8.4 waits two minutes",
    scene: [run("node1", "nstat", "-n")],
    manifests: [toSpine("peerASN: 64514\nconnectTime: 2s"), ...announced("session-10")],
    holds: {
      tor: { [web]: both() },
      // Refused since the scene was set.
      hosts: { "node1: nstat -sz TcpAttemptFails": /TcpAttemptFails +[1-9]/ },
    },
    next: [
      {
        does: "the router comes",
        acts: [{ kind: "spine", spine: { asn: 64514 } }],
        holds: { sessions: sessionsOf({}), spine: { [web]: both() } },
      },
    ],
  },
  {
    name: "routerID",
    shows: "10.250.0.1 as node1's BGP identifier",
    spine: { asn: 64514 },
    editsShared: true,
    // All peers of a node have one router ID.
    manifests: [
      peer(
        "tor",
        `myASN: 64513\npeerASN: 64512\npeerAddress: 10.0.0.1\nconnectTime: 1s\nrouterID: 10.250.0.1\n${onNode("node1")}`,
      ),
      toSpine(`peerASN: 64514\nrouterID: 10.250.0.1\n${onNode("node1")}`),
      ...announced("session-11"),
    ],
    holds: {
      sessions: { "10.0.0.11": { ...up, remoteRouterId: "10.250.0.1" } },
      spine: { [web]: { node1: {} } },
      tor: { [web]: { node1: {} } },
    },
  },
  {
    name: "sourceAddress",
    shows: "a session from 10.0.0.77, another address of node1, which is also the next hop",
    spine: { asn: 64514, neighbors: ["10.0.0.77"] },
    scene: [run("node1", "ip", "address", "add", "10.0.0.77/24", "dev", "eth0")],
    manifests: [toSpine(`peerASN: 64514\nsourceAddress: 10.0.0.77\n${onNode("node1")}`), ...announced("session-12")],
    holds: {
      sessions: { "10.0.0.77": up },
      spine: { [web]: { "10.0.0.77": {} } },
      hosts: { "spine: ip route show 10.100.0.0": /via 10\.0\.0\.77 / },
    },
    undo: [run("node1", "ip", "address", "del", "10.0.0.77/24", "dev", "eth0")],
  },
  {
    name: "ebgpMultiHop, to a router's loopback",
    shows: "a session with 10.255.0.2, two hops away, by way of the first router",
    spine: { asn: 64514, options: ["ebgp-multihop 255", "update-source 10.255.0.2"] },
    manifests: [toSpine("peerASN: 64514\npeerAddress: 10.255.0.2\nebgpMultiHop: true"), ...announced("session-13")],
    holds: { sessions: sessionsOf({ hostLocal: "10.255.0.2" }), spine: { [web]: both() } },
  },
  {
    name: "iBGP to a router's loopback",
    shows: "a session with 10.255.0.2, which needs no ebgpMultiHop",
    spine: { asn: 64513, options: ["update-source 10.255.0.2"] },
    manifests: [toSpine("peerASN: 64513\npeerAddress: 10.255.0.2"), ...announced("session-14")],
    holds: {
      sessions: sessionsOf({ hostLocal: "10.255.0.2" }),
      spine: { [web]: both({ asPath: inside, localPref: 100 }) },
    },
  },
  {
    name: "passwordSecret",
    shows:
      "a session signed by TCP MD5 (RFC 2385); none while the two passwords differ; one again when both have the new one",
    spine: { asn: 64514, options: ["password first"] },
    manifests: [
      toSpine("peerASN: 64514\npasswordSecret:\n  name: spine-password"),
      secret("spine-password", "first"),
      ...announced("session-15"),
    ],
    holds: { sessions: sessionsOf({}), spine: { [web]: both() } },
    next: [
      {
        does: "the Secret changes, and the router knows nothing of it",
        acts: [apply(secret("spine-password", "second"))],
        holds: {
          spine: {},
          tor: { [web]: both() },
          sessions: { "10.0.0.11": { bgpState: "Active" }, "10.0.0.12": { bgpState: "Active" } },
          hosts: { "spine: nstat -asz TcpExtTCPMD5Failure": /TCPMD5Failure +[1-9]/ },
          says: { "describe bgppeer spine -n metallb-system": "SessionDown" },
        },
      },
      {
        does: "the router gets the new password",
        acts: [{ kind: "spine", spine: { asn: 64514, options: ["password second"] } }],
        holds: { sessions: sessionsOf({}), spine: { [web]: both() } },
      },
    ],
  },
  {
    name: "passwordSecret that is not there yet",
    shows: "no session, the speakers say which Secret is missing; a session as soon as it is there",
    spine: { asn: 64514, options: ["password first"] },
    manifests: [toSpine("peerASN: 64514\npasswordSecret:\n  name: late-password"), ...announced("session-16")],
    holds: {
      spine: {},
      tor: { [web]: both() },
      says: { "describe configurationstate speaker-node1 -n metallb-system": "late-password" },
    },
    next: [
      {
        does: "the Secret comes",
        acts: [apply(secret("late-password", "first"))],
        holds: { sessions: sessionsOf({}), spine: { [web]: both() } },
      },
    ],
    undo: [
      { kind: "kubectl", args: ["delete", "secret", "late-password", "-n", "metallb-system", "--ignore-not-found"] },
    ],
  },
  {
    name: "enableGracefulRestart",
    shows: "a node that restarts gracefully (RFC 4724), not only one that helps",
    spine: { asn: 64514, options: ["graceful-restart"] },
    manifests: [toSpine("peerASN: 64514\nenableGracefulRestart: true"), ...announced("session-17")],
    holds: {
      sessions: sessionsOf({ gracefulRestartInfo: { remoteGrMode: "Restart" } }),
      spine: { [web]: both() },
    },
  },
];
