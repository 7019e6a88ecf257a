import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { differencesIn, differencesOf, sources } from "./differences.ts";

test("a comment's words, what it stands above, and what that is", () => {
  const text = `
/**
 * Reads a range. And more.
 *
 * Differs: a range between two families is refused; MetalLB
 * takes it.
 * @see MetalLB internal/config
 */
export const parseRange = 1;

/** Differs: it is sorted. */
function sorted() {}

  // Differs: this way round.
  const inside = 2;
`;
  expect(differencesIn(text, "x.ts")).toEqual([
    {
      file: "x.ts",
      subject: "parseRange",
      context: "Reads a range.",
      words: "a range between two families is refused; MetalLB takes it.",
    },
    { file: "x.ts", subject: "sorted", context: "", words: "it is sorted." },
    { file: "x.ts", subject: "inside", context: "", words: "this way round." },
  ]);
});

test("none in the product is missed", () => {
  const marks = sources(".").reduce((sum, file) => sum + readFileSync(file, "utf8").split("Differs:").length - 1, 0);
  const found = differencesOf(".");
  expect(found).toHaveLength(marks);
  expect(found.filter(({ subject, words }) => subject === "" || words === "")).toEqual([]);
});
