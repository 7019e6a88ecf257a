import type { Outcome } from "../allocate/outcome.ts";
import { type Address, parseAddress } from "../net/address.ts";

/**
 * The outcomes that can be written now, so that no two statuses name an address together, whatever order the writes take
 * and whichever of them fail.
 *
 * An address that another Service's status still names, but should not, is given on only after that write is through:
 * until then its next holder waits, keeping what it has. Where that is awaited by another Service in its turn (two that
 * swap addresses), it is cleared instead.
 */
export function handedOver(outcomes: readonly Outcome[]): Outcome[] {
  const leaving = new Set(outcomes.flatMap((outcome) => named(outcome).filter((address) => !holds(outcome, address))));
  const awaited = new Set(outcomes.flatMap(gained));
  return outcomes.flatMap((outcome) => {
    if (!gained(outcome).some((address) => leaving.has(address))) return [outcome];
    return named(outcome).some((address) => awaited.has(address)) ? [cleared(outcome)] : [];
  });
}

/** What its status names. */
const named = ({ before }: Outcome): Address[] => before.flatMap((text) => parseAddress(text) ?? []);

const assigned = ({ state }: Outcome): readonly Address[] => (state.kind === "assigned" ? state.addresses : []);

const holds = (outcome: Outcome, address: Address): boolean => assigned(outcome).includes(address);

function gained(outcome: Outcome): Address[] {
  const before = named(outcome);
  return assigned(outcome).filter((address) => !before.includes(address));
}

const cleared = (outcome: Outcome): Outcome => ({
  ...outcome,
  state: { kind: "waiting", refusal: { kind: "not-granted", message: "its new address is not free yet", pools: [] } },
});
