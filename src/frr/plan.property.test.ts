import fc from "fast-check";
import { expect, test } from "vitest";
import type { BgpDesired, Path } from "../announce/desired.ts";
import type { Peer } from "../config/config.ts";
import { compareText } from "../std/order.ts";
import { knownGroups, recipeOf } from "./groups.ts";
import { plan } from "./plan.ts";
import { neighborOf, prependedAsn } from "./render/neighbor.ts";
import { render } from "./render.ts";
import { asnOf, desiredOf, pathOf, peerOf, routerOf } from "./testing/desired.ts";
import { ModelOfFrr, told } from "./testing/daemon.ts";
import { emptyTree, type Tree } from "./tree.ts";

const prefixes = [
  "10.0.0.1/32",
  "10.0.0.2/32",
  "10.0.0.0/24",
  "10.1.0.0/24",
  "10.1.0.5/32",
  "fd00::1/128",
  "fd00::/64",
];

const attributes = fc.record({
  localPref: fc.constantFrom(0, 250),
  asPathPrepend: fc.constantFrom(0, 2),
  communities: fc.subarray(["64512:1", "64512:2"]),
  large: fc.subarray(["1:2:3"]),
});

const paths: fc.Arbitrary<Path[]> = fc
  .uniqueArray(fc.tuple(fc.constantFrom(...prefixes), attributes), { selector: ([prefix]) => prefix, maxLength: 6 })
  .map((list) => list.map(([prefix, over]) => pathOf(prefix, over)));

const peerEdit: fc.Arbitrary<Partial<Peer>> = fc.record(
  {
    remote: fc.constantFrom(
      { kind: "asn" as const, asn: asnOf(64512) },
      { kind: "asn" as const, asn: asnOf(64513) },
      { kind: "dynamic" as const, mode: "external" as const },
    ),
    peerPort: fc.constantFrom(179, 1179),
    password: fc.constantFrom("a", "b"),
    bfdProfile: fc.constantFrom("one", "two"),
    timers: fc.constantFrom({ holdTimeSeconds: 9, keepaliveSeconds: 3 }, { holdTimeSeconds: 90, keepaliveSeconds: 30 }),
    connectTimeSeconds: fc.constantFrom(1, 5),
    ebgpMultiHop: fc.boolean(),
    enableGracefulRestart: fc.boolean(),
    dualStackAddressFamily: fc.boolean(),
    localASN: fc.constantFrom(asnOf(65001), asnOf(64513)),
  },
  { requiredKeys: [] },
);

const router = (vrf: string) =>
  fc
    .record({
      asn: fc.constantFrom(64513, 64513, 64513, 64599),
      peers: fc.uniqueArray(fc.tuple(fc.constantFrom("192.0.2.1", "192.0.2.2", "fd01::1", "eth0"), peerEdit, paths), {
        selector: ([neighbor]) => neighbor,
        minLength: 1,
        maxLength: 3,
      }),
    })
    .map(({ asn, peers }) =>
      routerOf(
        peers
          .toSorted(([a], [b]) => (a < b ? -1 : 1))
          .map(([neighbor, over, of]) => ({ peer: peerOf(neighbor, { ...over, vrf, myASN: asnOf(asn) }), paths: of })),
        { vrf, myASN: asnOf(asn) },
      ),
    );

const desired: fc.Arbitrary<BgpDesired> = fc
  .record({
    main: fc.option(router(""), { nil: undefined }),
    red: fc.option(router("red"), { nil: undefined, freq: 2 }),
    interval: fc.constantFrom(300, 100),
  })
  .map(({ main, red, interval }) =>
    desiredOf(
      [main, red].filter((one) => one !== undefined),
      {
        bfdProfiles: ["one", "two"].map((name) => ({
          name,
          ref: { apiVersion: "metallb.io/v1beta1", kind: "BFDProfile", name },
          receiveInterval: interval,
        })),
      },
    ),
  );

function apply(running: Tree, next: BgpDesired, after: (now: Tree) => void = () => {}): Tree {
  const model = new ModelOfFrr(running);
  const { wanted, steps } = plan(next, running);
  for (const step of steps) model.take(step, () => after(model.tree));
  expect(plain(model.tree)).toEqual(plain(wanted));
  return model.tree;
}

/** Without order, and without families that hold nothing, which FRR doesn't print. */
const plain = (tree: Tree): unknown => {
  const of = (block: Tree["bgpd"]): unknown =>
    Object.fromEntries(
      [...block]
        .toSorted(([a], [b]) => compareText(a, b))
        .filter(([line, body]) => !(line.startsWith("address-family") && body.size === 0))
        .map(([line, body]) => [line, of(body)]),
    );
  const networks = [...tree.networks].flatMap(([vrf, lines]) =>
    [...lines].map(([prefix, suffix]) => `${vrf} ${prefix} ${suffix}`),
  );
  return { zebra: of(tree.zebra), bgpd: of(tree.bgpd), bfdd: of(tree.bfdd), networks: networks.toSorted() };
};

/** What each peer is told, by the desired value alone. */
function intended(value: BgpDesired): Map<string, string> {
  const all = new Map<string, string>();
  for (const { vrf, peers } of value.routers) {
    for (const { peer, paths: of } of peers) {
      const dual = peer.dualStackAddressFamily || peer.endpoint.kind === "interface";
      for (const { prefix, attributes: attrs } of of) {
        if (!dual && prefix.includes(":") !== neighborOf(peer).includes(":")) continue;
        all.set(
          `${vrf} ${neighborOf(peer)} ${prefix}`,
          [...recipeOf(attrs, prependedAsn(peer)).split("\n").filter(Boolean), "set tag 4294967295"]
            .toSorted()
            .join(", "),
        );
      }
    }
  }
  return all;
}

const toldOf = (tree: Tree, key: string): string | undefined => {
  const [vrf = "", neighbor = "", prefix = ""] = key.split(" ");
  return told(tree, { vrf, neighbor, prefix });
};

test("deltas reach what is wanted, twice is nothing, and every peer is told what was decided", () => {
  fc.assert(
    fc.property(fc.array(desired, { minLength: 1, maxLength: 5 }), (sequence) => {
      let running = emptyTree;
      for (const next of sequence) {
        running = apply(running, next);
        expect(plan(next, running).steps).toEqual([]);
        for (const [key, recipe] of intended(next)) expect(toldOf(running, key)).toBe(recipe);
      }
    }),
    { numRuns: 60 },
  );
});

test("at no step is a prefix missing, or told otherwise, that is wanted before and after", () => {
  fc.assert(
    fc.property(desired, desired, (before, after) => {
      const running = apply(emptyTree, before);
      const [old, next] = [intended(before), intended(after)];
      const resets = resetKeys(before, after);
      const stays = [...old.keys()].filter((key) => next.has(key) && !resets.has(key.split(" ").slice(0, 2).join(" ")));
      apply(running, after, (now) => {
        const wrong = stays.filter((key) => ![old.get(key), next.get(key)].includes(toldOf(now, key)));
        if (wrong.length > 0) expect.fail(`missing or otherwise: ${wrong.join("; ")}`);
      });
    }),
    { numRuns: 100 },
  );
});

test("no peer is ever told a prefix that was decided for neither before nor after", () => {
  fc.assert(
    fc.property(desired, desired, (before, after) => {
      const running = apply(emptyTree, before);
      const [old, next] = [intended(before), intended(after)];
      const neighbors = new Set(
        [...before.routers, ...after.routers].flatMap(({ vrf, peers }) =>
          peers.map(({ peer }) => `${vrf} ${neighborOf(peer)}`),
        ),
      );
      apply(running, after, (now) => {
        const keys = [...neighbors].flatMap((neighbor) => prefixes.map((prefix) => `${neighbor} ${prefix}`));
        const wrong = keys.filter((key) => ![undefined, old.get(key), next.get(key)].includes(toldOf(now, key)));
        if (wrong.length > 0) expect.fail(`told without being decided: ${wrong.join("; ")}`);
      });
    }),
    { numRuns: 60 },
  );
});

test("the numbers of groups don't depend on the order of prefixes", () => {
  fc.assert(
    fc.property(desired, desired, (before, after) => {
      const running = render(before, emptyTree);
      const reversed = {
        ...after,
        routers: after.routers.map((one) => ({
          ...one,
          peers: one.peers.map((of) => ({ ...of, paths: of.paths.toReversed() })),
        })),
      };
      expect(plain(render(reversed, running))).toEqual(plain(render(after, running)));
      expect(knownGroups(render(after, running)).numbers.size).toBeLessThanOrEqual(64);
    }),
  );
});

/** Sessions that end by the edit itself: their neighbor, or its router, is made anew. */
function resetKeys(before: BgpDesired, after: BgpDesired): Set<string> {
  const keys = new Set<string>();
  for (const { vrf, myASN, peers } of before.routers) {
    const other = after.routers.find((one) => one.vrf === vrf);
    for (const { peer } of peers) {
      const same = other?.peers.find((one) => neighborOf(one.peer) === neighborOf(peer))?.peer;
      const remote = JSON.stringify(peer.remote) === JSON.stringify(same?.remote);
      if (other?.myASN !== myASN || !remote) keys.add(`${vrf} ${neighborOf(peer)}`);
    }
  }
  return keys;
}
