import { closeSync, createReadStream, mkdirSync, openSync, writeSync } from "node:fs";
import path from "node:path";
import { EventEmitter, once } from "node:events";

/** One line as it lies in the file: `2026-01-02T03:04:05.000000006Z stdout F text`. F ends a line, P goes on. */
interface LogEntry {
  readonly time: string;
  readonly partial: boolean;
  readonly text: string;
}

export interface ReadLogOptions {
  readonly follow: boolean;
  readonly timestamps: boolean;
  readonly tailLines?: number;
  readonly sinceTime?: Date;
  readonly limitBytes?: number;
}

/** A kubelet reads lines up to this length as one entry. */
const MAX_LINE = 16 * 1024;

/**
 * What one run of a container writes, in the format of the container runtime interface.
 * @see Kubernetes design-proposals/node/kubelet-cri-logging.md
 */
export class ContainerLog {
  readonly #file: string;
  readonly #fd: number;
  readonly #rest = { stdout: "", stderr: "" };
  // A byte order mark is output like any other.
  readonly #decoders = {
    stdout: new TextDecoder("utf-8", { ignoreBOM: true }),
    stderr: new TextDecoder("utf-8", { ignoreBOM: true }),
  };
  readonly #growth = new EventEmitter().setMaxListeners(0);
  #size = 0;
  #open = true;

  constructor(file: string) {
    mkdirSync(path.dirname(file), { recursive: true });
    this.#file = file;
    this.#fd = openSync(file, "a");
  }

  /** Takes output in any pieces; a line is written when it is complete or too long to wait for. */
  append(stream: "stdout" | "stderr", chunk: Buffer): void {
    const lines = (this.#rest[stream] + this.#decoders[stream].decode(chunk, { stream: true })).split("\n");
    let rest = lines.pop() ?? "";
    const time = timestamp();
    let text = lines.map((line) => `${time} ${stream} F ${line}\n`).join("");
    if (rest.length > MAX_LINE) {
      text += `${time} ${stream} P ${rest}\n`;
      rest = "";
    }
    this.#rest[stream] = rest;
    if (text !== "") this.#write(text);
  }

  /** Writes what is left of an unfinished line and ends those who follow. */
  close(): void {
    if (!this.#open) return;
    for (const stream of ["stdout", "stderr"] as const) {
      if (this.#rest[stream] !== "") this.#write(`${timestamp()} ${stream} P ${this.#rest[stream]}\n`);
    }
    this.#open = false;
    closeSync(this.#fd);
    this.#growth.emit("growth");
  }

  /** Yields text as `kubectl logs` prints it. */
  async *read(options: ReadLogOptions, signal: AbortSignal): AsyncIterable<string> {
    let left = options.limitBytes ?? Number.POSITIVE_INFINITY;
    for await (const entry of this.#entries(options, signal)) {
      const text = `${options.timestamps ? `${entry.time} ` : ""}${entry.text}${entry.partial ? "" : "\n"}`;
      const bytes = Buffer.from(text);
      if (bytes.length >= left) {
        yield bytes.subarray(0, left).toString();
        return;
      }
      left -= bytes.length;
      yield text;
    }
  }

  async *#entries(options: ReadLogOptions, signal: AbortSignal): AsyncIterable<LogEntry> {
    const end = this.#size;
    const present: LogEntry[] = [];
    for await (const entry of readEntries(this.#file, 0, end)) {
      if (!options.sinceTime || new Date(entry.time) >= options.sinceTime) present.push(entry);
    }
    yield* options.tailLines === undefined ? present : lastLines(present, options.tailLines);
    if (options.follow) yield* this.#follow(end, signal);
  }

  async *#follow(from: number, signal: AbortSignal): AsyncIterable<LogEntry> {
    let position = from;
    while (!signal.aborted) {
      const end = this.#size;
      if (end > position) yield* readEntries(this.#file, position, end);
      position = end;
      if (this.#size > end) continue;
      if (!this.#open) return;
      await once(this.#growth, "growth", { signal }).catch(() => {});
    }
  }

  #write(text: string): void {
    const bytes = Buffer.from(text);
    writeSync(this.#fd, bytes);
    this.#size += bytes.length;
    this.#growth.emit("growth");
  }
}

/** The last `count` lines; a line cut into parts counts once. */
function lastLines(entries: readonly LogEntry[], count: number): readonly LogEntry[] {
  if (count <= 0) return [];
  let found = 0;
  for (let i = entries.length - 1; i >= 0; i--) {
    const endsBefore = i === 0 || entries[i - 1]?.partial === false;
    if (endsBefore && ++found === count) return entries.slice(i);
  }
  return entries;
}

async function* readEntries(file: string, start: number, end: number): AsyncIterable<LogEntry> {
  if (end <= start) return;
  let rest = "";
  for await (const chunk of createReadStream(file, { start, end: end - 1, encoding: "utf8" })) {
    const lines = (rest + String(chunk)).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) yield parseEntry(line);
  }
}

/** `TIME STREAM TAG TEXT`; text may hold anything but a line feed. */
function parseEntry(line: string): LogEntry {
  const match = /^(\S+) (?:stdout|stderr) ([FP]) (.*)$/s.exec(line);
  if (!match) throw new Error("bug: a log line is not in the format of the container runtime interface");
  return { time: match[1] as string, partial: match[2] === "P", text: match[3] as string };
}

/** RFC 3339 with nine digits, as the format asks; the clock gives six. */
function timestamp(): string {
  const micros = Math.floor((performance.timeOrigin + performance.now()) * 1000);
  const whole = new Date(Math.floor(micros / 1000)).toISOString().slice(0, -1);
  return `${whole}${String(micros % 1000).padStart(3, "0")}000Z`;
}
