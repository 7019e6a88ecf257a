import type { Brand } from "../std/brand.ts";

/** An autonomous system number, 1…4294967295 (RFC 6793); 0 is reserved (RFC 7607). Made by `parseAsn` only. */
export type Asn = Brand<number, "Asn">;

/** `undefined` when the number can't be an AS. */
export const parseAsn = (value: number): Asn | undefined =>
  Number.isInteger(value) && value >= 1 && value <= 4294967295 ? (value as Asn) : undefined;
