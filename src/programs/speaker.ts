import { bgpSessionStatus } from "../api/kinds/bgp-session-status.ts";
import { configurationState } from "../api/kinds/configuration-state.ts";
import { eventSources, labelNode, speakerStateName } from "../api/names.ts";
import { createFrrBackend } from "../backends/frr/backend.ts";
import { frrLogLevel } from "../backends/frr/log-level.ts";
import type { Config } from "../config/config.ts";
import { KubeClient } from "../kube/client.ts";
import { Watched } from "../kube/follow.ts";
import { announcedServices, bgpStatuses, daemonSets, resourceOf } from "../kube/resource.ts";
import { type Part, World } from "../kube/snapshot.ts";
import { apiReachMetric, clientMetrics, createRegistry } from "../metrics/registry.ts";
import { announcedMetric, announcementDurationMetric, driftMetric, frrMetrics } from "../metrics/speaker.ts";
import { sleep } from "../runtime/clock.ts";
import { createLog, errorText } from "../runtime/log.ts";
import { terminationSignal } from "../runtime/signals.ts";
import { Wake } from "../runtime/wake.ts";
import { AnnouncementTimes } from "./announcement-times.ts";
import { announce, type Missing } from "./announcing.ts";
import { parseFlags } from "./flags.ts";
import { LastGood } from "./last-good.ts";
import { groundNow, Presence, whyForGood, withdraw } from "./leaving.ts";
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

const noMemberlist = "nothing is announced by layer 2, so no memberlist is needed";
const noFrrK8s = "this speaker drives FRR itself";

const flags = {
  ...commonFlags,
  "node-name": { kind: "text", default: "", env: "METALLB_NODE_NAME" },
  "ignore-exclude-lb": { kind: "switch" },
  // Differs: MetalLB waits 3000 ms by default, since each of its reloads is expensive.
  "bgp-debounce-timeout": { kind: "number", default: 5, min: 1, max: 600_000, env: "METALLB_BGP_DEBOUNCE_TIMEOUT" },
  "frr-socket-dir": { kind: "text", default: "/var/run/frr", env: "METALLB_FRR_SOCKET_DIR" },
  host: { kind: "text", default: "", unused: "nothing reads it, in MetalLB either" },
  "ml-bindaddr": { kind: "text", default: "", unused: noMemberlist },
  "ml-bindport": { kind: "text", default: "", unused: noMemberlist },
  "ml-labels": { kind: "text", default: "", unused: noMemberlist },
  "ml-secret-key-path": { kind: "text", default: "", unused: noMemberlist },
  "ml-wan-config": { kind: "switch", unused: noMemberlist },
  "frrk8s-namespace": { kind: "text", default: "", unused: noFrrK8s },
  "frrk8s-secret-passthrough": { kind: "switch", unused: noFrrK8s },
} as const;

const parts: readonly Part[] = [
  "pools",
  "peers",
  "bgpAdvertisements",
  "l2Advertisements",
  "bfdProfiles",
  "communities",
  "services",
  "endpointSlices",
  "nodes",
  "namespaces",
  "secrets",
  "configMaps",
];

/** A turn at least this often: the backend then asks FRR whether all is as it was. */
const heartbeatMs = 30_000;

/** The speaker: makes FRR on its node announce what it should, and says what it does. */
async function speaker(): Promise<void> {
  const parsed = parseFlags(flags, process.argv.slice(2), process.env);
  if (!parsed.ok) throw new StartError(parsed.error);
  const { values, unused } = parsed.value;
  requireFrr(process.env);
  const policy = tlsPolicyFrom(values);
  const node = values["node-name"];
  if (node === "") throw new StartError("--node-name is not given and METALLB_NODE_NAME is not set");
  const frrLevel = frrLogLevel(values["log-level"], process.env["FRR_LOGGING_LEVEL"]);
  if (!frrLevel.ok) throw new StartError(frrLevel.error);
  const log = createLog(values["log-level"], "speaker");
  for (const why of unused) log.warn({ flag: why }, "flag has no effect");

  const signal = terminationSignal();
  const access = await accessFrom(process.env);
  const namespace = await namespaceFrom(values.namespace, access);
  using client = new KubeClient(access, eventSources.speaker);
  const pod = await ownPod(client, { namespace, name: values["pod-name"] }, signal);
  const owner = asOwner(pod);

  const wake = new Wake(values["bgp-debounce-timeout"], signal);
  const changed = () => wake.wake();
  client.reach.report(log, "everything stays announced", changed);
  const registry = createRegistry();
  const times = new AnnouncementTimes(announcementDurationMetric(registry));
  const heard = () => {
    times.received();
    changed();
  };
  const world = new World({ namespace, parts, changed: heard, services: announcedServices });
  const stateScope = { namespace, fieldSelector: `metadata.name=${speakerStateName(node)}` };
  const states = new Watched(resourceOf(configurationState), stateScope, changed);
  const statusScope = { namespace, labelSelector: `${labelNode}=${node}` };
  const ownStatuses = new Watched(bgpStatuses, statusScope, changed);
  const sessionStatuses = new Watched(resourceOf(bgpSessionStatus), statusScope, changed);
  const maker = pod.metadata.ownerReferences?.find(({ kind }) => kind === "DaemonSet");
  const makerScope = { namespace, fieldSelector: `metadata.name=${maker?.name}` };
  const makers = new Watched(daemonSets, makerScope, () => {});
  const performer = new Performer(client, [
    targetOf(resourceOf(configurationState), states.cache),
    targetOf(bgpStatuses, ownStatuses.cache),
    targetOf(resourceOf(bgpSessionStatus), sessionStatuses.cache),
  ]);
  const metrics = {
    ...clientMetrics(registry),
    announced: announcedMetric(registry, node),
    drift: driftMetric(registry),
  };
  const awaySince = () => client.reach.awaySince;
  apiReachMetric(registry, awaySince);
  const setFrr = frrMetrics(registry);
  const backend = createFrrBackend({
    socketDir: values["frr-socket-dir"],
    log: createLog(values["log-level"], "frr"),
    logLevel: frrLevel.value,
  });

  const lastGood = await LastGood.at(values["frr-socket-dir"], node, log);

  let missing: Missing = "FRR";
  const isSynced = () => world.synced && states.cache.synced && ownStatuses.cache.synced;
  const context = {
    namespace,
    node,
    owner,
    lbClass: values["lb-class"],
    ignoreExcludeLB: values["ignore-exclude-lb"],
    world,
    states: states.cache,
    bgpStatuses: ownStatuses.cache,
    sessionStatuses: sessionStatuses.cache,
    isSynced,
    backend,
    client,
    performer,
    metrics,
    times,
    lastGood: await lastGood.read(),
    keep: (config: Config) => lastGood.keep(config),
    log,
    missing: (now: Missing) => {
      missing = now;
    },
  };

  const waitingFor = () => (isSynced() ? missing : "the API server's objects");
  // Pods on the host's network share its ports: probes come from the node itself.
  await serveHealth({ host: "127.0.0.1", port: values["health-probe-port"], waitingFor, awaySince }, signal);
  const refresh = async () => {
    try {
      setFrr(await backend.readCounters(signal));
    } catch (error) {
      log.warn({ error: errorText(error) }, "could not read FRR's counters");
      setFrr({ bgp: [], bfd: [] });
    }
  };
  const certDir = values["metrics-cert-dir"];
  await serveMetrics({ port: values.port, certDir, policy, client, log, registry, refresh }, signal);
  log.info({ namespace, node, lbClass: values["lb-class"] }, "started");

  await using presence = await Presence.begin(values["frr-socket-dir"]);
  // Longer than all others: what it tells at the very end decides about the routes.
  const over = new AbortController();
  const watching = maker && makers.follow(client, log, over.signal);
  const [desired] = await Promise.all([
    announce(context, wake, signal),
    world.follow(client, log, signal),
    states.follow(client, log, signal),
    ownStatuses.follow(client, log, signal),
    sessionStatuses.follow(client, log, signal),
    wakeOn(backend.changes(signal), wake),
    beat(wake, signal),
  ]);
  const { nodes, namespaces } = world.snapshot();
  const watched = () => ({
    daemonSet:
      maker && makers.cache.synced
        ? { name: maker.name, object: makers.cache.get(`${namespace}/${maker.name}`) }
        : undefined,
    namespace: namespaces.find(({ metadata }) => metadata.name === namespace),
    node: nodes.find(({ metadata }) => metadata.name === node),
  });
  const reason = isSynced() ? whyForGood(await groundNow(client, namespace, watched)) : undefined;
  if (desired !== undefined && reason !== undefined) {
    log.info({ reason }, "withdrawing everything: no other speaker takes our place");
    await presence.leaving();
    await withdraw(backend, desired, log);
  }
  over.abort();
  await watching;
  await backend.close();
}

async function wakeOn(changes: AsyncIterable<void>, wake: Wake): Promise<void> {
  for await (const _ of changes) wake.wake();
}

async function beat(wake: Wake, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await sleep(heartbeatMs, signal);
    wake.wake();
  }
}

await run(speaker);
