import { createPrivateKey, randomBytes, webcrypto, X509Certificate } from "node:crypto";
import type { KeyPair } from "./tls.ts";

/** RSA 2048 in PKCS #1, as MetalLB's own rotation writes and reads it: either can take over from the other. */
const algorithm = {
  name: "RSASSA-PKCS1-v1_5",
  modulusLength: 2048,
  publicExponent: new Uint8Array([1, 0, 1]),
  hash: "SHA-256",
} as const;

const dayMs = 86_400_000;
const authorityDays = 3650;
const serverDays = 365;
/** What has less than this left is renewed. */
const renewalDays = 90;

/**
 * A certificate authority of our own, good for ten years.
 *
 * @see open-policy-agent cert-controller, pkg/rotator/rotator.go, CreateCACert
 */
export async function createAuthority(now: Date): Promise<KeyPair> {
  const x509 = await library();
  const keys = await newKeys();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned(
    {
      serialNumber: serial(),
      name: [{ CN: ["cert"] }, { O: ["metallb"] }],
      ...validity(now, authorityDays),
      keys,
      signingAlgorithm: algorithm,
      extensions: [
        new x509.BasicConstraintsExtension(true, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.digitalSignature, true),
        await x509.SubjectKeyIdentifierExtension.create(keys.publicKey, false, webcrypto),
      ],
    },
    webcrypto,
  );
  return { cert: certificate.toString("pem"), key: await keyPem(keys.privateKey) };
}

/** A server's certificate for one DNS name, good for a year, signed by the authority. */
export async function issueCertificate(authority: KeyPair, dnsName: string, now: Date): Promise<KeyPair> {
  const x509 = await library();
  const keys = await newKeys();
  const issuer = new x509.X509Certificate(authority.cert);
  const certificate = await x509.X509CertificateGenerator.create(
    {
      serialNumber: serial(),
      subject: [{ CN: [dnsName] }],
      issuer: issuer.subject,
      ...validity(now, serverDays),
      publicKey: keys.publicKey,
      signingKey: await signingKey(authority.key),
      signingAlgorithm: algorithm,
      extensions: [
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature | x509.KeyUsageFlags.keyEncipherment, true),
        new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
        new x509.SubjectAlternativeNameExtension([{ type: "dns", value: dnsName }]),
        await x509.AuthorityKeyIdentifierExtension.create(issuer, false, webcrypto),
      ],
    },
    webcrypto,
  );
  return { cert: certificate.toString("pem"), key: await keyPem(keys.privateKey) };
}

/** Whether it is an authority whose key we have, that we can sign with, and need not be renewed yet. */
export function isGoodAuthority(pair: KeyPair, now: Date): boolean {
  const certificate = readCertificate(pair.cert);
  return certificate !== undefined && certificate.ca && fits(certificate, pair.key) && isLasting(certificate, now);
}

/** Whether it is for that name, signed by that authority, its key is there, and it need not be renewed yet. */
export function isGoodCertificate(pair: KeyPair, authority: KeyPair, dnsName: string, now: Date): boolean {
  const [certificate, issuer] = [readCertificate(pair.cert), readCertificate(authority.cert)];
  if (certificate === undefined || issuer === undefined || !fits(certificate, pair.key)) return false;
  const isSigned = certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);
  return isSigned && certificate.checkHost(dnsName) !== undefined && isLasting(certificate, now);
}

/** The certificates of a bundle that are still good, as PEM, without the one given. */
export function othersInBundle(bundle: string, cert: string, now: Date): readonly string[] {
  const own = readCertificate(cert)?.fingerprint256;
  return certificatesIn(bundle).filter((block) => {
    const certificate = readCertificate(block);
    return certificate !== undefined && certificate.fingerprint256 !== own && daysLeft(certificate, now) > 0;
  });
}

/** The certificate that signs stands first; empty when there is none. */
export const firstInBundle = (bundle: string): string => certificatesIn(bundle)[0] ?? "";

const certificatesIn = (bundle: string): readonly string[] =>
  bundle.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];

const daysLeft = (certificate: X509Certificate, now: Date): number =>
  (certificate.validToDate.getTime() - now.getTime()) / dayMs;

const isLasting = (certificate: X509Certificate, now: Date): boolean =>
  certificate.validFromDate <= now && daysLeft(certificate, now) > renewalDays;

function readCertificate(pem: string): X509Certificate | undefined {
  try {
    return new X509Certificate(pem);
  } catch {
    return undefined;
  }
}

function fits(certificate: X509Certificate, key: string): boolean {
  try {
    const parsed = createPrivateKey(key);
    return parsed.asymmetricKeyType === "rsa" && certificate.checkPrivateKey(parsed);
  } catch {
    return false;
  }
}

const library = () => import("./x509.ts");

const newKeys = () => webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);

const signingKey = (pem: string): Promise<webcrypto.CryptoKey> => {
  const der = createPrivateKey(pem).export({ type: "pkcs8", format: "der" });
  return webcrypto.subtle.importKey("pkcs8", der, algorithm, true, ["sign"]);
};

async function keyPem(key: webcrypto.CryptoKey): Promise<string> {
  const der = Buffer.from(await webcrypto.subtle.exportKey("pkcs8", key));
  const pem = createPrivateKey({ key: der, type: "pkcs8", format: "der" }).export({ type: "pkcs1", format: "pem" });
  return pem.toString();
}

/** Clocks of API servers may be a little behind. */
const validity = (now: Date, days: number) => ({
  notBefore: new Date(now.getTime() - 3_600_000),
  notAfter: new Date(now.getTime() + days * dayMs),
});

/** Positive and never with a leading zero byte, as RFC 5280 §4.1.2.2 asks. */
const serial = (): string => `4${randomBytes(16).toString("hex").slice(1)}`;
