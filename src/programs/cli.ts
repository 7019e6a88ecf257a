import type { Command } from "./cli/command.ts";
import { convertCommand } from "./cli/convert.ts";
import { traceCommand } from "./cli/trace.ts";

/** The command line: `metallb COMMAND ARGUMENTS`. */

const commands: readonly Command[] = [convertCommand, traceCommand];

const [word, ...argv] = process.argv.slice(2);
const command = commands.find(({ name }) => name === word);
process.exitCode = command ? await runOf(command) : usage();

async function runOf({ name, usage: line, doc, help, run }: Command): Promise<number> {
  if (argv.includes("--help")) {
    console.log(`metallb ${line}\n\n${doc}\n${help}`);
    return 0;
  }
  try {
    return await run(argv);
  } catch (error) {
    console.error(`metallb ${name}: ${error instanceof Error ? error.message : String(error)}`);
    return 2;
  }
}

function usage(): number {
  const asked = word === "--help" || word === "help";
  const lines = ["metallb COMMAND [--help]", "", ...commands.map(({ usage: line, doc }) => `  ${line}   ${doc}`)];
  (asked ? console.log : console.error)(lines.join("\n"));
  return asked ? 0 : 2;
}
