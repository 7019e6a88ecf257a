import type { EstablishedSession } from "../announce/desired.ts";
import type { Family } from "../net/address.ts";
import { parsePrefix, type Prefix } from "../net/prefix.ts";
import { families } from "./tree.ts";

/** One neighbor of `show bgp vrf all neighbors json`. */
export interface ShownNeighbor {
  /** Empty: the default VRF. */
  readonly vrf: string;
  readonly neighbor: string;
  readonly state: string;
  readonly downReason?: string;
  readonly sentPrefixes: number;
  /** Unix time in seconds; bgpd counts it from its uptime anew each time, so it may move by one. */
  readonly upSince?: number;
  /** Milliseconds since it went down last, in whole seconds; absent where it was never up on FRR 10. */
  readonly downForMs?: number;
  readonly up?: EstablishedSession;
  /** `messageStats`, names as FRR's. */
  readonly messages: Readonly<Record<string, number>>;
}

export function readNeighbors(json: string): ShownNeighbor[] {
  return vrfsOf(json).flatMap(([vrf, members]) =>
    Object.entries(members).flatMap(([neighbor, value]) => {
      const shown = recordOf(value);
      return shown === undefined ? [] : [readNeighbor({ vrf, isMissing: members["vrfId"] === -1 }, neighbor, shown)];
    }),
  );
}

function readNeighbor(
  { vrf, isMissing }: { readonly vrf: string; readonly isMissing: boolean },
  neighbor: string,
  shown: Shown,
): ShownNeighbor {
  const state = textOf(shown["bgpState"]) ?? "Idle";
  const sent = Object.values(recordOf(shown["addressFamilyInfo"]) ?? {}).map((family) =>
    numberOf(recordOf(family)?.["sentPrefixCounter"]),
  );
  return {
    vrf,
    neighbor,
    state,
    ...(state === "Established" ? readUp(shown) : readDown(shown, isMissing ? vrf : undefined)),
    sentPrefixes: sent.reduce((sum, count) => sum + count, 0),
    messages: numbersOf(shown["messageStats"]),
  };
}

function readUp(shown: Shown): Pick<ShownNeighbor, "upSince" | "up"> {
  const seconds = (field: string): number => numberOf(shown[field]) / 1000;
  const since = shown["bgpTimerUpEstablishedEpoch"];
  const info = recordOf(shown["addressFamilyInfo"]) ?? {};
  const agreed = recordOf(recordOf(shown["neighborCapabilities"])?.["multiprotocolExtensions"]) ?? {};
  const counts = families.flatMap((family) => {
    const table = recordOf(info[`${family}Unicast`]);
    return table === undefined ? [] : [[family, numberOf(table["sentPrefixCounter"])] as const];
  });
  return {
    ...(typeof since === "number" && { upSince: since }),
    up: {
      sentCounts: Object.fromEntries(counts),
      holdTimeSeconds: seconds("bgpTimerHoldTimeMsecs"),
      keepaliveSeconds: seconds("bgpTimerKeepAliveIntervalMsecs"),
      families: families.filter((family) => recordOf(agreed[`${family}Unicast`])?.["advertisedAndReceived"] === true),
    },
  };
}

/** `missingVrf`: of which bgpd knows no device. It gives such a session no reason, or one that leads astray. */
function readDown(shown: Shown, missingVrf: string | undefined): Pick<ShownNeighbor, "downReason" | "downForMs"> {
  const reason = missingVrf === undefined ? downReason(shown) : `this node has no VRF "${missingVrf}"`;
  const downFor = shown["lastResetTimerMsecs"];
  return {
    ...(reason !== undefined && { downReason: reason }),
    ...(typeof downFor === "number" && { downForMs: downFor }),
  };
}

/** 8.4 says "BGP Notification send" and, apart, which one. */
function downReason(shown: Shown): string | undefined {
  const reason = textOf(shown["lastResetDueTo"]);
  const notification = textOf(shown["lastNotificationReason"]);
  return reason === undefined || notification === undefined ? reason : `${reason} (${notification})`;
}

/** One neighbor in one family of `show bgp vrf all summary json`. */
export interface ShownSent {
  readonly vrf: string;
  readonly family: Family;
  readonly neighbor: string;
  /** Prefixes in the neighbor's Adj-RIB-Out; 0 unless the session is up. */
  readonly count: number;
  /** Differs whenever the Adj-RIB-Out may. */
  readonly stamp: string;
}

export function readSent(json: string): ShownSent[] {
  return vrfsOf(json).flatMap(([vrf, shown]) =>
    families.flatMap((family) => {
      const table = recordOf(shown[`${family}Unicast`]) ?? {};
      return Object.entries(recordOf(table["peers"]) ?? {}).map(([neighbor, value]) => {
        const peer = recordOf(value) ?? {};
        const count = textOf(peer["state"]) === "Established" ? numberOf(peer["pfxSnt"]) : 0;
        const stamp = [table["tableVersion"], peer["tableVersion"], peer["connectionsEstablished"], count].join(" ");
        return { vrf, family, neighbor, count, stamp };
      });
    }),
  );
}

/** Prefixes of `show bgp … neighbors N advertised-routes json`: the Adj-RIB-Out. */
export const readAdvertised = (json: string): Prefix[] =>
  Object.keys(recordOf(documentOf(json)["advertisedRoutes"]) ?? {}).flatMap((text) => parsePrefix(text) ?? []);

/** Neighbors whose Adj-RIB-Out holds the prefix, of `show bgp … unicast PREFIX json`. */
export const readAdvertisedTo = (json: string): string[] =>
  Object.keys(recordOf(documentOf(json)["advertisedTo"]) ?? {});

/**
 * Whether bgpd is done with a prefix of its own, of `show bgp … unicast PREFIX json`.
 *
 * Done is also a path that isn't valid: its VRF has no device, and won't by waiting here.
 */
export function isSettled(json: string): boolean {
  const paths = documentOf(json)["paths"];
  const own = Array.isArray(paths) ? paths.map(recordOf).filter((path) => path?.["local"] === true) : [];
  return own.some((path) => path?.["valid"] === false || path?.["bestpath"] !== undefined);
}

/** One session of `show bfd peers json` or `show bfd peers counters json`. */
export interface ShownBfd {
  readonly vrf: string;
  readonly peer: string;
  readonly interface: string;
  /** "up", "down", "init", "admin-down"; empty in the counters. */
  readonly status: string;
  readonly counters: Readonly<Record<string, number>>;
}

export function readBfd(json: string): ShownBfd[] {
  const list: unknown = JSON.parse(json);
  return (Array.isArray(list) ? list : []).flatMap((value) => {
    const shown = recordOf(value);
    if (shown === undefined) return [];
    const status = textOf(shown["status"]) ?? "";
    return [
      {
        vrf: vrfName(textOf(shown["vrf"]) ?? ""),
        peer: textOf(shown["peer"]) ?? "",
        interface: textOf(shown["interface"]) ?? "",
        status: status === "shutdown" ? "admin-down" : status,
        counters: numbersOf(shown),
      },
    ];
  });
}

type Shown = Readonly<Record<string, unknown>>;

const recordOf = (value: unknown): Shown | undefined =>
  typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Shown) : undefined;
const textOf = (value: unknown): string | undefined => (typeof value === "string" ? value : undefined);
const numberOf = (value: unknown): number => (typeof value === "number" ? value : 0);
const documentOf = (json: string): Shown => recordOf(JSON.parse(json)) ?? {};
const vrfName = (name: string): string => (name === "default" ? "" : name);

const numbersOf = (value: unknown): Record<string, number> =>
  Object.fromEntries(
    Object.entries(recordOf(value) ?? {}).filter((entry): entry is [string, number] => typeof entry[1] === "number"),
  );

const vrfsOf = (json: string): [string, Shown][] =>
  Object.entries(documentOf(json)).flatMap(([name, value]) => {
    const shown = recordOf(value);
    return shown === undefined ? [] : [[vrfName(name), shown]];
  });
