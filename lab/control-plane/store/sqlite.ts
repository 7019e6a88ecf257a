import { DatabaseSync, type StatementSync } from "node:sqlite";
import type { ApiObject } from "../types.ts";

/** Commits wait this long for company, so that a burst costs one transaction. */
const BATCH_MS = 5;

/** The durable copy of the store: one row for each object, the last revision, and a few named secrets (CA, token keys). */
export class Durable {
  readonly #database: DatabaseSync;
  readonly #put: StatementSync;
  readonly #drop: StatementSync;
  readonly #set: StatementSync;
  readonly #pending = new Map<string, ApiObject | undefined>();
  #revision = 0;
  #timer: NodeJS.Timeout | undefined;

  /** @param file a path, or `:memory:` for a copy that dies with the process */
  constructor(file: string) {
    this.#database = new DatabaseSync(file);
    this.#database.exec(`
      PRAGMA journal_mode = WAL;
      PRAGMA synchronous = NORMAL;
      CREATE TABLE IF NOT EXISTS objects (key TEXT PRIMARY KEY, object TEXT NOT NULL) WITHOUT ROWID;
      CREATE TABLE IF NOT EXISTS settings (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
    `);
    this.#put = this.#database.prepare("INSERT OR REPLACE INTO objects (key, object) VALUES (?, ?)");
    this.#drop = this.#database.prepare("DELETE FROM objects WHERE key = ?");
    this.#set = this.#database.prepare("INSERT OR REPLACE INTO settings (name, value) VALUES (?, ?)");
  }

  read(): { revision: number; objects: Map<string, ApiObject> } {
    const rows = this.#database.prepare("SELECT key, object FROM objects").all();
    const objects = new Map(rows.map((row) => [String(row["key"]), JSON.parse(String(row["object"])) as ApiObject]));
    this.#revision = Number(this.setting("revision") ?? 0);
    return { revision: this.#revision, objects };
  }

  /** Schedules a write; `undefined` removes the row. */
  write(key: string, object: ApiObject | undefined, revision: number): void {
    this.#pending.set(key, object);
    this.#revision = revision;
    this.#timer ??= setTimeout(() => this.flush(), BATCH_MS);
  }

  setting(name: string): string | undefined {
    const row = this.#database.prepare("SELECT value FROM settings WHERE name = ?").get(name);
    return row === undefined ? undefined : String(row["value"]);
  }

  setSetting(name: string, value: string): void {
    this.#set.run(name, value);
  }

  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#pending.size === 0) return;
    this.#database.exec("BEGIN");
    for (const [key, object] of this.#pending) {
      if (object) this.#put.run(key, JSON.stringify(object));
      else this.#drop.run(key);
    }
    this.#set.run("revision", String(this.#revision));
    this.#database.exec("COMMIT");
    this.#pending.clear();
  }

  close(): void {
    this.flush();
    this.#database.close();
  }
}
