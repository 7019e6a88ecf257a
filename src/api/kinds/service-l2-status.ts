import { list, object, text } from "../field.ts";
import { kind, type ObjectOf } from "../kind.ts";
import { immutable } from "./service-bgp-status.ts";

/** Which node answers for a Service's addresses. Written by the speakers. */
export const serviceL2Status = kind({
  kind: "ServiceL2Status",
  plural: "servicel2statuses",
  version: "v1beta1",
  doc: "The node that announces a Service on the local network. Written by the speakers.",
  columns: [
    { name: "Allocated Node", type: "string", path: ".status.node" },
    { name: "Service Name", type: "string", path: ".status.serviceName" },
    { name: "Service Namespace", type: "string", path: ".status.serviceNamespace" },
  ],
  fields: {
    spec: object({}, { optional: true, doc: "Empty." }),
    status: object(
      {
        node: text({ ...immutable, doc: "The node that receives the Service's traffic." }),
        serviceName: text({ ...immutable, doc: "Name of the Service." }),
        serviceNamespace: text({ ...immutable, doc: "Namespace of the Service." }),
        interfaces: list(object({ name: text({ optional: true, doc: "Name of the interface." }) }, { doc: "" }), {
          optional: true,
          doc: "The interfaces, if the advertisement restricts them.",
        }),
      },
      { optional: true, doc: "Who announces what, and where." },
    ),
  },
});

export type ServiceL2Status = ObjectOf<typeof serviceL2Status>;
