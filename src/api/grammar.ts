import { type Address, familyOf, parseAddress } from "../net/address.ts";
import { type CommunityValue, parseCommunity } from "../net/community.ts";
import { parsePrefix } from "../net/prefix.ts";
import { type Range, rangeBetween, rangeOfPrefix } from "../net/range.ts";
import { err, ok, type Result } from "../std/result.ts";
import { parseDuration } from "./duration.ts";

/**
 * What a text field accepts. What no grammar lets through can't reach a router's configuration.
 *
 * `parse` answers with what is wrong, in words that follow the value: "is not an IP address".
 */
export interface Grammar<M> {
  /** In words, with an example, after "write ". */
  readonly accepts: string;
  /** The text is never repeated in a message. */
  readonly secret?: boolean;
  parse(text: string): Result<M>;
}

const orElse = <M>(value: M | undefined, error: string): Result<M> => (value === undefined ? err(error) : ok(value));

export const addressGrammar: Grammar<Address> = {
  accepts: "an IPv4 or IPv6 address such as 10.0.0.1 or fd00::1",
  parse: (text) => orElse(parseAddress(text), "is not an IP address"),
};

/** Differs: MetalLB takes an IPv6 address too, which no router takes (RFC 6286: four octets). */
export const routerIdGrammar: Grammar<Address> = {
  accepts: "an IPv4 address such as 10.0.0.1",
  parse: (text) => {
    const address = parseAddress(text);
    return address && familyOf(address) === "ipv4"
      ? ok(address)
      : err("is not an IPv4 address, as a router ID must be");
  },
};

export const durationGrammar: Grammar<number> = {
  accepts: "a duration such as 90s or 1m30s",
  parse: (text) => orElse(parseDuration(text), "is not a duration"),
};

/** FRR `neighbor connect (1-65535)`. */
export const connectTimeGrammar: Grammar<number> = {
  accepts: "a whole number of seconds from 1s to 65535s, such as 30s",
  parse: (text) => {
    const ms = parseDuration(text);
    if (ms === undefined) return err("is not a duration");
    if (ms % 1000 !== 0) return err("is not a whole number of seconds");
    return ms >= 1000 && ms <= 65_535_000 ? ok(ms) : err("is out of range");
  },
};

/**
 * The name of a Linux interface or VRF: 1 to 15 printable ASCII characters, no blank, none of `/ ! ? " '`.
 *
 * Differs: MetalLB writes any text into FRR's configuration. Linux refuses blanks and slashes itself
 * (net/core/dev.c, dev_valid_name); `!`, `?` and quotes have a meaning for FRR's command line, and FRR takes a name
 * that looks like an address for one. No device is called `all` (net/ipv4/devinet.c, sysctl_dev_name_is_allowed); for FRR that is every
 * VRF, and its answers to questions about one would be about none.
 */
export const linuxNameGrammar: Grammar<string> = {
  accepts: "a Linux interface name: 1 to 15 characters without blanks, slashes, quotes, ! or ?, such as eth0",
  parse: (text) =>
    /^[\x21-\x7e]{1,15}$/.test(text) && !/[/!?"'`]/.test(text) && !/^(\.\.?|all)$/.test(text) && !parseAddress(text)
      ? ok(text)
      : err("can't be the name of a Linux interface"),
};

/** The VRF that FRR calls `default` is none. FRR lib/vrf.h, VRF_DEFAULT_NAME. */
export const vrfGrammar: Grammar<string> = {
  accepts: "the name of a VRF: 1 to 15 characters without blanks, slashes, quotes, ! or ?, such as red",
  parse: (text) => {
    const name = linuxNameGrammar.parse(text);
    if (!name.ok) return err("can't be the name of a VRF");
    return ok(name.value === "default" ? "" : name.value);
  },
};

/**
 * FRR bgpd/bgpd.h, PEER_PASSWORD_MAXLEN; RFC 2385.
 *
 * The line break that `echo` and a YAML block leave at the end is no part of it: in MetalLB's file it ends the line a second time, which
 * FRR doesn't notice.
 */
export const passwordGrammar: Grammar<string> = {
  accepts: "1 to 80 printable ASCII characters without blanks",
  secret: true,
  parse: (text) => {
    const password = text.replace(/[ \t\r\n]+$/, "");
    if (/^[\x21-\x7e]{1,80}$/.test(password)) return ok(password);
    return err(password.length > 80 ? "is too long" : "holds a blank, a control character or one outside ASCII");
  },
};

/** The name of a Kubernetes object (RFC 1123 subdomain). */
export const objectNameGrammar: Grammar<string> = {
  accepts: "the name of an object: lower-case letters, digits, - and ., such as rack-1",
  parse: (text) =>
    text.length <= 253 && /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/.test(text)
      ? ok(text)
      : err("can't be the name of an object"),
};

/** One entry of a pool: `text` is canonical enough to show, `range` what it covers. */
export interface PoolEntry {
  readonly text: string;
  readonly range: Range;
}

/**
 * A CIDR (host bits are cleared) or `first-last`. The words of the errors are MetalLB's.
 *
 * Differs: a range between two families is refused; MetalLB takes it and finds no address in it.
 * @see MetalLB internal/config/config.go, ParseCIDR
 */
export const poolEntryGrammar: Grammar<PoolEntry> = {
  accepts: "a CIDR such as 192.168.10.0/24 or fd00::/120, or a range such as 192.168.10.1-192.168.10.9",
  parse: (text) => {
    const dash = text.indexOf("-");
    if (dash >= 0) return parseRange(text.slice(0, dash).trim(), text.slice(dash + 1).trim());
    const prefix = parsePrefix(text);
    if (prefix) return ok({ text, range: rangeOfPrefix(prefix) });
    const hint = parseAddress(text);
    if (hint) return err(`is an invalid CIDR: a single address is ${hint}/${familyOf(hint) === "ipv4" ? 32 : 128}`);
    return err("is an invalid CIDR");
  },
};

function parseRange(start: string, end: string): Result<PoolEntry> {
  const [first, last] = [parseAddress(start), parseAddress(end)];
  if (!first) return err(`is an invalid IP range: invalid start IP ${JSON.stringify(start)}`);
  if (!last) return err(`is an invalid IP range: invalid end IP ${JSON.stringify(end)}`);
  if (familyOf(first) !== familyOf(last)) return err("is an invalid IP range: start and end are of two families");
  const range = rangeBetween(first, last);
  return range
    ? ok({ text: `${start}-${end}`, range })
    : err(`is an invalid IP range: start IP ${first} is after the end IP ${last}`);
}

export const communityGrammar: Grammar<CommunityValue> = {
  accepts: "a community such as 64512:100, or large:64512:1:2 for a large one",
  parse: (text) => {
    const community = parseCommunity(text);
    if (community.ok) return community;
    return err(community.error === "format" ? "is not of a community's format" : "has an invalid community value");
  },
};
