import type { Node } from "../api/core.ts";
import type { LabelSelector } from "../api/object.ts";
import { selects } from "../api/selector.ts";

type Labelled = ReadonlyMap<string, readonly Node[]>;

/**
 * Nodes by their labels. Where each of a thousand peers selects one of a thousand nodes, which is usual, finding out who
 * selects whom costs a thousand look-ups; comparing each with each would be a million.
 */
export class NodeIndex {
  readonly nodes: readonly Node[];
  /** By a label's key, then its value; made when a selector first asks for the key. */
  readonly #byLabel = new Map<string, Labelled>();

  constructor(nodes: readonly Node[]) {
    this.nodes = nodes;
  }

  /** Whether some node is selected; an empty list selects all. */
  hasSelected = (selectors: readonly LabelSelector[]): boolean =>
    this.nodes.length > 0 &&
    (selectors.length === 0 ||
      selectors.some((selector) =>
        this.#candidates(selector).some(({ metadata }) => selects(selector, metadata.labels)),
      ));

  /** The nodes that are selected, in no order; an empty list selects all. */
  selected(selectors: readonly LabelSelector[]): ReadonlySet<Node> {
    if (selectors.length === 0) return new Set(this.nodes);
    return new Set(
      selectors.flatMap((selector) =>
        this.#candidates(selector).filter(({ metadata }) => selects(selector, metadata.labels)),
      ),
    );
  }

  /** The fewest nodes among which all that match are. */
  #candidates({ matchLabels = {}, matchExpressions = [] }: LabelSelector): readonly Node[] {
    const ofLabels = Object.entries(matchLabels).map(([key, value]) => this.#with(key).get(value) ?? []);
    const ofValues = matchExpressions
      .filter(({ operator }) => operator === "In")
      .map(({ key, values = [] }) => values.flatMap((value) => this.#with(key).get(value) ?? []));
    return [...ofLabels, ...ofValues].reduce((few, some) => (some.length < few.length ? some : few), this.nodes);
  }

  #with(key: string): Labelled {
    let found = this.#byLabel.get(key);
    if (!found) {
      const those = this.nodes.filter(({ metadata }) => metadata.labels && Object.hasOwn(metadata.labels, key));
      found = Map.groupBy(those, ({ metadata }) => metadata.labels?.[key] ?? "");
      this.#byLabel.set(key, found);
    }
    return found;
  }
}
