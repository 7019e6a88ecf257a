import { beforeAll, expect, test } from "vitest";
import { cases } from "./guest/cases.ts";
import { type Outcome, runGuest } from "./virtual-machine.ts";

/** What needs a kernel that the tests' machine may not have: VRF devices and links that lose. FRR is 10.3. */
let outcomes: ReadonlyMap<string, Outcome>;

beforeAll(async () => {
  // A minute on an idle machine; an emulated processor gets what others leave.
  outcomes = await runGuest(540_000);
}, 600_000);

test.each(Object.keys(cases))("%s", (name) => {
  const { passed, words } = outcomes.get(name) ?? { passed: false, words: "the virtual machine did not come to this" };
  if (passed && words !== "") console.log(words);
  expect(passed, words).toBe(true);
});
