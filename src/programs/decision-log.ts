import type { Announced, Announcement, Offer } from "../announce/announcement.ts";
import type { Change } from "../announce/changes.ts";
import type { Log } from "../runtime/log.ts";

/** One line of the log for each decision that changed: so `kubectl logs` answers why a Service is announced, or is not. */
export class DecisionLog {
  readonly #log: Log;

  constructor(log: Log) {
    this.#log = log;
  }

  tell(changes: readonly Change[]): void {
    for (const { before, after } of changes) this.#tellOne(before && told(before), after && told(after), after?.key);
    for (const { before, after } of changes) {
      if (after !== undefined || before?.decision.kind !== "announced") continue;
      this.#log.info({ service: before.key, reason: "serviceDeleted" }, "service withdrawn");
    }
  }

  #tellOne(before: Told | undefined, now: Told | undefined, service: string | undefined): void {
    if (now === undefined || before?.text === now.text) return;
    const fields = { service, ...now.fields };
    if (now.isAnnounced) this.#log.info(fields, "service announced");
    else if (before?.isAnnounced === true) this.#log.info(fields, "service withdrawn");
    // Most Services of a cluster are no load balancers: that is no news.
    else if (now.fields["reason"] === "notLoadBalancer") this.#log.debug(fields, "service not announced");
    else this.#log.info(fields, "service not announced");
  }
}

/** A decision, in the words of its line. */
interface Told {
  readonly isAnnounced: boolean;
  readonly fields: Readonly<Record<string, unknown>>;
  readonly text: string;
}

function told({ decision }: Announcement): Told {
  const isAnnounced = decision.kind === "announced";
  const fields = isAnnounced ? announced(decision) : { reason: decision.reason, why: decision.message };
  return { isAnnounced, fields, text: JSON.stringify(fields) };
}

function announced({ addresses, offers, withheld }: Announced): Record<string, unknown> {
  const without = offers.filter(({ kind }) => kind !== "offered").map(({ peer, kind }) => `${peer}: ${kind}`);
  return {
    addresses,
    protocol: "bgp",
    peers: offers.filter(isOffered).map(({ peer }) => peer),
    ...(without.length > 0 && { withoutPeers: without }),
    ...(withheld.length > 0 && { withheld }),
  };
}

const isOffered = ({ kind }: Offer): boolean => kind === "offered";
