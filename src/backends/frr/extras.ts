import { createHash } from "node:crypto";
import { readFile, rename, rm, writeFile } from "node:fs/promises";
import type { BgpDesired } from "../../announce/desired.ts";
import type { Refusal } from "../../announce/refusal.ts";
import {
  type Direction,
  type Effect,
  effectBetween,
  isIntact,
  keptBy,
  noEffect,
  policyChanges,
  within,
} from "../../frr/effect.ts";
import {
  type Extras,
  extrasSteps,
  isPolicy,
  isSameContext,
  noExtras,
  policySteps,
  readExtras,
  reservedNumbers,
} from "../../frr/extras.ts";
import type { RefusedLine } from "../../frr/refused.ts";
import { render } from "../../frr/render.ts";
import { blockAt, type DaemonName, type Tree } from "../../frr/tree.ts";
import { errorText, type Log } from "../../runtime/log.ts";
import type { VtyError } from "../../vty/session.ts";

const daemonNames: readonly DaemonName[] = ["zebra", "bgpd", "bfdd"];

/** A line that a daemon refused, with its answer. */
export interface Refused extends RefusedLine {
  readonly error: VtyError;
}

/** What a speaker leaves for the next one. */
interface Kept {
  /** Of the text. */
  readonly hash: string;
  readonly effect: Effect;
  /** What daemons refused of it. */
  readonly refusals: readonly Refusal[];
  /** To whom the text is still to be said. */
  readonly due: readonly DaemonName[];
}

/**
 * An administrator's own lines for FRR: what they make of our configuration, and to which daemons they are to be said.
 *
 * That outlives the speaker, in a file beside FRR's sockets: from what runs alone it can't be told whose an abbreviated line is. The
 * file may hold a password, as FRR's running configuration does, and is as private.
 */
export class SaidExtras {
  readonly #path: string;
  readonly #log: Log | undefined;
  #isLoaded = false;
  #isSaved = true;
  /** Whether lists and route-maps were said in this turn before there was a session. */
  #isFirst = false;
  #text: string | undefined;
  #hash: string | undefined;
  #extras: Extras = noExtras;
  #effect: Effect = noEffect;
  #refusals: readonly Refusal[] = [];
  readonly #due = new Set<DaemonName>();
  /** With which bgpd has last looked through its tables. */
  #lookedThrough: Effect = noEffect;

  constructor(path: string, log: Log | undefined) {
    this.#path = path;
    this.#log = log;
  }

  get effect(): Effect {
    return this.#effect;
  }

  /** Whether anything of the text is said to FRR. */
  get isInForce(): boolean {
    return this.#extras.lines.length > 0;
  }

  get reserved(): ReadonlySet<number> {
    return reservedNumbers(this.#extras);
  }

  /** Whether a daemon might answer otherwise another time. */
  get wasRefused(): boolean {
    return this.#refusals.length > 0;
  }

  /** All of the text that is not in force. */
  get refusals(): readonly Refusal[] {
    const notSaid = this.#extras.refused.map(
      ({ number, line, why }): Refusal => ({
        daemon: "",
        context: [],
        line,
        words: why,
        cause: { kind: "extras", number, by: "not said" },
        isKept: false,
      }),
    );
    return [...notSaid, ...this.#refusals];
  }

  /** In which directions lists or route-maps have changed since bgpd last looked through its tables. */
  get policyChanges(): readonly Direction[] {
    return policyChanges(this.#lookedThrough, this.#effect);
  }

  lookedThrough(): void {
    this.#lookedThrough = this.#effect;
  }

  /** At the beginning of a turn. `asksAgain`: what was refused is to be said once more. */
  async begin(desired: BgpDesired, running: Tree, asksAgain: boolean): Promise<void> {
    // What the speaker before asked, this one need not ask again at once.
    const asksNow = asksAgain && this.#isLoaded;
    if (!this.#isLoaded) await this.#load();
    this.#isLoaded = true;
    this.#isFirst = false;
    const { extras: text } = desired;
    if (text === undefined) return this.#forget();
    if (text !== this.#text) this.#change(text, desired, running);
    for (const daemon of this.#daemons()) {
      const isAsked = asksNow && this.#refusals.some((one) => one.daemon === daemon);
      if (isAsked || !isIntact(this.#effect, running, daemon)) this.#due.add(daemon);
    }
  }

  #change(text: string, desired: BgpDesired, running: Tree): void {
    const hash = createHash("sha256").update(text).digest("hex");
    this.#text = text;
    this.#extras = readExtras(text);
    if (hash === this.#hash) return;
    // Without a word from the speaker before: what runs beyond ours and is in the text is taken for the text's.
    const known = this.#hash === undefined ? effectBetween(render(desired, running), running) : this.#effect;
    if (this.#hash === undefined) this.#lookedThrough = known;
    this.#effect = keptBy(known, this.#extras);
    this.#hash = hash;
    this.#refusals = [];
    this.#due.clear();
    for (const daemon of this.#daemons()) this.#due.add(daemon);
    this.#isSaved = false;
  }

  #forget(): void {
    if (this.#hash === undefined) return;
    this.#hash = undefined;
    this.#text = undefined;
    this.#extras = noExtras;
    this.#effect = noEffect;
    this.#refusals = [];
    this.#due.clear();
    this.#isSaved = false;
  }

  #daemons = (): readonly DaemonName[] =>
    daemonNames.filter((name) => this.#extras.lines.some(({ daemon }) => daemon === name));

  /** Those to whom the text is to be said, if our own steps to the daemons in `touched` may have changed what it means. */
  dueAfter(touched: ReadonlySet<DaemonName>): readonly DaemonName[] {
    for (const daemon of this.#daemons()) if (touched.has(daemon)) this.#due.add(daemon);
    return [...this.#due];
  }

  /** Our own lines are taken, and are these. */
  rendered(rendered: Tree): void {
    this.#effect = within(this.#effect, rendered);
  }

  /** What can be said of the text before there is any session. */
  firstSteps = () => policySteps(this.#extras);

  /** That was said, and what ran became what runs: nobody has told or been told anything by other rules. */
  saidFirst(before: Tree, running: Tree): void {
    const others = this.#effect.added.filter(({ daemon }) => daemon !== "bgpd");
    const suppressed = this.#effect.suppressed.filter(({ daemon }) => daemon !== "bgpd");
    this.#effect = { added: [...others, ...effectBetween(before, running).added], suppressed };
    this.#isFirst = true;
  }

  stepsFor = (daemon: DaemonName) => extrasSteps(this.#extras, daemon);

  /** What became of it: `running` as it was read after the text was said to `daemons`, on top of what is `rendered`. */
  learn(
    daemons: ReadonlySet<DaemonName>,
    { rendered, running, refused }: { rendered: Tree; running: Tree; refused: readonly Refused[] },
  ): void {
    const isOther = ({ daemon }: { readonly daemon: string }): boolean => !daemons.has(daemon as DaemonName);
    const found = effectBetween(rendered, running);
    const merged = (part: keyof Effect) => [
      ...this.#effect[part].filter(isOther),
      ...found[part].filter((one) => !isOther(one)),
    ];
    this.#effect = { added: merged("added"), suppressed: merged("suppressed") };
    const said = refused.filter((one) => !isGoneAlready(one, running)).map((one) => this.#refusal(one));
    this.#refusals = [...this.#refusals.filter(isOther), ...said];
    for (const daemon of daemons) this.#due.delete(daemon);
    const wereThere = this.#isFirst && daemons.has("bgpd") && !this.#effect.suppressed.some(isPolicy);
    if (wereThere) this.#lookedThrough = this.#effect;
    this.#isSaved = false;
  }

  #refusal({ daemon, context, line, error }: Refused): Refusal {
    const same = this.#extras.lines.filter((one) => one.daemon === daemon && one.line === line);
    const { number } = same.find((one) => isSameContext(one.context, context)) ?? same[0] ?? { number: 0 };
    const cause = { kind: "extras", number, by: "daemon" } as const;
    return { daemon, context, line: error.command, words: error.output, cause, isKept: false };
  }

  /** At the end of a turn in which all was taken. A next speaker that finds no file says the text again. */
  async save(): Promise<void> {
    if (this.#isSaved) return;
    try {
      if (this.#hash === undefined) await rm(this.#path, { force: true });
      else {
        const due = [...this.#due];
        const kept: Kept = { hash: this.#hash, effect: this.#effect, refusals: this.#refusals, due };
        await writeFile(`${this.#path}.new`, JSON.stringify(kept), { mode: 0o600 });
        await rename(`${this.#path}.new`, this.#path);
      }
      this.#isSaved = true;
    } catch (error) {
      this.#log?.warn({ error: errorText(error) }, "could not keep what bgpextras did for the next speaker");
    }
  }

  async #load(): Promise<void> {
    const text = await readFile(this.#path, "utf8").catch(() => undefined);
    const kept = text === undefined ? undefined : readKept(text);
    if (kept === undefined) return;
    this.#hash = kept.hash;
    this.#effect = kept.effect;
    this.#lookedThrough = kept.effect;
    this.#refusals = kept.refusals;
    for (const daemon of kept.due) this.#due.add(daemon);
  }
}

/** What took something away and is said again finds nothing to take; a word that FRR doesn't know (rc 2) is a mistake each time. */
function isGoneAlready({ daemon, context, line, error }: Refused, running: Tree): boolean {
  if (!line.startsWith("no ") || error.rc === 2 || error.rc === 4) return false;
  const rest = line.slice(3);
  return ![...blockAt(running[daemon], context).keys()].some((one) => `${one} `.startsWith(`${rest} `));
}

/** Ours, unless somebody else wrote it. */
function readKept(text: string): Kept | undefined {
  try {
    const { hash, effect, refusals, due } = JSON.parse(text) as Partial<Kept>;
    const isWhole =
      typeof hash === "string" &&
      [refusals, due, effect?.added, effect?.suppressed].every(Array.isArray) &&
      [...(effect?.added ?? []), ...(effect?.suppressed ?? [])].every(
        (one) => typeof one.line === "string" && Array.isArray(one.context) && daemonNames.includes(one.daemon),
      );
    return isWhole ? ({ hash, effect, refusals, due } as Kept) : undefined;
  } catch {
    return undefined;
  }
}
