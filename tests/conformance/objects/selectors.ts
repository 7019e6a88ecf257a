import { type ObjectCase, poolCase } from "./object-case.ts";

/** What every list of selectors accepts, shown with one of them. */
const services = (...serviceSelectors: readonly unknown[]) => ({
  addresses: ["10.0.0.0/24"],
  serviceAllocation: { serviceSelectors },
});
const requirement = (...matchExpressions: readonly unknown[]) => services({ matchExpressions });
const at = "spec.serviceAllocation.serviceSelectors[0]";

export const selectorCases: readonly ObjectCase[] = [
  poolCase(
    "a selector of every operator",
    requirement(
      { key: "a", operator: "In", values: ["x", "y"] },
      { key: "a", operator: "NotIn", values: ["z"] },
      { key: "b", operator: "Exists" },
      { key: "c", operator: "DoesNotExist" },
    ),
  ),
  poolCase("an empty selector selects everything", services({})),
  poolCase("a label key with a prefix", services({ matchLabels: { "example.com/app": "web" } })),
  poolCase("an empty label value", services({ matchLabels: { app: "" } })),
  poolCase("an unknown operator", requirement({ key: "a", operator: "Is", values: ["x"] }), {
    refused: `${at}.matchExpressions[0].operator "Is" is not an operator; write In, NotIn, Exists or DoesNotExist`,
  }),
  poolCase("In without values", requirement({ key: "a", operator: "In" }), {
    refused: `${at}.matchExpressions[0].values is empty; In needs a value`,
  }),
  poolCase("NotIn with an empty list", requirement({ key: "a", operator: "NotIn", values: [] }), {
    refused: "NotIn needs a value",
  }),
  poolCase("Exists with a value", requirement({ key: "a", operator: "Exists", values: ["x"] }), {
    refused: "Exists takes no value",
  }),
  poolCase("DoesNotExist with a value", requirement({ key: "a", operator: "DoesNotExist", values: ["x"] }), {
    refused: "DoesNotExist takes no value",
  }),
  poolCase("a requirement without a key", requirement({ operator: "Exists" }), {
    schema: `${at}.matchExpressions[0].key: Required value`,
    refused: `${at}.matchExpressions[0].key is required`,
  }),
  poolCase("a requirement without an operator", requirement({ key: "a" }), {
    schema: `${at}.matchExpressions[0].operator: Required value`,
    refused: `${at}.matchExpressions[0].operator is required`,
  }),
  poolCase("a value twice", requirement({ key: "a", operator: "In", values: ["x", "x"] }), {
    refused: "is a duplicate definition of match expression value in label selector",
  }),
  poolCase("a requirement twice", requirement({ key: "a", operator: "Exists" }, { key: "a", operator: "Exists" }), {
    refused: "is a duplicate definition of match expressions",
  }),
  poolCase(
    "a requirement twice, values in another order",
    requirement({ key: "a", operator: "In", values: ["x", "y"] }, { key: "a", operator: "In", values: ["y", "x"] }),
    { refused: "is a duplicate definition of match expressions" },
  ),
  poolCase(
    "a selector twice, requirements in another order",
    services(
      {
        matchExpressions: [
          { key: "a", operator: "Exists" },
          { key: "b", operator: "Exists" },
        ],
      },
      {
        matchExpressions: [
          { key: "b", operator: "Exists" },
          { key: "a", operator: "Exists" },
        ],
      },
    ),
    {
      refused: "is a duplicate definition of serviceSelectors",
      differs: "for MetalLB the order of requirements counts",
    },
  ),
  poolCase("a label key that can't be one", services({ matchLabels: { "a b": "x" } }), {
    refused: `"a b" is not a label key; write one such as example.com/rack`,
  }),
  poolCase("a label value that can't be one", services({ matchLabels: { a: "x y" } }), {
    refused: `"x y" is not a label value`,
  }),
  poolCase("a label value that is a number", services({ matchLabels: { a: 1 } }), {
    schema: "must be of type string",
    refused: "matchLabels has the wrong type; write a map of texts",
  }),
  poolCase("a value in a requirement that can't be one", requirement({ key: "a", operator: "In", values: ["-"] }), {
    refused: `"-" is not a label value`,
  }),
  poolCase("a selector that is a text", services("app=web"), {
    schema: `${at} in body must be of type object: "string"`,
    refused: "has the wrong type; write an object",
  }),
  poolCase("a selector with an unknown member", services({ labels: {} }), { schema: `unknown field "${at}.labels"` }),
];
