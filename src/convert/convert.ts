import { defaultNamespace } from "../api/names.ts";
import type { KubeObject } from "../api/object.ts";
import type { Result } from "../std/result.ts";
import { convertConfigMap } from "./config-map.ts";
import { type Conversion, itemsOf, joined, lost, membersOf, nothing } from "./conversion.ts";
import { convertResource } from "./resources.ts";

/** Reads the text inside a ConfigMap; an error says why it can't be read. */
export type ReadYaml = (text: string) => Result<unknown>;

/**
 * Objects of the present API for what a cluster had: a ConfigMap of before 0.13, the text inside one, objects of any
 * version, or a list of them.
 *
 * @param document as parsed from YAML or JSON
 * @param source names it in remarks where nothing better does, such as a file
 */
export function convert(document: unknown, source: string, readYaml: ReadYaml): Conversion {
  if (document === null || document === undefined) return nothing;
  const members = membersOf(document);
  const { kind, apiVersion, metadata, items } = members;
  if (typeof kind === "string" && kind.endsWith("List") && items !== undefined) {
    return joined(itemsOf(items).map((item) => convert(item, source, readYaml)));
  }
  if (kind === undefined && ("address-pools" in members || "peers" in members)) {
    return convertConfigMap({ about: source, namespace: defaultNamespace, config: members });
  }
  if (typeof kind !== "string" || typeof apiVersion !== "string" || typeof membersOf(metadata)["name"] !== "string") {
    return lost(source, "holds something that is neither an object nor a configuration of MetalLB");
  }
  const object = members as unknown as KubeObject;
  return kind === "ConfigMap" ? fromConfigMap(object, readYaml) : convertResource(object);
}

function fromConfigMap(object: KubeObject, readYaml: ReadYaml): Conversion {
  const about = `ConfigMap ${object.metadata.name}`;
  const text = membersOf("data" in object ? object.data : undefined)["config"];
  if (typeof text !== "string") return lost(about, "has no key config, which holds a configuration of MetalLB");
  const config = readYaml(text);
  if (!config.ok) return lost(`${about}: config`, `can't be read: ${config.error}`);
  return convertConfigMap({ about, namespace: object.metadata.namespace ?? defaultNamespace, config: config.value });
}
