import { ApiStatusError } from "../types.ts";

/** One entry of an Accept header: its media type and parameters, such as `as=Table`. */
interface MediaRange {
  readonly type: string;
  readonly parameters: ReadonlyMap<string, string>;
}

/** Entries in the client's order, which Kubernetes' clients use as the order of preference. */
function acceptedTypes(header: string | undefined): MediaRange[] {
  return (header ?? "*/*").split(",").map((entry) => {
    const [type = "", ...parameters] = entry.split(";").map((part) => part.trim());
    return { type: type.toLowerCase(), parameters: new Map(parameters.map((each) => splitPair(each))) };
  });
}

const splitPair = (text: string): [string, string] => {
  const equal = text.indexOf("=");
  return equal < 0 ? [text, ""] : [text.slice(0, equal), text.slice(equal + 1)];
};

/** How objects are shown: as themselves, as a table, or only their metadata. */
export type Shape = "object" | "Table" | "PartialObjectMetadata";

/** The first shape that the client accepts and this server can give; answers are always JSON. @throws ApiStatusError 406 */
export function acceptedShape(header: string | undefined): Shape {
  for (const { type, parameters } of acceptedTypes(header)) {
    if (type !== "application/json" && type !== "*/*" && type !== "application/*") continue;
    const as = parameters.get("as");
    if (as === undefined) return "object";
    if (parameters.get("g") !== "meta.k8s.io" || parameters.get("v") !== "v1") continue;
    if (as === "Table") return "Table";
    if (as === "PartialObjectMetadata" || as === "PartialObjectMetadataList") return "PartialObjectMetadata";
  }
  const offers = "application/json";
  throw new ApiStatusError(406, "NotAcceptable", `only the following media types are accepted: ${offers}`);
}

/** The discovery version that the client prefers in aggregated form, if any. */
export function acceptedDiscovery(header: string | undefined): "v2" | "v2beta1" | undefined {
  for (const { type, parameters } of acceptedTypes(header)) {
    if (type !== "application/json") continue;
    const version = parameters.get("v");
    if (parameters.get("as") === undefined) return undefined;
    if (parameters.get("g") === "apidiscovery.k8s.io" && (version === "v2" || version === "v2beta1")) return version;
  }
  return undefined;
}
