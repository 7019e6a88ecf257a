import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { hostname } from "node:os";
import { extname, join } from "node:path";
import { createSecureContext, type SecureVersion } from "node:tls";
import { Worker } from "node:worker_threads";
import { err, ok, type Result } from "../std/result.ts";

export interface KeyPair {
  /** PEM. */
  readonly cert: string;
  /** PEM. Never logged. */
  readonly key: string;
}

/** Where a server's certificate comes from. */
export interface TlsIdentity {
  load(): Promise<KeyPair>;
  /** Calls back with each new pair until `signal` aborts. Absent: the pair never changes. */
  onChange?(listener: (pair: KeyPair) => void, signal: AbortSignal): void;
}

/** Options of node:tls. */
export interface TlsPolicy {
  readonly minVersion: SecureVersion;
  readonly ciphers?: string;
  readonly ecdhCurve?: string;
}

/** `tls.crt` and `tls.key` of a mounted Secret, read again every ten seconds. `load` rejects while they make no pair. */
export function mountedIdentity(directory: string): TlsIdentity {
  let served = "";
  const load = async () => {
    const cert = await readFile(join(directory, "tls.crt"), "utf8");
    const key = await readFile(join(directory, "tls.key"), "utf8");
    // Read while they are written, one may be empty. TLS would take that, and serve nobody.
    if (cert === "" || key === "") throw new Error(`${cert === "" ? "tls.crt" : "tls.key"} is empty`);
    createSecureContext({ cert, key });
    served = cert;
    return { cert, key };
  };
  return {
    load,
    onChange(listener, signal) {
      const timer = setInterval(() => {
        const before = served;
        // While the kubelet swaps the files a read may fail, or give a certificate beside the old key; the next is whole.
        load()
          .then((pair) => pair.cert !== before && listener(pair))
          .catch(() => {
            served = before;
          });
      }, 10_000).unref();
      signal.addEventListener("abort", () => clearInterval(timer), { once: true });
    },
  };
}

/** A certificate made at start, valid for a year, that nobody can verify: it keeps the bearer token from the wire, no more. */
export function selfSignedIdentity(commonName: string = hostname()): TlsIdentity {
  return { load: () => selfSigned(commonName) };
}

/** Made in a thread that ends: the library for certificates takes 16 MiB or more, and gives them back with its thread only. */
async function selfSigned(commonName: string): Promise<KeyPair> {
  // Bundled, it lies beside the programs, and ends as they do.
  const file = new URL(`self-signed${extname(import.meta.url)}`, import.meta.url);
  const [pair] = await once(new Worker(file, { workerData: commonName }), "message");
  return pair as KeyPair;
}

/** MetalLB's three TLS flags, empty for the default, as options of node:tls; or why they make no sense. */
export function parseTlsPolicy(flags: {
  readonly minVersion: string;
  readonly cipherSuites: string;
  readonly curvePreferences: string;
}): Result<TlsPolicy> {
  const minVersion = versions[flags.minVersion === "" ? "VersionTLS13" : flags.minVersion];
  if (minVersion === undefined) {
    return err(`--tls-min-version: ${flags.minVersion} is not one of ${Object.keys(versions).join(", ")}`);
  }
  const suites = listOf(flags.cipherSuites);
  if (suites.length > 0 && minVersion === "TLSv1.3") {
    return err("--tls-cipher-suites: TLS 1.3 has no choice of suites; leave it empty or lower --tls-min-version");
  }
  const ciphers = lookUp(suites, cipherNames, "--tls-cipher-suites");
  if (!ciphers.ok) return ciphers;
  const curves = lookUp(listOf(flags.curvePreferences), curveNames, "--tls-curve-preferences");
  if (!curves.ok) return curves;
  return ok({
    minVersion,
    ...(ciphers.value.length > 0 && { ciphers: ciphers.value.join(":") }),
    ...(curves.value.length > 0 && { ecdhCurve: curves.value.join(":") }),
  });
}

const listOf = (text: string): string[] => (text === "" ? [] : text.split(",").map((item) => item.trim()));

function lookUp(keys: readonly string[], table: Readonly<Record<string, string>>, flag: string): Result<string[]> {
  const values: string[] = [];
  for (const key of keys) {
    const value = Object.hasOwn(table, key) ? table[key] : undefined;
    if (value === undefined) return err(`${flag}: ${key} is not one of ${Object.keys(table).join(", ")}`);
    if (values.includes(value)) return err(`${flag}: ${key} is named twice`);
    values.push(value);
  }
  return ok(values);
}

const versions: Readonly<Record<string, SecureVersion>> = {
  VersionTLS10: "TLSv1",
  VersionTLS11: "TLSv1.1",
  VersionTLS12: "TLSv1.2",
  VersionTLS13: "TLSv1.3",
};

/** Go crypto/tls names of the TLS 1.2 suites that it counts as secure → OpenSSL's names. */
const cipherNames: Readonly<Record<string, string>> = {
  TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256: "ECDHE-ECDSA-AES128-GCM-SHA256",
  TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256: "ECDHE-RSA-AES128-GCM-SHA256",
  TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384: "ECDHE-ECDSA-AES256-GCM-SHA384",
  TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384: "ECDHE-RSA-AES256-GCM-SHA384",
  TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256: "ECDHE-ECDSA-CHACHA20-POLY1305",
  TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256: "ECDHE-RSA-CHACHA20-POLY1305",
  TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA: "ECDHE-ECDSA-AES128-SHA",
  TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA: "ECDHE-RSA-AES128-SHA",
  TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA: "ECDHE-ECDSA-AES256-SHA",
  TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA: "ECDHE-RSA-AES256-SHA",
};

/** IANA TLS Supported Groups numbers (as Go's tls.CurveID) → OpenSSL's names. */
const curveNames: Readonly<Record<string, string>> = {
  23: "P-256",
  24: "P-384",
  25: "P-521",
  29: "X25519",
  4588: "X25519MLKEM768",
};
