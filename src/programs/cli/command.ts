/** One word after `metallb`. */
export interface Command {
  readonly name: string;
  readonly usage: string;
  /** One line, for the list of commands. */
  readonly doc: string;
  readonly help: string;
  /** Resolves with the exit code. Rejects when the arguments make no sense, or the world fails. */
  readonly run: (argv: readonly string[]) => Promise<number>;
}
