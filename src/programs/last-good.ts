import { createHash } from "node:crypto";
import { readFile, rename, writeFile } from "node:fs/promises";
import { deserialize, serialize } from "node:v8";
import type { Config } from "../config/config.ts";
import { errorText, type Log } from "../runtime/log.ts";

interface Kept {
  readonly program: string;
  readonly node: string;
  readonly config: Config;
}

/**
 * The configuration in force, in a file beside FRR's sockets for the speaker that starts next in this Pod: an object that went wrong in the
 * meantime keeps its last good value, and FRR its session, as if nobody had started again.
 *
 * It may hold passwords, as FRR's running configuration does, and is as private. Only the very same program reads it: another one may mean
 * something else by a field.
 */
export class LastGood {
  readonly #path: string;
  readonly #kept: Omit<Kept, "config">;
  readonly #log: Log;
  #saved: Config | undefined;
  #writing: Promise<void> = Promise.resolve();

  private constructor(path: string, kept: Omit<Kept, "config">, log: Log) {
    this.#path = path;
    this.#kept = kept;
    this.#log = log;
  }

  static async at(socketDir: string, node: string, log: Log): Promise<LastGood> {
    const code = await readFile(process.argv[1] ?? "");
    const program = createHash("sha256").update(code).digest("hex");
    return new LastGood(`${socketDir}/metallb-config`, { program, node }, log);
  }

  /** Of the speaker before; `undefined` where there was none, or another one. */
  async read(): Promise<Config | undefined> {
    try {
      const { program, node, config } = deserialize(await readFile(this.#path)) as Kept;
      return program === this.#kept.program && node === this.#kept.node ? config : undefined;
    } catch {
      return undefined;
    }
  }

  /** Notes what is in force now; the same one again costs nothing. */
  keep(config: Config): void {
    if (config === this.#saved) return;
    this.#saved = config;
    this.#writing = this.#writing.then(() => this.#write(config));
  }

  async #write(config: Config): Promise<void> {
    if (config !== this.#saved) return;
    try {
      const kept: Kept = { ...this.#kept, config };
      await writeFile(`${this.#path}.new`, serialize(kept), { mode: 0o600 });
      await rename(`${this.#path}.new`, this.#path);
    } catch (error) {
      this.#log.warn({ error: errorText(error) }, "could not keep the configuration for the next speaker");
    }
  }
}
