import fc from "fast-check";
import { expect, test } from "vitest";
import { peer } from "../../tests/objects.ts";
import { fromV1beta1, toV1beta1 } from "./conversion.ts";
import type { BgpPeerV1beta1 } from "./kinds/bgp-peer-v1beta1.ts";

const old = (spec: BgpPeerV1beta1["spec"]): BgpPeerV1beta1 => ({
  apiVersion: "metallb.io/v1beta1",
  kind: "BGPPeer",
  metadata: { name: "p", labels: { a: "b" } },
  ...(spec && { spec }),
});

const anySpec = fc.record(
  {
    myASN: fc.nat(),
    peerASN: fc.nat(),
    peerAddress: fc.ipV4(),
    sourceAddress: fc.ipV6(),
    peerPort: fc.integer({ min: 1, max: 16384 }),
    holdTime: fc.constantFrom("0s", "90s"),
    keepaliveTime: fc.constantFrom("0s", "30s"),
    routerID: fc.ipV4(),
    nodeSelectors: fc.array(
      fc.record({
        matchLabels: fc.dictionary(fc.constantFrom("a", "b"), fc.constantFrom("c", "d")),
        matchExpressions: fc.array(
          fc.record({ key: fc.constant("k"), operator: fc.constant("In"), values: fc.constant(["v"]) }),
        ),
      }),
    ),
    password: fc.constant("x"),
    bfdProfile: fc.constant("fast"),
    ebgpMultiHop: fc.boolean(),
  },
  { requiredKeys: ["myASN", "peerASN", "peerAddress"] },
);

test("every v1beta1 peer comes back as it went", () => {
  fc.assert(
    fc.property(anySpec, (spec) => {
      const there = fromV1beta1(old(spec));
      expect(there.apiVersion).toBe("metallb.io/v1beta2");
      expect(toV1beta1(there)).toEqual({ peer: old(spec), lost: [] });
    }),
  );
});

test("timers that are not set stay so, in both directions", () => {
  expect(fromV1beta1(old({ myASN: 1, peerASN: 2, peerAddress: "10.0.0.1" })).spec).not.toHaveProperty("holdTime");
  expect(toV1beta1(peer("p")).peer.spec).not.toHaveProperty("holdTime");
});

test("port 0 means the default", () => {
  expect(fromV1beta1(old({ myASN: 1, peerASN: 2, peerAddress: "10.0.0.1", peerPort: 0 })).spec).not.toHaveProperty(
    "peerPort",
  );
});

test("what v1beta1 can't hold is named", () => {
  const modern = peer("p", { vrf: "red", dynamicASN: "external", interface: "eth0", disableMP: false });
  const { peerASN, peerAddress, ...spec } = modern.spec ?? { myASN: 1 };
  const { peer: shown, lost } = toV1beta1({ ...modern, spec });
  expect(lost).toEqual(["dynamicASN", "interface", "vrf"]);
  expect(shown.spec).toEqual({ myASN: 64513, peerASN: 0, peerAddress: "" });
  expect([peerASN, peerAddress]).toEqual([64512, "10.0.0.1"]);
});

test("a selector whose operator takes no values has an empty list in v1beta1, which requires one", () => {
  const nodeSelectors = [{ matchExpressions: [{ key: "gpu", operator: "Exists" }] }];
  expect(toV1beta1(peer("p", { nodeSelectors })).peer.spec?.nodeSelectors).toEqual([
    { matchExpressions: [{ key: "gpu", operator: "Exists", values: [] }] },
  ]);
});
