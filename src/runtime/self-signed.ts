import { webcrypto } from "node:crypto";
import { parentPort, workerData } from "node:worker_threads";
import type { KeyPair } from "./tls.ts";
import { PemConverter, SubjectAlternativeNameExtension, X509CertificateGenerator } from "./x509.ts";

/** A worker that answers with a certificate for the name in its `workerData`, valid for a year, and ends. */

async function selfSigned(commonName: string): Promise<KeyPair> {
  const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const now = Date.now();
  const certificate = await X509CertificateGenerator.createSelfSigned(
    {
      name: [{ CN: [commonName] }],
      notBefore: new Date(now - 60_000),
      notAfter: new Date(now + 365 * 86_400_000),
      signingAlgorithm: algorithm,
      keys,
      extensions: [new SubjectAlternativeNameExtension([{ type: "dns", value: commonName }])],
    },
    webcrypto,
  );
  const key = await webcrypto.subtle.exportKey("pkcs8", keys.privateKey);
  return { cert: certificate.toString("pem"), key: PemConverter.encode(key, "PRIVATE KEY") };
}

parentPort?.postMessage(await selfSigned(String(workerData)));
