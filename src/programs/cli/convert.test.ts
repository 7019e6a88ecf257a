import { spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { join } from "node:path";
import { parseAllDocuments } from "yaml";
import { expect, test } from "vitest";

const program = join(import.meta.dirname, "../cli.ts");

async function metallb(args: readonly string[], input = "") {
  const child = spawn(process.execPath, [program, ...args], { stdio: "pipe" });
  child.stdin.end(input);
  const [stdout, stderr, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, "close")]);
  return { stdout, stderr, code: Number(code) };
}

const old = `
apiVersion: v1
kind: ConfigMap
metadata: { name: config, namespace: metallb-system }
data:
  config: |
    peers:
    - { my-asn: 64500, peer-asn: 64501, peer-address: 10.0.0.1, hold-time: 90s }
    bgp-communities: { ten: "64512:10" }
    address-pools:
    - { name: default, protocol: bgp, addresses: [198.51.100.0/24] }
`;

test("a ConfigMap from standard input becomes objects on standard output, a report on standard error", async () => {
  const { stdout, stderr, code } = await metallb(["convert"], old);
  expect(code).toBe(0);
  const objects = parseAllDocuments(stdout).map((document) => document.toJS() as { kind: string });
  expect(objects.map(({ kind }) => kind)).toEqual(["BGPPeer", "IPAddressPool", "BGPAdvertisement", "Community"]);
  expect(stdout, "for YAML 1.1 this would be a number").toContain('"64512:10"');
  expect(stderr).toMatch(/^converted:\n {2}ConfigMap config: peers\[0\]: BGPPeer peer1\n/);
});

test("what it prints, it leaves as it is", async () => {
  const { stdout: first } = await metallb(["convert"], old);
  const { stdout: second, code } = await metallb(["convert", "-"], first);
  expect(second).toBe(first);
  expect(code).toBe(0);
});

test("it reads what kubectl reads, and kubectl reads what it prints: yes is true, and a password may be y", async () => {
  const peer = `
apiVersion: metallb.io/v1beta2
kind: BGPPeer
metadata: { name: p, namespace: metallb-system }
spec: { myASN: 64500, peerASN: 64501, peerAddress: 10.0.0.1, password: "y", ebgpMultiHop: yes }
`;
  const { stdout, code } = await metallb(["convert"], peer);
  expect(code).toBe(0);
  expect(stdout).toContain('password: "y"');
  expect(stdout).toContain("ebgpMultiHop: true");
});

test("text that is no YAML, and an outcome that would be refused, exit with 1", async () => {
  expect(await metallb(["convert"], "a: [")).toMatchObject({ code: 1, stdout: "" });
  const { code, stderr } = await metallb(["convert"], old.replace("198.51.100.0/24", "198.51.100.0"));
  expect(code).toBe(1);
  expect(stderr).toContain("would be refused or warned about:\n  IPAddressPool default: spec.addresses[0]");
});

test("a file that isn't there, an unknown option and an unknown command exit with 2", async () => {
  expect(await metallb(["convert", "/nowhere"])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("ENOENT") as string,
  });
  expect((await metallb(["convert", "--colour"])).code).toBe(2);
  expect(await metallb([])).toMatchObject({ code: 2, stderr: expect.stringContaining("convert [FILE...]") as string });
  expect(await metallb(["convert", "--help"])).toMatchObject({ code: 0, stderr: "" });
});
