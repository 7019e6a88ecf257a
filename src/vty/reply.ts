/** What a daemon answers to one command. */
export interface Reply {
  /** 0 success, 1 warning, 2 no match, 4 incomplete, 13 rejected. FRR lib/command.h. */
  readonly rc: number;
  readonly output: string;
}

/**
 * Splits daemon output into replies.
 *
 * A reply is text followed by four bytes: three NULs and a status (0 is success). Text may arrive in any pieces, and the
 * four bytes may be split too; whatever is incomplete is kept for the next call.
 *
 * @see FRR lib/vty.c, vtysh_read
 */
export class ReplyReader {
  #text: Buffer[] = [];
  /** Bytes of the trailer seen so far, the first NUL included. */
  #trailer: number[] = [];

  /** @throws VtyFramingError when a lone NUL appears in text: the stream can't be trusted after that. */
  push(chunk: Buffer): Reply[] {
    const replies: Reply[] = [];
    let rest = chunk;
    while (rest.length > 0) {
      rest = this.#trailer.length === 0 ? this.#takeText(rest) : this.#takeTrailer(rest);
      if (this.#trailer.length === 4) replies.push(this.#finish());
    }
    return replies;
  }

  #takeText(bytes: Buffer): Buffer {
    const end = bytes.indexOf(0);
    if (end !== 0) this.#text.push(end < 0 ? bytes : bytes.subarray(0, end));
    if (end < 0) return bytes.subarray(bytes.length);
    this.#trailer.push(0);
    return bytes.subarray(end + 1);
  }

  #takeTrailer(bytes: Buffer): Buffer {
    const missing = 4 - this.#trailer.length;
    this.#trailer.push(...bytes.subarray(0, missing));
    if (this.#trailer.slice(0, 3).some((byte) => byte !== 0)) throw new VtyFramingError();
    return bytes.subarray(missing);
  }

  #finish(): Reply {
    const reply = { rc: this.#trailer[3] ?? 0, output: Buffer.concat(this.#text).toString("utf8") };
    this.#text = [];
    this.#trailer = [];
    return reply;
  }
}

export class VtyFramingError extends Error {
  override readonly name = "VtyFramingError";
  constructor() {
    super("a lone NUL in daemon output");
  }
}
