/**
 * Objects that the schema lets in and that can't be in force, beside good ones that are announced. No webhook refuses them
 * before: they are caught where the configuration is read.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { addressesOf, type Cluster, loadBalancer, metallb, startCluster, SYSTEM } from "./cluster.ts";
import { until } from "./until.ts";

let cluster: Cluster;

const session = { peerASN: 64512, myASN: 64513, peerAddress: "10.0.0.1" };
const good = {
  pool: metallb("v1beta1", "IPAddressPool", "bgp-pool", { addresses: ["10.100.0.0/24"] }),
  peer: metallb("v1beta2", "BGPPeer", "upstream-router", session),
  advertisement: metallb("v1beta1", "BGPAdvertisement", "bgp-advert", {
    ipAddressPools: ["bgp-pool"],
    communities: ["64512:100"],
    asPathPrepend: 2,
    med: 50,
  }),
};
const bothNodes = ["10.0.0.11", "10.0.0.12"];

beforeAll(async () => {
  cluster = await startCluster("tbad", "controller.webhookMode=disabled", "crds.validationFailurePolicy=Ignore");
  await cluster.apply(...Object.values(good));
  await cluster.kubectl("create", "deployment", "nginx", "--image=nginx", "--replicas=2");
  await cluster.kubectl("rollout", "status", "deployment/nginx", "--timeout=60s");
  await announced("first");
  await announced("second");
});
afterAll(() => cluster?.lab.close());

/** A Service more, once the router has it from both nodes. */
async function announced(name: string): Promise<string> {
  await cluster.apply(loadBalancer(name));
  const [address = ""] = await addressesOf(cluster, name);
  await routeFrom(address, bothNodes);
  return address;
}

const routeFrom = (address: string, nodes: readonly string[]) =>
  until(
    `the router has ${address} from ${nodes.join(", ") || "nobody"}`,
    () => cluster.paths(`${address}/32`),
    (paths) =>
      paths
        .map(({ nexthop }) => nexthop)
        .sort()
        .join() === nodes.join(),
  );

/** What the router counted of each node. */
async function counters(): Promise<Record<string, { updates: number; sessions: number }>> {
  const all = await cluster.neighbors();
  const of = (node: string) => {
    const { established = false, updatesReceived = 0, connectionsEstablished = 0 } = all[node] ?? {};
    expect(established, node).toBe(true);
    return { updates: updatesReceived, sessions: connectionsEstablished };
  };
  return Object.fromEntries(bothNodes.map((node) => [node, of(node)]));
}

/** The counters, had each node sent so many UPDATEs more. */
const withUpdates = (before: Awaited<ReturnType<typeof counters>>, count: number) =>
  Object.fromEntries(
    Object.entries(before).map(([node, { updates, sessions }]) => [node, { updates: updates + count, sessions }]),
  );

const describeOf = (kind: string, name: string): Promise<string> =>
  cluster.kubectl("describe", kind, name, "-n", SYSTEM);
const asOneLine = (text: string): string => text.replaceAll(/\s+/g, " ");
const speakers = ["speaker-node1", "speaker-node2"];

/** Waits until the object and the states of the programs say so, to whoever asks with `kubectl describe`. */
async function isTold({ kind, name, says, programs }: Mistake, also = ""): Promise<void> {
  for (const [what, which] of [[kind, name], ...programs.map((program) => ["configurationstate", program])]) {
    await until(
      `kubectl describe ${what} ${which} says what is wrong`,
      () => describeOf(what ?? "", which ?? ""),
      (text) => asOneLine(text).includes(`${says}${also}`),
    );
  }
}

/** What is held back, or waits for the next look, takes longer, on however busy a machine. */
const SOON_MS = 5_000;

/** Waits until no program has anything to say. */
const nothingIsWrong = () =>
  until(
    "nothing is wrong any more",
    () => cluster.kubectl("get", "configurationstates", "-n", SYSTEM, "-o", "jsonpath={.items[*].status.result}"),
    (text) => text === "Valid Valid Valid",
  );

/** Soon no program has anything to say any more; gives the time that it took, in milliseconds. */
async function cleared(): Promise<number> {
  const start = performance.now();
  await nothingIsWrong();
  const took = performance.now() - start;
  expect(took).toBeLessThan(SOON_MS);
  return Math.round(took);
}

interface Mistake {
  readonly object: object;
  readonly kind: string;
  readonly name: string;
  readonly says: string;
  /** ConfigurationStates that name it. */
  readonly programs: readonly string[];
}

const all = ["controller", ...speakers];
const wrongHoldTime = 'spec.holdTime "1s" is an invalid hold time: must be 0 or >=3s, and at most 65535s';
const wrongCommunity =
  'spec.communities[0] "64512:1:1" is neither a community nor a name that a Community gives; write one such as 64512:100, large:64512:1:2, or the name of an alias';
const wrongRange =
  'spec.addresses[0] "10.100.0.0/33" is an invalid CIDR; write a CIDR such as 192.168.10.0/24 or fd00::/120, or a range such as 192.168.10.1-192.168.10.9';

const mistakes: readonly Mistake[] = [
  {
    object: metallb("v1beta2", "BGPPeer", "bad-peer", { ...session, peerAddress: "10.0.0.99", holdTime: "1s" }),
    kind: "bgppeer",
    name: "bad-peer",
    says: `BGPPeer bad-peer: ${wrongHoldTime}`,
    programs: speakers,
  },
  {
    object: metallb("v1beta1", "IPAddressPool", "bad-pool", { addresses: ["10.100.0.0/33"] }),
    kind: "ipaddresspool",
    name: "bad-pool",
    says: `IPAddressPool bad-pool: ${wrongRange}`,
    programs: all,
  },
  {
    object: metallb("v1beta1", "BGPAdvertisement", "bad-advert", { communities: ["64512:1:1"] }),
    kind: "bgpadvertisement",
    name: "bad-advert",
    says: `BGPAdvertisement bad-advert: ${wrongCommunity}`,
    programs: speakers,
  },
];

test("the router sees the AS path and the MED that the advertisement asks for", async () => {
  const [address = ""] = await addressesOf(cluster, "first");
  const text = await cluster.lab.run("tor", `show bgp ipv4 unicast ${address}/32 json`);
  const { paths } = JSON.parse(text) as { paths: { aspath: { string: string }; metric: number }[] };
  expect(paths.map(({ aspath, metric }) => [aspath.string, metric])).toEqual([
    ["64513 64513 64513", 50],
    ["64513 64513 64513", 50],
  ]);
});

describe("a bad object beside good ones", () => {
  /** Held against all that follows: an UPDATE that comes late counts, too. */
  let before: Awaited<ReturnType<typeof counters>>;
  beforeAll(async () => {
    await nothingIsWrong();
    before = await counters();
  });

  test.for(mistakes)("$name: no UPDATE, no reset; it says what is wrong, until it is gone", async (mistake) => {
    await cluster.apply(mistake.object);
    await isTold(mistake);
    expect(await counters()).toEqual(before);
    await cluster.kubectl("delete", mistake.kind, mistake.name, "-n", SYSTEM);
    console.log(`${mistake.name}: cleared ${await cleared()} ms after kubectl delete`);
    expect(await counters()).toEqual(before);
  });

  test("all together; a Service that comes then is the only news for the router", async () => {
    await cluster.apply(...mistakes.map(({ object }) => object));
    for (const mistake of mistakes) await isTold(mistake);
    expect(await counters()).toEqual(before);
    await announced("third");
    expect(await counters()).toEqual(withUpdates(before, 1));
    for (const { kind, name } of mistakes) await cluster.kubectl("delete", kind, name, "-n", SYSTEM);
    console.log(`all: cleared ${await cleared()} ms after the last kubectl delete`);
    expect(await counters()).toEqual(withUpdates(before, 1));
  });
});

test("good objects that are edited into wrong ones keep their last good value, and say so", async () => {
  const before = await counters();
  const edited: readonly Mistake[] = [
    {
      object: metallb("v1beta2", "BGPPeer", "upstream-router", { ...session, holdTime: "1s" }),
      kind: "bgppeer",
      name: "upstream-router",
      says: `BGPPeer upstream-router: ${wrongHoldTime}`,
      programs: speakers,
    },
    {
      object: metallb("v1beta1", "IPAddressPool", "bgp-pool", { addresses: ["10.100.0.0/33"] }),
      kind: "ipaddresspool",
      name: "bgp-pool",
      says: `IPAddressPool bgp-pool: ${wrongRange}`,
      programs: all,
    },
    {
      object: metallb("v1beta1", "BGPAdvertisement", "bgp-advert", {
        ipAddressPools: ["bgp-pool"],
        communities: ["64512:1:1"],
      }),
      kind: "bgpadvertisement",
      name: "bgp-advert",
      says: `BGPAdvertisement bgp-advert: ${wrongCommunity}`,
      programs: speakers,
    },
  ];
  for (const mistake of edited) {
    await cluster.apply(mistake.object);
    await isTold(mistake, " (its last good value stays in force)");
  }
  expect(await counters()).toEqual(before);
  const address = await announced("fourth");
  expect(address).toMatch(/^10\.100\.0\./);
  expect((await cluster.paths(`${address}/32`)).map(({ communities }) => communities)).toEqual([
    ["64512:100"],
    ["64512:100"],
  ]);
  expect(await counters()).toEqual(withUpdates(before, 1));
  await cluster.apply(...Object.values(good));
  console.log(`edited back: cleared ${await cleared()} ms after kubectl apply`);
  expect(await counters()).toEqual(withUpdates(before, 1));
});
