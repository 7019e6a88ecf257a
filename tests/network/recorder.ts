import type { Frr } from "./frr.ts";

/** What a router was told in a stretch of time, as its own log has it. */
export interface Told {
  /** Prefixes of UPDATEs that announce, by neighbor. One that came twice is in the list twice. */
  readonly announced: readonly string[];
  readonly withdrawn: readonly string[];
  /** Sessions that ended. */
  readonly downs: number;
}

/** Reads what routers log with `debug bgp updates in`: each prefix of each UPDATE, duplicates too. FRR bgpd/bgp_route.c. */
export class Recorder {
  readonly #frr: Frr;
  #from = 0;

  constructor(frr: Frr) {
    this.#frr = frr;
    this.restart();
  }

  restart(): void {
    this.#from = this.#frr.log("bgpd").length;
  }

  /** Whether this many neighbors have sent the whole of a family's table since. RFC 4724 §2. */
  ended(neighbors: number): boolean {
    return this.#frr.log("bgpd", this.#from).split("rcvd End-of-RIB for IPv4 Unicast").length > neighbors;
  }

  /** What one neighbor told since. */
  told(neighbor: string): Told {
    const lines = this.#frr.log("bgpd", this.#from).split("\n");
    const said = lines.map((line) => / (?:neighbor )?([\d.a-f:]+)\([^)]*\) (.*)$/.exec(line));
    return readTold(said.flatMap((found) => (found?.[1] === neighbor ? [found[2] ?? ""] : [])));
  }
}

function readTold(lines: readonly string[]): Told {
  const announced: string[] = [];
  const withdrawn: string[] = [];
  let downs = 0;
  for (const line of lines) {
    const gone = /^rcvd UPDATE about (\S+) .* -- withdrawn/.exec(line);
    const come = /^rcvd ([\d.a-f:]+\/\d+) /.exec(line);
    if (gone?.[1]) withdrawn.push(gone[1]);
    else if (come?.[1]) announced.push(come[1]);
    else if (/^in vrf \S+ Down/.test(line)) downs += 1;
  }
  return { announced: announced.toSorted(), withdrawn: withdrawn.toSorted(), downs };
}
