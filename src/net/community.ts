import type { Brand } from "../std/brand.ts";
import { err, ok, type Result } from "../std/result.ts";

/** `65000:100`, canonical. RFC 1997. */
export type StandardCommunity = Brand<string, "StandardCommunity">;
/** `64512:7:8`, canonical, without `large:`. RFC 8092. */
export type LargeCommunity = Brand<string, "LargeCommunity">;

export type CommunityValue =
  | { readonly kind: "standard"; readonly value: StandardCommunity }
  | { readonly kind: "large"; readonly value: LargeCommunity };

/**
 * Reads `N:N` (two 16-bit numbers) or `large:N:N:N` (three 32-bit numbers), decimal.
 *
 * "format" means that the text has the shape of neither, so it may be an alias; "value" that a part of it is wrong.
 * @see MetalLB internal/bgp/community/community.go
 */
export function parseCommunity(text: string): Result<CommunityValue, "format" | "value"> {
  const parts = text.split(":");
  if (parts.length === 2) {
    const numbers = unsigned(parts, 0xffff);
    return numbers ? ok({ kind: "standard", value: numbers.join(":") as StandardCommunity }) : err("value");
  }
  if (parts.length !== 4) return err("format");
  const numbers = unsigned(parts.slice(1), 0xffffffff);
  if (parts[0] !== "large" || !numbers) return err("value");
  return ok({ kind: "large", value: numbers.join(":") as LargeCommunity });
}

function unsigned(parts: readonly string[], limit: number): number[] | undefined {
  if (!parts.every((part) => /^[0-9]{1,20}$/.test(part))) return undefined;
  const numbers = parts.map(Number);
  return numbers.every((n) => n <= limit) ? numbers : undefined;
}

/** Order: part by part, as numbers. */
export function compareCommunities(
  a: StandardCommunity | LargeCommunity,
  b: StandardCommunity | LargeCommunity,
): number {
  const [left, right] = [a.split(":").map(Number), b.split(":").map(Number)];
  const i = left.findIndex((part, at) => part !== right[at]);
  return i < 0 ? 0 : (left[i] ?? 0) - (right[i] ?? 0);
}
