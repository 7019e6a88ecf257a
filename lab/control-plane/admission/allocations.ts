/** Who holds which value (an address, a port): promised while a write is under way, confirmed once it is stored. */
export class Allocations {
  readonly #holders = new Map<string, Holder>();
  readonly #held = new Map<string, Set<string>>();
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  /** Whether someone else holds the value. A promise that no write kept (refused, or never sent) lapses. */
  isTaken(value: string, by: string): boolean {
    const holder = this.#holders.get(value);
    if (!holder || holder.key === by) return false;
    return holder.confirmed || this.#now() - holder.since < PROMISE_MS;
  }

  promise(value: string, key: string): void {
    if (this.#holders.get(value)?.key === key) return;
    this.#drop(value);
    this.#set(value, { key, confirmed: false, since: this.#now() });
  }

  /** What `key` holds in the store now: other confirmed values are free again; with nothing stored, promises too. */
  settle(key: string, stored: readonly string[] | undefined): void {
    for (const value of this.#held.get(key) ?? []) {
      const holder = this.#holders.get(value);
      if (stored === undefined || (holder?.confirmed && !stored.includes(value))) this.#drop(value);
    }
    for (const value of stored ?? []) {
      this.#drop(value);
      this.#set(value, { key, confirmed: true, since: 0 });
    }
  }

  #set(value: string, holder: Holder): void {
    this.#holders.set(value, holder);
    const values = this.#held.get(holder.key);
    if (values) values.add(value);
    else this.#held.set(holder.key, new Set([value]));
  }

  #drop(value: string): void {
    const holder = this.#holders.get(value);
    if (!holder) return;
    this.#holders.delete(value);
    const values = this.#held.get(holder.key);
    values?.delete(value);
    if (values?.size === 0) this.#held.delete(holder.key);
  }
}

interface Holder {
  readonly key: string;
  readonly confirmed: boolean;
  readonly since: number;
}

/** The longest that webhooks may hold a write (AdmissionRegistration v1: timeoutSeconds ≤ 30). */
const PROMISE_MS = 30_000;
