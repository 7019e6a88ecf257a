import { boolean, integer, list, names, object, parsed, selectors } from "../field.ts";
import { poolEntryGrammar } from "../grammar.ts";
import { kind, type ObjectOf } from "../kind.ts";
import { refused } from "../rules.ts";

const count = { format: "int64" } as const;

/** Addresses for Services. */
export const ipAddressPool = kind({
  kind: "IPAddressPool",
  plural: "ipaddresspools",
  version: "v1beta1",
  doc: "Addresses that can be given to Services of type LoadBalancer.",
  columns: [
    { name: "Auto Assign", type: "boolean", path: ".spec.autoAssign" },
    { name: "Avoid Buggy IPs", type: "boolean", path: ".spec.avoidBuggyIPs" },
    { name: "Addresses", type: "string", path: ".spec.addresses" },
  ],
  fields: {
    spec: object(
      {
        addresses: list(parsed(poolEntryGrammar, { doc: "" }), {
          doc: "The addresses: CIDRs such as 192.168.10.0/24, or ranges such as 192.168.10.1-192.168.10.9. No two may overlap, in this pool or with another.",
        }),
        autoAssign: boolean({
          default: true,
          doc: "Whether a Service may get an address of this pool without asking for it.",
        }),
        avoidBuggyIPs: boolean({
          default: false,
          doc: "Leaves out IPv4 addresses that end in .0 or .255, which some old devices take for a network or a broadcast.",
        }),
        serviceAllocation: object(
          {
            priority: integer({
              unset: 0,
              doc: "The pool with the lowest number is tried first; 0 or absent comes last.",
            }),
            namespaces: names({ unset: [], doc: "Namespaces whose Services may use this pool." }),
            namespaceSelectors: selectors({
              unset: [],
              doc: "Namespaces by label, in addition to those that are named.",
            }),
            serviceSelectors: selectors({ unset: [], doc: "Services by label. They must be in the namespaces, too." }),
          },
          { optional: true, doc: "Reserves this pool for some namespaces or Services." },
        ),
      },
      {
        doc: "The pool as it should be.",
        check: ({ addresses }) =>
          addresses.length > 0
            ? []
            : [refused("addresses", "Required", `is empty: no prefixes defined; write ${poolEntryGrammar.accepts}`)],
      },
    ),
    status: object(
      {
        assignedIPv4: integer({ ...count, doc: "IPv4 addresses in use." }),
        assignedIPv6: integer({ ...count, doc: "IPv6 addresses in use." }),
        availableIPv4: integer({ ...count, doc: "IPv4 addresses that are free." }),
        availableIPv6: integer({ ...count, doc: "IPv6 addresses that are free." }),
      },
      { optional: true, doc: "How much of the pool is in use." },
    ),
  },
});

export type IpAddressPool = ObjectOf<typeof ipAddressPool>;
