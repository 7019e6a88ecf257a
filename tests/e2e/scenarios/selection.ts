import { advertisement, onNode, pool, service, toSpine } from "./manifests.ts";
import { apply, both, kubectl, type Scenario } from "./scenario.ts";

/** What is announced, from where and to whom: pools, nodes, peers and Services that are chosen. */

const web = "10.100.0.0/32";
const from = (name: string): string => `annotations:\n  metallb.io/address-pool: ${name}`;

export const selection: readonly Scenario[] = [
  {
    name: "an advertisement for one of two routers",
    shows: "the address at the second router; at the first, nothing",
    spine: { asn: 64514 },
    manifests: [toSpine("peerASN: 64514"), advertisement("web", "peers: [spine]"), service("chosen")],
    holds: { spine: { [web]: both() }, tor: {} },
    next: [
      {
        does: "the other router in its place",
        acts: [apply(advertisement("web", "peers: [tor]"))],
        holds: { spine: {}, tor: { [web]: both() } },
      },
    ],
  },
  {
    name: "an advertisement for some nodes",
    shows: "the address from node2 alone; from node1 too as soon as it has the label",
    scene: [kubectl("label", "node", "node2", "rack=a")],
    manifests: [advertisement("web", "nodeSelectors:\n  - matchLabels:\n      rack: a"), service("racked")],
    holds: { tor: { [web]: { node2: {} } }, pages: ["10.100.0.0"] },
    next: [
      {
        does: "node1 gets the label",
        acts: [kubectl("label", "node", "node1", "rack=a")],
        holds: { tor: { [web]: both() } },
      },
      {
        does: "node2 loses it",
        acts: [kubectl("label", "node", "node2", "rack-")],
        holds: { tor: { [web]: { node1: {} } } },
      },
    ],
    undo: [kubectl("label", "node", "node1", "node2", "rack-")],
  },
  {
    name: "pools by name",
    shows: "addresses of the two pools that are named, each with the advertisement's community; of a third, nothing",
    manifests: [
      pool("gold", "addresses: [10.101.0.0/24]"),
      pool("silver", "addresses: [10.102.0.0/24]"),
      advertisement("named", 'ipAddressPools: [gold, silver]\ncommunities: ["64512:7"]'),
      service("unnamed"),
      service("first", "", from("gold")),
      service("second", "", from("silver")),
    ],
    holds: {
      tor: {
        "10.101.0.0/32": both({ communities: "64512:7" }),
        "10.102.0.0/32": both({ communities: "64512:7" }),
      },
      pages: ["10.101.0.0", "10.102.0.0"],
      says: { "get service unnamed -o jsonpath={.status.loadBalancer.ingress[0].ip}": "10.100.0.0" },
    },
  },
  {
    name: "pools by label",
    shows: "addresses of the pool with the label; the other's too as soon as it has the label",
    manifests: [
      pool("gold", "addresses: [10.101.0.0/24]", "labels:\n  tier: public"),
      pool("silver", "addresses: [10.102.0.0/24]"),
      advertisement("public", "ipAddressPoolSelectors:\n  - matchLabels:\n      tier: public"),
      service("first", "", from("gold")),
      service("second", "", from("silver")),
    ],
    holds: { tor: { "10.101.0.0/32": both() } },
    next: [
      {
        does: "the other pool gets the label",
        acts: [kubectl("label", "ipaddresspool", "silver", "-n", "metallb-system", "tier=public")],
        holds: { tor: { "10.101.0.0/32": both(), "10.102.0.0/32": both() } },
      },
    ],
  },
  {
    name: "Services by label",
    shows: "the Service with the label, with the community of the advertisement that selects it; of the other, nothing",
    manifests: [
      advertisement("public", 'serviceSelectors:\n  - matchLabels:\n      tier: public\ncommunities: ["64512:8"]'),
      service("public", "", "labels:\n  tier: public"),
      service("intern"),
    ],
    holds: {
      tor: { [web]: both({ communities: "64512:8" }) },
      says: { "get service intern -o jsonpath={.status.loadBalancer.ingress[0].ip}": "10.100.0.1" },
    },
    next: [
      {
        does: "the label moves to the other",
        acts: [kubectl("label", "service", "public", "tier-"), kubectl("label", "service", "intern", "tier=public")],
        holds: { tor: { "10.100.0.1/32": both({ communities: "64512:8" }) } },
      },
    ],
  },
  {
    name: "a peer for some nodes",
    shows: "at the second router a session and a path from node2 alone",
    spine: { asn: 64514 },
    manifests: [toSpine(`peerASN: 64514\n${onNode("node2")}`), advertisement("web"), service("half")],
    holds: {
      spine: { [web]: { node2: {} } },
      sessions: { "10.0.0.11": { bgpState: "Active" }, "10.0.0.12": { bgpState: "Established" } },
      tor: { [web]: both() },
    },
  },
  {
    name: "no advertisement",
    shows: "nothing, though the Service has its address; everything once there is an advertisement",
    manifests: [service("late")],
    holds: { tor: {}, says: { "get service late -o jsonpath={.status.loadBalancer.ingress[0].ip}": "10.100.0.0" } },
    next: [
      {
        does: "one is there",
        acts: [apply(advertisement("late"))],
        holds: { tor: { [web]: both() } },
      },
      {
        does: "it is gone again",
        acts: [kubectl("delete", "bgpadvertisement", "late", "-n", "metallb-system")],
        holds: { tor: {} },
      },
    ],
  },
];
