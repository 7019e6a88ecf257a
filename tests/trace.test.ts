import { execFileSync, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";

const OBJECTS = "docs/trace/objects.yaml";
const trace = (...args: string[]): string =>
  execFileSync(process.execPath, ["src/programs/cli.ts", "trace", ...args], { encoding: "utf8" });

test("docs/trace-a-service.md shows what `metallb trace` prints", () => {
  expect(readFileSync("docs/trace-a-service.md", "utf8")).toContain(
    trace("default/test-lb", "--node", "node1", OBJECTS),
  );
});

test("a Service that is not announced says why, with exit code 1", () => {
  const objects = readFileSync(OBJECTS, "utf8")
    .replaceAll("ready: true", "ready: false")
    .replaceAll("serving: true", "serving: false");
  const { stdout, status } = spawnSync(
    process.execPath,
    ["src/programs/cli.ts", "trace", "default/test-lb", "--node", "node1"],
    { input: objects, encoding: "utf8" },
  );
  expect(stdout).toContain("reason: noEndpoints");
  expect(stdout).toContain("nothing to send");
  expect(status).toBe(1);
});

test("a Service that waits for an address says of each pool why", () => {
  const objects = readFileSync(OBJECTS, "utf8")
    .replace("autoAssign: true", "autoAssign: false")
    .replace(/ingress:\n +- ip: \S+/, "{}");
  const { stdout, status } = spawnSync(
    process.execPath,
    ["src/programs/cli.ts", "trace", "default/test-lb", "--node", "node1"],
    { input: objects, encoding: "utf8" },
  );
  expect(stdout.replace(/^ +/gm, "")).toContain(
    [
      "waiting:",
      "kind: not-granted",
      "message: 'no available IPs: pool \"bgp-pool\" has autoAssign false'",
      "pools:",
      "- pool: bgp-pool",
      "kind: auto-assign-off",
    ].join("\n"),
  );
  expect(status).toBe(1);
});

test("what a pool's namespaceSelectors and mistakes say to a Service that waits is what the controller says", () => {
  const allocation = "serviceAllocation: { namespaceSelectors: [{ matchLabels: { team: red } }] }";
  const namespace = "---\napiVersion: v1\nkind: Namespace\nmetadata: { name: default, labels: { team: red } }\n";
  const wrong =
    "---\napiVersion: metallb.io/v1beta1\nkind: IPAddressPool\nmetadata: { name: wrong, namespace: metallb-system }\n" +
    "spec: { addresses: [10.0.0.0/33] }\n";
  const objects = readFileSync(OBJECTS, "utf8")
    .replace("autoAssign: true", `autoAssign: true\n  ${allocation}`)
    .replace("10.100.0.0/24", "fd00::/64")
    .replace(/ingress:\n +- ip: \S+/, "{}");
  const { stdout } = spawnSync(
    process.execPath,
    ["src/programs/cli.ts", "trace", "default/test-lb", "--node", "node1"],
    { input: `${objects}\n${namespace}${wrong}`, encoding: "utf8" },
  );
  const said =
    'no available IPs: pool "bgp-pool" has no IPv4 addresses; pool "wrong" is not in force: its spec is refused';
  expect(stdout).toContain(`message: '${said}'`);
});

test("a wrong name is refused in one line", () => {
  const { stderr, status } = spawnSync(
    process.execPath,
    ["src/programs/cli.ts", "trace", "default/absent", "--node", "node1", OBJECTS],
    { encoding: "utf8" },
  );
  expect(stderr.trim()).toBe("metallb trace: no Service default/absent among the objects");
  expect(status).toBe(2);
});
