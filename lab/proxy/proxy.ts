import { spawn } from "node:child_process";
import { text } from "node:stream/consumers";
import { Cache } from "../control-plane/controllers/cache.ts";
import { type Log, startLoop } from "../control-plane/controllers/loop.ts";
import {
  ENDPOINT_SLICES,
  type EndpointSliceObject,
  NODES,
  type NodeObject,
  SERVICES,
  type ServiceObject,
} from "../control-plane/controllers/objects.ts";
import type { LocalApi } from "../control-plane/types.ts";
import { renderRules } from "./rules.ts";

export interface ProxyOptions {
  readonly api: LocalApi;
  /** Name under /run/netns of the namespace that is the node. */
  readonly netns: string;
  readonly node: { readonly name: string; readonly addresses: readonly string[]; readonly podCIDRs: readonly string[] };
  readonly log: Log;
  readonly signal: AbortSignal;
}

/** One turn reads everything, so all wake-ups are for the same key. */
const RULES = "rules";

/**
 * A node's service proxy: keeps the node's nftables in step with Services and EndpointSlices. Changes that arrive while rules are
 * being loaded become one more load; equal rules are not loaded again. Resolves after the signal.
 */
export function startProxy({ api, netns, node, log, signal }: ProxyOptions): Promise<void> {
  const services = new Cache<ServiceObject>({ api, id: SERVICES }, signal);
  const endpointSlices = new Cache<EndpointSliceObject>({ api, id: ENDPOINT_SLICES }, signal);
  const nodes = new Cache<NodeObject>({ api, id: NODES }, signal);
  let loaded = "";

  const turn = async () => {
    const rules = renderRules({
      node: node.name,
      services: services.list(),
      endpointSlices: endpointSlices.list(),
      localAddresses: node.addresses,
      podCIDRs: [...node.podCIDRs, ...nodes.list().flatMap((each) => each.spec?.podCIDRs ?? [])],
    });
    if (rules === loaded) return;
    await loadRules(netns, rules);
    loaded = rules;
  };

  const loop = startLoop({ name: `proxy ${node.name}`, log, turn }, signal);
  for (const cache of [services, endpointSlices, nodes]) cache.onChange(() => loop.wake(RULES));
  loop.wake(RULES);
  return loop.ended;
}

/** Loads an nft script inside a namespace; all of it or nothing. @throws Error with nft's words */
export async function loadRules(netns: string, rules: string): Promise<void> {
  const nft = spawn("ip", ["netns", "exec", netns, "nft", "-f", "-"], { stdio: ["pipe", "ignore", "pipe"] });
  const ended = new Promise<number | null>((resolve, reject) => {
    nft.once("error", reject);
    nft.once("close", resolve);
  });
  // A script that nft gives up reading is its error to tell, not the pipe's.
  nft.stdin.on("error", () => undefined);
  nft.stdin.end(rules);
  const [code, words] = await Promise.all([ended, text(nft.stderr)]);
  if (code !== 0) throw new Error(`nft in ${netns} ended with ${code}: ${words.slice(0, 1000)}`);
}
