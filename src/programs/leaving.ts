import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { BgpDesired } from "../announce/desired.ts";
import type { Namespace, Node, NodeCondition } from "../api/core.ts";
import type { KubeObject } from "../api/object.ts";
import { ApplyError, type BgpBackend } from "../backends/backend.ts";
import { isNotFound } from "../kube/api-error.ts";
import type { KubeClient } from "../kube/client.ts";
import { daemonSets, type Resource, wholeNodes } from "../kube/resource.ts";
import { monotonicMs, sleep } from "../runtime/clock.ts";
import { errorText, type Log } from "../runtime/log.ts";
import { VtyError } from "../vty/session.ts";

/** The end of a speaker: whether another one takes its place, and what becomes of the routes if none does. */

/** What a speaker stands on. An object that is absent is gone. */
export interface Ground {
  /** The DaemonSet that made our Pod; `undefined` when nobody knows of one. */
  readonly daemonSet: { readonly name: string; readonly object: KubeObject | undefined } | undefined;
  readonly namespace: Namespace | undefined;
  readonly node: Node | undefined;
}

/**
 * Why no other speaker will take this one's place on its node; `undefined` when one will, as after an upgrade, or nobody can tell: then
 * the routes stay, and graceful restart bridges the time between.
 */
export function whyForGood({ daemonSet, namespace, node }: Ground): string | undefined {
  if (daemonSet !== undefined && isGoing(daemonSet.object)) return `DaemonSet ${daemonSet.name} is deleted`;
  if (isGoing(namespace)) return "MetalLB's namespace is deleted";
  if (isGoing(node)) return "the Node is deleted";
  return node?.status?.conditions?.some(isShutdown) ? "the node shuts down" : undefined;
}

const isGoing = (object: KubeObject | undefined): boolean =>
  object?.metadata.deletionTimestamp !== undefined || !object;

/** The kubelet's words while systemd waits for it. Kubernetes pkg/kubelet/nodeshutdown, nodestatus/setters.go */
const isShutdown = ({ type, status, message }: NodeCondition): boolean =>
  type === "Ready" && status !== "True" && (message ?? "").includes("node is shutting down");

/** How long the API server may take for its last answers. */
const askMs = 1_000;

/**
 * The ground as it is now, asked once more since watches lag and don't keep the words of a Node. Without an answer it is as the watches
 * have it, which go on meanwhile: `helm uninstall` takes the right to ask away together with the DaemonSet, but not a watch that runs.
 */
export async function groundNow(client: KubeClient, namespace: string, watched: () => Ground): Promise<Ground> {
  const signal = AbortSignal.timeout(askMs);
  const ask = <T extends KubeObject>(resource: Resource<T>, name: string): Promise<Answer<T>> =>
    client
      .get(resource, { namespace, name }, signal)
      .catch((error: unknown): Answer<T> => (isNotFound(error) ? "gone" : "no answer"));
  const { daemonSet, node } = watched();
  const [set, own]: [Answer<KubeObject>, Answer<Node>] = await Promise.all([
    daemonSet ? ask(daemonSets, daemonSet.name) : "no answer",
    node ? ask(wholeNodes, node.metadata.name) : "no answer",
  ]);
  if (daemonSet && set === "no answer") await untilGone(() => watched().daemonSet?.object, signal);
  const known = watched();
  return {
    namespace: known.namespace,
    node: own === "no answer" ? known.node : presence(own),
    daemonSet: daemonSet && {
      name: daemonSet.name,
      object: set === "no answer" ? known.daemonSet?.object : presence(set),
    },
  };
}

type Answer<T> = T | "gone" | "no answer";

const presence = <T extends KubeObject>(answer: T | "gone"): T | undefined => (answer === "gone" ? undefined : answer);

async function untilGone(object: () => KubeObject | undefined, signal: AbortSignal): Promise<void> {
  while (!signal.aborted && !isGoing(object())) await sleep(20, signal);
}

/** Beyond this a peer that takes nothing is left to find out by itself; kubelets wait no longer, see the chart's grace period. */
const withdrawMs = 3_000;

/** Bgpd writes what it has within milliseconds, and a NOTIFICATION drops what is unwritten. FRR bgpd/bgp_packet.c, bgp_notify_io_invalid */
const flushMs = 100;

/** Takes everything back: first the prefixes, by UPDATE; when FRR has said so to all peers, the sessions too (Cease). */
export async function withdraw(backend: BgpBackend, desired: BgpDesired, log: Log): Promise<void> {
  const limit = AbortSignal.timeout(2 * withdrawMs);
  const bare = desired.routers.map((router) => ({
    ...router,
    peers: router.peers.map((one) => ({ ...one, paths: [] })),
  }));
  const started = monotonicMs();
  try {
    await backend.apply({ ...desired, routers: bare }, limit).catch(unlessRejected);
    while (await isTold(backend, limit)) {
      if (monotonicMs() - started > withdrawMs) {
        log.warn({ afterMs: withdrawMs }, "some peers were not told that the routes go; ending their sessions");
        break;
      }
      await sleep(20, limit);
    }
    await sleep(flushMs, limit);
    await backend.apply({ routers: [], bfdProfiles: [] }, limit).catch(unlessRejected);
    log.info({ tookMs: Math.round(monotonicMs() - started) }, "everything is withdrawn");
  } catch (error) {
    if (!limit.aborted && !(error instanceof ApplyError) && !(error instanceof VtyError)) throw error;
    log.error({ error: errorText(error) }, "could not withdraw; the routers find out by themselves");
  }
}

/** Whether any peer still holds a route of ours: one whose session is down holds none, or knows it by itself. */
async function isTold(backend: BgpBackend, signal: AbortSignal): Promise<boolean> {
  const { sessions } = await backend.observe(signal);
  return sessions.some(({ state, sent }) => state === "Established" && sent.size > 0);
}

function unlessRejected(error: unknown): void {
  if (!(error instanceof ApplyError) || error.code !== "rejected") throw error;
}

/**
 * Tells the container beside us that there is a speaker, and whether it is still at work: its FRR must not end before. The file lies
 * with FRR's sockets; images/frr/docker-start reads it.
 */
export class Presence implements AsyncDisposable {
  readonly #path: string;

  static async begin(socketDir: string): Promise<Presence> {
    const presence = new Presence(join(socketDir, "metallb-speaker"));
    await presence.#say("here");
    return presence;
  }

  private constructor(path: string) {
    this.#path = path;
  }

  /** FRR is needed until this is disposed. */
  leaving(): Promise<void> {
    return this.#say("leaving");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.#path, { force: true });
  }

  /** Without it FRR doesn't wait, and nothing else is lost. */
  async #say(word: string): Promise<void> {
    await writeFile(this.#path, `${word}\n`).catch(() => {});
  }
}
