import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { parseAllDocuments } from "yaml";
import { defaultImages } from "../lab/agent/images.ts";
import { nodeFlags } from "../scripts/build.ts";

interface Workload {
  readonly kind?: string;
  readonly spec?: { readonly template?: { readonly spec?: { readonly containers?: readonly Container[] } } };
}
interface Container {
  readonly name: string;
  readonly command?: readonly string[];
  readonly env?: readonly { readonly name: string }[];
}

/** Node's flags are the image's affair: what stands in the manifest must leave them as they are. */
test.each(["controller", "speaker"])("the %s runs with the flags that its memory was measured with", (name) => {
  const documents = parseAllDocuments(readFileSync("manifests/metallb-frr.yaml", "utf8"));
  const workloads = documents.map((document) => document.toJS() as Workload | null);
  const containers = workloads.flatMap((workload) => workload?.spec?.template?.spec?.containers ?? []);
  const container = containers.find((one) => one.name === name);
  expect(container).toBeDefined();
  expect(container?.command).toBeUndefined();
  expect(container?.env?.map((variable) => variable.name)).not.toContain("NODE_OPTIONS");
  const image = defaultImages("/programs")[name];
  expect(image?.entrypoint.slice(1)).toEqual([...nodeFlags, `/programs/${name}.mjs`]);
});
