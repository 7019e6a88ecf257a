import { groups } from "./all.ts";
import { elsewhere } from "./elsewhere.ts";

/** docs/scenarios.md without its notice. */
export function scenariosPage(): string {
  const count = groups.reduce((sum, { scenarios }) => sum + scenarios.length, 0);
  return [
    "# Scenarios",
    `What users do with metallb-ts, and what the network then shows. The ${count} scenarios of the lab go through the whole product: manifests by
\`kubectl apply\` to the lab's API server, then the controller, a speaker and FRR on each of two nodes, and at last two routers that
are asked, and a client that wants its page. \`tests/e2e/scenarios/\` is the table, \`tests/e2e/scenarios.net.test.ts\` plays it. After each scenario
nothing of it may be left at the routers, and no session of the first router may have been reset by what was done at the second.

The first router is \`tor\` of [the lab](lab.md), AS 64512. The second is AS 64514 unless the scenario says otherwise.`,
    ...groups.map(
      ({ title, scenarios }) =>
        `## ${title}\n\n${table(
          ["scenario", "the routers show"],
          scenarios.map(({ name, shows }) => [name, shows]),
        )}`,
    ),
    `## Elsewhere\n\n${table(
      ["scenario", "why not in this lab", "where"],
      elsewhere.map(({ name, why, file }) => [name, why, `\`${file}\``]),
    )}`,
  ].join("\n\n");
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  return `${[head, head.map(() => "---"), ...rows].map(line).join("\n")}`;
}
