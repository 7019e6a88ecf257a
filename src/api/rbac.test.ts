import { expect, test } from "vitest";
import { allKinds } from "./crd.ts";
import { kindRules } from "./rbac.ts";

test("programs read what users write, write what they report, and count in a pool's status alone", () => {
  const { both, controller } = kindRules(allKinds.flat());
  expect(both.map(({ resources, verbs }) => [resources.join(" "), verbs.includes("create")])).toEqual([
    ["bfdprofiles bgpadvertisements bgppeers communities ipaddresspools l2advertisements", false],
    ["bgpsessionstatuses configurationstates servicebgpstatuses servicel2statuses", true],
    ["bgpsessionstatuses/status configurationstates/status servicebgpstatuses/status servicel2statuses/status", false],
  ]);
  expect(controller.map(({ resources }) => resources)).toEqual([["ipaddresspools/status"]]);
});
