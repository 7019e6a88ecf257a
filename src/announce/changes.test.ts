import { expect, test } from "vitest";
import type { Announcement } from "./announcement.ts";
import { changesBetween } from "./changes.ts";
import { withheld } from "./obstacles.ts";

const one = (key: string): Announcement => ({
  key,
  service: { apiVersion: "v1", kind: "Service", name: key },
  decision: withheld("noEndpoints", "no endpoint can serve"),
});

test("what came, went and changed, and nothing of what stayed", () => {
  const [a, b, c, d, e] = ["a", "b", "c", "d", "e"].map(one) as [
    Announcement,
    Announcement,
    Announcement,
    Announcement,
    Announcement,
  ];
  const other = one("c");
  expect(changesBetween([a, b, c, d], [b, other, d, e])).toEqual([
    { before: a, after: undefined },
    { before: c, after: other },
    { before: undefined, after: e },
  ]);
  expect(changesBetween([a, b], [a, b])).toEqual([]);
  expect(changesBetween([], [a])).toEqual([{ before: undefined, after: a }]);
  expect(changesBetween([a], [])).toEqual([{ before: a, after: undefined }]);
});
