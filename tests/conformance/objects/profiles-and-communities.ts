import { community, peer } from "../../objects.ts";
import { communityCase, type ObjectCase, profileCase } from "./object-case.ts";

/** Both ends of a bound, and one step beyond each. */
const bounded = (field: string, minimum: number, maximum: number): readonly ObjectCase[] => [
  profileCase(`the least ${field}`, { [field]: minimum }, { means: { [field]: minimum } }),
  profileCase(`the greatest ${field}`, { [field]: maximum }, { means: { [field]: maximum } }),
  profileCase(
    `a ${field} below its bound`,
    { [field]: minimum - 1 },
    {
      schema: `spec.${field} in body should be greater than or equal to ${minimum}`,
      refused: `spec.${field} ${minimum - 1} is out of range; write a number from ${minimum} to ${maximum}`,
    },
  ),
  profileCase(
    `a ${field} above its bound`,
    { [field]: maximum + 1 },
    {
      schema: `spec.${field} in body should be less than or equal to ${maximum}`,
      refused: `spec.${field} ${maximum + 1} is out of range; write a number from ${minimum} to ${maximum}`,
    },
  ),
];

const aliases = (...communities: readonly unknown[]) => ({ communities });

export const profileAndCommunityCases: readonly ObjectCase[] = [
  profileCase(
    "a profile that says nothing: the router's own",
    {},
    { means: { receiveInterval: undefined, echoMode: undefined } },
  ),
  profileCase("a profile without a spec", undefined, { means: { receiveInterval: undefined } }),
  profileCase(
    "the guide's profile",
    { receiveInterval: 300, transmitInterval: 300, detectMultiplier: 3 },
    { means: { receiveInterval: 300, transmitInterval: 300, detectMultiplier: 3 } },
  ),
  ...bounded("receiveInterval", 10, 60000),
  ...bounded("transmitInterval", 10, 60000),
  ...bounded("echoInterval", 10, 60000),
  ...bounded("detectMultiplier", 2, 255),
  ...bounded("minimumTtl", 1, 254),
  profileCase(
    "echo and passive mode",
    { echoMode: true, passiveMode: true },
    { means: { echoMode: true, passiveMode: true } },
  ),
  profileCase(
    "echo mode in quotes",
    { echoMode: "yes" },
    {
      schema: "spec.echoMode in body must be of type boolean",
      refused: "spec.echoMode has the wrong type; write true or false",
    },
  ),
  profileCase(
    "an interval in words",
    { receiveInterval: "300ms" },
    {
      schema: "spec.receiveInterval in body must be of type integer",
      refused: "spec.receiveInterval has the wrong type; write an integer",
    },
  ),
  profileCase("minimumTTL is written minimumTtl", { minimumTTL: 254 }, { schema: 'unknown field "spec.minimumTTL"' }),
  profileCase("a name of 63 characters", {}, { name: "x".repeat(63) }),
  profileCase(
    "a name of 64 characters",
    {},
    {
      name: "x".repeat(64),
      refused: "metadata.name can't name a profile in FRR; choose at most 63 letters, digits, - and .",
      differs: "MetalLB accepts it, and FRR refuses the whole configuration",
    },
  ),
  profileCase("a profile that a peer names", { echoMode: true }, { beside: [peer("p")], means: { echoMode: true } }),

  communityCase(
    "a standard and a large community",
    aliases({ name: "a", value: "64512:1" }, { name: "b", value: "large:1:2:3" }),
  ),
  communityCase("no communities", {}),
  communityCase("no spec", undefined),
  communityCase("a name with a colon", aliases({ name: "a:b", value: "1:1" })),
  communityCase("no name", aliases({ value: "1:1" }), {
    refused: "spec.communities[0].name is missing; write the name to use in BGPAdvertisements",
    differs: "MetalLB takes an empty name for one",
  }),
  communityCase("no value", aliases({ name: "a" }), {
    refused: "spec.communities[0].value is missing; write a community such as 64512:100",
  }),
  communityCase("three parts", aliases({ name: "a", value: "1:2:3" }), {
    refused: `spec.communities[0].value "1:2:3" is not of a community's format; write a community such as 64512:100, or large:64512:1:2 for a large one`,
  }),
  communityCase("a well-known name", aliases({ name: "a", value: "no-export" }), {
    refused: "is not of a community's format",
  }),
  communityCase("a part of 17 bits", aliases({ name: "a", value: "70000:1" }), {
    refused: 'spec.communities[0].value "70000:1" has an invalid community value',
  }),
  communityCase("a large one without its word", aliases({ name: "a", value: "1:2:3:4" }), {
    refused: "has an invalid community value",
  }),
  communityCase("a negative part", aliases({ name: "a", value: "-1:1" }), {
    refused: "has an invalid community value",
  }),
  communityCase("the second entry is wrong", aliases({ name: "a", value: "1:1" }, { name: "b", value: "x" }), {
    refused: 'spec.communities[1].value "x"',
  }),
  communityCase("a name twice in one object", aliases({ name: "a", value: "1:1" }, { name: "a", value: "1:2" }), {
    refused:
      'spec.communities[1].name "a" is a duplicate definition of community, which tested has already; choose another name',
  }),
  communityCase(
    "a name twice, with the same value",
    aliases({ name: "a", value: "1:1" }, { name: "a", value: "1:1" }),
    { refused: "is a duplicate definition of community" },
  ),
  communityCase("a name that another object gives", aliases({ name: "a", value: "1:1" }), {
    beside: [community("other", { a: "1:2" })],
    refused: 'spec.communities[0].name "a" is a duplicate definition of community, which other has already',
  }),
  communityCase("a value that is a number", aliases({ name: "a", value: 100 }), {
    schema: "spec.communities[0].value in body must be of type string",
    refused: "spec.communities[0].value has the wrong type; write text",
  }),
  communityCase(
    "a map in place of the list",
    { communities: { a: "1:1" } },
    {
      schema: 'unknown field "spec.communities.a"',
      refused: "spec.communities has the wrong type; write a list",
    },
  ),
];
