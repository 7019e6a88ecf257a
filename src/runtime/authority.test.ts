import { createPrivateKey, X509Certificate } from "node:crypto";
import { beforeAll, describe, expect, test } from "vitest";
import {
  createAuthority,
  firstInBundle,
  isGoodAuthority,
  isGoodCertificate,
  issueCertificate,
  othersInBundle,
} from "./authority.ts";
import type { KeyPair } from "./tls.ts";

const now = new Date("2026-01-01T00:00:00Z");
const after = (days: number): Date => new Date(now.getTime() + days * 86_400_000);
const name = "metallb-webhook-service.metallb-system.svc";

let authority: KeyPair;
let other: KeyPair;
let server: KeyPair;

beforeAll(async () => {
  [authority, other] = [await createAuthority(now), await createAuthority(now)];
  server = await issueCertificate(authority, name, now);
});

test("an authority has MetalLB's subject, ten years, and an RSA key of 2048 bits in PKCS #1", () => {
  const { subject, ca, validToDate } = new X509Certificate(authority.cert);
  expect(subject).toBe("CN=cert\nO=metallb");
  expect(ca).toBe(true);
  expect(validToDate).toEqual(after(3650));
  expect(authority.key).toMatch(/^-----BEGIN RSA PRIVATE KEY-----/);
  expect(createPrivateKey(authority.key).asymmetricKeyDetails?.modulusLength).toBe(2048);
});

describe("an authority", () => {
  test("is good until 90 days before its end", () => {
    expect(isGoodAuthority(authority, now)).toBe(true);
    expect(isGoodAuthority(authority, after(3559))).toBe(true);
    expect(isGoodAuthority(authority, after(3561))).toBe(false);
  });
  test("is not good without its own key, without sense, or before its time", () => {
    expect(isGoodAuthority({ ...authority, key: other.key }, now)).toBe(false);
    expect(isGoodAuthority({ cert: "", key: "" }, now)).toBe(false);
    expect(isGoodAuthority({ cert: "nonsense", key: authority.key }, now)).toBe(false);
    expect(isGoodAuthority(authority, after(-2))).toBe(false);
    expect(isGoodAuthority(server, now)).toBe(false);
  });
});

describe("a server's certificate", () => {
  test("is good for its name until 90 days before its end", () => {
    expect(isGoodCertificate(server, authority, name, now)).toBe(true);
    expect(isGoodCertificate(server, authority, name, after(274))).toBe(true);
    expect(isGoodCertificate(server, authority, name, after(276))).toBe(false);
    expect(isGoodCertificate(server, authority, "other.metallb-system.svc", now)).toBe(false);
  });
  test("is not good by another authority or with another key", () => {
    expect(isGoodCertificate(server, other, name, now)).toBe(false);
    expect(isGoodCertificate({ ...server, key: other.key }, authority, name, now)).toBe(false);
  });
  test("can be signed with a key that comes as PKCS #8 too", async () => {
    const key = createPrivateKey(authority.key).export({ type: "pkcs8", format: "pem" }).toString();
    const signed = await issueCertificate({ ...authority, key }, name, now);
    expect(isGoodCertificate(signed, authority, name, now)).toBe(true);
  });
});

test("of a bundle only what is good and not the given one remains", () => {
  const bundle = `${authority.cert}\n${other.cert}\nnonsense\n`;
  expect(firstInBundle(bundle)).toBe(authority.cert.trim());
  expect(firstInBundle("nonsense")).toBe("");
  expect(othersInBundle(bundle, authority.cert, now).map((pem) => new X509Certificate(pem).fingerprint256)).toEqual([
    new X509Certificate(other.cert).fingerprint256,
  ]);
  expect(othersInBundle(bundle, authority.cert, after(4000))).toEqual([]);
});
