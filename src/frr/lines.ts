/**
 * Lines that hold one value: setting another replaces it. The first group is what the lines of one such place share.
 * Longer names first where one begins another (`timers connect`, `timers`).
 */
const places: readonly RegExp[] = [
  /^(neighbor \S+ (?:interface )?remote-as) /,
  /^(neighbor \S+ (?:timers connect|timers delayopen|timers|local-as|port|password|update-source|ebgp-multihop|bfd profile)) /,
  /^(neighbor \S+ route-map) \S+ (in|out)$/,
  /^(bgp router-id) /,
  /^(bgp route-map delay-timer) /,
  /^(coalesce-time) /,
  /^(set (?:as-path prepend|community|large-community|local-preference|metric|tag)) /,
  /^(match tag) /,
  /^(receive-interval|transmit-interval|detect-multiplier|minimum-ttl|echo (?:receive|transmit)-interval) /,
];

/** What a line sets: two lines of one place can't stand together, and the later one wins. */
export function placeOf(line: string): string {
  for (const place of places) {
    const found = place.exec(line);
    if (found) return found.slice(1).join(" ");
  }
  return line;
}

/** Lines of a BFD profile that 8.4 has no `no` for, with what they fall back to (FRR bfdd/bfd.h). */
const fallbacks: Readonly<Record<string, number>> = {
  "receive-interval": 300,
  "transmit-interval": 300,
  "detect-multiplier": 3,
  "minimum-ttl": 254,
  "echo receive-interval": 50,
  "echo transmit-interval": 50,
};

/** The command that takes a line away. */
export function removalOf(line: string): string {
  if (line.startsWith("no ")) return line.slice(3);
  const place = placeOf(line);
  if (fallbacks[place] !== undefined) return `${place} ${fallbacks[place]}`;
  // Of a route-map entry: it takes no text.
  if (line.startsWith("description ")) return "no description";
  // The place is enough for a neighbor's option, and keeps a password out of one more command.
  return /^neighbor \S+ (timers|local-as|port|password|update-source|ebgp-multihop|bfd profile)/.test(place)
    ? `no ${place}`
    : `no ${line}`;
}

/** The contexts that each of these lines stands in, from the top, when they are said one after another in `context`. */
export function contextsOf(context: readonly string[], lines: readonly string[]): (readonly string[])[] {
  let open = context;
  return lines.map((line) => {
    const depth = depthOf(line);
    const own = depth === undefined ? open : open.slice(0, depth);
    open = depth === undefined ? open : [...own, line];
    return own;
  });
}

/** How many contexts are around the one that a line opens; `undefined` for a plain line. */
function depthOf(line: string): number | undefined {
  if (/^(router bgp |route-map |bfd$)/.test(line)) return 0;
  return /^(address-family |profile )/.test(line) ? 1 : undefined;
}

/** The neighbor that a line of a router or address family belongs to. */
export const neighborOfLine = (line: string): string | undefined =>
  line.startsWith("neighbor ") ? line.slice(9).split(" ", 1)[0] : undefined;

/** "next": the session stays, and the value counts from the next one's OPEN on (RFC 4271 §4.2). */
type EditEffect = "resets" | "next" | "stays";

/** Which edits of a neighbor end its session; the backend's test measures it on both releases, by release where they differ. */
export const sessionEdits = {
  // OPEN carries it; the router's number is that of `router bgp`, which can only be removed and made anew.
  "remote-as": "resets",
  "local-as": "resets",
  // Both tear the TCP connection down, since its ends or its key change.
  "update-source": "resets",
  password: "resets",
  port: "resets",
  // Decide whether the peer counts as connected.
  "ebgp-multihop": "resets",
  "disable-connected-check": "resets",
  // Capabilities are in the OPEN: a family more or less needs a new one.
  activate: "resets",
  // The router's, for all of its sessions.
  "bgp router-id": "resets",
  timers: "next",
  // A capability in the OPEN: 8.4 leaves it for the next session, 10.3 starts a new one.
  "graceful-restart": { "8.4": "next", "10.3": "resets" },
  "timers connect": "stays",
  bfd: "stays",
  "bfd profile": "stays",
  "route-map out": "stays",
} as const satisfies Readonly<Record<string, EditEffect | Readonly<Record<"8.4" | "10.3", EditEffect>>>>;
