import { compareText } from "../std/order.ts";
import type { Announcement } from "./announcement.ts";

/** A Service whose decision is another than before; without `after` the Service is gone, without `before` it is new. */
export interface Change {
  readonly before: Announcement | undefined;
  readonly after: Announcement | undefined;
}

/** What two turns have decided differently. Both lists are sorted by key; what is the same object has not changed. */
export function changesBetween(before: readonly Announcement[], after: readonly Announcement[]): readonly Change[] {
  if (before === after) return [];
  const changes: Change[] = [];
  let [i, j] = [0, 0];
  while (i < before.length || j < after.length) {
    const [old, next] = [before[i], after[j]];
    const order = old === undefined ? 1 : next === undefined ? -1 : old === next ? 0 : compareText(old.key, next.key);
    if (order <= 0) i++;
    if (order >= 0) j++;
    if (old !== next) changes.push({ before: order <= 0 ? old : undefined, after: order >= 0 ? next : undefined });
  }
  return changes;
}
