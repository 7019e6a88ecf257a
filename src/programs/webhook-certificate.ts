import type { Secret } from "../api/core.ts";
import { group } from "../api/kind.ts";
import { bgpPeer } from "../api/kinds/bgp-peer.ts";
import { webhookConfiguration, webhookFieldManager, webhookSecretKeys } from "../api/names.ts";
import type { KubeObject } from "../api/object.ts";
import { isConflict } from "../kube/api-error.ts";
import type { KubeClient } from "../kube/client.ts";
import { Watched } from "../kube/follow.ts";
import type { Resource } from "../kube/resource.ts";
import {
  createAuthority,
  firstInBundle,
  isGoodAuthority,
  isGoodCertificate,
  issueCertificate,
  othersInBundle,
} from "../runtime/authority.ts";
import { type BackoffLimits, backoffMs } from "../runtime/backoff.ts";
import { errorText, type Log } from "../runtime/log.ts";
import type { KeyPair, TlsIdentity } from "../runtime/tls.ts";
import { Wake } from "../runtime/wake.ts";

/** What the Secret holds, as PEM. */
interface Artifacts {
  /** The authority that signs; with its certificate, in `bundle`, those that were trusted before it. */
  readonly authority: KeyPair;
  readonly bundle: string;
  readonly server: KeyPair;
}

interface Options {
  readonly client: KubeClient;
  readonly namespace: string;
  readonly secret: string;
  /** Of the Service under which the API server finds us. */
  readonly service: string;
  readonly log: Log;
  readonly now: () => Date;
}

const windowMs = 5;
const limits: BackoffLimits = { minMs: 250, maxMs: 30_000 };
/** Certificates are looked at this often even when nothing wakes the loop. */
const lookMs = 6 * 3_600_000;

/**
 * The webhook server's certificate: one for all replicas, in a Secret that the first of them fills, renewed before it
 * ends, and told to the API server before it is used.
 *
 * Differs: MetalLB reads the certificate from a volume of the Secret, which the kubelet fills up to minutes later, and
 * exits when that takes long; here it is used as soon as it is known.
 *
 * Differs: The CA that is replaced stays trusted until it ends; in MetalLB it is forgotten at once.
 */
export class WebhookCertificate implements TlsIdentity {
  readonly #options: Options;
  readonly #dnsName: string;
  readonly #secret: Watched<Secret>;
  readonly #configuration: Watched<WebhookConfiguration>;
  readonly #definition: Watched<Definition>;
  readonly #listeners = new Set<(pair: KeyPair) => void>();
  readonly #first = Promise.withResolvers<KeyPair>();
  #wake: Wake | undefined;
  #served: KeyPair | undefined;

  constructor(options: Options) {
    const { namespace, secret, service } = options;
    this.#options = options;
    this.#dnsName = `${service}.${namespace}.svc`;
    const changed = () => this.#wake?.wake();
    const only = (name: string) => ({ fieldSelector: `metadata.name=${name}` });
    this.#secret = new Watched(secretResource, { namespace, ...only(secret) }, changed);
    this.#configuration = new Watched(configurations, only(webhookConfiguration), changed);
    this.#definition = new Watched(definitions, only(definitionName), changed);
  }

  /** Whether there is a certificate to serve with. */
  get isReady(): boolean {
    return this.#served !== undefined;
  }

  /** The first certificate, once there is one. Rejects when `follow` ends before. */
  load(): Promise<KeyPair> {
    return this.#served ? Promise.resolve(this.#served) : this.#first.promise;
  }

  onChange(listener: (pair: KeyPair) => void, signal: AbortSignal): void {
    this.#listeners.add(listener);
    signal.addEventListener("abort", () => this.#listeners.delete(listener), { once: true });
  }

  /** Keeps the certificate, the Secret and what the API server trusts in step until `signal` aborts. */
  async follow(signal: AbortSignal): Promise<void> {
    const { client, log } = this.#options;
    // Whoever waits for the first certificate may have ended already.
    this.#first.promise.catch(() => undefined);
    signal.addEventListener("abort", () => this.#first.reject(signal.reason), { once: true });
    const watches = [this.#secret, this.#configuration, this.#definition];
    await Promise.all([...watches.map((watched) => watched.follow(client, log, signal)), this.#turns(signal)]);
  }

  async #turns(signal: AbortSignal): Promise<void> {
    const wake = new Wake(windowMs, signal);
    this.#wake = wake;
    wake.wake();
    const looks = setInterval(() => wake.wake(), lookMs).unref();
    signal.addEventListener("abort", () => clearInterval(looks), { once: true });
    const known = [this.#secret, this.#configuration, this.#definition];
    let failures = 0;
    for await (const _ of wake) {
      // All three: whom it has not seen yet, it can't have told.
      if (!known.every(({ cache }) => cache.synced)) continue;
      try {
        if (await this.#turn(signal)) failures = 0;
        else wake.wakeIn(Math.ceil(backoffMs(++failures, limits)));
      } catch (error) {
        if (signal.aborted) return;
        const retryInMs = Math.ceil(backoffMs(++failures, limits));
        this.#options.log.warn({ error: errorText(error), retryInMs }, "webhook certificate not in step");
        wake.wakeIn(retryInMs);
      }
    }
  }

  /** Whether all is in step now; if not, somebody else wrote meanwhile, and the next turn sees what. */
  async #turn(signal: AbortSignal): Promise<boolean> {
    const secret = this.#secret.cache.items[0];
    const artifacts = await this.#keep(secret, signal);
    if (!artifacts) return false;
    let isTold = true;
    try {
      // Before it is used: whoever asks next must trust it already.
      isTold = await this.#tellServers(artifacts.bundle, signal);
    } finally {
      // Where we may not tell, somebody else may have done it.
      if (isTold) this.#serve(artifacts.server);
    }
    return isTold;
  }

  /** What the Secret holds once it is complete; `undefined` when another replica was faster. */
  async #keep(secret: Secret | undefined, signal: AbortSignal): Promise<Artifacts | undefined> {
    const { now, log, secret: name } = this.#options;
    const held = heldBy(secret);
    const artifacts = await completed(held, this.#dnsName, now());
    if (artifacts === held) return held;
    try {
      this.#secret.cache.learn(await this.#write(secret, artifacts, signal));
    } catch (error) {
      if (isConflict(error)) return undefined;
      throw error;
    }
    log.info({ secretName: name, newAuthority: artifacts.authority !== held.authority }, "webhook certificate issued");
    return artifacts;
  }

  #write(secret: Secret | undefined, artifacts: Artifacts, signal: AbortSignal): Promise<Secret> {
    const { client, namespace, secret: name } = this.#options;
    const data = dataOf(artifacts);
    if (!secret) return client.create(secretResource, { metadata: { name, namespace }, data }, signal);
    const body = { metadata: { resourceVersion: secret.metadata.resourceVersion }, data };
    return client.patch(
      secretResource,
      { namespace, name },
      { kind: "merge", body, fieldManager: webhookFieldManager },
      signal,
    );
  }

  /**
   * Writes the CA wherever the API server looks for it; false: somebody else wrote there meanwhile. What isn't installed needs
   * none; its watch will tell.
   */
  async #tellServers(bundle: string, signal: AbortSignal): Promise<boolean> {
    const caBundle = Buffer.from(bundle).toString("base64");
    const outcomes = await Promise.allSettled([
      this.#inject(this.#configuration, configurations, configurationPatch, caBundle, signal),
      this.#inject(this.#definition, definitions, definitionPatch, caBundle, signal),
    ]);
    for (const outcome of outcomes) if (outcome.status === "rejected") throw outcome.reason;
    return outcomes.every((outcome) => outcome.status === "fulfilled" && outcome.value);
  }

  async #inject<T extends KubeObject>(
    watched: Watched<T>,
    resource: Resource<T>,
    patchFor: (object: T, caBundle: string) => object | undefined,
    caBundle: string,
    signal: AbortSignal,
  ): Promise<boolean> {
    const object = watched.cache.items[0];
    const change = object && patchFor(object, caBundle);
    if (!object || !change) return true;
    const body = { metadata: { resourceVersion: object.metadata.resourceVersion }, ...change };
    const patch = { kind: "merge", body, fieldManager: webhookFieldManager } as const;
    try {
      watched.cache.learn(await this.#options.client.patch(resource, object.metadata, patch, signal));
      this.#options.log.info({ kind: object.kind, name: object.metadata.name }, "webhook CA written");
      return true;
    } catch (error) {
      if (!isConflict(error)) throw error;
      return false;
    }
  }

  #serve(pair: KeyPair): void {
    if (this.#served?.cert === pair.cert) return;
    this.#served = pair;
    this.#first.resolve(pair);
    for (const listener of this.#listeners) listener(pair);
  }
}

/** The same artifacts if all is well with them, else new ones in the place of what is not. */
async function completed(held: Artifacts, dnsName: string, now: Date): Promise<Artifacts> {
  const isKept = isGoodAuthority(held.authority, now);
  if (isKept && isGoodCertificate(held.server, held.authority, dnsName, now)) return held;
  const authority = isKept ? held.authority : await createAuthority(now);
  const bundle = [authority.cert.trim(), ...othersInBundle(held.bundle, authority.cert, now)].join("\n");
  return { authority, bundle: `${bundle}\n`, server: await issueCertificate(authority, dnsName, now) };
}

function heldBy(secret: Secret | undefined): Artifacts {
  const text = (key: string) => Buffer.from(secret?.data?.[key] ?? "", "base64").toString("utf8");
  const { ca, caKey, cert, key } = webhookSecretKeys;
  return {
    authority: { cert: firstInBundle(text(ca)), key: text(caKey) },
    bundle: text(ca),
    server: { cert: text(cert), key: text(key) },
  };
}

function dataOf({ authority, bundle, server }: Artifacts): Readonly<Record<string, string>> {
  const { ca, caKey, cert, key } = webhookSecretKeys;
  const texts = { [ca]: bundle, [caKey]: authority.key, [cert]: server.cert, [key]: server.key };
  return Object.fromEntries(Object.entries(texts).map(([name, text]) => [name, Buffer.from(text).toString("base64")]));
}

const secretResource: Resource<Secret> = { apiVersion: "v1", kind: "Secret", plural: "secrets", namespaced: true };

interface ClientConfig {
  readonly caBundle?: string;
  readonly service?: object;
}

/** admissionregistration.k8s.io/v1 ValidatingWebhookConfiguration. */
interface WebhookConfiguration extends KubeObject {
  readonly webhooks?: readonly { readonly name: string; readonly clientConfig: ClientConfig }[];
}

const configurations: Resource<WebhookConfiguration> = {
  apiVersion: "admissionregistration.k8s.io/v1",
  kind: "ValidatingWebhookConfiguration",
  plural: "validatingwebhookconfigurations",
  namespaced: false,
};

function configurationPatch({ webhooks = [] }: WebhookConfiguration, caBundle: string): object | undefined {
  if (webhooks.every(({ clientConfig }) => clientConfig.caBundle === caBundle)) return undefined;
  return { webhooks: webhooks.map((hook) => ({ ...hook, clientConfig: { ...hook.clientConfig, caBundle } })) };
}

/** apiextensions.k8s.io/v1 CustomResourceDefinition, what conversion needs of it. */
interface Definition extends KubeObject {
  readonly spec: {
    readonly conversion?: { readonly strategy: string; readonly webhook?: { readonly clientConfig?: ClientConfig } };
  };
}

const definitionName = `${bgpPeer.plural}.${group}`;

const definitions: Resource<Definition> = {
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "CustomResourceDefinition",
  plural: "customresourcedefinitions",
  namespaced: false,
  keep: ({ apiVersion, kind, metadata, spec: { conversion } }) => ({
    apiVersion,
    kind,
    metadata,
    spec: conversion ? { conversion } : {},
  }),
};

function definitionPatch({ spec: { conversion } }: Definition, caBundle: string): object | undefined {
  const clientConfig = conversion?.webhook?.clientConfig;
  if (conversion?.strategy !== "Webhook" || !clientConfig || clientConfig.caBundle === caBundle) return undefined;
  return { spec: { conversion: { webhook: { clientConfig: { caBundle } } } } };
}
