import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parse, parseAllDocuments } from "yaml";
import { applyMergePatch } from "../../lab/control-plane/patch/merge.ts";
import type { ConfigMap, EndpointSlice, Namespace, Node, Secret, Service } from "../../src/api/core.ts";
import type {
  BfdProfile,
  BgpAdvertisement,
  BgpPeer,
  Community,
  IpAddressPool,
  L2Advertisement,
} from "../../src/api/kinds/index.ts";
import { labelServiceName } from "../../src/api/names.ts";
import { type KubeObject, keyOf } from "../../src/api/object.ts";
import type { Snapshot } from "../../src/api/snapshot.ts";

/** Who looks at the objects of a story, from `world.yaml`; README.md says what the files hold. */
export interface Viewer {
  readonly node: string;
  readonly ignoreExcludeLB: boolean;
  readonly lbClass: string;
}

export interface Story {
  readonly name: string;
  readonly viewer: Viewer;
  /** One for a story that stands still. */
  readonly steps: readonly StoryStep[];
}

export interface StoryStep {
  /** Where its expectations lie. */
  readonly directory: string;
  /** All objects at that moment, in the order in which the files name them. */
  readonly objects: readonly KubeObject[];
}

const root = import.meta.dirname;

export const storyNames: readonly string[] = readdirSync(root, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name)
  .toSorted();

export function readStory(name: string): Story {
  const directory = join(root, name);
  const numbered = readdirSync(directory).filter((entry) => /^\d+$/.test(entry));
  const folders = numbered.toSorted((a, b) => Number(a) - Number(b)).map((entry) => join(directory, entry));
  let objects = documentsIn(join(root, "base.yaml")).reduce(edited, new Map<string, object>());
  const steps = (folders.length > 0 ? folders : [directory]).map((folder) => {
    objects = documentsIn(join(folder, "objects.yaml")).reduce(edited, objects);
    return { directory: folder, objects: [...objects.values()] as KubeObject[] };
  });
  return { name, viewer: viewerIn(join(directory, "world.yaml")), steps };
}

function viewerIn(path: string): Viewer {
  const usual = { node: "n1", ignoreExcludeLB: false, lbClass: "" };
  return existsSync(path) ? { ...usual, ...(parse(readFileSync(path, "utf8")) as Partial<Viewer>) } : usual;
}

/** An edit of one object: a JSON merge patch, or `gone`. */
interface Edit {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly gone?: boolean;
}

const documentsIn = (path: string): Edit[] =>
  parseAllDocuments(readFileSync(path, "utf8")).flatMap((document) => (document.toJS() as Edit | null) ?? []);

/** Kinds of the stories: their version, and the namespace that an object has unless it says another. */
const kinds: Readonly<Record<string, readonly [apiVersion: string, namespace?: string]>> = {
  Node: ["v1"],
  Namespace: ["v1"],
  Service: ["v1", "default"],
  EndpointSlice: ["discovery.k8s.io/v1", "default"],
  Secret: ["v1", "metallb-system"],
  ConfigMap: ["v1", "metallb-system"],
  IPAddressPool: ["metallb.io/v1beta1", "metallb-system"],
  BGPPeer: ["metallb.io/v1beta2", "metallb-system"],
  BGPAdvertisement: ["metallb.io/v1beta1", "metallb-system"],
  L2Advertisement: ["metallb.io/v1beta1", "metallb-system"],
  BFDProfile: ["metallb.io/v1beta1", "metallb-system"],
  Community: ["metallb.io/v1beta1", "metallb-system"],
};

function edited(objects: ReadonlyMap<string, object>, { gone = false, ...patch }: Edit): Map<string, object> {
  const known = kinds[patch.kind];
  if (known === undefined) throw new Error(`a story can't hold a ${patch.kind}`);
  const [apiVersion, namespace] = known;
  const metadata = { ...(namespace !== undefined && { namespace }), ...patch.metadata };
  const key = `${patch.kind} ${keyOf({ metadata })}`;
  const all = new Map(objects);
  if (gone && !all.delete(key)) throw new Error(`${key} is gone before it was there`);
  if (!gone) all.set(key, applyMergePatch(all.get(key) ?? {}, { apiVersion, ...patch, metadata }) as object);
  return all;
}

/** What the programs would see, lists in the order of `objects`. */
export function snapshotOf(objects: readonly KubeObject[]): Snapshot {
  const of = <T extends KubeObject>(kind: string) => objects.filter((object) => object.kind === kind) as T[];
  const serviceOf = ({ metadata }: EndpointSlice) => `${metadata.namespace}/${metadata.labels?.[labelServiceName]}`;
  return {
    namespace: "metallb-system",
    pools: of<IpAddressPool>("IPAddressPool"),
    peers: of<BgpPeer>("BGPPeer"),
    bgpAdvertisements: of<BgpAdvertisement>("BGPAdvertisement"),
    l2Advertisements: of<L2Advertisement>("L2Advertisement"),
    bfdProfiles: of<BfdProfile>("BFDProfile"),
    communities: of<Community>("Community"),
    services: of<Service>("Service"),
    endpointSlices: Map.groupBy(of<EndpointSlice>("EndpointSlice"), serviceOf),
    nodes: of<Node>("Node"),
    namespaces: of<Namespace>("Namespace"),
    secrets: of<Secret>("Secret"),
    configMaps: of<ConfigMap>("ConfigMap"),
  };
}
