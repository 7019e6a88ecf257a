import type { Secret } from "../api/core.ts";
import type { SpecOf } from "../api/kind.ts";
import { type BgpPeer, bgpPeer } from "../api/kinds/bgp-peer.ts";
import { refOf } from "../api/object.ts";
import type { FieldProblem } from "../api/problem.ts";
import { isRefused, readSpec } from "../api/read.ts";
import { refused } from "../api/rules.ts";
import { timersOf } from "../api/timers.ts";
import type { Address } from "../net/address.ts";
import type { Asn } from "../net/asn.ts";
import { omit } from "../std/omit.ts";
import { type BfdParameters, type Peer, resolvedPeerFields } from "./config.ts";
import { passwordFrom } from "./password.ts";
import { type Candidate, type Ground, settle, type Settled } from "./settle.ts";

/** What a peer refers to. */
interface References {
  readonly secrets: ReadonlyMap<string, Secret>;
  /** Those in force. */
  readonly bfdProfiles: ReadonlyMap<string, BfdParameters>;
  /** Names of all that exist, in force or not. */
  readonly bfdProfileNames: ReadonlySet<string>;
}

/** The sessions of one node. `objects` are the peers that select it. */
export function settlePeers(
  objects: readonly BgpPeer[],
  references: References,
  lastGood: readonly Peer[],
): Settled<Peer> {
  return settle(
    objects.map((object) => candidateOf(object, references)),
    lastGood,
    new RouterGround(),
  );
}

type Spec = SpecOf<typeof bgpPeer>;

function candidateOf(object: BgpPeer, references: References): Candidate<Peer> {
  const { value: spec, problems } = readSpec(bgpPeer, object);
  const secretName = object.spec?.passwordSecret?.name;
  const secret = secretName ? passwordFrom(secretName, references.secrets) : undefined;
  const found = [
    ...problems,
    ...(secret && !secret.ok ? [inSpec(secret.error)] : []),
    ...profileProblems(object.spec?.bfdProfile, references),
  ];
  const value = spec && !isRefused(found) ? peerOf(object, spec, secret?.ok ? secret.value : spec.password) : undefined;
  return { object, value, problems: found };
}

const inSpec = (problem: FieldProblem): FieldProblem => ({ ...problem, field: `spec.${problem.field}` });

function profileProblems(name: string | undefined, references: References): readonly FieldProblem[] {
  if (!name || references.bfdProfiles.has(name)) return [];
  const message = references.bfdProfileNames.has(name)
    ? "is a BFDProfile that is not in force; correct it"
    : "is not the name of a BFDProfile; create it, or name one that exists";
  return [refused("spec.bfdProfile", "NotFound", `${JSON.stringify(name)} ${message}`)];
}

/** What isn't resolved here passes through under its own name. */
function peerOf(object: BgpPeer, spec: Spec, password: string | undefined): Peer {
  const { peerASN, dynamicASN, peerAddress, interface: device, holdTime, keepaliveTime, connectTime } = spec;
  const timers = timersOf(holdTime, keepaliveTime);
  return {
    ...omit(spec, resolvedPeerFields),
    name: object.metadata.name,
    ref: refOf(object),
    remote: remoteOf(peerASN, dynamicASN),
    endpoint: endpointOf(peerAddress, device),
    ...(timers && { timers: inSeconds(timers) }),
    ...(connectTime !== undefined && { connectTimeSeconds: connectTime / 1000 }),
    ...(password !== undefined && { password }),
  };
}

/** FRR takes whole seconds; as in MetalLB, parts of one are cut off. */
const inSeconds = ({ holdTimeMs, keepaliveMs }: { readonly holdTimeMs: number; readonly keepaliveMs: number }) => ({
  holdTimeSeconds: Math.trunc(holdTimeMs / 1000),
  keepaliveSeconds: Math.trunc(keepaliveMs / 1000),
});

function remoteOf(asn: Asn | undefined, mode: Spec["dynamicASN"]): Peer["remote"] {
  if (asn !== undefined) return { kind: "asn", asn };
  if (mode !== undefined) return { kind: "dynamic", mode };
  throw new Error("bug: a valid peer has peerASN or dynamicASN");
}

function endpointOf(address: Address | undefined, device: string | undefined): Peer["endpoint"] {
  if (address !== undefined) return { kind: "address", address };
  if (device !== undefined) return { kind: "interface", interface: device };
  throw new Error("bug: a valid peer has peerAddress or interface");
}

/**
 * What the sessions of one FRR must agree on.
 *
 * @see MetalLB internal/config/validation.go, peersCanRunOnSameNode
 */
class RouterGround implements Ground<Peer> {
  #first: Peer | undefined;
  readonly #byEndpoint = new Map<string, Peer>();
  readonly #byVrf = new Map<string, Peer>();

  conflictsOf(peer: Peer): readonly FieldProblem[] {
    return [...this.#routerIdConflicts(peer), ...this.#endpointConflicts(peer), ...this.#asnConflicts(peer)];
  }

  take(peer: Peer): void {
    this.#first ??= peer;
    this.#byEndpoint.set(endpointKey(peer), peer);
    if (!this.#byVrf.has(peer.vrf)) this.#byVrf.set(peer.vrf, peer);
  }

  #routerIdConflicts(peer: Peer): readonly FieldProblem[] {
    if (!this.#first || this.#first.routerID === peer.routerID) return [];
    const [mine, theirs] = [peer.routerID ?? "unset", this.#first.routerID ?? "unset"];
    const message = `is ${mine} but ${theirs} in peer ${this.#first.name}: peers selecting the same node must all have the same RouterID`;
    return [refused("spec.routerID", "Conflict", message)];
  }

  #endpointConflicts(peer: Peer): readonly FieldProblem[] {
    const other = this.#byEndpoint.get(endpointKey(peer));
    if (!other) return [];
    const { endpoint } = peer;
    const [field, value] =
      endpoint.kind === "address" ? ["spec.peerAddress", endpoint.address] : ["spec.interface", endpoint.interface];
    const message = `${value} already exists in peer ${other.name}: a node holds one session with each peer of a VRF`;
    return [refused(field, "Duplicate", message)];
  }

  #asnConflicts(peer: Peer): readonly FieldProblem[] {
    const other = this.#byVrf.get(peer.vrf);
    if (!other || other.myASN === peer.myASN) return [];
    const message = `is ${peer.myASN} but ${other.myASN} in peer ${other.name}: peers selecting the same node must have the same myASN within the same VRF; localASN can differ`;
    return [refused("spec.myASN", "Conflict", message)];
  }
}

const endpointKey = ({ endpoint, vrf }: Peer): string =>
  `${endpoint.kind === "address" ? endpoint.address : endpoint.interface} ${vrf}`;
