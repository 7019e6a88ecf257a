import type { ApiObject, ResourceId } from "../types.ts";

/** One commit. `old` is absent on creation; a deletion's `now` is the last object with the deletion's own resourceVersion. */
export interface Change {
  readonly revision: number;
  readonly at: number;
  readonly id: ResourceId;
  readonly type: "ADDED" | "MODIFIED" | "DELETED";
  readonly old: ApiObject | undefined;
  readonly now: ApiObject;
}

/**
 * The recent commits, for watches that resume and for pages of a list that began earlier.
 *
 * Keeps the last `count` commits or those of the last `ageMs`, whichever is more. What was dropped answers "expired" (HTTP 410).
 */
export class History {
  readonly #count: number;
  readonly #ageMs: number;
  #changes: Change[] = [];
  /** Changes after this revision are all here. */
  #floor: number;

  constructor(floor: number, limits: { count: number; ageMs: number }) {
    this.#floor = floor;
    this.#count = limits.count;
    this.#ageMs = limits.ageMs;
  }

  append(change: Change): void {
    this.#changes.push(change);
    // Trimming in blocks keeps the cost of a commit constant.
    if (this.#changes.length >= 2 * this.#count) this.#trim(change.at);
  }

  /** Commits after `revision`, oldest first; undefined when some of them are no longer known. */
  after(revision: number): readonly Change[] | undefined {
    if (revision < this.#floor) return undefined;
    return this.#changes.slice(this.#firstAfter(revision));
  }

  /** Forgets everything up to `revision`, as etcd's compaction does. */
  compact(revision: number): void {
    this.#changes = this.#changes.slice(this.#firstAfter(revision));
    this.#floor = Math.max(this.#floor, revision);
  }

  #trim(now: number): void {
    const young = this.#changes.findIndex((change) => now - change.at <= this.#ageMs);
    const drop = Math.min(this.#changes.length - this.#count, young < 0 ? this.#changes.length : young);
    const last = this.#changes[drop - 1];
    if (last) this.compact(last.revision);
  }

  #firstAfter(revision: number): number {
    let low = 0;
    let high = this.#changes.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#changes[middle]?.revision ?? 0) <= revision) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
