/** The program of the virtual machine: prints one line of JSON for each case on the console. */
import { createFrrBackend } from "../../../src/backends/frr/backend.ts";
import { cases } from "./cases.ts";
import { configureRouter, connect, hosts, socketDir, startFrr } from "./world.ts";

const lines: string[] = [];

function tell(name: string, passed: boolean, words: string): void {
  lines.push(`@case ${JSON.stringify({ name, passed, words: `${words} [${process.uptime().toFixed(1)} s]` })}`);
  console.log(lines.at(-1));
}

const wordsOf = (error: unknown): string => (error instanceof Error ? (error.stack ?? error.message) : String(error));

try {
  connect();
  await Promise.all(hosts.map(startFrr));
  await configureRouter();
  const backend = createFrrBackend({ socketDir: socketDir("node") });
  for (const [name, work] of Object.entries(cases)) {
    await work(backend).then(
      (words) => tell(name, true, words),
      (error: unknown) => tell(name, false, wordsOf(error)),
    );
  }
} catch (error) {
  tell("the machine inside", false, wordsOf(error));
}
// Once more: the kernel speaks on the same console, and may have spoken into one of them.
for (const line of lines) console.log(line);
process.exit();
