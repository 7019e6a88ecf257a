import { integer, list, names, object, parsed, selector, selectors } from "../field.ts";
import { linuxNameGrammar } from "../grammar.ts";
import { kind, type ObjectOf } from "../kind.ts";

/** Policy: which addresses are announced by ARP and NDP, and from where. */
export const l2Advertisement = kind({
  kind: "L2Advertisement",
  plural: "l2advertisements",
  version: "v1beta1",
  doc: "Announces the addresses of pools on the local network, by ARP and NDP.",
  columns: [
    { name: "IPAddressPools", type: "string", path: ".spec.ipAddressPools" },
    { name: "IPAddressPool Selectors", type: "string", path: ".spec.ipAddressPoolSelectors" },
    { name: "Interfaces", type: "string", path: ".spec.interfaces" },
    { name: "Node Selectors", type: "string", path: ".spec.nodeSelectors", priority: 10 },
  ],
  fields: {
    spec: object(
      {
        interfaces: list(parsed(linuxNameGrammar, { doc: "" }), {
          unset: [],
          doc: "Interfaces to announce from. If empty, all.",
        }),
        ipAddressPools: names({ unset: [], doc: "Pools by name. Without names and selectors: every pool." }),
        ipAddressPoolSelectors: selectors({
          unset: [],
          doc: "Pools by label, in addition to those that are named. Without names and selectors: every pool.",
        }),
        nodeSelectors: selectors({ unset: [], doc: "Nodes that may announce. If empty, all." }),
        preferredNodeSelectors: list(
          object(
            {
              weight: integer({
                format: "int32",
                minimum: 1,
                maximum: 100,
                doc: "How much a matching node is preferred. The weights of all that match add up.",
              }),
              preference: selector({ doc: "The nodes that this weight is for." }),
            },
            { doc: "A preference for some nodes." },
          ),
          { unset: [], doc: "Nodes that should rather announce than others, as long as they can." },
        ),
        serviceSelectors: selectors({
          unset: [],
          doc: "Services to announce. If empty, all. A Service that shares its address can't be selected by this.",
        }),
      },
      { optional: true, doc: "The policy." },
    ),
    status: object({}, { optional: true, doc: "Empty." }),
  },
});

export type L2Advertisement = ObjectOf<typeof l2Advertisement>;
