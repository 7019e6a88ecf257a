import { integer, names, object, selectors } from "../field.ts";
import { kind, type ObjectOf } from "../kind.ts";
import { refused } from "../rules.ts";

/** Policy: which addresses are announced by BGP, to whom, from where, and how. */
export const bgpAdvertisement = kind({
  kind: "BGPAdvertisement",
  plural: "bgpadvertisements",
  version: "v1beta1",
  doc: "Announces the addresses of pools by BGP, and says how.",
  columns: [
    { name: "IPAddressPools", type: "string", path: ".spec.ipAddressPools" },
    { name: "IPAddressPool Selectors", type: "string", path: ".spec.ipAddressPoolSelectors" },
    { name: "Peers", type: "string", path: ".spec.peers" },
    { name: "Node Selectors", type: "string", path: ".spec.nodeSelectors", priority: 10 },
  ],
  fields: {
    spec: object(
      {
        aggregationLength: integer({
          default: 32,
          format: "int32",
          minimum: 1,
          accepts: { minimum: 1, maximum: 32 },
          doc: "Length of the IPv4 prefixes to announce. Below 32, one prefix covers many addresses.",
        }),
        aggregationLengthV6: integer({
          default: 128,
          format: "int32",
          accepts: { minimum: 0, maximum: 128 },
          doc: "Length of the IPv6 prefixes to announce. Below 128, one prefix covers many addresses.",
        }),
        localPref: integer({
          unset: 0,
          format: "int32",
          accepts: { minimum: 0, maximum: 4294967295 },
          doc: "LOCAL_PREF of the announcements (RFC 4271), for peers of the same AS: the highest is preferred. 0 or absent: not set.",
        }),
        // Differs: not in MetalLB.
        asPathPrepend: integer({
          unset: 0,
          format: "int32",
          minimum: 0,
          maximum: 10,
          doc: "How often our AS number is put in front of the AS path once more, so that peers of another AS prefer other paths: localASN where the BGPPeer has one, else myASN. Peers of the same AS are told nothing of it, as they would take the path for a loop (RFC 4271 section 9.1.2). Of several advertisements for one prefix the highest counts. 0 or absent: not set. Not in MetalLB.",
        }),
        // Differs: not in MetalLB.
        med: integer({
          optional: true,
          format: "int64",
          minimum: 0,
          maximum: 4294967295,
          doc: "MULTI_EXIT_DISC of the announcements (RFC 4271 section 5.1.4): of paths from one neighboring AS the lowest is preferred. Of several advertisements for one prefix the lowest that is set counts. Absent: not set, which FRR sends as 0. Not in MetalLB.",
        }),
        communities: names({
          unset: [],
          doc: "Communities of the announcements: 64512:100, large:64512:1:2, or the name of an alias in a Community.",
        }),
        ipAddressPools: names({ unset: [], doc: "Pools by name. Without names and selectors: every pool." }),
        ipAddressPoolSelectors: selectors({
          unset: [],
          doc: "Pools by label, in addition to those that are named. Without names and selectors: every pool.",
        }),
        nodeSelectors: selectors({ unset: [], doc: "Nodes that announce. If empty, all." }),
        peers: names({ unset: [], doc: "Names of the BGPPeers to announce to. If empty, all." }),
        serviceSelectors: selectors({
          unset: [],
          doc: "Services to announce. If empty, all. Only with aggregationLength 32 and aggregationLengthV6 128.",
        }),
      },
      {
        optional: true,
        doc: "The policy.",
        rules: [
          {
            rule: "!has(self.serviceSelectors) || self.serviceSelectors.size() == 0 || ((!has(self.aggregationLength) || self.aggregationLength == 32) && (!has(self.aggregationLengthV6) || self.aggregationLengthV6 == 128))",
            message:
              "serviceSelectors and aggregationLength are mutually exclusive, can only be used together with default aggregationLength (32) and aggregationLengthV6 (128)",
          },
        ],
        check: ({ serviceSelectors = [], aggregationLength = 32, aggregationLengthV6 = 128 }) => {
          if (serviceSelectors.length === 0 || (aggregationLength === 32 && aggregationLengthV6 === 128)) return [];
          const message =
            "and aggregationLength are mutually exclusive: remove one, as with selectors only aggregationLength 32 and aggregationLengthV6 128 can be used";
          return [refused("serviceSelectors", "Conflict", message)];
        },
      },
    ),
    status: object({}, { optional: true, doc: "Empty." }),
  },
});

export type BgpAdvertisement = ObjectOf<typeof bgpAdvertisement>;
