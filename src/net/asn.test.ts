import { expect, test } from "vitest";
import { parseAsn } from "./asn.ts";

test.each([1, 64512, 4294967295])("%d is an AS", (value) => expect(parseAsn(value)).toBe(value));
test.each([0, -1, 1.5, 4294967296, Number.NaN])("%d is none", (value) => expect(parseAsn(value)).toBeUndefined());
