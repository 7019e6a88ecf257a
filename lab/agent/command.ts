import { execFile } from "node:child_process";

/** A program of the machine that ended with an error. */
class CommandError extends Error {
  override readonly name = "CommandError";
}

/** Runs a program to its end and gives its output. @throws CommandError with what it wrote to stderr. */
export function command(file: string, args: readonly string[], input?: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = execFile(file, [...args], { maxBuffer: 64 << 20 }, (error, stdout, stderr) => {
      if (!error) return resolve(stdout);
      const said = stderr.trim() || error.message;
      reject(new CommandError(`${file} ${args.join(" ")}: ${said}`, { cause: error }));
    });
    // A program that ends without reading its input is no failure of ours.
    child.stdin?.on("error", () => {});
    child.stdin?.end(input ?? "");
  });
}
