import { expect, test } from "vitest";
import type { ConfigurationState } from "../api/kinds/index.ts";
import type { Problem } from "../api/problem.ts";
import { type ConfigurationStateInput, configurationStateWrites } from "./configuration-state.ts";

const owner = { apiVersion: "v1", kind: "Pod", name: "speaker-x", uid: "u" };
const base: ConfigurationStateInput = {
  component: { kind: "speaker", node: "n1" },
  namespace: "metallb-system",
  owner,
  problems: [],
  now: "2026-01-02T00:00:00Z",
  existing: undefined,
};
const problem = (message: string, severity: Problem["severity"] = "refused"): Problem => ({
  object: { apiVersion: "metallb.io/v1beta2", kind: "BGPPeer", name: "tor" },
  field: "spec.myASN",
  reason: "Required",
  message,
  severity,
});
const valid = {
  conditions: [
    {
      type: "configReconcilerValid",
      status: "True",
      reason: "Reconciled",
      message: "",
      lastTransitionTime: "2026-01-01T00:00:00Z",
    },
  ],
  errorSummary: "",
  result: "Valid",
} as const;
const existing: ConfigurationState = {
  apiVersion: "metallb.io/v1beta1",
  kind: "ConfigurationState",
  metadata: {
    name: "speaker-n1",
    namespace: "metallb-system",
    labels: { "metallb.io/component-type": "speaker", "metallb.io/node-name": "n1" },
    ownerReferences: [owner],
  },
  status: valid,
};

test("a speaker's is created with the node's label, the controller's without", () => {
  expect(configurationStateWrites(base)).toMatchObject([
    {
      kind: "create",
      object: { kind: "ConfigurationState", metadata: existing.metadata },
      status: { ...valid, conditions: [{ ...valid.conditions[0], lastTransitionTime: base.now }] },
    },
  ]);
  expect(configurationStateWrites({ ...base, component: { kind: "controller" } })).toMatchObject([
    {
      object: { metadata: { name: "controller", labels: { "metallb.io/component-type": "controller" } } },
      status: { conditions: [{ type: "poolReconcilerValid" }] },
    },
  ]);
});

test("looking again writes nothing", () => {
  expect(configurationStateWrites({ ...base, existing })).toEqual([]);
});

test("every refused problem is a line; warnings are none", () => {
  const problems = [problem("b"), problem("a"), problem("a"), problem("c", "warning")];
  expect(configurationStateWrites({ ...base, existing, problems })).toMatchObject([
    {
      kind: "patch-status",
      body: {
        status: {
          result: "Invalid",
          errorSummary: "configuration error: a\nconfiguration error: b",
          conditions: [{ status: "False", reason: "ConfigurationError", lastTransitionTime: base.now }],
        },
      },
    },
  ]);
});

test("more than a condition can hold ends with how many more there are", () => {
  const problems = Array.from({ length: 1000 }, (_, i) => problem(`${i} ${"x".repeat(100)}`));
  const [write] = configurationStateWrites({ ...base, existing, problems });
  expect(JSON.stringify(write)).toMatch(/and 8\d\d more/);
});

test("a value as long as an object pushes out no other problem", () => {
  const problems = [problem(`a ${"x".repeat(100_000)}`), problem("b")];
  const [write] = configurationStateWrites({ ...base, existing, problems });
  const { errorSummary } = (write as { body: { status: { errorSummary: string } } }).body.status;
  expect(errorSummary).toMatch(/^configuration error: a x{900,1100}…\nconfiguration error: b$/);
});

test("a router that can't be reached leaves it open whether the configuration is in force", () => {
  expect(configurationStateWrites({ ...base, existing, failure: "bgpd does not answer" })).toMatchObject([
    {
      body: {
        status: { result: "Unknown", errorSummary: "bgpd does not answer", conditions: [{ reason: "UnknownError" }] },
      },
    },
  ]);
});

test("a new Pod takes it over", () => {
  const writes = configurationStateWrites({ ...base, existing, owner: { ...owner, name: "speaker-y", uid: "v" } });
  expect(writes).toMatchObject([{ kind: "patch", body: { metadata: { ownerReferences: [{ name: "speaker-y" }] } } }]);
});
