import { bgpStatusCase, l2StatusCase, type ObjectCase, poolCase, stateCase } from "./object-case.ts";

const condition = {
  type: "configReconcilerValid",
  status: "True",
  reason: "Reconciled",
  message: "",
  lastTransitionTime: "2026-01-01T00:00:00Z",
};
const holder = { node: "node-1", serviceName: "web", serviceNamespace: "default" };
const withCondition = (change: object) => ({ status: { conditions: [{ ...condition, ...change }] } });
const counts = { assignedIPv4: 1, assignedIPv6: 0, availableIPv4: 255, availableIPv6: 0 };
const pool = { addresses: ["10.0.0.0/24"] };

const cases: readonly ObjectCase[] = [
  poolCase("a pool's counts", pool, { status: counts }),
  poolCase("a pool's counts, one missing", pool, {
    status: { ...counts, availableIPv6: undefined },
    schema: "status.availableIPv6: Required value",
  }),
  stateCase("a state", undefined, { status: { result: "Valid", errorSummary: "", conditions: [condition] } }),
  stateCase("a result that there isn't", undefined, {
    status: { result: "Perhaps" },
    schema: 'supported values: "Valid", "Invalid", "Unknown"',
  }),
  stateCase("a condition that holds neither way", undefined, {
    ...withCondition({ status: "Maybe" }),
    schema: 'supported values: "True", "False", "Unknown"',
  }),
  stateCase("a condition without a reason", undefined, {
    ...withCondition({ reason: "" }),
    schema: "status.conditions[0].reason in body should be at least 1 chars long",
  }),
  stateCase("a reason of two words", undefined, {
    ...withCondition({ reason: "Not Good" }),
    schema: "status.conditions[0].reason in body should match",
  }),
  stateCase("a time that is none", undefined, {
    ...withCondition({ lastTransitionTime: "yesterday" }),
    schema: "must be of type date-time",
  }),
  stateCase("one type twice", undefined, { status: { conditions: [condition, condition] }, schema: "Duplicate value" }),
  stateCase("a spec, which the kind hasn't", { a: 1 }, { schema: 'unknown field "spec"' }),
  bgpStatusCase("who announces what to whom", {}, { status: { ...holder, peers: ["a", "b"] } }),
  bgpStatusCase("peers change", {}, { statusFrom: { ...holder, peers: ["a"] }, status: { ...holder, peers: [] } }),
  bgpStatusCase(
    "another node",
    {},
    { statusFrom: holder, status: { ...holder, node: "node-2" }, schema: "Value is immutable" },
  ),
  bgpStatusCase(
    "another Service",
    {},
    { statusFrom: holder, status: { ...holder, serviceName: "api" }, schema: "Value is immutable" },
  ),
  bgpStatusCase(
    "another namespace",
    {},
    { statusFrom: holder, status: { ...holder, serviceNamespace: "prod" }, schema: "Value is immutable" },
  ),
  l2StatusCase("which node answers", {}, { status: { ...holder, interfaces: [{ name: "eth0" }] } }),
  l2StatusCase(
    "another node answers",
    {},
    { statusFrom: holder, status: { ...holder, node: "node-2" }, schema: "Value is immutable" },
  ),
  l2StatusCase(
    "interfaces that are texts",
    {},
    { status: { ...holder, interfaces: ["eth0"] }, schema: "status.interfaces[0] in body must be of type object" },
  ),
];

/**
 * What the programs write: only the schema judges it. Each has a name of its own, since kubectl's refusals of a status
 * don't name the file.
 */
export const stateCases: readonly ObjectCase[] = cases.map((one, i) => ({ ...one, name: `state-${i}` }));
