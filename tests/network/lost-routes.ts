import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";

/** Routes that kernels drop, as the kernels themselves say. */
export class LostRoutes implements AsyncDisposable {
  readonly #monitors: readonly ChildProcess[];
  #text = "";

  static watch(namespaces: readonly string[]): LostRoutes {
    return new LostRoutes(namespaces);
  }

  private constructor(namespaces: readonly string[]) {
    this.#monitors = namespaces.map((name) => {
      const monitor = spawn("ip", ["-n", name, "-4", "monitor", "route"], { stdio: ["ignore", "pipe", "inherit"] });
      monitor.stdout.setEncoding("utf8").on("data", (text: string) => (this.#text += text));
      return monitor;
    });
  }

  get routes(): string[] {
    return this.#text.split("\n").filter((line) => line.startsWith("Deleted 10."));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = this.#monitors.map((monitor) => once(monitor, "close"));
    for (const monitor of this.#monitors) monitor.kill();
    await Promise.all(ended);
  }
}
