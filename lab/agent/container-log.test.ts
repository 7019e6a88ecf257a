import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import fc from "fast-check";
import { afterAll, expect, test } from "vitest";
import { ContainerLog, type ReadLogOptions } from "./container-log.ts";

const dir = mkdtempSync(path.join(tmpdir(), "ag-log-"));
afterAll(() => rmSync(dir, { recursive: true }));

let count = 0;
const newLog = () => new ContainerLog(path.join(dir, `${count++}.log`));

async function read(log: ContainerLog, options: Partial<ReadLogOptions> = {}, signal = AbortSignal.timeout(30_000)) {
  let text = "";
  for await (const chunk of log.read({ follow: false, timestamps: false, ...options }, signal)) text += chunk;
  return text;
}

test("output in any pieces reads as it was written", async () => {
  const pieces = fc.array(fc.string({ unit: "binary", maxLength: 20 }), { maxLength: 8 });
  await fc.assert(
    fc.asyncProperty(pieces, fc.nat(7), async (parts, cut) => {
      const log = newLog();
      const bytes = Buffer.from(parts.join("\n"));
      for (let i = 0; i < bytes.length; i += cut + 1) log.append("stdout", bytes.subarray(i, i + cut + 1));
      log.close();
      expect(await read(log)).toBe(bytes.toString());
    }),
    { numRuns: 50 },
  );
});

test("a byte order mark at the beginning stays", async () => {
  const log = newLog();
  log.append("stdout", Buffer.from("\uFEFFone\n"));
  log.close();
  expect(await read(log)).toBe("\uFEFFone\n");
});

test("a follower sees what comes later, and ends with the log", async () => {
  const log = newLog();
  log.append("stdout", Buffer.from("one\n"));
  const followed = read(log, { follow: true });
  log.append("stderr", Buffer.from("two\nthr"));
  log.append("stderr", Buffer.from("ee\n"));
  log.close();
  expect(await followed).toBe("one\ntwo\nthree\n");
});

test("a follower that has left reads no more", async () => {
  const log = newLog();
  log.append("stdout", Buffer.from("one\n"));
  expect(await read(log, { follow: true }, AbortSignal.timeout(50))).toBe("one\n");
  log.close();
});

test("a line without end is cut into parts and counts as one", async () => {
  const log = newLog();
  log.append("stdout", Buffer.from(`first\n${"x".repeat(20_000)}`));
  log.append("stdout", Buffer.from("y\nlast\n"));
  expect(await read(log, { tailLines: 2 })).toBe(`${"x".repeat(20_000)}y\nlast\n`);
  expect(await read(log, { tailLines: 0 })).toBe("");
  log.close();
});
