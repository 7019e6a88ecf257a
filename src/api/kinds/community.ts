import { list, object, text } from "../field.ts";
import { kind, type ObjectOf } from "../kind.ts";

/** Names for BGP communities. */
export const community = kind({
  kind: "Community",
  plural: "communities",
  version: "v1beta1",
  doc: "Names for BGP communities, to be used in BGPAdvertisements.",
  columns: [],
  fields: {
    spec: object(
      {
        communities: list(
          object(
            {
              name: text({ unset: "", doc: "The name. No two may be equal, in this object or another." }),
              value: text({
                unset: "",
                doc: "The community: 64512:100 (RFC 1997), or large:64512:1:2 (RFC 8092).",
              }),
            },
            { optional: true, doc: "" },
          ),
          { unset: [], doc: "The names and what they stand for." },
        ),
      },
      { optional: true, doc: "The names." },
    ),
    status: object({}, { optional: true, doc: "Empty." }),
  },
});

export type Community = ObjectOf<typeof community>;
