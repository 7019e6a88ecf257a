import { type Difference, differences } from "../std/differences.ts";
import { byText } from "../std/order.ts";
import type { Announcement } from "./announcement.ts";

/** A Service whose decision is another than before; without `after` the Service is gone, without `before` it is new. */
export type Change = Difference<Announcement>;

/** What two turns have decided differently. Both lists are sorted by key; what is the same object has not changed. */
export const changesBetween = (before: readonly Announcement[], after: readonly Announcement[]): readonly Change[] =>
  differences(
    before,
    after,
    byText(({ key }) => key),
  );
