import { integer, list, object, oneOf, text } from "../field.ts";
import { kind, type ObjectOf } from "../kind.ts";

/** metav1.Condition, with the schema that Kubernetes' own types have. */
const condition = object(
  {
    lastTransitionTime: text({ format: "date-time", doc: "When the status last changed." }),
    message: text({ maxLength: 32768, doc: "Why, in words." }),
    observedGeneration: integer({
      optional: true,
      format: "int64",
      minimum: 0,
      doc: "metadata.generation of the object that this was said about.",
    }),
    reason: text({
      minLength: 1,
      maxLength: 1024,
      pattern: "^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$",
      doc: "Why, in one word.",
    }),
    status: oneOf(["True", "False", "Unknown"], { doc: "Whether the condition holds." }),
    type: text({
      maxLength: 316,
      pattern:
        "^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])$",
      doc: "What is claimed.",
    }),
  },
  { doc: "One aspect of the present state." },
);

/** Whether a program's configuration is in force. Written by the controller and the speakers. */
export const configurationState = kind({
  kind: "ConfigurationState",
  plural: "configurationstates",
  version: "v1beta1",
  doc: "What one program of MetalLB makes of the configuration. Label metallb.io/component-type says which (controller or speaker), and metallb.io/node-name a speaker's node.",
  columns: [
    { name: "Result", type: "string", path: ".status.result" },
    { name: "ErrorSummary", type: "string", path: ".status.errorSummary" },
    { name: "Age", type: "date", path: ".metadata.creationTimestamp" },
  ],
  fields: {
    status: object(
      {
        conditions: list(condition, { optional: true, mapKeys: ["type"], doc: "What the program's parts report." }),
        errorSummary: text({ optional: true, doc: "All that is wrong, one problem a line. Empty if Valid." }),
        result: oneOf(["Valid", "Invalid", "Unknown"], { optional: true, doc: "Whether all of it is in force." }),
      },
      { optional: true, doc: "The verdict." },
    ),
  },
});

export type ConfigurationState = ObjectOf<typeof configurationState>;
