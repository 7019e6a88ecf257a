import type { Node, Secret } from "../api/core.ts";
import { bgpExtrasConfigMap, bgpExtrasKey } from "../api/names.ts";
import { type KubeObject, type LabelSelector, refOf } from "../api/object.ts";
import type { Problem } from "../api/problem.ts";
import { problemOf } from "../api/read.ts";
import type { Snapshot } from "../api/snapshot.ts";
import { sortedBy } from "../std/order.ts";
import { settleBfdProfiles } from "./bfd-profiles.ts";
import { settleBgpPolicies } from "./bgp-advertisements.ts";
import { type Aliases, aliasesOf } from "./communities.ts";
import type { BfdParameters, BgpPolicy, Config, L2Policy, Peer, Pool } from "./config.ts";
import { settleL2Policies } from "./l2-advertisements.ts";
import { NodeIndex } from "./node-index.ts";
import { settlePeers } from "./peers.ts";
import { settlePools } from "./pools.ts";
import { isForNode, nodeWarnings } from "./selection.ts";
import { byName, type Settled } from "./settle.ts";

interface Options {
  /** Whose view: a speaker's node; `undefined` for the controller, which sees pools and communities only. */
  readonly node: string | undefined;
  readonly lastGood?: Config;
  /** What `settlePools` says of this snapshot, for whoever asks for many nodes. */
  readonly pools?: Settled<Pool>;
  /** What `aliasesOf` says of it, likewise. */
  readonly aliases?: Aliases;
  /** The snapshot's Secrets, likewise. */
  readonly secrets?: ReadonlyMap<string, Secret>;
  /** Names of all BGPPeers, where the snapshot has some of them only. */
  readonly peerNames?: ReadonlySet<string>;
}

interface Parsed {
  readonly config: Config;
  readonly problems: readonly Problem[];
}

/**
 * What the objects mean, and everything that is wrong with them.
 *
 * A problem disables the smallest thing that is wrong: a bad object keeps its last good value or is left out, and the
 * others don't notice. Equal snapshots give equal output, whatever the order of their lists.
 */
export function parseConfig(snapshot: Snapshot, options: Options): Parsed {
  const { node, lastGood = nothing, pools: settled } = options;
  const aliases = options.aliases ?? aliasesOf(snapshot.communities);
  const namespaces = node === undefined ? snapshot.namespaces : undefined;
  const pools = settled ?? settlePools(snapshot.pools, namespaces, lastGood.pools);
  const found = [...aliases.problems, ...pools.problems];
  if (node === undefined) {
    const refused = refusedPoolsOf(snapshot, pools.values);
    const config = { ...nothing, pools: pools.values, ...(refused.length > 0 && { refusedPools: refused }) };
    return { config, problems: inOrder(found) };
  }

  const secrets = options.secrets ?? secretsByName(snapshot.secrets);
  const sessions = sessionsOf(snapshot, nodeNamed(snapshot, node), secrets, lastGood);
  const policies = policiesOf(snapshot, nodeNamed(snapshot, node), {
    lastGood,
    pools: pools.values,
    aliases,
    peerNames: options.peerNames ?? new Set(snapshot.peers.map(({ metadata }) => metadata.name)),
    ...sessions,
  });
  const { peers, bfdProfiles } = sessions;
  const { bgpAdvertisements, l2Advertisements } = policies;
  const extras = extrasOf(snapshot);
  return {
    config: { pools: pools.values, peers, bfdProfiles, bgpAdvertisements, l2Advertisements, ...(extras && { extras }) },
    problems: inOrder([...found, ...sessions.problems, ...policies.problems]),
  };
}

const nothing: Config = { pools: [], peers: [], bgpAdvertisements: [], l2Advertisements: [], bfdProfiles: [] };

function refusedPoolsOf({ pools }: Snapshot, inForce: readonly Pool[]): string[] {
  const known = byName(inForce);
  return pools.map(({ metadata }) => metadata.name).filter((name) => !known.has(name));
}

/** What FRR makes of the text, FRR says. */
function extrasOf({ configMaps }: Snapshot): Config["extras"] {
  const object = configMaps.find(({ metadata }) => metadata.name === bgpExtrasConfigMap);
  const text = object?.data?.[bgpExtrasKey];
  return object && text?.trim() ? { ref: refOf(object), text } : undefined;
}

/** A node that isn't known yet has no labels. */
const nodeNamed = ({ nodes }: Snapshot, name: string): Node =>
  nodes.find(({ metadata }) => metadata.name === name) ?? { apiVersion: "v1", kind: "Node", metadata: { name } };

interface Sessions {
  readonly peers: readonly Peer[];
  readonly bfdProfiles: readonly BfdParameters[];
  readonly problems: readonly Problem[];
}

export const secretsByName = (secrets: readonly Secret[]): ReadonlyMap<string, Secret> =>
  new Map(secrets.map((secret) => [secret.metadata.name, secret]));

function sessionsOf(snapshot: Snapshot, node: Node, secrets: ReadonlyMap<string, Secret>, lastGood: Config): Sessions {
  const profiles = settleBfdProfiles(snapshot.bfdProfiles, lastGood.bfdProfiles);
  const { here, problems } = onNode(snapshot.peers, node, snapshot.nodes);
  const references = {
    secrets,
    bfdProfiles: byName(profiles.values),
    bfdProfileNames: new Set(snapshot.bfdProfiles.map(({ metadata }) => metadata.name)),
  };
  const peers = settlePeers(here, references, lastGood.peers);
  return {
    peers: peers.values,
    bfdProfiles: withKept(profiles.values, peers.values, lastGood.bfdProfiles),
    problems: [...profiles.problems, ...problems, ...peers.problems],
  };
}

/** A peer that keeps its last good value keeps the profile that it names, even if its object is gone. */
function withKept(
  profiles: readonly BfdParameters[],
  peers: readonly Peer[],
  lastGood: readonly BfdParameters[],
): readonly BfdParameters[] {
  const present = byName(profiles);
  const named = new Set(peers.map(({ bfdProfile }) => bfdProfile));
  const kept = lastGood.filter(({ name }) => named.has(name) && !present.has(name));
  return sortedBy([...profiles, ...kept], ({ name }) => name);
}

interface PolicyInputs extends Sessions {
  readonly lastGood: Config;
  readonly pools: readonly Pool[];
  readonly aliases: Aliases;
  readonly peerNames: ReadonlySet<string>;
}

interface Policies {
  readonly bgpAdvertisements: readonly BgpPolicy[];
  readonly l2Advertisements: readonly L2Policy[];
  readonly problems: readonly Problem[];
}

function policiesOf(
  snapshot: Snapshot,
  node: Node,
  { lastGood, pools, aliases, peerNames, peers, bfdProfiles }: PolicyInputs,
): Policies {
  const { here, problems } = onNode(snapshot.bgpAdvertisements, node, snapshot.nodes);
  const bgp = settleBgpPolicies(
    here,
    {
      node: node.metadata.name,
      pools,
      poolObjects: snapshot.pools,
      peerNames,
      aliases: aliases.values,
    },
    { pools: byName(pools), peers, bfdProfiles: byName(bfdProfiles) },
    lastGood.bgpAdvertisements,
  );
  const l2References = { nodes: snapshot.nodes, pools, poolObjects: snapshot.pools };
  const l2 = settleL2Policies(snapshot.l2Advertisements, l2References, lastGood.l2Advertisements);
  return {
    bgpAdvertisements: bgp.values,
    l2Advertisements: l2.values,
    problems: [...problems, ...bgp.problems, ...l2.problems],
  };
}

interface Selecting extends KubeObject {
  readonly spec?: { readonly nodeSelectors?: readonly LabelSelector[] };
}

/** The objects that are meant for this node, and a word about those that are meant for none. */
function onNode<T extends Selecting>(objects: readonly T[], node: Node, nodes: readonly Node[]) {
  const index = new NodeIndex(nodes);
  const place = (object: T) => (isForNode(object, node) ? "here" : "elsewhere");
  const { here = [], elsewhere = [] } = Object.groupBy(objects, place);
  const problems = elsewhere.flatMap((object) =>
    nodeWarnings(object.spec?.nodeSelectors ?? [], index).map((found) => problemOf(object, found)),
  );
  return { here, problems };
}

const inOrder = (problems: readonly Problem[]): readonly Problem[] =>
  sortedBy(problems, ({ object, field, message }) => `${object.kind}\0${object.name}\0${field}\0${message}`);
