import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { bfdProfile, bgpAdvertisement, node, peer, pool, snapshot } from "../../tests/objects.ts";
import { parseConfig } from "../config/parse.ts";
import { createLog } from "../runtime/log.ts";
import { LastGood } from "./last-good.ts";

const log = createLog("none", "test");
const world = snapshot({
  nodes: [node("n1")],
  pools: [pool("p", { addresses: ["10.0.0.0/24", "fd00::/120"] })],
  peers: [peer("tor", { bfdProfile: "fast", password: "s3cret" })],
  bfdProfiles: [bfdProfile("fast")],
  bgpAdvertisements: [bgpAdvertisement("adv", { communities: ["64512:1", "large:1:2:3"] })],
});
const { config } = parseConfig(world, { node: "n1" });

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "last-good-"));
});
afterAll(() => rmSync(directory, { recursive: true }));

const file = () => join(directory, "metallb-config");

test("what is kept is read by the next one, whole, and by nobody else", async () => {
  const first = await LastGood.at(directory, "n1", log);
  expect(await first.read()).toBeUndefined();
  first.keep(config);
  const second = await LastGood.at(directory, "n1", log);
  await expect.poll(() => second.read()).toEqual(config);
  expect(statSync(file()).mode & 0o777).toBe(0o600);
  expect(await (await LastGood.at(directory, "n2", log)).read()).toBeUndefined();

  const lastGood = await second.read();
  const gone = { ...world, bfdProfiles: [] };
  expect(parseConfig(gone, { node: "n1" }).config.peers).toEqual([]);
  expect(parseConfig(gone, { node: "n1", ...(lastGood && { lastGood }) }).config).toEqual(config);
});

test("what can't be read is as good as nothing", async () => {
  writeFileSync(file(), "half a fi");
  expect(await (await LastGood.at(directory, "n1", log)).read()).toBeUndefined();
});
