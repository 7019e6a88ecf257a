import { webhookSecret, webhookService } from "../api/names.ts";
import type { Snapshot } from "../api/snapshot.ts";
import type { KubeClient } from "../kube/client.ts";
import { type Part, World } from "../kube/snapshot.ts";
import { sleep } from "../runtime/clock.ts";
import { errorText, type Log } from "../runtime/log.ts";
import { mountedIdentity, type TlsIdentity, type TlsPolicy } from "../runtime/tls.ts";
import { WebhookCertificate } from "./webhook-certificate.ts";
import { serveWebhooks } from "./webhooks.ts";

/** MetalLB's flags, which it shares with nobody. */
export const webhookFlags = {
  "webhook-mode": { kind: "text", default: "enabled", oneOf: ["enabled", "disabled", "onlywebhook"] },
  "webhook-secret": { kind: "text", default: webhookSecret },
  "cert-service-name": { kind: "text", default: webhookService },
  "cert-dir": { kind: "text", default: "/tmp/k8s-webhook-server/serving-certs" },
  "disable-cert-rotation": { kind: "switch" },
  "webhook-http2": { kind: "switch", unused: "webhooks are served over HTTP/1.1" },
} as const;

/** Fixed, as in MetalLB: the API server comes by way of a Service. */
const webhookPort = 9443;

/** What admission looks at and the controller's loop does not: changes of these wake nobody. */
const ownParts = [
  "peers",
  "bgpAdvertisements",
  "l2Advertisements",
  "bfdProfiles",
  "nodes",
  "secrets",
] as const satisfies readonly Part[];

interface Options {
  readonly flags: {
    readonly "webhook-secret": string;
    readonly "cert-service-name": string;
    readonly "cert-dir": string;
    readonly "disable-cert-rotation": boolean;
  };
  readonly policy: TlsPolicy;
  readonly namespace: string;
  readonly client: KubeClient;
  /** The controller's, with the remaining parts. */
  readonly world: World;
  readonly log: Log;
  /** Where to listen; for tests. */
  readonly at?: { readonly host: string; readonly port: number };
}

/** The controller's webhooks: their certificate, their own view of the cluster, and the server. Every replica has them. */
export class WebhookService {
  readonly #options: Options;
  readonly #world: World;
  readonly #certificate: WebhookCertificate | undefined;
  #port: number | undefined;

  constructor(options: Options) {
    const { namespace, flags, client, log } = options;
    this.#options = options;
    this.#world = new World({ namespace, parts: ownParts, changed: () => {} });
    const names = { secret: flags["webhook-secret"], service: flags["cert-service-name"] };
    this.#certificate = flags["disable-cert-rotation"]
      ? undefined
      : new WebhookCertificate({ client, namespace, ...names, log, now: () => new Date() });
  }

  /** What keeps it from answering yet. */
  waitingFor(): string | undefined {
    if (this.#port === undefined) return "the webhooks' certificate";
    return this.#snapshot() === undefined ? "the objects that webhooks judge" : undefined;
  }

  /** Once it listens. */
  get port(): number | undefined {
    return this.#port;
  }

  async follow(signal: AbortSignal): Promise<void> {
    const { client, log } = this.#options;
    await Promise.all([
      this.#world.follow(client, log, signal),
      this.#certificate?.follow(signal),
      this.#serve(signal),
    ]);
  }

  async #serve(signal: AbortSignal): Promise<void> {
    const { policy, log, flags, at = { host: undefined, port: webhookPort } } = this.#options;
    const identity = this.#certificate ?? whenMounted(flags["cert-dir"], log, signal);
    const snapshot = () => this.#snapshot();
    try {
      this.#port = (await serveWebhooks({ ...at, identity, policy, snapshot, log }, signal)).port;
      log.info({ port: this.#port }, "webhooks served");
    } catch (error) {
      // No certificate came before the end.
      if (!signal.aborted) throw error;
    }
  }

  #snapshot(): Snapshot | undefined {
    const { world } = this.#options;
    if (!world.synced || !this.#world.synced) return undefined;
    const { pools, communities, namespaces } = world.snapshot();
    return { ...this.#world.snapshot(), pools, communities, namespaces };
  }
}

/** Whoever provides the certificate (`--disable-cert-rotation`) may do so after the start. */
function whenMounted(directory: string, log: Log, signal: AbortSignal): TlsIdentity {
  const mounted = mountedIdentity(directory);
  return {
    ...mounted,
    async load() {
      for (let told = ""; ; ) {
        signal.throwIfAborted();
        try {
          return await mounted.load();
        } catch (error) {
          const text = errorText(error);
          if (text !== told) log.warn({ directory, error: text }, "waiting for the webhooks' certificate");
          told = text;
        }
        await sleep(1000, signal);
      }
    },
  };
}
