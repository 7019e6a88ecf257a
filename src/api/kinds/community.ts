import { list, object, parsed, text } from "../field.ts";
import { communityGrammar } from "../grammar.ts";
import { kind, type ObjectOf } from "../kind.ts";
import { refused } from "../rules.ts";

/** One name and what it stands for. Both are optional in the schema only. */
export const communityAlias = object(
  {
    name: text({ unset: "", doc: "The name. No two may be equal, in this object or another." }),
    value: parsed(communityGrammar, {
      optional: true,
      doc: "The community: 64512:100 (RFC 1997), or large:64512:1:2 (RFC 8092).",
    }),
  },
  {
    doc: "",
    check: ({ name, value }) => [
      ...(name ? [] : [refused("name", "Required", "is missing; write the name to use in BGPAdvertisements")]),
      ...(value ? [] : [refused("value", "Required", `is missing; write ${communityGrammar.accepts}`)]),
    ],
  },
);

/** Names for BGP communities. */
export const community = kind({
  kind: "Community",
  plural: "communities",
  version: "v1beta1",
  doc: "Names for BGP communities, to be used in BGPAdvertisements.",
  columns: [],
  fields: {
    spec: object(
      { communities: list(communityAlias, { unset: [], doc: "The names and what they stand for." }) },
      { optional: true, doc: "The names." },
    ),
    status: object({}, { optional: true, doc: "Empty." }),
  },
});

export type Community = ObjectOf<typeof community>;
