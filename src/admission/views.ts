import type { Node } from "../api/core.ts";
import { selectors } from "../api/field.ts";
import type { KubeObject, LabelSelector } from "../api/object.ts";
import { readField } from "../api/read.ts";
import type { Snapshot } from "../api/snapshot.ts";
import { NodeIndex } from "../config/node-index.ts";
import type { JudgedPart } from "./kinds.ts";

/** One way to look at the configuration: a node's, or without one the controller's. */
export interface View {
  readonly node: string | undefined;
  /** The part of the world that can matter to the judged object there. */
  readonly narrow: (snapshot: Snapshot) => Snapshot;
}

/** The object that is judged, as it shall be, in the world as it was and as it will be. */
interface Judged {
  readonly part: JudgedPart;
  readonly object: KubeObject;
  readonly before: Snapshot;
  readonly after: Snapshot;
}

/**
 * From where the judged object must be looked at so that nothing that any node would find is missed.
 *
 * Nodes on which the same peers and advertisements count see the same, so one of them is asked, and about those only. Peers
 * and advertisements meet in one rule alone, BFD's echo and IPv6; where that can't apply, each is looked at without the other. So a
 * thousand nodes with a session of their own each are one view for a pool, and a thousand very small ones for a peer of all.
 */
export function viewsOf(judged: Judged): readonly View[] {
  const { part, object, before, after } = judged;
  const sight = new Outlook(judged);
  const policies = { peers: echoMatters(before) || echoMatters(after), bgpAdvertisements: true };
  switch (part) {
    case "pools":
      // Pools are compared with each other once; for the advertisements only this pool is new.
      return [
        { node: undefined, narrow: withoutSelecting },
        ...sight.everywhere(policies).map(onlyPool(object.metadata.name)),
      ];
    case "l2Advertisements":
      // They are read alike on every node.
      return sight.everywhere(neither).map((view) => ({ ...view, narrow: withoutSelecting }));
    case "communities":
      return sight.everywhere(policies);
    case "bfdProfiles":
      // Nothing but its echo can break what isn't the profile itself.
      return sight.everywhere(policies.peers ? both : neither);
    case "peers":
      if (policies.peers) return sight.whereSelected(both);
      return [
        ...sight.whereSelected({ peers: true, bgpAdvertisements: false }),
        ...sight.whereSelected({ peers: false, bgpAdvertisements: true }),
      ];
    case "bgpAdvertisements":
      return sight.whereSelected(policies);
  }
}

/** Whether a policy may be wrong for the sake of a peer's profile (`config/announcement-rules.ts`). */
function echoMatters({ pools, peers, bfdProfiles }: Snapshot): boolean {
  const addresses = pools.flatMap(({ spec }): unknown => spec?.addresses).join();
  if (!addresses.includes(":")) return false;
  const echoing = new Set(bfdProfiles.filter(({ spec }) => spec?.echoMode).map(({ metadata }) => metadata.name));
  return echoing.size > 0 && peers.some(({ spec }) => echoing.has(spec?.bfdProfile ?? ""));
}

/** The lists whose objects count on some nodes only. */
type SelectingPart = "peers" | "bgpAdvertisements";
type Concern = { readonly [part in SelectingPart]: boolean };

const both: Concern = { peers: true, bgpAdvertisements: true };
const neither: Concern = { peers: false, bgpAdvertisements: false };

const withoutSelecting = (snapshot: Snapshot): Snapshot => ({ ...snapshot, peers: [], bgpAdvertisements: [] });

const onlyPool =
  (name: string) =>
  ({ node, narrow }: View): View => ({
    node,
    narrow: (snapshot) => ({
      ...narrow(snapshot),
      pools: snapshot.pools.filter(({ metadata }) => metadata.name === name),
    }),
  });

/** In a cluster without nodes yet, one that has no labels. */
const nowhere: Node = { apiVersion: "v1", kind: "Node", metadata: { name: "" } };

interface Selecting extends KubeObject {
  readonly spec?: { readonly nodeSelectors?: unknown };
}

/** The objects of a list by the nodes on which they count. */
interface Sorted {
  readonly everywhere: readonly KubeObject[];
  readonly byNode: ReadonlyMap<Node, readonly KubeObject[]>;
}

/** The nodes, and what counts on each. */
class Outlook {
  readonly #judged: Judged;
  readonly #index: NodeIndex;
  /** Selectors are read once for all nodes. */
  readonly #selectors = new Map<Selecting, readonly LabelSelector[] | undefined>();
  readonly #sorted = new Map<readonly KubeObject[], Sorted>();

  constructor(judged: Judged) {
    this.#judged = judged;
    this.#index = new NodeIndex(judged.after.nodes);
  }

  everywhere(concern: Concern): readonly View[] {
    const { nodes } = this.#index;
    return this.#oneOfEach(nodes.length > 0 ? nodes : [nowhere], concern).map((node) => this.#viewFrom(node, concern));
  }

  /** An object that no node selects is looked at by itself: what is wrong in it alone stays wrong. */
  whereSelected(concern: Concern): readonly View[] {
    const { object, part } = this.#judged;
    const selecting = this.#selecting(object);
    if (selecting.length > 0) {
      return this.#oneOfEach(selecting, concern).map((node) => this.#viewFrom(node, concern));
    }
    if (!concern[part as SelectingPart]) return [];
    return [this.#alone(), this.#viewFrom(this.#index.nodes[0] ?? nowhere, concern)];
  }

  #viewFrom(node: Node, concern: Concern): View {
    return {
      node: node.metadata.name,
      narrow: (snapshot) => ({
        ...snapshot,
        peers: concern.peers ? this.#on(node, snapshot.peers) : [],
        bgpAdvertisements: concern.bgpAdvertisements ? this.#on(node, snapshot.bgpAdvertisements) : [],
        l2Advertisements: [],
      }),
    };
  }

  /** Those of a list that count on a node, and what is judged: of that everything is said. */
  #on<T extends Selecting>(node: Node, list: readonly T[]): readonly T[] {
    let sorted = this.#sorted.get(list);
    if (!sorted) {
      sorted = this.#sort(list);
      this.#sorted.set(list, sorted);
    }
    return [...sorted.everywhere, ...(sorted.byNode.get(node) ?? [])] as unknown as readonly T[];
  }

  #sort(list: readonly Selecting[]): Sorted {
    const { name } = this.#judged.object.metadata;
    const byNode = new Map<Node, Selecting[]>();
    const everywhere: Selecting[] = [];
    for (const object of list) {
      const found = this.#selectorsOf(object);
      if (object.metadata.name === name || found === undefined || found.length === 0) everywhere.push(object);
      else {
        for (const node of this.#index.selected(found)) byNode.set(node, [...(byNode.get(node) ?? []), object]);
      }
    }
    return { everywhere, byNode };
  }

  #alone(): View {
    const { part, object } = this.#judged;
    const isIt = ({ metadata }: KubeObject) => metadata.name === object.metadata.name;
    return {
      node: nowhere.metadata.name,
      narrow: (snapshot) => ({
        ...snapshot,
        nodes: [],
        // Neither kind's rules with the other count where the two don't meet.
        ...(part === "peers" ? { bgpAdvertisements: [] } : { bfdProfiles: [] }),
        [part]: (snapshot[part] as readonly KubeObject[])
          .filter(isIt)
          .map((one) => this.#withoutReadableSelectors(one)),
      }),
    };
  }

  #withoutReadableSelectors(object: Selecting): KubeObject {
    if (this.#selectorsOf(object) === undefined || !object.spec) return object;
    const { nodeSelectors: _, ...spec } = object.spec;
    return { ...object, spec } as KubeObject;
  }

  /** The first of the nodes that agree on which of the peers and advertisements count, and did before. */
  #oneOfEach(nodes: readonly Node[], concern: Concern): readonly Node[] {
    const { before, after } = this.#judged;
    const lists = new Map<string, readonly LabelSelector[]>();
    const worlds =
      before.peers === after.peers && before.bgpAdvertisements === after.bgpAdvertisements ? [after] : [before, after];
    const counting = worlds.flatMap(({ peers, bgpAdvertisements }): readonly Selecting[] => [
      ...(concern.peers ? peers : []),
      ...(concern.bgpAdvertisements ? bgpAdvertisements : []),
    ]);
    for (const object of counting) {
      const found = this.#selectorsOf(object);
      if (found && found.length > 0) lists.set(JSON.stringify(found), found);
    }
    const signatures = new Map<Node, string>();
    let i = 0;
    for (const list of lists.values()) {
      for (const node of this.#index.selected(list)) signatures.set(node, `${signatures.get(node) ?? ""} ${i}`);
      i++;
    }
    const alike = Map.groupBy(nodes, (node) => signatures.get(node) ?? "");
    return [...alike.values()].flatMap(([first]) => first ?? []);
  }

  #selecting(object: Selecting): readonly Node[] {
    const found = this.#selectorsOf(object);
    if (found === undefined) return this.#index.nodes;
    const selected = this.#index.selected(found);
    return this.#index.nodes.filter((node) => selected.has(node));
  }

  /** `undefined` when they can't be read: such an object counts everywhere. */
  #selectorsOf(object: Selecting): readonly LabelSelector[] | undefined {
    if (this.#selectors.has(object)) return this.#selectors.get(object);
    const wanted = object.spec?.nodeSelectors;
    const found = wanted === undefined ? [] : readField(field, wanted, "spec.nodeSelectors").value;
    this.#selectors.set(object, found);
    return found;
  }
}

const field = selectors({ unset: [], doc: "" });
