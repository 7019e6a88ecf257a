import { get } from "node:http";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect, type TLSSocket } from "node:tls";
import { afterEach, beforeEach, expect, test } from "vitest";
import { serveHttp, serveHttps } from "./http-server.ts";
import { mountedIdentity, parseTlsPolicy, selfSignedIdentity } from "./tls.ts";

let stop: AbortController;
beforeEach(() => {
  stop = new AbortController();
});
afterEach(() => stop.abort());

const host = "127.0.0.1";
const body = (port: number, path: string): Promise<{ status: number | undefined; text: string }> =>
  new Promise((resolve, reject) => {
    get({ host, port, path, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("end", () => resolve({ status: response.statusCode, text: Buffer.concat(chunks).toString() }));
    }).on("error", reject);
  });

const handshake = (port: number, options: object): Promise<TLSSocket> =>
  new Promise((resolve, reject) => {
    const socket = connect({ host, port, rejectUnauthorized: false, ...options }, () => resolve(socket));
    socket.on("error", reject);
  });

test("a probe is answered on its path and nowhere else", async () => {
  const routes = { "/healthz": () => ({ status: 200, body: "ok" }) };
  const { port } = await serveHttp({ host, port: 0, routes }, stop.signal);
  expect(await body(port, "/healthz?verbose")).toEqual({ status: 200, text: "ok" });
  expect((await body(port, "/toString")).status).toBe(404);
});

test("a route that fails answers 500", async () => {
  const routes = { "/x": () => Promise.reject(new Error("inner detail")) };
  const { port } = await serveHttp({ host, port: 0, routes }, stop.signal);
  expect(await body(port, "/x")).toEqual({ status: 500, text: "internal error\n" });
});

test("a taken port is an error, and the end frees it", async () => {
  const first = new AbortController();
  const { port } = await serveHttp({ host, port: 0, routes: {} }, first.signal);
  await expect(serveHttp({ host, port, routes: {} }, stop.signal)).rejects.toThrow("EADDRINUSE");
  first.abort();
  await expect.poll(() => serveHttp({ host, port, routes: {} }, stop.signal).then(() => "up", String)).toBe("up");
});

const defaultPolicy = () => {
  const policy = parseTlsPolicy({ minVersion: "", cipherSuites: "", curvePreferences: "" });
  if (!policy.ok) throw new Error(policy.error);
  return policy.value;
};

test("TLS 1.3 is the least by default, with a self-signed certificate", async () => {
  const identity = selfSignedIdentity("speaker.test");
  const { port } = await serveHttps({ host, port: 0, routes: {}, identity, policy: defaultPolicy() }, stop.signal);
  const socket = await handshake(port, {});
  expect(socket.getProtocol()).toBe("TLSv1.3");
  expect(socket.getPeerCertificate().subject.CN).toBe("speaker.test");
  socket.destroy();
  await expect(handshake(port, { maxVersion: "TLSv1.2" })).rejects.toThrow();
});

test("a mounted certificate is served", async () => {
  const directory = await mkdtemp(join(tmpdir(), "metallb-ts-"));
  const pair = await selfSignedIdentity("mounted.test").load();
  await writeFile(join(directory, "tls.crt"), pair.cert);
  await writeFile(join(directory, "tls.key"), pair.key);
  const options = { host, port: 0, routes: {}, identity: mountedIdentity(directory), policy: defaultPolicy() };
  const { port } = await serveHttps(options, stop.signal);
  const socket = await handshake(port, {});
  expect(socket.getPeerCertificate().subject.CN).toBe("mounted.test");
  socket.destroy();
  await rm(directory, { recursive: true });
});

test("TLS flags", () => {
  const parse = (minVersion: string, cipherSuites: string, curvePreferences: string) =>
    parseTlsPolicy({ minVersion, cipherSuites, curvePreferences });
  expect(parse("VersionTLS12", "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "29,23")).toEqual({
    ok: true,
    value: { minVersion: "TLSv1.2", ciphers: "ECDHE-RSA-AES128-GCM-SHA256", ecdhCurve: "X25519:P-256" },
  });
  expect(parse("1.2", "", "").ok).toBe(false);
  expect(parse("", "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "")).toMatchObject({ ok: false });
  expect(parse("", "", "29,29")).toMatchObject({ ok: false, error: expect.stringContaining("twice") });
  expect(parse("", "", "99999")).toMatchObject({ ok: false });
});
