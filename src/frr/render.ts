import type { BgpDesired, Router, RouterPeer } from "../announce/desired.ts";
import type { BfdParameters } from "../config/config.ts";
import type { Family } from "../net/address.ts";
import {
  type Group,
  groupMap,
  type KnownGroups,
  knownGroups,
  numberGroups,
  outboundEntry,
  type RefusedSets,
} from "./groups.ts";
import { ownerOf } from "./owners.ts";
import { familiesOf, inboundMap, neighborLines, neighborOf, outboundMap } from "./render/neighbor.ts";
import {
  activateLine,
  type Block,
  type DaemonName,
  emptyBlock,
  families,
  familyLine,
  groupSuffix,
  nextHopTracking,
  plainLines,
  routerLine,
  type Tree,
} from "./tree.ts";

/** What the groups may not use. */
interface Limits {
  readonly refused?: RefusedSets;
  /** Numbers that an administrator's own entries have. */
  readonly reserved?: ReadonlySet<number>;
}

/**
 * The configuration that makes FRR do what is desired.
 *
 * `running` decides only the numbers of groups: those that run are kept, with their unused ones (see `withoutUnused`); and what a
 * prefix goes on with whose attributes are `refused`.
 */
export function render(desired: BgpDesired, running: Tree, { refused, reserved }: Limits = {}): Tree {
  const known = knownGroups(running, reserved);
  const groups = numberGroups(desired.routers, known, refused);
  const lines = new Map<string, Block>([
    ...nextHopTracking,
    ...bfdLines(desired.bfdProfiles),
    ...globalLines,
    ...desired.routers.map(routerBlock),
    ...routeMaps(desired.routers, groups, known),
  ]);
  const owned = Map.groupBy(lines, ([line]) => ownerOf(line));
  const blockOf = (daemon: DaemonName): Block => new Map(owned.get(daemon));
  const networks = new Map(desired.routers.map(({ vrf }) => [vrf, networksOf(groups.get(vrf) ?? [])]));
  return { zebra: blockOf("zebra"), bgpd: blockOf("bgpd"), bfdd: blockOf("bfdd"), networks };
}

/**
 * Groups never change in place, so bgpd need not look for changes: at its default of 5 s it would go through the
 * whole table again after each new group.
 */
const globalLines: Block = plainLines(["bgp route-map delay-timer 0"]);

function routerBlock(router: Router): readonly [string, Block] {
  const { myASN, vrf, routerID, peers } = router;
  const lines = [
    // 0.0.0.0 is FRR's word for one that it finds itself, and not printed (FRR bgpd/bgpd.c, bgp_router_id_static_set).
    ...(routerID === undefined || routerID === "0.0.0.0" ? [] : [`bgp router-id ${routerID}`]),
    ...routerSettings,
    ...peers.flatMap(({ peer }) => neighborLines(peer)),
  ];
  const bodies = families.map((family) => [familyLine(family), familyBlock(family, vrf, peers)] as const);
  return [routerLine(myASN, vrf), new Map([...plainLines(lines), ...bodies.filter(([, body]) => body.size > 0)])];
}

const routerSettings = [
  "bgp log-neighbor-changes",
  "no bgp ebgp-requires-policy",
  "no bgp default ipv4-unicast",
  // The first table of a session waits for this timer (1.1 s by default); later changes never do.
  "coalesce-time 0",
  "bgp graceful-restart preserve-fw-state",
  "no bgp network import-check",
];

function networksOf(groups: readonly Group[]): ReadonlyMap<string, string> {
  const networks = new Map<string, string>();
  for (const { number, prefixes } of groups) {
    const suffix = groupSuffix(number);
    for (const prefix of prefixes) networks.set(prefix, suffix);
  }
  return networks;
}

function familyBlock(family: Family, vrf: string, peers: readonly RouterPeer[]): Block {
  const carried = peers.filter(({ peer }) => familiesOf(peer).includes(family));
  const body = new Map<string, Block>();
  for (const neighbor of carried.map(({ peer }) => neighborOf(peer))) {
    body.set(`neighbor ${neighbor} route-map ${inboundMap(vrf, neighbor)} in`, emptyBlock);
    body.set(`neighbor ${neighbor} route-map ${outboundMap(vrf, neighbor)} out`, emptyBlock);
    body.set(activateLine(neighbor), emptyBlock);
  }
  return body;
}

function routeMaps(
  routers: readonly Router[],
  groups: ReadonlyMap<string, readonly Group[]>,
  known: KnownGroups,
): Block {
  const lines = new Map<string, Block>();
  const all = [...groups.values()].flat();
  const wanted = new Set(all.map(({ number }) => number));
  const kept = routers.length === 0 ? [] : [...known.numbers].filter((number) => !wanted.has(number));
  for (const number of [...wanted, ...kept].toSorted((a, b) => a - b)) lines.set(...groupMap(number));
  for (const { vrf, peers } of routers) {
    for (const { peer } of peers) {
      const neighbor = neighborOf(peer);
      lines.set(`route-map ${inboundMap(vrf, neighbor)} deny 20`, emptyBlock);
      const map = outboundMap(vrf, neighbor);
      const entries = new Map((groups.get(vrf) ?? []).map((group) => [group.number, group.entries.get(map)]));
      for (const number of kept) entries.set(number, known.entries.get(map)?.get(number));
      for (const [number, recipe] of entries) {
        if (recipe !== undefined) lines.set(...outboundEntry(map, number, recipe));
      }
      // An empty map would be an undefined one.
      lines.set(`route-map ${map} deny 65535`, emptyBlock);
    }
  }
  return lines;
}

/** `bfd` and its profiles. Values that are FRR's defaults are left out, as FRR leaves them out when asked. */
function bfdLines(profiles: readonly BfdParameters[]): Block {
  if (profiles.length === 0) return emptyBlock;
  const bodies = profiles.map((profile) => [`profile ${profile.name}`, plainLines(profileLines(profile))] as const);
  return new Map([["bfd", new Map(bodies)]]);
}

const profileLines = (profile: BfdParameters): string[] =>
  profileOrder.flatMap((field) => profileFieldLines(field, profile));

const profileFieldLines = (field: keyof BfdParameters, profile: BfdParameters): readonly string[] =>
  (profileFields[field] as (value: unknown) => readonly string[])(profile[field]);

/** The field of a profile that a line of it comes from. */
export const profileFieldOf = (line: string, profile: BfdParameters): keyof BfdParameters | undefined =>
  profileOrder.find((field) => profileFieldLines(field, profile).includes(line));

type ProfileFields = {
  readonly [F in keyof Required<BfdParameters>]: (value: BfdParameters[F]) => readonly string[];
};

const unless =
  <T>(usual: T, line: (value: T) => string) =>
  (value: T | undefined): readonly string[] =>
    value === undefined || value === usual ? [] : [line(value)];

/** Every field of BFDProfile: one left out doesn't compile. Defaults: FRR bfdd/bfd.h. */
const profileFields: ProfileFields = {
  name: () => [],
  ref: () => [],
  detectMultiplier: unless(3, (count) => `detect-multiplier ${count}`),
  receiveInterval: unless(300, (ms) => `receive-interval ${ms}`),
  transmitInterval: unless(300, (ms) => `transmit-interval ${ms}`),
  echoInterval: (ms) => [
    ...unless(50, (value) => `echo transmit-interval ${value}`)(ms),
    ...unless(50, (value) => `echo receive-interval ${value}`)(ms),
  ],
  echoMode: unless(false, () => "echo-mode"),
  passiveMode: unless(false, () => "passive-mode"),
  minimumTtl: unless(254, (ttl) => `minimum-ttl ${ttl}`),
};

const profileOrder = Object.keys(profileFields) as readonly (keyof BfdParameters)[];

/** Without the groups that neither this configuration nor the running one has a prefix in. */
export function withoutUnused(wanted: Tree, running: Tree): Tree {
  const unused = unusedGroups(wanted, running);
  const bgpd = new Map([...wanted.bgpd].filter(([line]) => !unused.has(groupNumber(line) ?? 0)));
  return { ...wanted, bgpd };
}

/** Numbers of such groups. */
export function unusedGroups(wanted: Tree, running: Tree): ReadonlySet<number> {
  const [next, now] = [knownGroups(wanted), knownGroups(running)];
  const used = [next, now].flatMap(({ networks }) => [...networks.values()].flatMap(({ numbers }) => [...numbers]));
  return next.numbers.difference(new Set(used));
}

/** The group to which a route-map entry belongs. */
function groupNumber(line: string): number | undefined {
  const found = /^route-map (?:G(\d+) permit 10|\S+-out permit (\d+))$/.exec(line);
  return found ? Number(found[1] ?? found[2]) : undefined;
}
