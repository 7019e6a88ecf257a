import { expect, test } from "vitest";
import { annotationAddressPool, annotationOf, speakerStateName } from "./names.ts";

test("an annotation counts under its old name too, and the present one wins even if empty", () => {
  const old = { "metallb.universe.tf/address-pool": "old" };
  expect(annotationOf(old, annotationAddressPool)).toBe("old");
  expect(annotationOf({ ...old, [annotationAddressPool]: "new" }, annotationAddressPool)).toBe("new");
  expect(annotationOf({ ...old, [annotationAddressPool]: "" }, annotationAddressPool)).toBe("");
  expect(annotationOf({}, annotationAddressPool)).toBeUndefined();
  expect(annotationOf(undefined, annotationAddressPool)).toBeUndefined();
});

test("a speaker's state is named after its node", () => expect(speakerStateName("node-1")).toBe("speaker-node-1"));
