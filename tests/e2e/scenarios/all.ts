import { addresses } from "./addresses.ts";
import { attributes } from "./attributes.ts";
import { bfd } from "./bfd.ts";
import { families } from "./families.ts";
import type { Scenario } from "./scenario.ts";
import { selection } from "./selection.ts";
import { sessions } from "./sessions.ts";
import { traffic } from "./traffic.ts";

/** Every scenario that the lab plays, in the order of docs/scenarios.md. */
export const groups: readonly { readonly title: string; readonly scenarios: readonly Scenario[] }[] = [
  { title: "Attributes", scenarios: attributes },
  { title: "Who announces what to whom", scenarios: selection },
  { title: "Endpoints and nodes", scenarios: traffic },
  { title: "Addresses", scenarios: addresses },
  { title: "Sessions", scenarios: sessions },
  { title: "Families", scenarios: families },
  { title: "BFD", scenarios: bfd },
];
