import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { Secret } from "../../src/api/core.ts";
import type { NotAnnounced } from "../../src/announce/reasons.ts";
import { specFields } from "../../src/api/kind.ts";
import { bfdProfile } from "../../src/api/kinds/bfd-profile.ts";
import { bgpAdvertisement } from "../../src/api/kinds/bgp-advertisement.ts";
import { type BgpPeer, bgpPeer } from "../../src/api/kinds/bgp-peer.ts";
import { community } from "../../src/api/kinds/community.ts";
import type { KubeObject } from "../../src/api/object.ts";
import { plan } from "../../src/frr/plan.ts";
import { ModelOfFrr } from "../../src/frr/testing/daemon.ts";
import { emptyTree } from "../../src/frr/tree.ts";
import { run } from "./run.ts";
import { readStory, type Story, type StoryStep, storyNames } from "./story.ts";

const stories = storyNames.map(readStory).map((story) => ({ ...story, told: run(story) }));

/** `STORIES=write` puts what comes out in place of what is expected: review it as code. */
const isRewriting = process.env["STORIES"] === "write";

test("there are at least 60 stories", () => {
  expect(stories.length).toBeGreaterThanOrEqual(60);
});

test.for(stories)("$name", ({ steps, told }) => {
  for (const [i, { directory }] of steps.entries()) meetsExpectations(directory, told[i]?.files ?? {});
});

test.for(stories)("$name: what is in force costs nothing, and its commands lead to it", ({ told }) => {
  let running = emptyTree;
  for (const { desired, steps, wanted, secondWrites } of told) {
    expect(plan(desired, wanted).steps).toEqual([]);
    expect(secondWrites).toEqual([]);
    const frr = new ModelOfFrr(running);
    for (const step of steps) frr.take(step);
    expect(plan(desired, frr.tree).steps).toEqual([]);
    running = wanted;
  }
});

test.for(stories)("$name: in whatever order the objects come", ({ told, ...story }) => {
  const expected = told.map(({ files }) => files);
  for (const order of [reversed, interleaved]) {
    const shuffled: Story = { ...story, steps: story.steps.map((step) => ({ ...step, objects: order(step.objects) })) };
    expect(run(shuffled).map(({ files }) => files)).toEqual(expected);
  }
});

test.for(stories)("$name: no password in what anyone may read", ({ steps }) => {
  const secrets = steps.flatMap(({ objects }) => objects.flatMap(passwordsOf));
  const written = steps.flatMap(({ directory }) => goldens(directory)).map((path) => readFileSync(path, "utf8"));
  for (const secret of secrets) expect(written.filter((text) => text.includes(secret))).toEqual([]);
});

test("every reason for announcing nothing is told somewhere", () => {
  const reasons: Readonly<Record<Exclude<NotAnnounced, "serviceDeleted">, true>> = {
    notLoadBalancer: true,
    noIPAllocated: true,
    invalidIP: true,
    ipNotAllowed: true,
    notOwner: true,
    noMatchingAdvertisement: true,
    conflictingAdvertisements: true,
    nodeNetworkUnavailable: true,
    nodeLabeledExcludeBalancers: true,
    noLocalEndpoints: true,
    noEndpoints: true,
  };
  const decisions = stories.flatMap(({ told }) => told.map(({ files }) => files["decisions.yaml"] ?? ""));
  for (const reason of Object.keys(reasons)) {
    expect(
      decisions.some((text) => text.includes(`no: ${reason}\n`)),
      reason,
    ).toBe(true);
  }
});

test.for([bgpPeer, bfdProfile, bgpAdvertisement, community])("every field of $kind is in some story", (kind) => {
  const objects = stories.flatMap(({ steps }) => steps.flatMap((step) => step.objects));
  const specs = objects.flatMap((object) => (object.kind === kind.kind && "spec" in object ? [object.spec] : []));
  const used = new Set(specs.flatMap((spec) => Object.keys(spec as object)));
  expect(Object.keys(specFields(kind)).filter((field) => !used.has(field))).toEqual([]);
});

test("every file has its place", () => {
  const inputs = ["story.md", "objects.yaml", "world.yaml"];
  const outputs = ["decisions.yaml", "frr.conf", "status.yaml", "commands.txt"];
  for (const { name, steps } of stories) {
    const files = steps.flatMap(({ directory }) => readdirSync(directory)).filter((entry) => !/^\d+$/.test(entry));
    expect(files.filter((file) => !inputs.includes(file) && !outputs.includes(file))).toEqual([]);
    expect(readdirSync(join(import.meta.dirname, name))).toContain("story.md");
  }
});

function meetsExpectations(directory: StoryStep["directory"], files: Readonly<Record<string, string>>): void {
  for (const [file, text] of Object.entries(files)) {
    const path = join(directory, file);
    if (isRewriting) writeFileSync(path, text);
    else expect(text, path).toBe(readFileSync(path, "utf8"));
  }
}

const goldens = (directory: string): readonly string[] =>
  readdirSync(directory)
    .filter((file) => ["decisions.yaml", "frr.conf", "status.yaml", "commands.txt"].includes(file))
    .map((file) => join(directory, file));

/** As they are written, and what they stand for. */
function passwordsOf(object: KubeObject): string[] {
  const plain = object.kind === "BGPPeer" ? (object as BgpPeer).spec?.password : undefined;
  const encoded = object.kind === "Secret" ? Object.values((object as Secret).data ?? {}) : [];
  const decoded = encoded.map((text) => Buffer.from(text, "base64").toString("utf8"));
  return [...encoded, ...decoded, ...(plain === undefined ? [] : [plain])].filter((text) => text !== "");
}

const reversed = (objects: readonly KubeObject[]) => objects.toReversed();

/** Last, first, last but one, second, … */
const interleaved = (objects: readonly KubeObject[]) =>
  objects.flatMap((_, i) => objects.at(i % 2 === 0 ? -1 - i / 2 : (i - 1) / 2) ?? []);
