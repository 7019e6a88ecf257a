/** The library for YAML, to be imported only where it is needed: the controller and the speaker in a pod never do. */
import { parseAllDocuments, type ScalarTag, stringify } from "yaml";
import { err, ok, type Result } from "../std/result.ts";

/** kubectl's reader follows YAML 1.1 in this: `yes`, `on` and `y` are true. sigs.k8s.io/yaml goyaml.v2/resolve.go */
const bool: ScalarTag = {
  identify: (value) => typeof value === "boolean",
  default: true,
  tag: "tag:yaml.org,2002:bool",
  test: /^(?:y|Y|yes|Yes|YES|true|True|TRUE|on|On|ON|n|N|no|No|NO|false|False|FALSE|off|Off|OFF)$/,
  resolve: (text) => /^(?:y|t|on)/i.test(text),
};

/** The documents of a text, or what is wrong with one and where; values as kubectl reads them, `<<` merges. */
export function readYaml(text: string): readonly Result<unknown>[] {
  return parseAllDocuments(text, { merge: true, customTags: (tags) => [bool, ...tags] }).map((document) => {
    const [error] = document.errors;
    return error ? err(error.message) : ok(document.toJS() as unknown);
  });
}

/** A document that readers of YAML 1.1 and 1.2 understand alike: texts that either takes for something else are quoted. */
export const writeYaml = (value: unknown): string =>
  stringify(value, { compat: "yaml-1.1", lineWidth: 0, aliasDuplicateObjects: false });
