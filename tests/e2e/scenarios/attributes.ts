import { advertisement, community, onNode, service, toSpine } from "./manifests.ts";
import { apply, both, inside, type Scenario } from "./scenario.ts";

/** What stands in a path: communities, AS path, MED, local preference, and how long the prefix is. */

const web = "10.100.0.0/32";

export const attributes: readonly Scenario[] = [
  {
    name: "a Service without any wish",
    shows: "the address from both nodes, AS path 64513, nothing else; the client gets the page",
    manifests: [advertisement("web"), service("plain")],
    holds: { tor: { [web]: both() }, pages: ["10.100.0.0"] },
  },
  {
    name: "a community",
    shows: "64512:100 on each path",
    manifests: [advertisement("web", 'communities: ["64512:100"]'), service("coloured")],
    holds: { tor: { [web]: both({ communities: "64512:100" }) } },
  },
  {
    name: "a well-known community",
    shows: "no-export, which FRR spells by its name",
    manifests: [advertisement("web", 'communities: ["65535:65281"]'), service("wellknown")],
    holds: { tor: { [web]: both({ communities: "no-export" }) } },
  },
  {
    name: "a large community by its alias",
    shows: "64512:7:8, and 64512:9:9 as soon as the alias means that",
    manifests: [
      community(
        "names",
        `
        communities:
          - name: blue
            value: large:64512:7:8
        `,
      ),
      advertisement("web", "communities: [blue]"),
      service("aliased"),
    ],
    holds: { tor: { [web]: both({ large: "64512:7:8" }) } },
    next: [
      {
        does: "the alias gets another value",
        acts: [
          apply(
            community(
              "names",
              `
              communities:
                - name: blue
                  value: large:64512:9:9
              `,
            ),
          ),
        ],
        holds: { tor: { [web]: both({ large: "64512:9:9" }) } },
      },
    ],
  },
  {
    name: "two advertisements of one prefix",
    shows: "the union of their communities, on one path from each node",
    manifests: [
      advertisement("first", 'communities: ["64512:1", "64512:2"]'),
      advertisement("second", 'communities: ["64512:2", "large:64512:7:8"]'),
      service("united"),
    ],
    holds: { tor: { [web]: both({ communities: "64512:1 64512:2", large: "64512:7:8" }) } },
  },
  {
    name: "an advertisement that is edited",
    shows: "the new communities in place of the old; the session stays",
    manifests: [advertisement("web", 'communities: ["64512:1"]'), service("recoloured")],
    holds: { tor: { [web]: both({ communities: "64512:1" }) } },
    next: [
      {
        does: "other communities",
        acts: [apply(advertisement("web", 'communities: ["64512:2", "64512:3"]'))],
        holds: { tor: { [web]: both({ communities: "64512:2 64512:3" }) } },
      },
      {
        does: "none",
        acts: [apply(advertisement("web", "communities: []"))],
        holds: { tor: { [web]: both() } },
      },
    ],
  },
  {
    name: "a /24 for the world and /32s for the neighbors",
    shows: "the pool's /24 with 64512:24, and each address with no-advertise",
    manifests: [
      advertisement(
        "aggregate",
        `
        aggregationLength: 24
        communities: ["64512:24"]
        `,
      ),
      advertisement("each", 'communities: ["65535:65282"]'),
      service("aggregated"),
      service("shop"),
    ],
    holds: {
      tor: {
        "10.100.0.0/24": both({ communities: "64512:24" }),
        "10.100.0.0/32": both({ communities: "no-advertise" }),
        "10.100.0.1/32": both({ communities: "no-advertise" }),
      },
      pages: ["10.100.0.0", "10.100.0.1"],
    },
    next: [
      {
        does: "one of the Services goes: the /24 stays",
        acts: [{ kind: "kubectl", args: ["delete", "service", "aggregated"] }],
        holds: {
          tor: {
            "10.100.0.0/24": both({ communities: "64512:24" }),
            "10.100.0.1/32": both({ communities: "no-advertise" }),
          },
        },
      },
    ],
  },
  {
    name: "a longer AS path",
    shows: "64513 three times",
    manifests: [advertisement("web", "asPathPrepend: 2"), service("prepended")],
    holds: { tor: { [web]: both({ asPath: "64513 64513 64513" }) } },
  },
  {
    name: "a MED for each node",
    shows: "10 from node1 and 20 from node2; only node1's path is used",
    manifests: [
      advertisement("primary", `med: 10\n${onNode("node1")}`),
      advertisement("backup", `med: 20\n${onNode("node2")}`),
      service("measured"),
    ],
    holds: { tor: { [web]: { node1: { med: 10 }, node2: { med: 20, used: false } } }, pages: ["10.100.0.0"] },
  },
  {
    name: "a local preference",
    shows: "250 at a router of the same AS, where an absent one is 100; at a router of another AS none",
    spine: { asn: 64513 },
    manifests: [toSpine("peerASN: 64513"), advertisement("web", "localPref: 250"), service("preferred")],
    holds: {
      spine: { [web]: both({ localPref: 250, asPath: inside }) },
      tor: { [web]: both() },
    },
    next: [
      {
        does: "no wish any more",
        acts: [apply(advertisement("web", "localPref: 0"))],
        holds: { spine: { [web]: both({ localPref: 100, asPath: inside }) } },
      },
    ],
  },
  {
    name: "other attributes for each router",
    shows: "64512:1 at the first, and at the second 64514:2 with 64513 twice",
    spine: { asn: 64514 },
    manifests: [
      toSpine("peerASN: 64514"),
      advertisement("first", `peers: [tor]\ncommunities: ["64512:1"]`),
      advertisement("second", `peers: [spine]\ncommunities: ["64514:2"]\nasPathPrepend: 1`),
      service("different"),
    ],
    holds: {
      tor: { [web]: both({ communities: "64512:1" }) },
      spine: { [web]: both({ communities: "64514:2", asPath: "64513 64513" }) },
    },
  },
];
