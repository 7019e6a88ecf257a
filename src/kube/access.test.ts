import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { inClusterAccess, kubeconfigAccess } from "./access.ts";

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "metallb-ts-"));
});
afterEach(() => rm(directory, { recursive: true }));

test("a pod's mount, with an IPv6 API server", async () => {
  await writeFile(join(directory, "ca.crt"), "PEM");
  await writeFile(join(directory, "token"), "t1\n");
  await writeFile(join(directory, "namespace"), "metallb-system");
  const access = await inClusterAccess(directory, "fd00::1", "6443");
  expect(access).toMatchObject({ ca: "PEM", namespace: "metallb-system" });
  expect(access.server.href).toBe("https://[fd00::1]:6443/");
  expect(await access.token()).toBe("t1");
});

const kubeconfig = (user: string) => `
current-context: lab
contexts: [{name: lab, context: {cluster: c, user: u, namespace: web}}]
clusters: [{name: c, cluster: {server: "https://127.0.0.1:6443", certificate-authority-data: ${btoa("PEM")}}}]
users: [{name: u, user: ${user}}]
`;

test("a kubeconfig with files beside it", async () => {
  await writeFile(join(directory, "token"), "t2");
  await writeFile(join(directory, "config"), kubeconfig("{tokenFile: token}"));
  const access = await kubeconfigAccess(join(directory, "config"));
  expect(access).toMatchObject({ ca: "PEM", namespace: "web" });
  expect(await access.token()).toBe("t2");
});

test("what can't be used is named", async () => {
  const path = join(directory, "config");
  await writeFile(path, kubeconfig("{exec: {command: aws}}"));
  await expect(kubeconfigAccess(path)).rejects.toThrow(`kubeconfig ${path}: exec plugins are not supported`);
  await writeFile(path, kubeconfig("{}").replace("current-context: lab", "current-context: other"));
  await expect(kubeconfigAccess(path)).rejects.toThrow('no context named "other"');
});
