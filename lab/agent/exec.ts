import { type ChildProcess, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { rm } from "node:fs/promises";
import path from "node:path";
import { Writable } from "node:stream";
import { ApiStatusError, type ExecRequest } from "../control-plane/types.ts";
import type { AgentPaths } from "./paths.ts";
import { openPseudoTerminal, type PseudoTerminal } from "./pseudo-terminal.ts";
import { lastError } from "./runc.ts";

/** Control-D: what a terminal has for an end of input. */
const END_OF_TRANSMISSION = "\x04";

/** After SIGTERM, a command whose client has gone has this long. */
const KILL_AFTER_MS = 2000;

/**
 * Runs a command in a running container and gives its exit code. When the signal fires, the command is ended.
 * @throws ApiStatusError when the command cannot be started, in containerd's words.
 */
export async function execInContainer(
  paths: AgentPaths,
  id: string,
  request: ExecRequest,
  signal: AbortSignal,
): Promise<number> {
  const log = path.join(paths.runDir, `exec-${randomUUID()}.log`);
  const args = ["--root", paths.runc, "--log", log, "--log-format", "json", "exec"];
  try {
    const run = request.tty ? execOnTerminal : execOnPipes;
    const code = await run([...args, ...(request.tty ? ["--tty"] : []), id, ...request.argv], request, signal);
    if (code === 255) await rejectUnstarted(log);
    return code;
  } finally {
    await rm(log, { force: true });
  }
}

/** Runs a command for a probe or a hook. */
export async function execForOutput(paths: AgentPaths, id: string, argv: readonly string[], signal: AbortSignal) {
  const chunks: Buffer[] = [];
  const sink = () =>
    new Writable({
      write(chunk: Buffer, _, done) {
        chunks.push(chunk);
        done();
      },
    });
  const request: ExecRequest = { argv: [...argv], stdout: sink(), stderr: sink(), tty: false };
  const code = await execInContainer(paths, id, request, signal);
  return { code, output: Buffer.concat(chunks).toString() };
}

async function execOnPipes(args: string[], request: ExecRequest, signal: AbortSignal): Promise<number> {
  const child = spawn("runc", args, { stdio: [request.stdin ? "pipe" : "ignore", "pipe", "pipe"], detached: true });
  using _ = endOnAbort(child, signal);
  if (child.stdin) {
    // A command may end before it has read everything.
    child.stdin.on("error", () => {});
    request.stdin?.pipe(child.stdin);
  }
  child.stdout?.pipe(request.stdout, { end: false });
  if (request.stderr) child.stderr?.pipe(request.stderr, { end: false });
  else child.stderr?.resume();
  const code = await exitCode(child, "close");
  if (child.stdin) request.stdin?.unpipe(child.stdin);
  return code;
}

async function execOnTerminal(args: string[], request: ExecRequest, signal: AbortSignal): Promise<number> {
  const terminal = openPseudoTerminal();
  // The first size must be there before the command looks; it comes as soon as one listens.
  const resized = { tell() {} };
  request.onResize?.((size) => {
    terminal.resize(size);
    resized.tell();
  });
  const child = spawn("runc", args, { stdio: [terminal.slave, terminal.slave, terminal.slave], detached: true });
  terminal.closeSlave();
  // The terminal is not runc's controlling one, so the kernel tells it nothing.
  resized.tell = () => void child.kill("SIGWINCH");
  using _ = endOnAbort(child, signal);
  const drained = connectTerminal(terminal, request);
  const code = await exitCode(child, "exit");
  await drained;
  return code;
}

/** Resolves when all that was written to the terminal has been read. Linux ends a master with EIO, not with an end of file. */
function connectTerminal({ master }: PseudoTerminal, request: ExecRequest): Promise<void> {
  const onInput = (chunk: Buffer) => void master.write(chunk);
  const onInputEnd = () => void master.write(END_OF_TRANSMISSION);
  request.stdin?.on("data", onInput).once("end", onInputEnd);
  master.pipe(request.stdout, { end: false });
  return new Promise((resolve) => {
    master.once("error", () => master.destroy());
    master.once("close", () => {
      request.stdin?.off("data", onInput).off("end", onInputEnd);
      resolve();
    });
  });
}

async function exitCode(child: ChildProcess, event: "close" | "exit"): Promise<number> {
  const [code] = (await once(child, event)) as [number | null];
  return code ?? 137;
}

function endOnAbort(child: ChildProcess, signal: AbortSignal): Disposable {
  let timer: NodeJS.Timeout | undefined;
  const end = () => {
    child.kill("SIGTERM");
    timer = setTimeout(() => child.kill("SIGKILL"), KILL_AFTER_MS);
  };
  if (signal.aborted) end();
  signal.addEventListener("abort", end);
  return {
    [Symbol.dispose]() {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
    },
  };
}

/** runc answers 255 both for a command that it cannot start and for a command that returned 255. */
async function rejectUnstarted(log: string): Promise<void> {
  const message = await lastError(log);
  if (!message.includes("exec failed")) return;
  throw new ApiStatusError(
    500,
    "InternalError",
    `Internal error occurred: OCI runtime exec failed: ${message}: unknown`,
  );
}
