import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  effectBetween,
  effective,
  isIntact,
  keptBy,
  noEffect,
  policyChanges,
  touchesExtras,
  undone,
} from "./effect.ts";
import { extrasSteps, readExtras, reservedNumbers } from "./extras.ts";
import { parseRunning } from "./parse.ts";
import { emptyTree, type Tree } from "./tree.ts";

const read = (...text: readonly string[]) => readExtras(text.join("\n"));

const placed = (...text: readonly string[]): string[] =>
  read(...text).lines.map(({ daemon, context, line }) => `${daemon}: ${[...context, line].join(" / ")}`);

const whys = (...text: readonly string[]): string[] =>
  read(...text).refused.map(({ number, line, why }) => `${number} ${line}: ${why}`);

describe("reading", () => {
  test("a line stands in the context that is open, whatever its indentation", () => {
    expect(
      placed(
        "! a comment",
        "ip prefix-list  routers\tpermit 10.0.0.0/8",
        "route-map 10.0.0.1-in permit 5",
        "  match ip address prefix-list routers",
        "  router bgp 64513",
        "neighbor 10.0.0.1 timers 3 9",
        "# another",
        "address-family ipv4",
        "",
        "neighbor 10.0.0.1 weight 5",
        " exit-address-family",
        "neighbor 10.0.0.1 description x",
        "address-family ipv6 unicast\r",
        "exit",
        "bgp router-id 1.2.3.4",
        "exit",
        "ip nht resolve-via-default",
        "bfd",
        "profile fast",
        " receive-interval 100",
        "peer 10.0.0.1",
        " profile fast",
        "no route-map old permit 10",
      ),
    ).toEqual([
      "bgpd: ip prefix-list routers seq 5 permit 10.0.0.0/8",
      "bgpd: route-map 10.0.0.1-in permit 5",
      "bgpd: route-map 10.0.0.1-in permit 5 / match ip address prefix-list routers",
      "bgpd: router bgp 64513",
      "bgpd: router bgp 64513 / neighbor 10.0.0.1 timers 3 9",
      "bgpd: router bgp 64513 / address-family ipv4 unicast",
      "bgpd: router bgp 64513 / address-family ipv4 unicast / neighbor 10.0.0.1 weight 5",
      "bgpd: router bgp 64513 / neighbor 10.0.0.1 description x",
      "bgpd: router bgp 64513 / address-family ipv6 unicast",
      "bgpd: router bgp 64513 / bgp router-id 1.2.3.4",
      "zebra: ip nht resolve-via-default",
      "bfdd: bfd",
      "bfdd: bfd / profile fast",
      "bfdd: bfd / profile fast / receive-interval 100",
      "bfdd: bfd / peer 10.0.0.1",
      "bfdd: bfd / peer 10.0.0.1 / profile fast",
      "bgpd: no route-map old permit 10",
    ]);
  });

  test.each([
    ["end", "a command"],
    ["configure terminal", "a command"],
    ["conf t", "a command"],
    ["do show run", "a command"],
    ["write memory", "a command"],
    ["wr", "a command"],
    ["copy x running-config", "a command"],
    ["clear bgp *", "a command"],
    ["no log extended metallb", "logs"],
    ["lo extended metallb", "logs"],
    ["debug bgp updates", "logs"],
    ["hostname other", "container"],
    ["enable password hush", "container"],
    ["password hush", "container"],
    ["no router bgp 64513", "BGPPeers"],
    ["ip route 10.0.0.0/8 10.0.0.1", "does not configure"],
    ["ip protocol bgp route-map x", "does not configure"],
    ["neighbor 10.0.0.1 description a\u0007b", "control characters"],
    [`neighbor 10.0.0.1 description ${"x".repeat(4000)}`, "4030 bytes"],
  ])("%s is not said", (line, why) => {
    const { lines, refused } = read("router bgp 1", line, "bgp router-id 1.2.3.4");
    expect(lines.map((one) => one.number)).toEqual([1, 3]);
    expect(refused).toEqual([
      { number: 2, line: expect.any(String) as string, why: expect.stringContaining(why) as string },
    ]);
    expect(JSON.stringify(refused)).not.toContain("hush");
  });

  test("vtysh's own lines need no word", () => {
    expect(
      read(
        "frr version 10.3",
        "frr defaults traditional",
        "service integrated-vtysh-config",
        "line vty",
        " exec-timeout 0 0",
        "!",
      ),
    ).toEqual({
      lines: [],
      refused: [],
    });
  });

  test("a context that is not accepted is named once, with all that is in it", () => {
    const text = [
      "vrf red",
      " ip nht resolve-via-default",
      " ip route 10.0.0.0/8 10.0.0.1",
      "exit-vrf",
      "ip nht resolve-via-default",
    ];
    expect(placed(...text)).toEqual(["zebra: ip nht resolve-via-default"]);
    expect(whys(...text)).toEqual([expect.stringMatching(/^1 vrf red: /)]);
    expect(placed("interface eth0", " ip address 10.0.0.1/24", "router bgp 1", "bgp router-id 1.2.3.4")).toEqual([
      "bgpd: router bgp 1",
      "bgpd: router bgp 1 / bgp router-id 1.2.3.4",
    ]);
    expect(whys("router ospf", " passive-interface default")).toEqual([expect.stringMatching(/^1 router ospf: /)]);
  });

  test("a context is entered once for what stands in it, and made where nothing does", () => {
    const extras = read(
      "route-map a permit 1",
      " set metric 1",
      " set tag 2",
      "route-map b permit 1",
      "ip prefix-list c permit any",
    );
    expect(extrasSteps(extras, "bgpd")).toEqual([
      { kind: "lines", daemon: "bgpd", context: ["route-map a permit 1"], lines: ["set metric 1", "set tag 2"] },
      {
        kind: "lines",
        daemon: "bgpd",
        context: [],
        lines: ["route-map b permit 1", "ip prefix-list c seq 5 permit any"],
      },
    ]);
    expect(extrasSteps(extras, "bfdd")).toEqual([]);
  });

  test("whatever the text is, nothing that leaves FRR's configuration or ends its event stream is said", () => {
    const words = [
      "end",
      "exit",
      "do",
      "write",
      "conf",
      "log",
      "no",
      "extended",
      "metallb",
      "router",
      "bgp",
      "1",
      "bfd",
      "vrf",
      "\u0000",
      "\u001b",
      "\n",
      "\r",
      "\t",
      "!",
      "x".repeat(3_999),
    ];
    const texts = fc.array(fc.oneof(fc.constantFrom(...words), fc.string({ unit: "binary", maxLength: 8 })), {
      maxLength: 30,
    });
    fc.assert(
      fc.property(texts, (parts) => {
        for (const { line, context } of read(parts.join(" ")).lines) {
          for (const said of [...context, line]) {
            expect(said).not.toMatch(/^(?:end?|exit|do|wr\S*|conf\S*|(?:no )?log?)(?: |$)|\p{Cc}/u);
            expect(Buffer.byteLength(said)).toBeLessThanOrEqual(4_000);
          }
        }
      }),
    );
  });

  test("entries of lists get the numbers that FRR would give them", () => {
    const lists = [
      "ip prefix-list a permit any",
      "ip prefix-list b seq 3 deny any",
      "ip prefix-list b permit any",
      "ip prefix-list a deny any",
    ];
    const others = [
      "bgp as-path access-list a permit ^1$",
      "bgp community-list standard a permit 1:1",
      "ipv6 prefix-list a permit any",
      "no ip prefix-list a",
      "ip prefix-list a description permit x",
    ];
    expect(placed(...lists, ...others)).toEqual([
      "bgpd: ip prefix-list a seq 5 permit any",
      "bgpd: ip prefix-list b seq 3 deny any",
      "bgpd: ip prefix-list b seq 5 permit any",
      "bgpd: ip prefix-list a seq 10 deny any",
      "bgpd: bgp as-path access-list a seq 5 permit ^1$",
      "bgpd: bgp community-list standard a seq 5 permit 1:1",
      "bgpd: ipv6 prefix-list a seq 5 permit any",
      "bgpd: no ip prefix-list a",
      "bgpd: ip prefix-list a description permit x",
    ]);
  });

  test("numbers of outbound entries that the text names", () => {
    const extras = read(
      "route-map 10.0.0.1-out permit 3",
      "no route-map x-out deny 4",
      "route-map x-out deny 65535",
      "route-map x-in permit 9",
    );
    expect([...reservedNumbers(extras)]).toEqual([3, 4]);
  });
});

const tree = (bgpd: string): Tree => ({ ...emptyTree, ...parseRunning("bgpd", bgpd) });

const ours = tree(`router bgp 64513
 neighbor 10.0.0.1 remote-as 64512
 neighbor 10.0.0.1 timers 30 90
 address-family ipv4 unicast
  network 10.100.0.0/32 route-map G1
  neighbor 10.0.0.1 activate
 exit-address-family
 address-family ipv6 unicast
  neighbor 10.0.0.1 activate
 exit-address-family
route-map 10.0.0.1-in deny 20
`);
const changed = tree(`router bgp 64513
 neighbor 10.0.0.1 remote-as 64512
 neighbor 10.0.0.1 timers 3 9
 address-family ipv4 unicast
  network 10.7.0.0/24
  network 10.100.0.0/32 route-map G1
  neighbor 10.0.0.1 activate
 exit-address-family
ip prefix-list routers seq 5 permit 172.16.0.0/12
route-map 10.0.0.1-in deny 20
route-map 10.0.0.1-in permit 5
 match ip address prefix-list routers
`);
const text = [
  "ip prefix-list routers permit 172.16.0.0/12",
  "route-map 10.0.0.1-in permit 5",
  " match ip add prefix-list routers",
  "router bgp 64513",
  " neighbor 10.0.0.1 timers 3 9",
  " address-family ipv6 unicast",
  "  no neighbor 10.0.0.1 activate",
];

describe("what the lines do", () => {
  const effect = effectBetween(ours, changed);

  test("can be taken off what runs, and put on what is rendered", () => {
    expect(effectBetween(ours, undone(changed, effect))).toEqual(noEffect);
    expect(effectBetween(changed, effective(ours, effect))).toEqual(noEffect);
    expect(isIntact(effect, changed, "bgpd")).toBe(true);
    expect(isIntact(effect, ours, "bgpd")).toBe(false);
  });

  test("suppresses nothing in a daemon that lost its configuration", () => {
    expect(undone(emptyTree, effect)).toEqual(emptyTree);
    const bare = tree("router bgp 64513\n address-family ipv6 unicast\n exit-address-family\n");
    expect(undone(bare, effect)).toEqual(bare);
  });

  test("stays as far as another text says the same", () => {
    const lines = (part: readonly { readonly line: string }[]) => part.map(({ line }) => line);
    const same = keptBy(effect, read(...text));
    expect(lines(same.added)).toEqual([
      "neighbor 10.0.0.1 timers 3 9",
      "ip prefix-list routers seq 5 permit 172.16.0.0/12",
      "route-map 10.0.0.1-in permit 5",
    ]);
    expect(lines(same.suppressed)).toEqual([
      "neighbor 10.0.0.1 timers 30 90",
      "address-family ipv6 unicast",
      "neighbor 10.0.0.1 activate",
    ]);
    expect(keptBy(effect, read("ip prefix-list other permit any"))).toEqual(noEffect);
  });

  test("counts for what peers told and are told", () => {
    const of = (text: string) => effectBetween(emptyTree, tree(text));
    const list = "ip prefix-list a seq 5 permit any\n";
    const other = "ip prefix-list a seq 5 deny any\n";
    const [inward, outward] = ["route-map x-in permit 5\n", "route-map x-out permit 5\n"];
    expect(policyChanges(of(list), of(list))).toEqual([]);
    expect(policyChanges(noEffect, of("router bgp 1\n bgp router-id 1.2.3.4\n"))).toEqual([]);
    expect(policyChanges(of(list), of(other))).toEqual(["in"]);
    expect(policyChanges(of(list), of(list + inward))).toEqual(["in"]);
    expect(policyChanges(of(list + outward), of(other + outward))).toEqual(["in", "out"]);
    expect(policyChanges(of(list + outward), of(list))).toEqual(["out"]);
    expect(policyChanges(of(list + outward), of(list + outward + inward))).toEqual(["in"]);
  });

  test("may be another after what isn't a prefix or a group", () => {
    const step = (context: readonly string[], ...lines: readonly string[]) =>
      touchesExtras({ kind: "lines", daemon: "bgpd", context, lines }, effect);
    const family = ["router bgp 64513", "address-family ipv4 unicast"];
    expect(step(family, "network 10.100.0.1/32 route-map G2", "no network 10.100.0.2/32")).toBe(false);
    expect(step(family, "network 10.7.0.0/24 route-map G2")).toBe(true);
    expect(step([], "route-map G3 permit 10", "set tag 3", "route-map 10.0.0.1-out permit 3", "match tag 3")).toBe(
      false,
    );
    expect(step([], "route-map 10.0.0.2-in deny 20")).toBe(true);
    expect(step(["router bgp 64513"], "neighbor 10.0.0.2 remote-as 1")).toBe(true);
  });
});
