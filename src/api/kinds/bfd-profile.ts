import { boolean, integer, object } from "../field.ts";
import { kind, type ObjectOf } from "../kind.ts";

const interval = { optional: true, format: "int32", minimum: 10, maximum: 60000 } as const;

/** How BFD (RFC 5880) watches over a session. What is absent is the router's default. */
export const bfdProfile = kind({
  kind: "BFDProfile",
  plural: "bfdprofiles",
  version: "v1beta1",
  doc: "Settings of BFD (RFC 5880), for the sessions of the BGPPeers that name this profile.",
  columns: [
    { name: "Passive Mode", type: "boolean", path: ".spec.passiveMode" },
    { name: "Transmit Interval", type: "integer", path: ".spec.transmitInterval" },
    { name: "Receive Interval", type: "integer", path: ".spec.receiveInterval" },
    { name: "Multiplier", type: "integer", path: ".spec.detectMultiplier" },
  ],
  fields: {
    spec: object(
      {
        receiveInterval: integer({
          ...interval,
          doc: "Least interval between control packets that this end can receive, in milliseconds; 300 if absent.",
        }),
        transmitInterval: integer({
          ...interval,
          doc: "Least interval between control packets that this end wants to send, in milliseconds; 300 if absent.",
        }),
        detectMultiplier: integer({
          optional: true,
          format: "int32",
          minimum: 2,
          maximum: 255,
          doc: "Number of packets that may be missing before the session is down; 3 if absent.",
        }),
        echoInterval: integer({
          ...interval,
          doc: "Least interval between echo packets that this end can handle, in milliseconds; 50 if absent.",
        }),
        echoMode: boolean({
          optional: true,
          doc: "Sends echo packets, which the other end's kernel returns. Off if absent; not for multi-hop sessions.",
        }),
        passiveMode: boolean({
          optional: true,
          doc: "Waits for the other end's control packets before sending any. Off if absent.",
        }),
        minimumTtl: integer({
          optional: true,
          format: "int32",
          minimum: 1,
          maximum: 254,
          doc: "For multi-hop sessions: least TTL of a control packet to accept; 254 if absent.",
        }),
      },
      { optional: true, doc: "The settings." },
    ),
    status: object({}, { optional: true, doc: "Empty." }),
  },
});

export type BfdProfile = ObjectOf<typeof bfdProfile>;
