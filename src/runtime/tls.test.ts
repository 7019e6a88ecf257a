import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { createAuthority, issueCertificate } from "./authority.ts";
import { mountedIdentity } from "./tls.ts";

const authority = await createAuthority(new Date());
const [pair, other] = await Promise.all(
  ["a.example", "b.example"].map((name) => issueCertificate(authority, name, new Date())),
);

function mounted(cert: string, key: string): Promise<unknown> {
  const directory = mkdtempSync(join(tmpdir(), "tls-"));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  writeFileSync(join(directory, "tls.crt"), cert);
  writeFileSync(join(directory, "tls.key"), key);
  return mountedIdentity(directory).load();
}

test("a mounted pair is taken whole", async () => {
  expect(await mounted(pair?.cert ?? "", pair?.key ?? "")).toEqual(pair);
});

test.each([
  ["no key yet", pair?.cert, "", "tls.key is empty"],
  ["no certificate yet", "", pair?.key, "tls.crt is empty"],
  ["half a certificate", pair?.cert.slice(0, 200), pair?.key, "bad end line"],
  ["another's key", pair?.cert, other?.key, "key values mismatch"],
])("what is read while it is written is refused: %s", async (_, cert, key, words) => {
  await expect(mounted(cert ?? "", key ?? "")).rejects.toThrow(words);
});
