import { expect, test } from "vitest";
import { pool, peer } from "../../tests/objects.ts";
import { bgpPeer } from "./kinds/bgp-peer.ts";
import { ipAddressPool } from "./kinds/ip-address-pool.ts";
import { problemOf, readSpec } from "./read.ts";

const wild = (spec: unknown) => ({ ...peer("p"), spec });

test("defaults are filled in, texts become what they mean", () => {
  const { value, problems } = readSpec(bgpPeer, peer("p", { holdTime: "90s", peerAddress: "FD00::0:1" }));
  expect(problems).toEqual([]);
  expect(value).toEqual({
    myASN: 64513,
    peerASN: 64512,
    peerAddress: "fd00::1",
    holdTime: 90_000,
    peerPort: 179,
    nodeSelectors: [],
    vrf: "",
    enableGracefulRestart: false,
    ebgpMultiHop: false,
    disableMP: false,
    dualStackAddressFamily: false,
  });
});

test("what Go's omitempty leaves out is as good as absent: empty texts, AS 0, null", () => {
  const spec = {
    myASN: 1,
    peerASN: 0,
    dynamicASN: "external",
    peerAddress: "10.0.0.1",
    interface: "",
    vrf: "",
    routerID: "",
    password: null,
  };
  expect(readSpec(bgpPeer, wild(spec)).problems).toEqual([]);
});

test("null is as good as absent however deep, as in a file that leaves values empty", () => {
  const selector = { matchLabels: null, matchExpressions: [{ key: "rack", operator: "Exists", values: null }] };
  expect(readSpec(bgpPeer, wild({ ...peer("p").spec, nodeSelectors: [selector] })).problems).toEqual([]);
});

test("an object without a spec lacks what the spec must have", () => {
  const { spec, ...bare } = pool("p", { addresses: [] });
  expect(readSpec(ipAddressPool, bare).problems).toMatchObject([{ field: "spec.addresses", reason: "Required" }]);
  expect(spec.addresses).toEqual([]);
});

test("every mistake is reported, in the order of the table", () => {
  const spec = {
    myASN: 5_000_000_000,
    peerAddress: "?",
    peerPort: "bgp",
    nodeSelectors: [{ matchLabels: { "a b": "" } }],
    ebgpMultiHop: 1,
  };
  expect(readSpec(bgpPeer, wild(spec)).problems.map(({ field, reason }) => `${field} ${reason}`)).toEqual([
    "spec.myASN OutOfRange",
    "spec.peerAddress Invalid",
    "spec.peerPort Invalid",
    "spec.nodeSelectors[0].matchLabels[a b] Invalid",
    "spec.ebgpMultiHop Invalid",
  ]);
});

test("no message repeats a password, whatever its type", () => {
  const secret = "hunter2 hunter2";
  for (const password of [secret, [secret], { secret }, `${secret}\n`]) {
    const { problems } = readSpec(bgpPeer, wild({ myASN: 1, peerASN: 2, peerAddress: "10.0.0.1", password }));
    expect(problems).toMatchObject([{ field: "spec.password" }]);
    expect(JSON.stringify(problems)).not.toContain("hunter2");
  }
});

test("a problem is a sentence that names the object, the value and what to write instead", () => {
  const object = peer("rack-1", { peerAddress: "10.0.0.300" });
  const [found] = readSpec(bgpPeer, object).problems;
  expect(found && problemOf(object, found)).toEqual({
    object: { apiVersion: "metallb.io/v1beta2", kind: "BGPPeer", name: "rack-1", namespace: "metallb-system" },
    field: "spec.peerAddress",
    reason: "Invalid",
    severity: "refused",
    message:
      'BGPPeer rack-1: spec.peerAddress "10.0.0.300" is not an IP address; write an IPv4 or IPv6 address such as 10.0.0.1 or fd00::1',
  });
});
