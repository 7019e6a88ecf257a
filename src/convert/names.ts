import { objectNameGrammar } from "../api/grammar.ts";
import type { Remark } from "./conversion.ts";

/**
 * Names of objects for what had free names before: the same where Kubernetes takes it, else the nearest that it does and
 * that no other of `texts` is. The same text always gets the same name, and no two texts get one.
 */
export class ObjectNames {
  readonly #byText = new Map<string, string>();
  readonly #taken = new Set<string>();

  constructor(texts: readonly unknown[]) {
    for (const text of texts) {
      if (typeof text === "string" && objectNameGrammar.parse(text).ok) this.#give(text, text);
    }
  }

  nameFor(text: string): string {
    const known = this.#byText.get(text);
    if (known !== undefined) return known;
    return this.#give(text, this.#free(nearest(text)));
  }

  #give(text: string, name: string): string {
    this.#byText.set(text, name);
    this.#taken.add(name);
    return name;
  }

  /** What to say of a name that could not stay; `consequence` is what else must follow it. */
  remarkOn(text: string, about: string, consequence: string): readonly Remark[] {
    const name = this.nameFor(text);
    if (name === text) return [];
    if (text === "") return [{ kind: "changed", about, message: `has no name, as it must have, so it is ${name} now` }];
    const message = `${JSON.stringify(text)} can't be the name of an object, so it is ${name} now; ${consequence}`;
    return [{ kind: "changed", about, message }];
  }

  #free(name: string): string {
    if (!this.#taken.has(name)) return name;
    let i = 2;
    while (this.#taken.has(`${name}-${i}`)) i++;
    return `${name}-${i}`;
  }
}

function nearest(text: string): string {
  const plain = text
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-+|-+$/g, "")
    .slice(0, 200)
    .replace(/-+$/, "");
  return plain === "" ? "unnamed" : plain;
}
