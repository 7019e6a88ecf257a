import { describe, expect, it } from "vitest";
import type { Schema } from "../types.ts";
import { ruleProblem, validateRules } from "./cel.ts";

const holds = (rule: string, self: unknown = {}, schema: Schema = { type: "object" }): boolean =>
  validateRules({ ...schema, "x-kubernetes-validations": [{ rule }] }, {}, self).length === 0;

describe("Kubernetes' CEL functions", () => {
  it.each([
    "isIP('192.0.2.1') && isIP('2001:db8::1') && !isIP('192.0.2.256') && !isIP('::ffff:192.0.2.1')",
    "ip('192.0.2.1').family() == 4 && ip('::1').family() == 6",
    "ip('::1').isLoopback() && ip('0.0.0.0').isUnspecified() && ip('fe80::1').isLinkLocalUnicast()",
    "ip('192.0.2.1').isGlobalUnicast() && !ip('224.0.0.1').isGlobalUnicast()",
    "ip('2001:db8::1') == ip('2001:db8:0::1') && string(ip('2001:db8:0::1')) == '2001:db8::1'",
    "isCIDR('10.0.0.0/8') && !isCIDR('10.0.0.0/33') && !isCIDR('10.0.0.0')",
    "cidr('10.0.0.0/8').containsIP('10.1.2.3') && !cidr('10.0.0.0/8').containsIP('11.0.0.0')",
    "cidr('10.0.0.0/8').containsIP(ip('10.1.2.3')) && !cidr('10.0.0.0/8').containsIP('::1')",
    "cidr('10.0.0.0/8').containsCIDR('10.1.0.0/16') && !cidr('10.1.0.0/16').containsCIDR(cidr('10.0.0.0/8'))",
    "cidr('10.1.2.3/8').prefixLength() == 8 && cidr('10.1.2.3/8').ip() == ip('10.1.2.3')",
    "cidr('10.1.2.3/8').masked() == cidr('10.0.0.0/8') && string(cidr('2001:db8::1/32').masked()) == '2001:db8::/32'",
    "quantity('1Gi').compareTo(quantity('1024Mi')) == 0 && quantity('100m').isLessThan(quantity('1'))",
    "isQuantity('1.5Gi') && !isQuantity('abc') && quantity('2k').asInteger() == 2000 && quantity('-1').sign() == -1",
    "url('https://example.com:80/a?b').getHost() == 'example.com:80' && url('https://example.com/a').getScheme() == 'https'",
    "isURL('/absolute') && !isURL('relative')",
    "[1, 2, 2].isSorted() && ![2, 1].isSorted() && [1, 2].sum() == 3 && [3, 1].min() == 1 && [3, 1].max() == 3",
    "[duration('1s'), duration('2s')].sum() == duration('3s')",
    "['a', 'b', 'a'].indexOf('a') == 0 && ['a', 'b', 'a'].lastIndexOf('a') == 2 && ['a'].indexOf('z') == -1",
    "'abc 123'.find('[0-9]+') == '123' && 'a1b2'.findAll('[0-9]') == ['1', '2'] && 'a1b2'.findAll('[0-9]', 1) == ['1']",
    "'a.b.c'.replace('.', '-') == 'a-b-c' && 'a.b.c'.replace('.', '-', 1) == 'a-b.c'",
    "sets.contains([1, 2, 3], [1, 3]) && sets.equivalent([1, 2], [2, 1, 1]) && !sets.intersects([1], [2])",
    "duration('90s') > duration('1m') && duration('1h') == duration('60m') && string(duration('90s')) == '90s'",
    "timestamp('2030-01-01T00:00:00Z') > timestamp('2020-01-01T00:00:00Z')",
    "[1, 2, 3].filter(x, x > 1).map(x, x * 2) == [4, 6] && [1, 2].exists_one(x, x == 1)",
    "self.?missing.orValue(7) == 7 && !has(self.missing)",
  ])("%s", (rule) => {
    expect(ruleProblem(rule)).toBeUndefined();
    expect(holds(rule)).toBe(true);
  });

  it("sees values by their schema's type and names properties as Kubernetes escapes them", () => {
    const schema: Schema = {
      type: "object",
      properties: {
        namespace: { type: "string" },
        "a-b": { type: "integer" },
        ratio: { type: "number" },
        at: { type: "string", format: "date-time" },
        wait: { type: "string", format: "duration" },
        labels: { type: "object", additionalProperties: { type: "string" } },
      },
    };
    const value = {
      namespace: "x",
      "a-b": 3,
      ratio: 2,
      at: "2026-01-01T00:00:00Z",
      wait: "5m",
      labels: { "a/b": "c" },
    };
    const rule =
      "self.__namespace__ == 'x' && self.a__dash__b / 2 == 1 && self.ratio / 4.0 == 0.5 && self.at.getFullYear() == 2026 " +
      "&& self.wait > duration('4m') && self.labels['a/b'] == 'c' && self.labels.all(k, k.startsWith('a'))";
    expect(holds(rule, value, schema)).toBe(true);
  });

  it("says why a rule does not compile", () => {
    expect(ruleProblem("self.foo(")).toBe("unexpected token: EOF");
    expect(ruleProblem("unknown == 1")).toBe("unknown variable: unknown");
  });
});
