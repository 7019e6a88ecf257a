import { setTimeout as wait } from "node:timers/promises";
import type { Step } from "../../frr/diff.ts";
import { contextsOf } from "../../frr/lines.ts";
import type { RefusedLine } from "../../frr/refused.ts";
import { isSettled } from "../../frr/show.ts";
import { prefixFamily, type Prefix } from "../../net/prefix.ts";
import { VtyError, type VtySession } from "../../vty/session.ts";
import type { Daemon } from "./daemon.ts";

/**
 * Takes one step in a session; what the daemon refused is returned, and the rest stands.
 *
 * Each context line is awaited before its body is sent: after a refused one the body would run in the wrong place.
 *
 * @throws VtyError "closed" or "framing" when the session is lost.
 */
export async function takeLines(
  session: VtySession,
  { context, lines }: Exclude<Step, { kind: "settle" }>,
  signal: AbortSignal,
): Promise<(Pick<RefusedLine, "context" | "line"> & { readonly error: VtyError })[]> {
  await session.run("configure terminal", signal);
  for (const [depth, line] of context.entries()) {
    try {
      await session.run(line, signal);
    } catch (error) {
      if (!(error instanceof VtyError) || error.code !== "refused") throw error;
      await session.run("end", signal);
      return [{ context: context.slice(0, depth), line, error }];
    }
  }
  const replies = await session.send([...lines, "end"], signal);
  const contexts = contextsOf(context, lines);
  return [...lines, "end"].flatMap((line, i) => {
    const reply = replies[i];
    return reply === undefined || reply.rc === 0 || isDoneAlready(line, reply.output)
      ? []
      : [{ context: contexts[i] ?? [], line, error: new VtyError("refused", line, reply) }];
  });
}

/** A prefix that isn't there needs no removal. FRR bgpd/bgp_route.c, bgp_static_set. */
const isDoneAlready = (line: string, output: string): boolean =>
  line.startsWith("no network ") && output.includes("Can't find static route specified");

/** Bgpd takes in 10,000 prefixes in half a second; past this something is wrong with it, and sessions must not wait. */
const settleLimitMs = 5_000;

/** Waits until bgpd has a best path for each of these prefixes of its own. */
export async function takeSettle(
  bgpd: Daemon,
  vrf: string,
  prefixes: readonly Prefix[],
  signal: AbortSignal,
): Promise<void> {
  const limit = AbortSignal.any([signal, AbortSignal.timeout(settleLimitMs)]);
  for (const prefix of prefixes) {
    const command = showPrefix(vrf, prefix);
    while (!limit.aborted && !isSettled((await bgpd.show(command, signal)) || "{}")) {
      await wait(2, undefined, { signal: limit }).catch(() => {});
    }
  }
  signal.throwIfAborted();
}

export const showPrefix = (vrf: string, prefix: Prefix): string =>
  `show bgp vrf ${vrf === "" ? "default" : vrf} ${prefixFamily(prefix)} unicast ${prefix} json`;
