import { configurationState } from "../api/kinds/configuration-state.ts";
import { ipAddressPool } from "../api/kinds/ip-address-pool.ts";
import { controllerStateName, eventSources } from "../api/names.ts";
import { KubeClient } from "../kube/client.ts";
import { Watched } from "../kube/follow.ts";
import { elect } from "../kube/lease.ts";
import { resourceOf, services } from "../kube/resource.ts";
import { World } from "../kube/snapshot.ts";
import { poolMetrics } from "../metrics/controller.ts";
import { apiReachMetric, clientMetrics, createRegistry } from "../metrics/registry.ts";
import { createLog } from "../runtime/log.ts";
import { terminationSignal } from "../runtime/signals.ts";
import { Wake } from "../runtime/wake.ts";
import { configReader } from "./config-reader.ts";
import { parseFlags } from "./flags.ts";
import { Performer, targetOf } from "./perform.ts";
import {
  accessFrom,
  asOwner,
  commonFlags,
  namespaceFrom,
  ownPod,
  requireFrr,
  run,
  serveHealth,
  serveMetrics,
  StartError,
  tlsPolicyFrom,
} from "./start.ts";
import { type Standing, serveTerm, watchAlong } from "./term.ts";
import { webhookFlags, WebhookService } from "./webhook-service.ts";

/** Nobody waits for what a candidate reads. */
const alongWindowMs = 100;

const noMemberlist = "no speaker needs a memberlist";

const flags = {
  ...commonFlags,
  "ml-secret-name": { kind: "text", default: "", unused: noMemberlist },
  deployment: { kind: "text", default: "", unused: noMemberlist },
  ...webhookFlags,
} as const;

/**
 * The controller: gives Services addresses from pools, and says so in their status. Any number of replicas may run; the
 * one that holds the Lease works, the others watch along so as to take over at once.
 */
async function controller(): Promise<void> {
  const parsed = parseFlags(flags, process.argv.slice(2), process.env);
  if (!parsed.ok) throw new StartError(parsed.error);
  const { values, unused } = parsed.value;
  requireFrr(process.env);
  const policy = tlsPolicyFrom(values);
  const log = createLog(values["log-level"], "controller");
  for (const why of unused) log.warn({ flag: why }, "flag has no effect");

  const signal = terminationSignal();
  const access = await accessFrom(process.env);
  const namespace = await namespaceFrom(values.namespace, access);
  using client = new KubeClient(access, eventSources.controller);
  const owner = asOwner(await ownPod(client, { namespace, name: values["pod-name"] }, signal));

  /** Wakes the loop of a term, or else whoever watches along. */
  const along = new Wake(alongWindowMs, signal);
  let wake = along;
  const changed = () => wake.wake();
  const world = new World({ namespace, parts: ["pools", "communities", "services", "namespaces"], changed });
  const stateScope = { namespace, fieldSelector: `metadata.name=${controllerStateName}` };
  const states = new Watched(resourceOf(configurationState), stateScope, changed);
  const targets = [
    targetOf(services, world.services),
    targetOf(resourceOf(ipAddressPool), world.pools),
    targetOf(resourceOf(configurationState), states.cache),
  ];
  const performer = (guard: () => void) => new Performer(client, targets, guard);
  const registry = createRegistry();
  const metrics = { ...clientMetrics(registry), pools: poolMetrics(registry) };
  const awaySince = () => client.reach.awaySince;
  apiReachMetric(registry, awaySince);
  client.reach.report(log, "addresses stay, new Services wait");

  let standing: Standing = "candidate";
  const lbClass = values["lb-class"];
  const read = configReader(undefined);
  const own = { namespace, owner, lbClass, client, performer, log };
  const context = { ...own, world, read, states: states.cache, metrics };
  const begin = (turns: Wake | undefined, now: Standing) => {
    [wake, standing] = [turns ?? along, now];
    if (turns === undefined) along.wake();
  };

  const mode = values["webhook-mode"];
  const webhooks =
    mode === "disabled" ? undefined : new WebhookService({ flags: values, policy, namespace, client, world, log });

  /** That nobody can lead, a start must show: an update would end the last one that does. */
  let knowsLeader = mode === "onlywebhook";
  const waitingFor = () => {
    if (!world.synced) return "the API server's objects";
    if (!knowsLeader) return "an answer about the Lease metallb-controller";
    return standing === "first pass" ? "the first pass over all Services" : webhooks?.waitingFor();
  };
  await serveHealth({ host: undefined, port: values["health-probe-port"], waitingFor, awaySince }, signal);
  const certDir = values["metrics-cert-dir"];
  await serveMetrics({ port: values.port, certDir, policy, client, log, registry }, signal);
  log.info({ namespace, lbClass }, "started");
  // Whoever is leader from the start reads the world once: a list from before would have to be read again.
  const first = Promise.withResolvers<void>();
  const attempted = (lease: string) => {
    knowsLeader ||= lease !== "unknown";
    first.resolve();
  };
  const election = { client, namespace, name: "metallb-controller", identity: owner.name, log, attempted };
  if (mode === "onlywebhook") first.resolve();
  await Promise.all([
    first.promise.then(() => world.follow(client, log, signal)),
    states.follow(client, log, signal),
    watchAlong(context, along),
    webhooks?.follow(signal),
    mode !== "onlywebhook" && elect(election, (leadership) => serveTerm(context, leadership, begin), signal),
  ]);
}

await run(controller);
