import { expect, test } from "vitest";
import type { Outcome } from "../allocate/outcome.ts";
import { parseAddress } from "../net/address.ts";
import { handedOver } from "./handover.ts";

const [x, y, z] = ["10.0.0.1", "10.0.0.2", "10.0.0.3"];

function outcome(
  name: string,
  before: readonly (string | undefined)[],
  after: readonly (string | undefined)[],
): Outcome {
  const addresses = after.flatMap((text) => parseAddress(text ?? "") ?? []);
  return {
    key: `default/${name}`,
    service: { apiVersion: "v1", kind: "Service", metadata: { name, namespace: "default" }, spec: {} },
    before: before.flatMap((text) => text ?? []),
    state:
      addresses.length > 0
        ? { kind: "assigned", addresses, pools: addresses.map(() => "p") }
        : { kind: "waiting", refusal: { kind: "not-granted", message: "no", pools: [] } },
    events: [],
  };
}

const written = (...outcomes: Outcome[]) =>
  Object.fromEntries(
    handedOver(outcomes).map(({ service, state }) => [
      service.metadata.name,
      state.kind === "assigned" ? [...state.addresses] : [],
    ]),
  );

test("what is free is given at once", () => {
  expect(written(outcome("a", [], [x]), outcome("b", [y], [y]))).toEqual({ a: [x], b: [y] });
});

test("an address that someone gives up goes on only after that is written", () => {
  expect(written(outcome("a", [], [x]), outcome("b", [x], []))).toEqual({ b: [] });
  expect(written(outcome("a", [], [x]), outcome("b", [], []))).toEqual({ a: [x], b: [] });
});

test("whoever waits keeps what it has", () => {
  expect(written(outcome("a", [z], [x]), outcome("b", [x], [y]))).toEqual({ b: [y] });
});

test("two that swap let go first", () => {
  expect(written(outcome("a", [x], [y]), outcome("b", [y], [x]))).toEqual({ a: [], b: [] });
});

test("shared addresses are not given up by being shared", () => {
  expect(written(outcome("a", [x], [x]), outcome("b", [], [x]))).toEqual({ a: [x], b: [x] });
});
