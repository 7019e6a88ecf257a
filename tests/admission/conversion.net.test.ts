/** Any BGPPeer between its two versions, through the API: kubectl, the API server, the controller's webhooks. */
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { until } from "../e2e/until.ts";
import { namespace, type Rig, startRig } from "./rig.ts";

let rig: Rig;

beforeAll(async () => {
  rig = await startRig("crds.validationFailurePolicy=Fail");
  const replica = await rig.startReplica();
  await until(
    "webhooks answer",
    () => replica.service.waitingFor() ?? "",
    (waiting) => waiting === "",
  );
  rig.serving = replica;
});
afterAll(() => rig?.[Symbol.asyncDispose]());

type Version = "v1beta1" | "v1beta2";
type Spec = Readonly<Record<string, unknown>>;

/** As JSON: of YAML, kubectl and the library disagree about what `y` is. */
const manifest = (version: Version, spec: Spec): string =>
  JSON.stringify({
    apiVersion: `metallb.io/${version}`,
    kind: "BGPPeer",
    metadata: { name: "tried", namespace },
    spec,
  });

/** Written as one version, in place of whatever was there. */
async function create(version: Version, spec: Spec): Promise<void> {
  await rig.kubectl(`delete bgppeer tried -n ${namespace} --ignore-not-found`);
  const { code, stderr } = await rig.kubectl("create -f -", manifest(version, spec));
  expect(code, stderr).toBe(0);
}

async function read(version: Version): Promise<Spec> {
  const { stdout } = await rig.kubectl(`get bgppeers.${version}.metallb.io tried -n ${namespace} -o json`);
  const { apiVersion, spec } = JSON.parse(stdout) as { apiVersion: string; spec: Spec };
  expect(apiVersion).toBe(`metallb.io/${version}`);
  return spec;
}

/** What is read as v1beta1, written as it is. */
const writeBack = async () => rig.kubectl("replace -f -", manifest("v1beta1", await read("v1beta1")));

const selector = (matchExpressions: readonly object[]) => ({ matchLabels: { zone: "a" }, matchExpressions });
const selectors = [
  { matchLabels: { rack: "1" } },
  selector([{ key: "rack", operator: "In", values: ["1", "2"] }]),
  selector([{ key: "rack", operator: "NotIn", values: ["3"] }]),
];

/** What both versions can say. */
const common = fc
  .record(
    {
      myASN: fc.constantFrom(64513, 4200000000),
      peerASN: fc.constantFrom(64512, 64513, 4294967295),
      peerAddress: fc.oneof(fc.constantFrom("10.0.0.9", "fd00::9"), fc.ipV4()),
      sourceAddress: fc.constantFrom("10.0.0.1", "fd00::1"),
      peerPort: fc.integer({ min: 1, max: 16384 }),
      holdTime: fc.constantFrom("0s", "3s", "1m30s", "90s"),
      keepaliveTime: fc.constantFrom("0s", "1s"),
      routerID: fc.ipV4(),
      nodeSelectors: fc.subarray(selectors),
      password: fc.stringMatching(/^[A-Za-z0-9!#$%&()*+,./:;<=>@_-]{1,80}$/),
      bfdProfile: fc.constantFrom("fast", "slow.er"),
      ebgpMultiHop: fc.boolean(),
    },
    { requiredKeys: ["myASN", "peerASN", "peerAddress"] },
  )
  .filter(({ holdTime, keepaliveTime }) => holdTime === undefined || (holdTime === "0s") === (keepaliveTime === "0s"))
  .filter(({ myASN, peerASN, ebgpMultiHop }) => !ebgpMultiHop || myASN !== peerASN);

/** What v1beta1 can't say, beside what it can. */
const modern = fc.record(
  {
    localASN: fc.constantFrom(65001, 65002),
    connectTime: fc.constantFrom("1s", "1m5s"),
    passwordSecret: fc.constant({ name: "secret" }),
    enableGracefulRestart: fc.boolean(),
    vrf: fc.constantFrom("red", "blue"),
    dualStackAddressFamily: fc.boolean(),
  },
  { requiredKeys: [] },
);

const runs = { numRuns: 12, endOnFailure: true };

test("written as v1beta1, a peer says the same in both versions, and writing it back changes nothing", async () => {
  await fc.assert(
    fc.asyncProperty(common, async (spec) => {
      await create("v1beta1", spec);
      const stored = await read("v1beta2");
      expect(stored).toMatchObject(spec);
      expect(await read("v1beta1")).toEqual({ peerPort: 179, ...spec });
      const { code, stderr } = await writeBack();
      expect(code, stderr).toBe(0);
      expect(stderr).not.toContain("can't hold");
      expect(await read("v1beta2")).toEqual(stored);
    }),
    runs,
  );
});

test("written as v1beta2, a peer that v1beta1 can hold goes through it unchanged; of another it names what it loses", async () => {
  await fc.assert(
    fc.asyncProperty(common, modern, async ({ password, ...others }, extra) => {
      // One of them at most.
      const held = { ...others, ...(password && !extra.passwordSecret && { password }) };
      const spec = { ...held, ...extra };
      await create("v1beta2", spec);
      const stored = await read("v1beta2");
      expect(await read("v1beta1")).toEqual({ peerPort: 179, ...held });
      const lost = Object.entries(extra).flatMap(([name, value]) => (value === false ? [] : [name]));
      const { code, stderr } = await writeBack();
      expect(code, stderr).toBe(0);
      const told = /can't hold (.*), which this update removes; write the peer as v1beta2/.exec(stderr)?.[1];
      expect(told?.split(", ") ?? []).toEqual(lost.toSorted());
      const now = await read("v1beta2");
      expect(now).toMatchObject(Object.fromEntries(Object.entries(stored).filter(([name]) => !(name in extra))));
      for (const name of lost) expect(now[name] ?? false).toBe(false);
    }),
    runs,
  );
});

const session = { myASN: 64513, peerASN: 64512, peerAddress: "10.0.0.9" };

test.for([
  {
    says: "a dynamic AS number",
    spec: { ...session, peerASN: undefined, dynamicASN: "external" },
    shown: { peerASN: 0 },
    refused: "spec.peerASN",
  },
  {
    says: "an interface",
    spec: { ...session, peerAddress: undefined, interface: "eth0" },
    shown: { peerAddress: "" },
    refused: "spec.peerAddress",
  },
])(
  "$says is shown as nothing in v1beta1, and not taken away by writing that back",
  async ({ spec, shown, refused }) => {
    await create("v1beta2", spec);
    const stored = await read("v1beta2");
    expect(await read("v1beta1")).toMatchObject(shown);
    const { code, stderr } = await writeBack();
    expect(code).toBe(1);
    expect(stderr).toContain(refused);
    expect(await read("v1beta2")).toEqual(stored);
  },
);

test("a selector whose operator takes no values has an empty list in v1beta1, and still means the same written back", async () => {
  const exists = (values: object) => ({
    nodeSelectors: [{ matchExpressions: [{ key: "gpu", operator: "Exists", ...values }] }],
  });
  await create("v1beta2", { ...session, ...exists({}) });
  expect(await read("v1beta1")).toMatchObject(exists({ values: [] }));
  const { code, stderr } = await writeBack();
  expect(code, stderr).toBe(0);
  expect(await read("v1beta2")).toMatchObject(exists({}));
});
