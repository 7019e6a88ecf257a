import { afterAll, beforeAll, describe, test } from "vitest";
import { groups } from "./scenarios/all.ts";
import { World } from "./scenarios/world.ts";

/** What users do, with manifests and kubectl, and what routers and a client make of it: docs/scenarios.md. */

let world: World;

beforeAll(async () => {
  world = await World.start("tscn");
});
afterAll(async () => {
  await world?.[Symbol.asyncDispose]();
});

describe.each(groups)("$title", ({ scenarios }) => {
  test.each(scenarios)("$name: $shows", (scenario) => world.play(scenario), 240_000);
});
