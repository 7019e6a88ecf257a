import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { sweep } from "./sweep.ts";
import { leftovers } from "./testing/leftovers.ts";

const NETNS = "ag-left";

/** A lab that only runs one pod, in a process of its own. */
const CHILD = `
const [dir, room] = process.argv.slice(1);
const { defaultImages } = await import(room + "/images.ts");
const { PodAddresses } = await import(room + "/pod-network.ts");
const { PodRunner } = await import(room + "/pod-runner.ts");
const { prepareRunDir } = await import(room + "/sweep.ts");
const node = { name: "ag-left", netns: "${NETNS}", addresses: ["192.0.2.1"], podCIDRs: ["10.244.6.0/24"] };
const pod = {
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name: "left", namespace: "default", uid: "11111111-0000-4000-8000-000000000000" },
  spec: {
    shareProcessNamespace: true,
    volumes: [{ name: "memory", emptyDir: { medium: "Memory" } }],
    containers: [{
      name: "main",
      image: "busybox",
      command: ["sh", "-c", "trap '' TERM; while :; do sleep 0.1; done"],
      volumeMounts: [{ name: "memory", mountPath: "/memory" }],
    }],
  },
};
const runner = new PodRunner(pod, {
  node,
  paths: await prepareRunDir(dir),
  images: defaultImages("/nowhere"),
  sources: { apiServer: { host: "10.96.0.1", port: 443, caPem: "" }, issueToken: () => "", configMap() {}, secret() {} },
  addresses: new PodAddresses(node.podCIDRs),
  backOff: { initialMs: 100, maxMs: 100 },
  onChange: () => runner.status.phase === "Running" && process.stdout.write("running\\n"),
  onEvent: ({ type, message }) => type === "Warning" && console.error(message),
});
await runner.run();
`;

beforeAll(() => {
  execFileSync("ip", ["netns", "add", NETNS]);
  execFileSync("ip", ["-n", NETNS, "addr", "add", "192.0.2.1/32", "dev", "lo"]);
});
afterAll(() => {
  execFileSync("ip", ["netns", "del", NETNS]);
});

test("what a killed lab leaves is swept", async () => {
  const dir = mkdtempSync(path.join(tmpdir(), "ag-killed-"));
  const child = spawn(process.execPath, ["--input-type=module", "-e", CHILD, dir, import.meta.dirname], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  await once(child.stdout, "data", { signal: AbortSignal.timeout(100_000) });
  child.kill("SIGKILL");
  await once(child, "exit");
  expect(leftovers(dir, NETNS).length).toBeGreaterThan(4);

  await sweep(dir);
  expect(leftovers(dir, NETNS)).toEqual([]);
  await sweep(dir);
  rmSync(dir, { recursive: true });
});
