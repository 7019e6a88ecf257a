import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { BgpDesired } from "../../src/announce/desired.ts";
import { createFrrBackend, type FrrBackend } from "../../src/backends/frr/backend.ts";
import { generations } from "../../src/backends/frr/testing/generations.ts";
import { Rig } from "../../src/backends/frr/testing/rig.ts";
import type { Tree } from "../../src/frr/tree.ts";
import { run } from "./run.ts";
import { readStory, storyNames } from "./story.ts";

/** Each story has its own limit; all of them together have none. */
const patience = new AbortController().signal;
const daemons = ["zebra", "bgpd", "bfdd"] as const;

/**
 * One FRR for all stories: each begins where nothing is desired. No session comes up: what peers hear is for other tests. Bgpd takes
 * in the router of a VRF that the kernel doesn't have.
 */
describe.each(generations)("stories on FRR $release", (generation) => {
  let rig: Rig;
  let backend: FrrBackend;
  beforeAll(async () => {
    rig = await Rig.start(generation);
    backend = createFrrBackend({ socketDir: rig.socketDir("node") });
    for (const daemon of daemons) await rig.vty("node", daemon, "configure terminal", "log commands", "end");
  });
  afterAll(async () => {
    await backend?.close();
    await rig?.[Symbol.asyncDispose]();
  });

  test.for(storyNames)("%s", async (name) => {
    await backend.apply(nothing, patience);
    for (const { desired, wanted } of run(readStory(name))) {
      await backend.apply(desired, patience);
      expect(shape(await rig.running())).toEqual(shape(wanted));
      const before = commands(rig);
      await applyAfresh(rig, desired);
      await rig.running();
      expect(commands(rig)).toEqual(before);
    }
  });

  test("the daemons have logged what they were told", () => {
    expect(commands(rig).length).toBeGreaterThan(storyNames.length);
  });
});

const nothing: BgpDesired = { routers: [], bfdProfiles: [] };

/** As a speaker that has just started, and knows only what FRR says. */
async function applyAfresh(rig: Rig, desired: BgpDesired): Promise<void> {
  const backend = createFrrBackend({ socketDir: rig.socketDir("node") });
  try {
    await backend.apply(desired, patience);
  } finally {
    await backend.close();
  }
}

/** Without empty contexts: FRR keeps printing `bfd` once it was opened, and a router without prefixes prints none. */
const shape = ({ bfdd, networks, ...blocks }: Tree): Tree => ({
  ...blocks,
  bfdd: new Map([...bfdd].filter(([, profiles]) => profiles.size > 0)),
  networks: new Map([...networks].filter(([, prefixes]) => prefixes.size > 0)),
});

/**
 * The configuration commands that our FRR's daemons were given so far, by their own logs. A daemon writes its log when it turns to
 * the next command: all is there once it was asked what it runs.
 */
const commands = (rig: Rig): string[] =>
  daemons
    .flatMap((daemon) => readFileSync(join(rig.socketDir("node"), `${daemon}.log`), "utf8").split("\n"))
    .filter((line) => line.includes("@(config"));
