import { expect, test } from "vitest";
import { err, ok } from "../std/result.ts";
import { wordsOn } from "./check.ts";
import { convert } from "./convert.ts";

/** The text in a ConfigMap is JSON here, which is YAML too. */
const readYaml = (text: string) => {
  try {
    return ok(JSON.parse(text) as unknown);
  } catch {
    return err("no JSON");
  }
};

const configMap = (config: object) => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name: "config", namespace: "lb" },
  data: { config: JSON.stringify(config) },
});
const converted = (document: unknown) => convert(document, "a file", readYaml);
const from = (config: object) => converted(configMap(config));
const briefly = ({ objects }: ReturnType<typeof convert>) =>
  objects.map((object) => [object.kind, object.metadata.name, "spec" in object ? object.spec : undefined]);
const remarks = ({ remarks: all }: ReturnType<typeof convert>, kind: string) =>
  all.filter((remark) => remark.kind === kind).map(({ about, message }) => `${about}: ${message}`);

const peer = { "my-asn": 64500, "peer-asn": 64501, "peer-address": "10.0.0.1", "hold-time": "120s" };

test("a peer in full", () => {
  const old = {
    ...peer,
    "source-address": "10.0.0.9",
    "peer-port": 1179,
    "keepalive-time": "30s",
    "router-id": "1.1.1.1",
    password: "s3cret",
    "ebgp-multihop": true,
    "bfd-profile": "fast",
    "node-selectors": [
      { "match-labels": { rack: "a" }, "match-expressions": [{ key: "speed", operator: "NotIn", values: ["slow"] }] },
    ],
  };
  const result = from({ peers: [old] });
  expect(briefly(result)).toEqual([
    [
      "BGPPeer",
      "peer1",
      {
        myASN: 64500,
        peerASN: 64501,
        peerAddress: "10.0.0.1",
        sourceAddress: "10.0.0.9",
        peerPort: 1179,
        holdTime: "120s",
        keepaliveTime: "30s",
        routerID: "1.1.1.1",
        password: "s3cret",
        ebgpMultiHop: true,
        bfdProfile: "fast",
        nodeSelectors: [
          { matchLabels: { rack: "a" }, matchExpressions: [{ key: "speed", operator: "NotIn", values: ["slow"] }] },
        ],
      },
    ],
  ]);
  expect(result.objects[0]?.metadata.namespace).toBe("lb");
  expect(JSON.stringify(result.remarks)).not.toContain("s3cret");
});

test("a hold time that was not set was 90s, a port of 0 the default", () => {
  const result = from({ peers: [{ ...peer, "hold-time": undefined, "peer-port": 0 }] });
  expect(briefly(result)).toMatchObject([["BGPPeer", "peer1", { holdTime: "90s" }]]);
  expect(result.objects[0]).not.toHaveProperty("spec.peerPort");
  expect(remarks(result, "changed")).toEqual([
    "ConfigMap config: peers[0].hold-time: was 90s unless set, so holdTime: 90s is written",
  ]);
});

test("a pool's protocol becomes an advertisement that names it", () => {
  const result = from({
    "address-pools": [
      { name: "plain", protocol: "bgp", addresses: ["10.0.0.0/24"] },
      {
        name: "twice",
        protocol: "bgp",
        addresses: ["10.0.1.0/24"],
        "auto-assign": false,
        "avoid-buggy-ips": true,
        "bgp-advertisements": [
          { "aggregation-length": 32, localpref: 100, communities: ["x"] },
          { "aggregation-length": 24, "aggregation-length-v6": 64 },
        ],
      },
      { name: "home", protocol: "layer2", addresses: ["10.0.2.1-10.0.2.9"] },
    ],
    "bgp-communities": { x: "65535:65282" },
  });
  expect(briefly(result)).toEqual([
    ["IPAddressPool", "plain", { addresses: ["10.0.0.0/24"] }],
    ["BGPAdvertisement", "bgpadvertisement1", { ipAddressPools: ["plain"] }],
    ["IPAddressPool", "twice", { addresses: ["10.0.1.0/24"], autoAssign: false, avoidBuggyIPs: true }],
    [
      "BGPAdvertisement",
      "bgpadvertisement2",
      { ipAddressPools: ["twice"], aggregationLength: 32, localPref: 100, communities: ["x"] },
    ],
    [
      "BGPAdvertisement",
      "bgpadvertisement3",
      { ipAddressPools: ["twice"], aggregationLength: 24, aggregationLengthV6: 64 },
    ],
    ["IPAddressPool", "home", { addresses: ["10.0.2.1-10.0.2.9"] }],
    ["L2Advertisement", "l2advertisement1", { ipAddressPools: ["home"] }],
    ["Community", "communities", { communities: [{ name: "x", value: "65535:65282" }] }],
  ]);
  expect(remarks(result, "lost")).toEqual([]);
  expect(wordsOn(result.objects, "lb")).toEqual([
    ...[1, 2, 3].map(
      (i) => expect.stringContaining(`bgpadvertisement${i}: spec is for every BGPPeer, and there is none`) as string,
    ),
    expect.stringMatching(/^L2Advertisement l2advertisement1: .* no node answers ARP or NDP yet/),
  ]);
});

test("names that Kubernetes doesn't take become others, and what refers to them follows", () => {
  const result = from({
    "bfd-profiles": [{ name: "Fast One", "receive-interval": 300, "minimum-ttl": 200 }, { name: "fast one" }],
    peers: [{ ...peer, "bfd-profile": "fast one" }],
    "address-pools": [{ name: "My_Pool", protocol: "bgp", addresses: ["10.0.0.0/24"] }],
  });
  expect(briefly(result)).toMatchObject([
    ["BFDProfile", "fast-one", { receiveInterval: 300, minimumTtl: 200 }],
    ["BFDProfile", "fast-one-2", {}],
    ["BGPPeer", "peer1", { bfdProfile: "fast-one-2" }],
    ["IPAddressPool", "my-pool", {}],
    ["BGPAdvertisement", "bgpadvertisement1", { ipAddressPools: ["my-pool"] }],
  ]);
  expect(remarks(result, "changed").at(-1)).toContain(
    '"My_Pool" can\'t be the name of an object, so it is my-pool now',
  );
});

test("a name that Kubernetes takes stays, whatever another one becomes; Services may ask for it", () => {
  const poolNamed = (name?: string) => ({ ...(name && { name }), protocol: "layer2", addresses: [] });
  const result = from({ "address-pools": [poolNamed("My_Pool"), poolNamed("my-pool"), poolNamed()] });
  const pools = result.objects.filter(({ kind }) => kind === "IPAddressPool").map(({ metadata }) => metadata.name);
  expect(pools).toEqual(["my-pool-2", "my-pool", "unnamed"]);
  expect(remarks(result, "changed")).toEqual([
    expect.stringContaining('"My_Pool" can\'t be the name of an object, so it is my-pool-2 now'),
    "ConfigMap config: address-pools[2]: has no name, as it must have, so it is unnamed now",
  ]);
});

test("what nothing can stand for is said", () => {
  const result = from({
    peers: [{ ...peer, colour: "red", "node-selectors": [{ "match-expressions": [{ key: "a", oops: 1 }] }] }],
    "peer-autodiscovery": {},
    "address-pools": [{ name: "p", protocol: "carp", addresses: ["10.0.0.0/24"] }],
    speakers: 3,
  });
  expect(remarks(result, "lost")).toEqual([
    "ConfigMap config: peers[0].colour: MetalLB has no such field",
    "ConfigMap config: peers[0].node-selectors[0].match-expressions[0].oops: MetalLB has no such field",
    'ConfigMap config: address-pools[0].protocol: "carp" is neither bgp nor layer2, so nothing announces p',
    expect.stringContaining("ConfigMap config: peer-autodiscovery: peers are no longer found by labels"),
    "ConfigMap config: speakers: MetalLB has no such field",
  ]);
});

test.each([
  [{ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "other" }, data: {} }, "has no key config"],
  [{ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "c" }, data: { config: "[" } }, "can't be read: no JSON"],
  [{ apiVersion: "v1", kind: "Service", metadata: { name: "web" } }, "is of v1, not of MetalLB"],
  [{ apiVersion: "metallb.io/v1beta1", kind: "Thing", metadata: { name: "x" } }, "is of a kind that"],
  [{ apiVersion: "metallb.io/v1beta1", kind: "ServiceBGPStatus", metadata: { name: "x" } }, "is written by"],
  [["x"], "neither an object nor a configuration"],
  [7, "neither an object nor a configuration"],
])("%j has no equivalent", (document, words) => {
  const result = converted(document);
  expect(result.objects).toEqual([]);
  expect(remarks(result, "lost")).toEqual([expect.stringContaining(words)]);
});

test("objects of a cluster lose what the API server wrote; v1beta1 peers become v1beta2", () => {
  const list = {
    apiVersion: "v1",
    kind: "List",
    items: [
      {
        apiVersion: "metallb.io/v1beta1",
        kind: "BGPPeer",
        metadata: {
          name: "old",
          namespace: "lb",
          uid: "1",
          resourceVersion: "2",
          annotations: { "kubectl.kubernetes.io/last-applied-configuration": "{}", note: "x" },
        },
        spec: { myASN: 1, peerASN: 2, peerAddress: "10.0.0.1", peerPort: 0 },
        status: {},
      },
      { apiVersion: "metallb.io/v1beta1", kind: "Community", metadata: { name: "c" }, spec: { communities: [] } },
    ],
  };
  expect(converted(list).objects).toEqual([
    {
      apiVersion: "metallb.io/v1beta2",
      kind: "BGPPeer",
      metadata: { name: "old", namespace: "lb", annotations: { note: "x" } },
      spec: { myASN: 1, peerASN: 2, peerAddress: "10.0.0.1" },
    },
    { apiVersion: "metallb.io/v1beta1", kind: "Community", metadata: { name: "c" }, spec: { communities: [] } },
  ]);
});

test("an AddressPool, the kind of 0.12 and 0.13", () => {
  const pool = (protocol: string, more: object = {}) => ({
    apiVersion: "metallb.io/v1beta1",
    kind: "AddressPool",
    metadata: { name: "p" },
    spec: { protocol, addresses: ["10.0.0.0/24"], autoAssign: false, ...more },
  });
  const spec = { addresses: ["10.0.0.0/24"], autoAssign: false };
  expect(briefly(converted(pool("layer2")))).toEqual([
    ["IPAddressPool", "p", spec],
    ["L2Advertisement", "p", { ipAddressPools: ["p"] }],
  ]);
  expect(briefly(converted(pool("bgp", { bgpAdvertisements: [{ localPref: 5 }, { aggregationLength: 24 }] })))).toEqual(
    [
      ["IPAddressPool", "p", spec],
      ["BGPAdvertisement", "p", { ipAddressPools: ["p"], localPref: 5 }],
      ["BGPAdvertisement", "p-2", { ipAddressPools: ["p"], aggregationLength: 24 }],
    ],
  );
  expect(remarks(converted(pool("carp")), "lost")).toHaveLength(1);
});

test("the outcome is judged in the words of the controller and the speaker", () => {
  const { objects } = from({
    peers: [peer, { ...peer, "router-id": "fd00::1" }],
    "address-pools": [
      { name: "a", protocol: "bgp", addresses: ["10.0.0.0/24"] },
      { name: "b", protocol: "bgp", addresses: ["10.0.0.0/25"] },
    ],
  });
  expect(wordsOn(objects, "lb")).toEqual([
    expect.stringContaining('BGPPeer peer2: spec.routerID "fd00::1" is not an IPv4 address'),
    expect.stringContaining("IPAddressPool b: spec.addresses[0]"),
  ]);
});
