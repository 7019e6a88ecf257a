import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { mountRoot, removeRoot } from "./rootfs.ts";

test("an image with a tree of its own is that tree, with its files laid over, and leaves it as it was", async () => {
  const base = mkdtempSync(path.join(tmpdir(), "ag-root-"));
  onTestFinished(() => rmSync(base, { recursive: true }));
  const tree = path.join(base, "tree");
  mkdirSync(path.join(tree, "etc"), { recursive: true });
  writeFileSync(path.join(tree, "etc/release"), "another system");
  const image = { entrypoint: [], root: tree, files: { "/etc/laid-over": "ours" } };

  const root = await mountRoot(path.join(base, "container"), image);
  expect(readdirSync(root)).toEqual(["etc"]);
  expect(readFileSync(path.join(root, "etc/release"), "utf8")).toBe("another system");
  expect(readFileSync(path.join(root, "etc/laid-over"), "utf8")).toBe("ours");
  writeFileSync(path.join(root, "etc/release"), "changed inside");
  await removeRoot(path.join(base, "container"));
  expect(readdirSync(path.join(tree, "etc"))).toEqual(["release"]);
  expect(readFileSync(path.join(tree, "etc/release"), "utf8")).toBe("another system");
});
