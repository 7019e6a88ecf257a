import { expect, test } from "vitest";
import { parseRunning } from "./parse.ts";
import { plan } from "./plan.ts";
import { print } from "./print.ts";
import { render } from "./render.ts";
import { addressOf, asnOf, desiredOf, pathOf, peerOf, routerOf } from "./testing/desired.ts";
import { emptyTree, type Tree } from "./tree.ts";

const guide = desiredOf(
  [
    routerOf([
      {
        peer: peerOf("10.0.0.1", { bfdProfile: "fast-detect", password: "secret" }),
        paths: [pathOf("10.100.0.1/32", { communities: ["64512:100"] }), pathOf("10.100.0.2/32", { localPref: 250 })],
      },
    ]),
  ],
  {
    bfdProfiles: [
      {
        name: "fast-detect",
        ref: { apiVersion: "metallb.io/v1beta1", kind: "BFDProfile", name: "fast-detect" },
        receiveInterval: 300,
        detectMultiplier: 5,
        echoMode: true,
      },
    ],
  },
);

test("the guide's peer, in FRR's words", () => {
  expect(print(render(guide, emptyTree))).toMatchInlineSnapshot(`
    "ip nht resolve-via-default
    ipv6 nht resolve-via-default
    bfd
     profile fast-detect
      detect-multiplier 5
      echo-mode
    bgp route-map delay-timer 0
    router bgp 64513
     bgp log-neighbor-changes
     no bgp ebgp-requires-policy
     no bgp default ipv4-unicast
     coalesce-time 0
     bgp graceful-restart preserve-fw-state
     no bgp network import-check
     neighbor 10.0.0.1 remote-as 64512
     neighbor 10.0.0.1 password ****
     neighbor 10.0.0.1 bfd
     neighbor 10.0.0.1 bfd profile fast-detect
     address-family ipv4 unicast
      network 10.100.0.1/32 route-map G1
      network 10.100.0.2/32 route-map G2
      neighbor 10.0.0.1 route-map 10.0.0.1-in in
      neighbor 10.0.0.1 route-map 10.0.0.1-out out
      neighbor 10.0.0.1 activate
    route-map G1 permit 10
     set tag 1
    route-map G2 permit 10
     set tag 2
    route-map 10.0.0.1-in deny 20
    route-map 10.0.0.1-out permit 1
     match tag 1
     set community 64512:100
     set tag 4294967295
    route-map 10.0.0.1-out permit 2
     match tag 2
     set local-preference 250
     set tag 4294967295
    route-map 10.0.0.1-out deny 65535"
  `);
});

test("every field of a peer that adds a line", () => {
  const peer = peerOf("fd00::1", {
    localASN: asnOf(65001),
    sourceAddress: addressOf("fd00::2"),
    peerPort: 1179,
    timers: { holdTimeSeconds: 90, keepaliveSeconds: 30 },
    connectTimeSeconds: 5,
    enableGracefulRestart: true,
  });
  const lines = print(
    render(desiredOf([routerOf([{ peer, paths: [] }], { routerID: addressOf("10.0.0.2") })]), emptyTree),
  );
  expect(
    lines.split("\n").filter((line) => line.includes("fd00::1") || line.includes("router-id")),
  ).toMatchInlineSnapshot(`
    [
      " bgp router-id 10.0.0.2",
      " neighbor fd00::1 remote-as 64512",
      " neighbor fd00::1 local-as 65001 no-prepend replace-as",
      " neighbor fd00::1 disable-connected-check",
      " neighbor fd00::1 port 1179",
      " neighbor fd00::1 update-source fd00::2",
      " neighbor fd00::1 timers 30 90",
      " neighbor fd00::1 timers connect 5",
      " neighbor fd00::1 graceful-restart",
      "  neighbor fd00::1 route-map fd00::1-in in",
      "  neighbor fd00::1 route-map fd00::1-out out",
      "  neighbor fd00::1 activate",
      "route-map fd00::1-in deny 20",
      "route-map fd00::1-out deny 65535",
    ]
  `);
});

test.each([
  ["IPv6, external, one hop, its own family", {}, true],
  ["both families", { dualStackAddressFamily: true }, false],
  ["multi-hop", { ebgpMultiHop: true }, false],
  ["internal", { remote: { kind: "asn", asn: asnOf(64513) } }, false],
  ["dynamic external", { remote: { kind: "dynamic", mode: "external" } }, true],
] as const)("disable-connected-check: %s", (_, over, expected) => {
  const text = print(render(desiredOf([routerOf([{ peer: peerOf("fd00::1", over), paths: [] }])]), emptyTree));
  expect(text.includes("disable-connected-check")).toBe(expected);
});

test("what 8.4 shows of the guide's peer is what was rendered", () => {
  const running = `frr version 8.4.4
frr defaults traditional
!
hostname node1
log extended metallb
 destination unix /var/run/frr/metallb-events.sock format rfc5424
!
bgp route-map delay-timer 0
router bgp 64513
 bgp log-neighbor-changes
 no bgp ebgp-requires-policy
 no bgp default ipv4-unicast
 coalesce-time 0
 bgp graceful-restart preserve-fw-state
 no bgp network import-check
 neighbor 10.0.0.1 remote-as 64512
 neighbor 10.0.0.1 bfd
 neighbor 10.0.0.1 bfd profile fast-detect
 neighbor 10.0.0.1 password secret
 !
 address-family ipv4 unicast
  network 10.100.0.1/32 route-map G1
  network 10.100.0.2/32 route-map G2
  neighbor 10.0.0.1 activate
  neighbor 10.0.0.1 route-map 10.0.0.1-in in
  neighbor 10.0.0.1 route-map 10.0.0.1-out out
 exit-address-family
exit
!
route-map 10.0.0.1-in deny 20
exit
!
route-map G1 permit 10
 set tag 1
exit
!
route-map 10.0.0.1-out permit 1
 match tag 1
 set community 64512:100
 set tag 4294967295
exit
!
route-map 10.0.0.1-out permit 2
 match tag 2
 set local-preference 250
 set tag 4294967295
exit
!
route-map 10.0.0.1-out deny 65535
exit
!
route-map G2 permit 10
 set tag 2
exit
`;
  const bfd = "frr version 8.4.4\nbfd\n profile fast-detect\n  detect-multiplier 5\n  echo-mode\n exit\n !\nexit\n";
  const nht = "frr version 8.4.4\nip nht resolve-via-default\nipv6 nht resolve-via-default\nno ip forwarding\n";
  const parsed: Tree = {
    ...emptyTree,
    ...parseRunning("zebra", nht),
    ...parseRunning("bgpd", running),
    ...parseRunning("bfdd", bfd),
  };
  expect(plan(guide, parsed).steps).toEqual([]);
});

test("zebra from 9.1 on resolves through the default route unasked", () => {
  expect(
    plan(desiredOf([]), { ...render(desiredOf([]), emptyTree), ...parseRunning("zebra", "frr version 10.3\n") }).steps,
  ).toEqual([]);
});

test("well-known communities read the same by name and by number", () => {
  const text = "route-map A permit 1\n set community no-export 1:1 blackhole\n";
  const { bgpd } = parseRunning("bgpd", text);
  expect([...(bgpd?.get("route-map A permit 1")?.keys() ?? [])]).toEqual(["set community 1:1 65535:666 65535:65281"]);
});
