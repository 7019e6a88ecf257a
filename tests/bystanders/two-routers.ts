import { Announcing } from "../network/announcing.ts";
import { Frr } from "../network/frr.ts";
import { eventually, Network } from "../network/network.ts";
import { Recorder } from "../network/recorder.ts";

/** A node that announces to two routers, and what each of them is told, one UPDATE after the other. */
export interface TwoRouters {
  readonly network: Network;
  readonly node: Frr;
  readonly routers: readonly [Frr, Frr];
  readonly recorders: readonly [Recorder, Recorder];
  readonly announcing: Announcing;
}

/**
 * BFD packets that may be lost before a session ends, at both ends: three of 300 ms are soon lost on a busy machine, where nobody gets a turn
 * for a second.
 */
export const PATIENT = 10;

/** Starts them in namespaces whose names begin with `prefix`; all end with `held`. Their BFD has a profile `patient`. */
export async function startTwoRouters(
  held: AsyncDisposableStack,
  prefix: string,
  configure: (one: Frr, two: Frr) => Promise<void>,
): Promise<TwoRouters> {
  const network = held.use(new Network(prefix, 2));
  const [node, one, two] = await Promise.all([
    Frr.start(network, "node"),
    Frr.start(network, "router1"),
    Frr.start(network, "router2"),
  ]);
  for (const router of [one, two])
    await router.configure("bfdd", "bfd", "profile patient", `detect-multiplier ${PATIENT}`);
  await configure(one, two);
  const recorders = [new Recorder(one), new Recorder(two)] as const;
  return { network, node, routers: [one, two], recorders, announcing: held.use(new Announcing(node.socketDir)) };
}

/** Until BFD watches both sessions, which are established, and finds them well. */
export async function bfdIsUp({ backend }: Announcing): Promise<void> {
  await eventually("BFD is up", async () => {
    const { sessions } = await backend.observe(AbortSignal.timeout(20_000));
    return sessions.filter(({ bfd, state }) => bfd === "up" && state === "Established").length === 2;
  });
}
