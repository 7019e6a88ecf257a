import { readFile } from "node:fs/promises";
import { text } from "node:stream/consumers";
import { parseArgs } from "node:util";
import { allocate } from "../../allocate/allocate.ts";
import type { Refusal } from "../../allocate/outcome.ts";
import type { Announcement } from "../../announce/announcement.ts";
import { decide } from "../../announce/decide.ts";
import type { BgpDesired } from "../../announce/desired.ts";
import type { Service } from "../../api/core.ts";
import { gather } from "../../api/gather.ts";
import { defaultNamespace } from "../../api/names.ts";
import { type KubeObject, keyOf } from "../../api/object.ts";
import type { Snapshot } from "../../api/snapshot.ts";
import { parseConfig } from "../../config/parse.ts";
import type { Step } from "../../frr/diff.ts";
import { plan } from "../../frr/plan.ts";
import { emptyTree } from "../../frr/tree.ts";
import type { Prefix } from "../../net/prefix.ts";
import { omit } from "../../std/omit.ts";
import { serviceBgpWrites } from "../../status/service-bgp.ts";
import type { Command } from "./command.ts";

export const traceCommand: Command = {
  name: "trace",
  usage: "trace NAMESPACE/NAME --node NODE [FILE...]",
  doc: "Follows one Service through the speaker of a node, from the object to FRR's commands and the status.",
  help: `Reads objects as kubectl prints them (YAML or JSON, lists too) from the files, or from standard input:
  kubectl get ipaddresspools,bgppeers,bgpadvertisements,bfdprofiles,communities,services,endpointslices,nodes,namespaces \\
    -A -o yaml | metallb trace default/web --node node1

Nothing is asked of a cluster or of FRR: each hop's value is what the speaker would compute from these objects. The commands are
those that the Service adds to what the other objects have configured already; passwords are masked.

  --node NODE              the node whose speaker is followed
  --namespace NAMESPACE    MetalLB's namespace (default: ${defaultNamespace})

Exits with 0 when the node announces the Service, with 1 when it does not.`,
  run,
};

async function run(argv: readonly string[]): Promise<number> {
  const { positionals, values } = parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: { node: { type: "string" }, namespace: { type: "string", default: defaultNamespace } },
  });
  const [key, ...files] = positionals;
  if (key === undefined || !key.includes("/")) throw new Error("name the Service as NAMESPACE/NAME");
  if (values.node === undefined) throw new Error("--node NODE is missing: whose speaker?");
  const objects = (await Promise.all((files.length > 0 ? files : ["-"]).map(objectsIn))).flat();
  const traced = await trace(gather(objects, values.namespace), key, values.node);
  process.stdout.write(traced.page);
  return traced.announced ? 0 : 1;
}

async function objectsIn(source: string): Promise<KubeObject[]> {
  const content = source === "-" ? await text(process.stdin) : await readFile(source, "utf8");
  const { readYaml } = await import("../../runtime/yaml.ts");
  return readYaml(content).flatMap((document) => {
    if (!document.ok) throw new Error(`${source}: ${document.error}`);
    const object = document.value as (KubeObject & { items?: KubeObject[] }) | null;
    return object === null ? [] : (object.items ?? [object]);
  });
}

/** The seven hops as a page of text. */
async function trace(snapshot: Snapshot, key: string, node: string): Promise<{ page: string; announced: boolean }> {
  const service = snapshot.services.find((each) => keyOf(each) === key);
  if (service === undefined) throw new Error(`no Service ${key} among the objects`);
  const { writeYaml: yaml } = await import("../../runtime/yaml.ts");

  const { config, problems } = parseConfig(snapshot, { node });
  const options = { config, node, ignoreExcludeLB: false, lbClass: service.spec.loadBalancerClass ?? "" };
  const { desired, announcements } = decide({ ...options, snapshot });
  const own = announcements.filter((each) => each.key === key);
  const without = { ...snapshot, services: snapshot.services.filter((each) => each !== service) };
  const running = plan(decide({ ...options, snapshot: without }).desired, emptyTree).wanted;
  const commands = plan(desired, running).steps.flatMap(commandsOf);
  const hops = [
    [
      "1. the event: a Service",
      "kube/cache.ts receive",
      yaml({ metadata: service.metadata, spec: service.spec, status: service.status }),
    ],
    ["2. the snapshot", "kube/snapshot.ts snapshot", yaml(sizes(snapshot))],
    [
      "3. the configuration",
      "config/parse.ts parseConfig",
      yaml({ ...relevant(config), problems: problems.map(({ message }) => message) }),
    ],
    [
      "4. the decision",
      "announce/decide.ts decide",
      yaml({
        ...waitingOf(snapshot, service),
        announcements: own.map(({ decision }) => decision),
        paths: pathsOf(desired, key),
      }),
    ],
    ["5. the difference", "frr/plan.ts plan", commands.length === 0 ? "nothing to send\n" : `${commands.join("\n")}\n`],
    [
      "6. the reply",
      "vty/session.ts send",
      commands.length === 0
        ? "nothing to wait for\n"
        : `${commands.length} lines, each answered with a status; 0 is done\n`,
    ],
    [
      "7. the status, once bgpd lists the prefixes as sent",
      "status/service-bgp.ts serviceBgpWrites",
      yaml(statuses(snapshot, node, config.peers, own, desired)),
    ],
  ] as const;
  const page = hops
    .map(([title, where, value]) => `${title}   (${where})\n${value.replace(/^(?=.)/gm, "    ")}`)
    .join("\n");
  return { page, announced: own.some(({ decision }) => decision.kind === "announced") };
}

/** Why the controller has no address for a Service, and what each pool has to say. */
function waitingOf(snapshot: Snapshot, service: Service): { readonly waiting?: Refusal } {
  const lbClass = service.spec.loadBalancerClass ?? "";
  // As the controller sees it, which knows the namespaces; a speaker does not.
  const { config } = parseConfig(snapshot, { node: undefined });
  const { outcomes } = allocate({ config, services: snapshot.services, lbClass });
  const state = outcomes.find((outcome) => outcome.service === service)?.state;
  return state?.kind === "waiting" ? { waiting: state.refusal } : {};
}

const sizes = (snapshot: Snapshot): Record<string, number> =>
  Object.fromEntries(
    Object.entries(snapshot).flatMap(([name, value]) =>
      Array.isArray(value) ? [[name, value.length]] : value instanceof Map ? [[name, value.size]] : [],
    ),
  );

/** What decides about BGP; a password is never shown. */
const relevant = ({ pools, peers, bgpAdvertisements }: ReturnType<typeof parseConfig>["config"]) => ({
  pools: pools.map(({ name, entries }) => ({ name, addresses: entries.map((entry) => entry.text) })),
  peers: peers.map((peer) => ({
    ...omit(peer, ["ref", "password"]),
    ...(peer.password !== undefined && { password: "****" }),
  })),
  bgpAdvertisements: bgpAdvertisements.map((policy) => omit(policy, ["ref"])),
});

const pathsOf = (desired: BgpDesired, key: string) =>
  desired.routers.flatMap(({ vrf, peers }) =>
    peers.flatMap(({ peer, paths }) =>
      paths.filter(({ services }) => services.includes(key)).map((path) => ({ vrf, peer: peer.name, ...path })),
    ),
  );

const commandsOf = (step: Step): string[] =>
  step.kind === "settle"
    ? [`(wait until bgpd has taken in ${step.prefixes.join(", ")})`]
    : [...step.context, ...step.lines].map((line) => `${step.daemon}# ${line.replace(/( password ).*/, "$1****")}`);

/** The ServiceBGPStatus that follows when every prefix that should be sent is listed as sent. */
function statuses(
  snapshot: Snapshot,
  node: string,
  peers: ReturnType<typeof parseConfig>["config"]["peers"],
  announcements: readonly Announcement[],
  desired: BgpDesired,
): unknown {
  const sessions = desired.routers.flatMap(({ vrf, peers: list }) =>
    list.map(({ peer, paths }) => ({
      vrf,
      neighbor: peer.endpoint.kind === "address" ? peer.endpoint.address : peer.endpoint.interface,
      state: "Established",
      sent: new Set(paths.map(({ prefix }): Prefix => prefix)),
    })),
  );
  const owner = { apiVersion: "v1", kind: "Pod", name: "speaker", uid: "" };
  const { namespace } = snapshot;
  return serviceBgpWrites({ node, namespace, owner, peers, announcements, observed: { sessions }, existing: [] }).map(
    (write) => ("body" in write ? write.body : write),
  );
}
