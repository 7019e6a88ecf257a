import type { BgpDesired, Path, Router, RouterPeer } from "../announce/desired.ts";
import type { RefusalCause } from "../announce/refusal.ts";
import { attributeOf } from "./groups.ts";
import { neighborOfLine } from "./lines.ts";
import { outboundMapOf, type RefusedLine } from "./refused.ts";
import { neighborFieldOf, neighborOf, outboundMap, prependedAsn } from "./render/neighbor.ts";
import { profileFieldOf } from "./render.ts";
import { readRouterLine } from "./tree.ts";

/** What a refused line was to bring about: asked from the records that render it, so that no field can be without an answer. */
export function causeOf(refused: RefusedLine, desired: BgpDesired): RefusalCause {
  const { context, line } = refused;
  return (
    attributeCause(refused, desired) ??
    profileCause(context, line, desired) ??
    routerCause(context, line, desired) ?? { kind: "own" }
  );
}

function routerCause(context: readonly string[], line: string, { routers }: BgpDesired): RefusalCause | undefined {
  const vrf = readRouterLine(context[0] ?? line)?.vrf;
  const router = routers.find((one) => one.vrf === vrf);
  if (router === undefined) return undefined;
  if (context.length === 0) return { kind: "router", router, field: "myASN" };
  if (line.startsWith("bgp router-id ")) return { kind: "router", router, field: "routerID" };
  const neighbor = neighborOfLine(line);
  const peer = router.peers.find((one) => neighborOf(one.peer) === neighbor)?.peer;
  if (peer !== undefined) return { kind: "peer", peer, field: neighborFieldOf(line, peer) ?? "name" };
  return prefixCause(line, router);
}

function prefixCause(line: string, { peers }: Router): RefusalCause | undefined {
  const prefix = /^network (\S+) /.exec(line)?.[1];
  const paths = peers.flatMap((peer) => peer.paths.find((path) => path.prefix === prefix) ?? []);
  return paths[0] && { kind: "prefix", prefix: paths[0].prefix };
}

function profileCause(context: readonly string[], line: string, { bfdProfiles }: BgpDesired): RefusalCause | undefined {
  if (context[0] !== "bfd") return undefined;
  const name = (context[1] ?? line).replace(/^(no )?profile /, "");
  const profile = bfdProfiles.find((one) => one.name === name);
  return profile && { kind: "bfd-profile", profile, field: profileFieldOf(line, profile) ?? "name" };
}

function attributeCause(refused: RefusedLine, { routers }: BgpDesired): RefusalCause | undefined {
  const map = outboundMapOf(refused);
  if (map === undefined) return undefined;
  const { line } = refused;
  for (const { vrf, peers } of routers) {
    const to = peers.find(({ peer }) => outboundMap(vrf, neighborOf(peer)) === map);
    if (to === undefined) continue;
    const found = distinctPaths(to).map((path) => ({ path, attribute: attributeIn(line, to, path) }));
    const attribute = found.find((one) => one.attribute !== undefined)?.attribute;
    if (attribute === undefined) return undefined;
    const samples = found
      .filter((one) => one.attribute !== undefined)
      .map(({ path: { prefix, attributes } }) => ({ prefix, attributes }));
    return { kind: "attribute", peer: to.peer, attribute, samples };
  }
  return undefined;
}

const attributeIn = (line: string, { peer }: RouterPeer, { attributes }: Path) =>
  attributeOf(line, attributes, prependedAsn(peer));

/** One path for each set of attributes: paths of equal policies share theirs. */
function distinctPaths({ paths }: RouterPeer): readonly Path[] {
  const first = new Map<Path["attributes"], Path>();
  for (const path of paths) if (!first.has(path.attributes)) first.set(path.attributes, path);
  return [...first.values()];
}
