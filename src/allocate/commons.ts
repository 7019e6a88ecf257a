import { Ascending } from "./ascending.ts";

/** The addresses of one family that Services with one sharing text have, by place, and the ports that are taken on each. */
export class Commons {
  readonly #places = new Ascending();
  readonly #taken = new Map<string, Ascending>();

  add(place: bigint, ports: readonly string[]): void {
    this.#places.add(place);
    for (const port of ports) this.#takenBy(port).add(place);
  }

  /**
   * The first place from `from` on where none of `ports` is taken.
   *
   * O(log n) in the addresses, for each time that one port's next place is taken for another port.
   */
  firstFor(ports: readonly string[], from: bigint): bigint | undefined {
    let place = this.#places.firstNotIn(undefined, from);
    for (let before: bigint | undefined; place !== before; ) {
      before = place;
      for (const port of ports) {
        if (place !== undefined) place = this.#places.firstNotIn(this.#taken.get(port), place);
      }
    }
    return place;
  }

  #takenBy(port: string): Ascending {
    const found = this.#taken.get(port);
    if (found) return found;
    const made = new Ascending();
    this.#taken.set(port, made);
    return made;
  }
}
