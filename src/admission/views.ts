import type { Node } from "../api/core.ts";
import { selectors } from "../api/field.ts";
import type { KubeObject, LabelSelector } from "../api/object.ts";
import { readField } from "../api/read.ts";
import { selectsAny } from "../api/selector.ts";
import type { Snapshot } from "../api/snapshot.ts";
import type { JudgedPart } from "./kinds.ts";

/** One way to look at the configuration: a node's, or without one the controller's. */
export interface View {
  readonly node: string | undefined;
  /** The part of the world that can matter to the judged object there. */
  readonly narrow: (snapshot: Snapshot) => Snapshot;
}

/** The object that is judged, as it shall be. */
interface Judged {
  readonly part: JudgedPart;
  readonly object: KubeObject;
}

/**
 * From where the judged object must be looked at so that nothing that any node would find is missed.
 *
 * Nodes on which the same peers and advertisements count see the same, so one of them is asked. With a thousand nodes that
 * is mostly one view, or one for each rack.
 */
export function viewsOf(snapshot: Snapshot, judged: Judged): readonly View[] {
  const { part, object } = judged;
  switch (part) {
    case "pools":
      // Pools are compared with each other once; for the advertisements only this pool is new.
      return [everything(undefined), ...nodesOf(snapshot).map((node) => onlyPool(node, object.metadata.name))];
    case "l2Advertisements":
      // They are read alike on every node.
      return nodesOf(snapshot).slice(0, 1).map(everything);
    case "communities":
    case "bfdProfiles":
      return nodesOf(snapshot).map(everything);
    case "peers":
    case "bgpAdvertisements":
      return selectingViews(snapshot, part, object);
  }
}

const everything = (node: string | undefined): View => ({ node, narrow: (snapshot) => snapshot });

const onlyPool = (node: string, name: string): View => ({
  node,
  narrow: (snapshot) => ({ ...snapshot, pools: snapshot.pools.filter(({ metadata }) => metadata.name === name) }),
});

/** In a cluster without nodes yet, one that has no labels. */
const nowhere = "";

function nodesOf(snapshot: Snapshot): readonly string[] {
  const representatives = oneOfEach(snapshot, snapshot.nodes);
  return representatives.length === 0 ? [nowhere] : representatives;
}

/** An object that no node selects is looked at by itself: what is wrong in it alone stays wrong. */
function selectingViews(snapshot: Snapshot, part: "peers" | "bgpAdvertisements", object: KubeObject): readonly View[] {
  const selecting = snapshot.nodes.filter(isSelectedBy(nodeSelectorsOf(object)));
  if (selecting.length > 0) return oneOfEach(snapshot, selecting).map(everything);
  const elsewhere = everything(snapshot.nodes[0]?.metadata.name ?? nowhere);
  return [alone(part, object.metadata.name), elsewhere];
}

function alone(part: "peers" | "bgpAdvertisements", name: string): View {
  return {
    node: nowhere,
    narrow: (snapshot) => ({
      ...snapshot,
      nodes: [],
      // Neither kind's rules with the other count where the two don't meet.
      ...(part === "peers" ? { bgpAdvertisements: [] } : { bfdProfiles: [] }),
      [part]: (snapshot[part] as readonly KubeObject[])
        .filter(({ metadata }) => metadata.name === name)
        .map(withoutReadableSelectors),
    }),
  };
}

interface Selecting extends KubeObject {
  readonly spec?: { readonly nodeSelectors?: unknown };
}

function withoutReadableSelectors(object: Selecting): KubeObject {
  if (nodeSelectorsOf(object) === undefined || !object.spec) return object;
  const { nodeSelectors: _, ...spec } = object.spec;
  return { ...object, spec } as KubeObject;
}

/** The first of the nodes that agree on which peers and advertisements count. */
function oneOfEach(snapshot: Snapshot, nodes: readonly Node[]): readonly string[] {
  const lists = new Map<string, (node: Node) => boolean>();
  for (const object of [...snapshot.peers, ...snapshot.bgpAdvertisements]) {
    const found = nodeSelectorsOf(object);
    if (found && found.length > 0) lists.set(JSON.stringify(found), isSelectedBy(found));
  }
  const tests = [...lists.values()];
  const first = new Map<string, string>();
  for (const node of nodes) {
    const signature = tests.map((test) => (test(node) ? "1" : "0")).join("");
    if (!first.has(signature)) first.set(signature, node.metadata.name);
  }
  return [...first.values()];
}

const field = selectors({ unset: [], doc: "" });

/** `undefined` when they can't be read: such an object counts everywhere. */
function nodeSelectorsOf(object: Selecting): readonly LabelSelector[] | undefined {
  const wanted = object.spec?.nodeSelectors;
  return wanted === undefined ? [] : readField(field, wanted, "spec.nodeSelectors").value;
}

const isSelectedBy =
  (found: readonly LabelSelector[] | undefined) =>
  ({ metadata }: Node): boolean =>
    found === undefined || selectsAny(found, metadata.labels);
