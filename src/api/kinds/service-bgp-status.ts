import { names, object, text } from "../field.ts";
import { kind, type ObjectOf } from "../kind.ts";

/** Set once: a status object belongs to one Service on one node for good. */
export const immutable = {
  optional: true,
  rules: [{ rule: "self == oldSelf", message: "Value is immutable" }],
} as const;

/** To which peers a node announces a Service. Written by the speakers. */
export const serviceBgpStatus = kind({
  kind: "ServiceBGPStatus",
  plural: "servicebgpstatuses",
  version: "v1beta1",
  doc: "The BGPPeers that a Service is announced to, from one node. Written by the speakers.",
  columns: [
    { name: "Node", type: "string", path: ".status.node" },
    { name: "Service Name", type: "string", path: ".status.serviceName" },
    { name: "Service Namespace", type: "string", path: ".status.serviceNamespace" },
  ],
  fields: {
    spec: object({}, { optional: true, doc: "Empty." }),
    status: object(
      {
        node: text({ ...immutable, doc: "The node that announces the Service." }),
        serviceName: text({ ...immutable, doc: "Name of the Service." }),
        serviceNamespace: text({ ...immutable, doc: "Namespace of the Service." }),
        peers: names({
          optional: true,
          doc: "Names of the BGPPeers. Whether their sessions are up is not said here.",
        }),
      },
      { optional: true, doc: "Who announces what to whom." },
    ),
  },
});

export type ServiceBgpStatus = ObjectOf<typeof serviceBgpStatus>;
