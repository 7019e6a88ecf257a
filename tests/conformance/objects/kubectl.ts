import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import type { ConvertCustom } from "../../../lab/control-plane/api/crds.ts";
import type { Admit } from "../../../lab/control-plane/api/hooks.ts";
import { type ControlPlane, startControlPlane } from "../../../lab/control-plane/server.ts";
import {
  type ApiObject,
  ApiStatusError,
  type LocalApi,
  type PodRuntime,
  type ResourceId,
} from "../../../lab/control-plane/types.ts";
import { type Change, judge } from "../../../src/admission/judge.ts";
import { toV1beta1 } from "../../../src/api/conversion.ts";
import { group } from "../../../src/api/kind.ts";
import type { KubeObject } from "../../../src/api/object.ts";
import { type ObjectCase, plain } from "./object-case.ts";
import { table } from "./table.ts";
import { inNamespace, isRead, namespaces, nodes, objectOf, snapshotOf, stored } from "./world.ts";

/** How an API server is made for the table. */
export interface Cluster {
  /** Where the objects of the case with this number live. */
  readonly namespaceOf: (number: number) => string;
  /** Answers for the webhooks, from what the API has. */
  readonly admit?: (api: () => LocalApi) => Admit;
  readonly convert: ConvertCustom;
}

/** What became of the table. */
export interface Applied {
  readonly cases: readonly AppliedCase[];
  /** Every line `Warning:` that kubectl printed while it applied the objects. */
  readonly warnings: string;
}

/** What kubectl said of one object, and what the API has of it and beside it then. */
export interface AppliedCase {
  readonly error: string | undefined;
  readonly object: ApiObject | undefined;
  /** A BGPPeer as v1beta1 shows it. */
  readonly asV1beta1: ApiObject | undefined;
  /** All that a configuration is read from, in the namespace of the case. */
  readonly world: readonly KubeObject[];
}

/** Each case in a namespace of its own, no webhooks; conversion without the wire between. */
export const withoutWebhooks: Cluster = {
  namespaceOf: (number) => `case-${number}`,
  convert: (_crd, objects, toVersion) =>
    Promise.resolve(
      objects.map((object) => {
        const v1beta2 = stored(object);
        return (toVersion === "v1beta1" ? toV1beta1(v1beta2).peer : v1beta2) as unknown as ApiObject;
      }),
    ),
};

/**
 * The same, with the judgement that the webhooks give: each namespace is MetalLB's own for the objects in it. What lies
 * between the API server and the judgement is proven elsewhere.
 */
export const withJudgement: Cluster = {
  ...withoutWebhooks,
  admit: (api) => (request) => {
    const { object, oldObject, namespace = "", kind, subresource } = request;
    if (kind.group !== group || subresource !== undefined) return Promise.resolve({ object, warnings: [] });
    const change = { operation: request.operation, object, old: oldObject } as Change;
    const { refusals, warnings } = judge(change, snapshotOf(worldIn(api(), namespace), namespace));
    if (refusals.length === 0) return Promise.resolve({ object, warnings });
    return Promise.reject(new ApiStatusError(403, "Forbidden", `denied the request: ${refusals.join("\n")}`));
  },
};

/**
 * Applies the whole table to a control plane of its own, with a few runs of kubectl: definitions, what was before, the
 * objects, their status; then reads the peers back as v1beta1.
 */
export async function applyTable(cluster: Cluster): Promise<Applied> {
  await using desk = await openDesk();
  const stop = new AbortController();
  const options = { host: "127.0.0.1", port: 0, certNames: [], runtime: noPods, signal: stop.signal };
  const { admit, convert } = cluster;
  // Nothing is admitted before the start has resolved.
  const plane: ControlPlane = await startControlPlane({
    ...options,
    convert,
    ...(admit && { admit: admit(() => plane.api) }),
  });
  try {
    await writeFile(join(desk.directory, "kubeconfig"), plane.kubeconfig());
    await furnish(plane.api, cluster);
    return await applyAll(desk, plane, cluster);
  } finally {
    await plane.close();
  }
}

async function applyAll(desk: Desk, { api }: ControlPlane, { namespaceOf }: Cluster): Promise<Applied> {
  const { stderr } = await kubectl(desk.directory, ["apply", "-f", definitions]);
  if (stderr !== "") throw new Error(stderr);
  const before = await desk.apply(
    "before",
    table.flatMap((one, i) => earlier(one, i, namespaceOf(i))),
  );
  const mishap = [...before.errors.values(), ...before.unplaced];
  if (mishap.length > 0) throw new Error(`the objects beside the tested ones are refused:\n${mishap.join("\n")}`);
  for (const [i, one] of table.entries()) {
    if (one.statusFrom === undefined) continue;
    const patch = { status: one.statusFrom };
    await api.patch(resourceOf(one), namespaceOf(i), one.name ?? "tested", patch, { subresource: "status" });
  }

  const specs = table.map((one, i) => objectOf(one, namespaceOf(i), one.spec));
  const applied = await desk.apply(
    "objects",
    specs.flatMap((object, i) => (table[i]?.status ? [] : file(i, object))),
  );
  const states = specs.flatMap((object, i) => (table[i]?.status ? file(i, withStatus(object, table[i].status)) : []));
  const written = await desk.apply("status", states, ["--server-side", "--subresource=status", "--force-conflicts"]);
  const unplaced = [...applied.unplaced, ...written.unplaced];
  if (unplaced.length > 0) throw new Error(`kubectl says of no object in particular:\n${unplaced.join("\n")}`);

  const old = await desk.peersAsV1beta1();
  const cases = table.map((one, i) => {
    const [namespace, name] = [namespaceOf(i), one.name ?? "tested"];
    return {
      error: applied.errors.get(i) ?? written.errors.get(i),
      object: api.get(resourceOf(one), namespace, name),
      asV1beta1: old.find(
        ({ kind, metadata }) => kind === one.kind.kind && metadata.namespace === namespace && metadata.name === name,
      ),
      world: worldIn(api, namespace),
    };
  });
  return { cases, warnings: applied.warnings.join("") };
}

interface File {
  readonly number: number;
  readonly object: KubeObject;
}
const withStatus = (object: KubeObject, status: unknown): KubeObject =>
  ({ ...object, status: plain(status) }) as KubeObject;
const file = (number: number, object: KubeObject): readonly File[] => [{ number, object }];

/** What is there before the object of a case: those beside it, and its own former self. */
function earlier(one: ObjectCase, number: number, namespace: string): readonly File[] {
  const { beside = [], from, status, spec } = one;
  const former = from ?? (status ? spec : undefined);
  const self = from || status ? [objectOf(one, namespace, former)] : [];
  const objects = [...beside.map((object) => inNamespace(object, namespace)), ...self];
  return objects.map((object) => ({ number, object }));
}

const resourceOf = ({ kind }: ObjectCase): ResourceId => ({ group, resource: kind.plural });

function worldIn(api: LocalApi, namespace: string): readonly KubeObject[] {
  const kinds = new Set(table.flatMap((one) => (isRead(one.kind.kind) ? [one.kind.plural] : [])));
  const own = [...kinds].flatMap((resource) => api.list({ group, resource }, { namespace }));
  return [...own, ...api.list({ group: "", resource: "secrets" }, { namespace })];
}

const definitions = join(import.meta.dirname, "../../../manifests/metallb-crds.yaml");

async function furnish(api: LocalApi, { namespaceOf }: Cluster): Promise<void> {
  const create = (resource: string, object: unknown) => api.create({ group: "", resource }, object as ApiObject);
  for (const node of nodes) await create("nodes", node);
  for (const namespace of namespaces) await create("namespaces", namespace);
  for (const name of new Set(table.map((_, i) => namespaceOf(i)))) {
    await create("namespaces", { apiVersion: "v1", kind: "Namespace", metadata: { name } });
  }
}

/** Runs kubectl on files in a directory of its own. */
interface Desk extends AsyncDisposable {
  readonly directory: string;
  apply(name: string, files: readonly File[], flags?: readonly string[]): Promise<Outcome>;
  peersAsV1beta1(): Promise<readonly ApiObject[]>;
}

interface Outcome {
  /** By number of the case. */
  readonly errors: ReadonlyMap<number, string>;
  readonly unplaced: readonly string[];
  readonly warnings: readonly string[];
}

async function openDesk(): Promise<Desk> {
  const directory = await mkdtemp(join(tmpdir(), "objects-"));
  return {
    directory,
    async apply(name, files, flags = []) {
      await mkdir(join(directory, name));
      const writes = files.map(({ number, object }, i) =>
        writeFile(join(directory, name, `${number}-${i}.json`), JSON.stringify(object)),
      );
      await Promise.all(writes);
      const { stderr } = await kubectl(directory, ["apply", ...flags, "-f", join(directory, name)]);
      return outcomeOf(stderr, files);
    },
    async peersAsV1beta1() {
      const all = await kubectl(directory, ["get", "bgppeers.v1beta1.metallb.io", "-A", "-o", "json"]);
      return (JSON.parse(all.stdout) as { readonly items: readonly ApiObject[] }).items;
    },
    [Symbol.asyncDispose]: () => rm(directory, { recursive: true }),
  };
}

/** Each error names the file or, when it is of server-side apply, the object only; it may go on over several lines. */
function outcomeOf(stderr: string, files: readonly File[]): Outcome {
  const errors = new Map<number, string>();
  const unplaced: string[] = [];
  const warnings: string[] = [];
  for (const message of stderr.split(/^(?=Error|error|Warning|The |Unable)/m)) {
    const path = /\/(\d+)-\d+\.json/.exec(message)?.[1];
    const named = files.filter(({ object }) => message.includes(`"${object.metadata.name}" is invalid`));
    const number = path ?? (named.length === 1 ? named[0]?.number : undefined);
    if (message.startsWith("Warning")) warnings.push(message);
    else if (message.trim() === "") continue;
    else if (number === undefined) unplaced.push(message);
    else errors.set(Number(number), message);
  }
  return { errors, unplaced, warnings };
}

async function kubectl(directory: string, args: readonly string[]) {
  const env = { PATH: process.env["PATH"], HOME: directory, KUBECONFIG: join(directory, "kubeconfig") };
  const child = spawn(program(), args, { env, stdio: ["ignore", "pipe", "pipe"] });
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr), once(child, "close")]);
  return { stdout, stderr };
}

/** Pinned by scripts/setup.sh; a missing program fails the suite. */
function program(): string {
  const path = process.env["MLB_KUBECTL"] ?? join(import.meta.dirname, "../../../.cache/bin/kubectl");
  if (!existsSync(path)) throw new Error(`${path} is missing: run scripts/setup.sh, or set MLB_KUBECTL`);
  return path;
}

const noPods: PodRuntime = {
  exec: () => Promise.reject(new Error("no pods here")),
  // oxlint-disable-next-line require-yield
  logs: async function* () {
    throw new Error("no pods here");
  },
};
