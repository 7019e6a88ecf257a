import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { sessionEdits } from "../../src/frr/lines.ts";

/** FRR's words of each row, with what the row says of the session. */
function rows(): Record<string, string> {
  const page = readFileSync("docs/sessions.md", "utf8");
  const found = page.matchAll(/^\| [^|]+ \| `([^`]+)` \| ([^|]+) \|$/gm);
  return Object.fromEntries([...found].map(([, line = "", effect = ""]) => [line, effect.split(", ", 1)[0] ?? ""]));
}

test("docs/sessions.md says of each edit what the tests measure on FRR", () => {
  const expected = Object.entries(sessionEdits).map(([line, effect]) => [
    line,
    typeof effect === "string"
      ? effect
      : Object.entries(effect)
          .map(([release, its]) => `${release}: ${its}`)
          .join("; "),
  ]);
  expect(rows()).toEqual(Object.fromEntries(expected));
});
