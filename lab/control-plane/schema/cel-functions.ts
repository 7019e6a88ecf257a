/** The functions that Kubernetes adds to CEL (k8s.io/apiserver/pkg/cel/library), and what cel-js lacks of cel-go's own. */
import { Environment } from "@marcbachmann/cel-js";
import { isIPv4 } from "node:net";
import { type Address, bitsOf, familyOf, parseAddress, widthOf } from "../../../src/net/address.ts";
import { compareQuantities, parseQuantity, type Quantity as Amount } from "./quantity.ts";

/** cel-js's duration, whose class it does not declare. */
interface Duration {
  /** Milliseconds. */
  valueOf(): number;
  addDuration(other: Duration): Duration;
}

const isDuration = (value: unknown): value is Duration =>
  typeof value === "object" && value !== null && "addDuration" in value;

const parseDuration = new Environment().registerVariable("text", "string").parse("duration(text)");

/** A duration as CEL's `duration()` makes it. @throws EvaluationError when the text is none */
export const durationOf = (text: string): unknown => parseDuration({ text });

/** Adds the functions to an environment. Left out: `authorizer`, `format.*`, semantic versions and two-variable macros. */
export function registerKubernetesFunctions(env: Environment): void {
  registerText(env);
  registerTimes(env);
  registerLists(env);
  registerSets(env);
  registerAddresses(env);
  registerQuantities(env);
  registerUrls(env);
}

function registerText(env: Environment): void {
  env
    .registerFunction(
      "string.find(string): string",
      (text: string, pattern: string) => new RegExp(pattern).exec(text)?.[0] ?? "",
    )
    .registerFunction("string.findAll(string): list<string>", (text: string, pattern: string) => findAll(text, pattern))
    .registerFunction("string.findAll(string, int): list<string>", (text: string, pattern: string, limit: bigint) =>
      limit < 0n ? findAll(text, pattern) : findAll(text, pattern).slice(0, Number(limit)),
    )
    .registerFunction("string.replace(string, string): string", (text: string, from: string, to: string) =>
      text.replaceAll(from, () => to),
    )
    .registerFunction("string.replace(string, string, int): string", replaceSome)
    .registerFunction("string.charAt(int): string", (text: string, at: bigint) => Array.from(text)[Number(at)] ?? "")
    .registerFunction("string.reverse(): string", (text: string) => Array.from(text).reverse().join(""));
}

const findAll = (text: string, pattern: string): string[] =>
  [...text.matchAll(new RegExp(pattern, "g"))].map((match) => match[0]);

function replaceSome(text: string, from: string, to: string, limit: bigint): string {
  if (limit < 0n) return text.replaceAll(from, () => to);
  const parts = text.split(from);
  const joined = Math.min(Number(limit), parts.length - 1);
  return [parts.slice(0, joined + 1).join(to), ...parts.slice(joined + 1)].join(from);
}

function registerTimes(env: Environment): void {
  const duration = "google.protobuf.Duration";
  const timestamp = "google.protobuf.Timestamp";
  env
    .registerFunction(`string(${duration}): string`, (value: Duration) => `${value.valueOf() / 1000}s`)
    .registerFunction(`string(${timestamp}): string`, (value: Date) => value.toISOString().replace(/\.000Z$/, "Z"))
    .registerFunction(`int(${timestamp}): int`, (value: Date) => BigInt(Math.floor(value.getTime() / 1000)))
    .registerFunction(`duration(${duration}): ${duration}`, (value: Duration) => value)
    .registerFunction(`timestamp(${timestamp}): ${timestamp}`, (value: Date) => value);
}

type Ordered = bigint | number | string | boolean | Date | Duration;

function registerLists(env: Environment): void {
  env
    .registerFunction("list.isSorted(): bool", (list: Ordered[]) =>
      list.every((item, i) => i === 0 || (list[i - 1] ?? item) <= item),
    )
    .registerFunction("list.sum(): dyn", sum)
    .registerFunction("list.min(): dyn", (list: Ordered[]) => extreme("min", list, (a, b) => a < b))
    .registerFunction("list.max(): dyn", (list: Ordered[]) => extreme("max", list, (a, b) => a > b))
    .registerFunction("list.indexOf(dyn): int", (list: unknown[], item: unknown) =>
      BigInt(list.findIndex((one) => same(one, item))),
    )
    .registerFunction("list.lastIndexOf(dyn): int", (list: unknown[], item: unknown) =>
      BigInt(list.findLastIndex((one) => same(one, item))),
    );
}

function sum(list: (bigint | number | Duration)[]): bigint | number | Duration {
  const [first, ...rest] = list;
  if (first === undefined) return 0n;
  return rest.reduce<bigint | number | Duration>((total, item) => {
    if (typeof total === "bigint" && typeof item === "bigint") return total + item;
    if (isDuration(total) && isDuration(item)) return total.addDuration(item);
    return Number(total) + Number(item);
  }, first);
}

function extreme(name: string, list: readonly Ordered[], better: (a: Ordered, b: Ordered) => boolean): Ordered {
  const [first, ...rest] = list;
  if (first === undefined) throw new Error(`${name} called on empty list`);
  return rest.reduce((best, item) => (better(item, best) ? item : best), first);
}

/** CEL's `==` for the values that lists hold: plain ones by value, compound ones by content. */
function same(a: unknown, b: unknown): boolean {
  return a === b || (typeof a === typeof b && textOf(a) === textOf(b));
}

const textOf = (value: unknown): string =>
  JSON.stringify(value, (_, member: unknown) => (typeof member === "bigint" ? `int ${member}` : member));

class Sets {}

function registerSets(env: Environment): void {
  const within = (part: readonly unknown[], whole: readonly unknown[]): boolean =>
    part.every((item) => whole.some((one) => same(one, item)));
  env
    .registerType("Sets", Sets)
    .registerConstant("sets", "Sets", new Sets())
    .registerFunction("Sets.contains(list, list): bool", (_: Sets, whole: unknown[], part: unknown[]) =>
      within(part, whole),
    )
    .registerFunction(
      "Sets.equivalent(list, list): bool",
      (_: Sets, a: unknown[], b: unknown[]) => within(a, b) && within(b, a),
    )
    .registerFunction("Sets.intersects(list, list): bool", (_: Sets, a: unknown[], b: unknown[]) =>
      a.some((item) => b.some((one) => same(one, item))),
    );
}

class Ip {
  readonly address: Address;
  constructor(address: Address) {
    this.address = address;
  }
}

class Cidr {
  readonly address: Address;
  readonly length: number;
  constructor(address: Address, length: number) {
    this.address = address;
    this.length = length;
  }
}

/** Go's netip.ParseAddr, but refusing IPv4-mapped IPv6 and zones as Kubernetes' library does. */
function ipOf(text: string): Ip | undefined {
  const address = parseAddress(text);
  return address === undefined || (isIPv4(address) && !isIPv4(text)) ? undefined : new Ip(address);
}

function cidrOf(text: string): Cidr | undefined {
  const [address = "", length = "", ...rest] = text.split("/");
  const ip = ipOf(address);
  if (ip === undefined || rest.length > 0 || !/^(0|[1-9]\d{0,2})$/.test(length)) return undefined;
  return Number(length) <= widthOf(familyOf(ip.address)) ? new Cidr(ip.address, Number(length)) : undefined;
}

function ipOrThrow(text: string): Ip {
  const ip = ipOf(text);
  if (ip === undefined) throw new Error(`IP Address ${JSON.stringify(text)} parse error during conversion from string`);
  return ip;
}

function cidrOrThrow(text: string): Cidr {
  const cidr = cidrOf(text);
  if (cidr === undefined)
    throw new Error(`network address parse error during conversion from string: ${JSON.stringify(text)}`);
  return cidr;
}

const network = (address: Address, length: number): bigint =>
  bitsOf(address) >> BigInt(widthOf(familyOf(address)) - length);

const containsIp = (cidr: Cidr, ip: Ip): boolean =>
  familyOf(cidr.address) === familyOf(ip.address) &&
  network(cidr.address, cidr.length) === network(ip.address, cidr.length);

const containsCidr = (outer: Cidr, inner: Cidr): boolean =>
  inner.length >= outer.length && containsIp(outer, new Ip(inner.address));

const inside = (...blocks: string[]): ((ip: Ip) => boolean) => {
  const cidrs = blocks.map(cidrOrThrow);
  return (ip) => cidrs.some((cidr) => containsIp(cidr, ip));
};

const isUnspecified = inside("0.0.0.0/32", "::/128");
const isLoopback = inside("127.0.0.0/8", "::1/128");
const isMulticast = inside("224.0.0.0/4", "ff00::/8");
const isLinkLocalMulticast = inside("224.0.0.0/24", "ff02::/16");
const isLinkLocalUnicast = inside("169.254.0.0/16", "fe80::/10");
const isBroadcast = inside("255.255.255.255/32");
const isGlobalUnicast = (ip: Ip): boolean =>
  !isUnspecified(ip) && !isLoopback(ip) && !isMulticast(ip) && !isLinkLocalUnicast(ip) && !isBroadcast(ip);

function masked(cidr: Cidr): Cidr {
  const family = familyOf(cidr.address);
  const shift = BigInt(widthOf(family) - cidr.length);
  const bits = (bitsOf(cidr.address) >> shift) << shift;
  return new Cidr(addressOf(family, bits), cidr.length);
}

function addressOf(family: "ipv4" | "ipv6", bits: bigint): Address {
  const size = family === "ipv4" ? 8n : 16n;
  const count = family === "ipv4" ? 4 : 8;
  const parts = Array.from({ length: count }, (_, i) => (bits >> (size * BigInt(count - 1 - i))) & ((1n << size) - 1n));
  const text = family === "ipv4" ? parts.join(".") : parts.map((part) => part.toString(16)).join(":");
  return ipOrThrow(text).address;
}

function registerAddresses(env: Environment): void {
  env
    .registerType("net.IP", Ip)
    .registerType("net.CIDR", Cidr)
    .registerFunction("isIP(string): bool", (text: string) => ipOf(text) !== undefined)
    .registerFunction("ip(string): net.IP", ipOrThrow)
    .registerFunction("string(net.IP): string", (ip: Ip) => ip.address)
    .registerFunction("net.IP.family(): int", (ip: Ip) => (familyOf(ip.address) === "ipv4" ? 4n : 6n))
    .registerFunction("net.IP.isUnspecified(): bool", isUnspecified)
    .registerFunction("net.IP.isLoopback(): bool", isLoopback)
    .registerFunction("net.IP.isLinkLocalMulticast(): bool", isLinkLocalMulticast)
    .registerFunction("net.IP.isLinkLocalUnicast(): bool", isLinkLocalUnicast)
    .registerFunction("net.IP.isGlobalUnicast(): bool", isGlobalUnicast)
    .registerOperator("net.IP == net.IP", (a: Ip, b: Ip) => a.address === b.address)
    .registerFunction("isCIDR(string): bool", (text: string) => cidrOf(text) !== undefined)
    .registerFunction("cidr(string): net.CIDR", cidrOrThrow)
    .registerFunction("string(net.CIDR): string", (cidr: Cidr) => `${cidr.address}/${cidr.length}`)
    .registerFunction("net.CIDR.ip(): net.IP", (cidr: Cidr) => new Ip(cidr.address))
    .registerFunction("net.CIDR.prefixLength(): int", (cidr: Cidr) => BigInt(cidr.length))
    .registerFunction("net.CIDR.masked(): net.CIDR", masked)
    .registerFunction("net.CIDR.containsIP(string): bool", (cidr: Cidr, text: string) =>
      containsIp(cidr, ipOrThrow(text)),
    )
    .registerFunction("net.CIDR.containsIP(net.IP): bool", containsIp)
    .registerFunction("net.CIDR.containsCIDR(string): bool", (cidr: Cidr, text: string) =>
      containsCidr(cidr, cidrOrThrow(text)),
    )
    .registerFunction("net.CIDR.containsCIDR(net.CIDR): bool", containsCidr)
    .registerOperator("net.CIDR == net.CIDR", (a: Cidr, b: Cidr) => a.address === b.address && a.length === b.length);
}

class Quantity {
  readonly amount: Amount;
  constructor(amount: Amount) {
    this.amount = amount;
  }
}

function quantityOrThrow(text: string): Quantity {
  const amount = parseQuantity(text);
  if (amount === undefined)
    throw new Error(`quantities must match the regular expression of Kubernetes: ${JSON.stringify(text)}`);
  return new Quantity(amount);
}

function registerQuantities(env: Environment): void {
  const whole = (q: Quantity): boolean => q.amount.numerator % q.amount.denominator === 0n;
  const compare = (a: Quantity, b: Quantity): number => compareQuantities(a.amount, b.amount);
  env
    .registerType("Quantity", Quantity)
    .registerFunction("isQuantity(string): bool", (text: string) => parseQuantity(text) !== undefined)
    .registerFunction("quantity(string): Quantity", quantityOrThrow)
    .registerFunction("Quantity.sign(): int", (q: Quantity) =>
      BigInt(compareQuantities(q.amount, { numerator: 0n, denominator: 1n })),
    )
    .registerFunction("Quantity.isInteger(): bool", whole)
    .registerFunction("Quantity.asInteger(): int", (q: Quantity) => {
      if (!whole(q)) throw new Error("cannot convert value to integer");
      return q.amount.numerator / q.amount.denominator;
    })
    .registerFunction(
      "Quantity.asApproximateFloat(): double",
      (q: Quantity) => Number(q.amount.numerator) / Number(q.amount.denominator),
    )
    .registerFunction("Quantity.compareTo(Quantity): int", (a: Quantity, b: Quantity) => BigInt(compare(a, b)))
    .registerFunction("Quantity.isLessThan(Quantity): bool", (a: Quantity, b: Quantity) => compare(a, b) < 0)
    .registerFunction("Quantity.isGreaterThan(Quantity): bool", (a: Quantity, b: Quantity) => compare(a, b) > 0)
    .registerOperator("Quantity == Quantity", (a: Quantity, b: Quantity) => compare(a, b) === 0);
}

/** Kubernetes takes absolute URLs and absolute paths (Go url.ParseRequestURI). */
function urlOf(text: string): URL | undefined {
  if (text.startsWith("/")) return undefined;
  return URL.canParse(text) ? new URL(text) : undefined;
}

function registerUrls(env: Environment): void {
  env
    .registerType("kubernetes.URL", URL)
    .registerFunction("isURL(string): bool", (text: string) => text.startsWith("/") || urlOf(text) !== undefined)
    .registerFunction("url(string): kubernetes.URL", (text: string) => {
      const url = urlOf(text);
      if (url === undefined)
        throw new Error(`URL parse error during conversion from string: parse ${JSON.stringify(text)}: invalid URI`);
      return url;
    })
    .registerFunction("kubernetes.URL.getScheme(): string", (url: URL) => url.protocol.replace(/:$/, ""))
    .registerFunction("kubernetes.URL.getHost(): string", (url: URL) => url.host)
    .registerFunction("kubernetes.URL.getHostname(): string", (url: URL) => url.hostname.replace(/^\[|\]$/g, ""))
    .registerFunction("kubernetes.URL.getPort(): string", (url: URL) => url.port)
    .registerFunction("kubernetes.URL.getEscapedPath(): string", (url: URL) => url.pathname);
}
