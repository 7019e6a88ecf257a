import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/**
 * A page of the documentation as a program.
 *
 * Fenced `bash` blocks are commands; all blocks of a page share one shell. A fenced `yaml` block whose first line is `# NAME.yaml` is
 * the file of that name. An HTML comment right before a `bash` block says what its output must hold:
 *
 *     <!-- expect /PATTERN/ and not /PATTERN/ -->     once
 *     <!-- until /PATTERN/ and /PATTERN/ -->          the command is run again until it holds, 150 s at most
 *
 * Without a comment the block's exit code must be 0.
 */
export type Step =
  | { readonly kind: "heading"; readonly text: string }
  | { readonly kind: "file"; readonly name: string; readonly content: string }
  | { readonly kind: "run"; readonly command: string; readonly line: number; readonly check: Check };

type Check =
  | { readonly kind: "succeeds" }
  | { readonly kind: "expect" | "until"; readonly conditions: readonly Condition[] };

interface Condition {
  readonly pattern: RegExp;
  readonly wanted: boolean;
}

/** How long a command of kind `until` may take to become true: longer than FRR waits between two attempts to connect, 120 s. */
const PATIENCE_MS = 150_000;

export function parseWalkthrough(markdown: string): Step[] {
  const steps: Step[] = [];
  const lines = markdown.split("\n");
  let check: Check = { kind: "succeeds" };
  for (let i = 0; i < lines.length; i++) {
    const line = lines[i] ?? "";
    const heading = /^#{2,} (.*)/.exec(line);
    const directive = /^<!-- (expect|until) (.*) -->$/.exec(line);
    const fence = /^```(\w+)/.exec(line);
    if (heading) steps.push({ kind: "heading", text: heading[1] ?? "" });
    else if (directive)
      check = { kind: directive[1] as "expect" | "until", conditions: parseConditions(directive[2] ?? "", i + 1) };
    else if (fence) {
      const end = lines.indexOf("```", i + 1);
      const body = lines.slice(i + 1, end).join("\n");
      const file = /^# (\S+\.yaml)\n/.exec(body);
      if (fence[1] === "bash") {
        steps.push({ kind: "run", command: body, line: i + 1, check });
        check = { kind: "succeeds" };
      } else if (fence[1] === "yaml" && file) steps.push({ kind: "file", name: file[1] ?? "", content: `${body}\n` });
      i = end;
    }
  }
  return steps;
}

function parseConditions(text: string, line: number): Condition[] {
  const conditions: Condition[] = [];
  let rest = text;
  while (rest !== "") {
    const match = /^(not )?\/((?:[^/\\]|\\.)+)\/(i?)(?: and |$)/.exec(rest);
    if (!match) throw new Error(`line ${line}: cannot read the condition at: ${rest}`);
    conditions.push({ wanted: match[1] === undefined, pattern: new RegExp(match[2] ?? "", `m${match[3] ?? ""}`) });
    rest = rest.slice(match[0].length);
  }
  return conditions;
}

const unmet = (check: Check, output: string): Condition[] =>
  check.kind === "succeeds" ? [] : check.conditions.filter(({ pattern, wanted }) => pattern.test(output) !== wanted);

/**
 * Runs the steps in one shell inside `folder`, telling `tell` what a person would see on the screen.
 *
 * @throws Error naming the line of the page, the command, what its output lacks and the output.
 */
export async function runWalkthrough(options: {
  readonly steps: readonly Step[];
  readonly folder: string;
  readonly env: NodeJS.ProcessEnv;
  readonly tell: (text: string) => void;
  readonly signal: AbortSignal;
}): Promise<void> {
  const shell = new Shell(options.folder, options.env);
  const stop = (): void => shell.close();
  options.signal.addEventListener("abort", stop, { once: true });
  try {
    for (const step of options.steps) {
      options.signal.throwIfAborted();
      if (step.kind === "heading") options.tell(`\n## ${step.text}\n`);
      else if (step.kind === "file") writeFileSync(join(options.folder, step.name), step.content);
      else await runStep(shell, step, options.tell);
    }
  } finally {
    options.signal.removeEventListener("abort", stop);
    shell.close();
  }
}

async function runStep(shell: Shell, step: Step & { kind: "run" }, tell: (text: string) => void): Promise<void> {
  const until = Date.now() + PATIENCE_MS;
  for (;;) {
    const { output, code } = await shell.run(step.command);
    const missing = unmet(step.check, output);
    const good = step.check.kind === "until" ? missing.length === 0 : code === 0 && missing.length === 0;
    if (good) {
      tell(`$ ${step.command.replaceAll("\n", "\n  ")}\n${output}\n`);
      return;
    }
    if (step.check.kind !== "until" || Date.now() > until) {
      const lacks = missing.map(({ pattern, wanted }) => `${wanted ? "lacks" : "holds"} ${pattern}`).join(", ");
      throw new Error(
        `line ${step.line}: ${lacks === "" ? `exit code ${code}` : `output ${lacks}`}\n$ ${step.command}\n${output}`,
      );
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** One bash that keeps its variables from block to block. */
class Shell {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #folder: string;

  constructor(folder: string, env: NodeJS.ProcessEnv) {
    this.#folder = folder;
    this.#child = spawn("bash", ["--noprofile", "--norc"], { cwd: folder, env });
  }

  /** Both output streams together, and the exit code of the block's last command. */
  async run(block: string): Promise<{ output: string; code: number }> {
    const [script, out] = [join(this.#folder, ".block"), join(this.#folder, ".output")];
    writeFileSync(script, block);
    const code = await new Promise<number>((resolve, reject) => {
      const onData = (chunk: Buffer): void => {
        const match = /done (\d+)/.exec(chunk.toString());
        if (!match) return;
        this.#child.stdout.off("data", onData);
        this.#child.off("exit", onExit);
        resolve(Number(match[1]));
      };
      const onExit = (): void => reject(new Error("the shell ended"));
      this.#child.stdout.on("data", onData);
      this.#child.once("exit", onExit);
      this.#child.stdin.write(`. ${script} >${out} 2>&1 </dev/null; echo "done $?"\n`);
    });
    return { output: readFileSync(out, "utf8"), code };
  }

  close(): void {
    this.#child.kill("SIGKILL");
  }
}
