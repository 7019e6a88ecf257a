/**
 * Writes manifests/metallb-frr.yaml from the chart's defaults, with the names and labels of MetalLB's plain manifest.
 * Needs helm (scripts/setup.sh). `--check` writes nothing and fails when the file is stale.
 */
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { parseAllDocuments, stringify } from "yaml";

interface Manifest {
  kind: string;
  metadata: { name: string; namespace?: string; labels?: Record<string, string> };
  roleRef?: { name: string };
  subjects?: { name: string }[];
  spec?: {
    selector?: { matchLabels?: Record<string, string> } | Record<string, string>;
    template?: { metadata: { labels: Record<string, string> }; spec: PodSpec };
  };
}

interface PodSpec {
  serviceAccountName: string;
  volumes?: { configMap?: { name: string } }[];
}

const NAMESPACE = "metallb-system";
const FILE = "manifests/metallb-frr.yaml";
const HEADER = `# The whole of metallb-ts in FRR mode: kubectl apply -f ${FILE}
# Generated from charts/metallb by scripts/generate-manifest.ts.
`;

const namespace = {
  apiVersion: "v1",
  kind: "Namespace",
  metadata: {
    name: NAMESPACE,
    labels: Object.fromEntries(
      ["enforce", "audit", "warn"].map((mode) => [`pod-security.kubernetes.io/${mode}`, "privileged"]),
    ),
  },
};

const rendered = execFileSync(".cache/bin/helm", ["template", "metallb", "charts/metallb", "--namespace", NAMESPACE], {
  encoding: "utf8",
  maxBuffer: 1 << 26,
});
const objects = parseAllDocuments(rendered)
  .map((document) => document.toJS() as Manifest | null)
  .filter((object) => object !== null);
const text =
  HEADER + [namespace, ...objects.map(plain)].map((object) => `---\n${stringify(object, { lineWidth: 0 })}`).join("");

if (!process.argv.includes("--check")) writeFileSync(FILE, text);
else if (readFileSync(FILE, "utf8") !== text) {
  console.error(`${FILE} is stale: run node scripts/generate-manifest.ts`);
  process.exit(1);
}

/** The same object under the plain manifest's names (MetalLB config/manifests). */
function plain(object: Manifest): Manifest {
  object.metadata.name = plainName(object.metadata.name);
  relabel(object);
  if (object.roleRef) object.roleRef.name = plainName(object.roleRef.name);
  for (const subject of object.subjects ?? []) subject.name = plainName(subject.name);
  const pod = object.spec?.template?.spec;
  if (pod) pod.serviceAccountName = plainName(pod.serviceAccountName);
  for (const volume of pod?.volumes ?? [])
    if (volume.configMap) volume.configMap.name = plainName(volume.configMap.name);
  return object;
}

function plainName(name: string): string {
  // Fixed, in the chart as well: a cluster has one of each.
  if (name.startsWith("metallb-webhook-")) return name;
  return name.startsWith("metallb:") ? name.replace("metallb:", `${NAMESPACE}:`) : name.replace(/^metallb-/, "");
}

function relabel(object: Manifest): void {
  const component = object.metadata.labels?.["app.kubernetes.io/component"];
  if (object.kind === "CustomResourceDefinition") return;
  object.metadata.labels = { app: "metallb", ...(component !== undefined && { component }) };
  if (object.kind === "Service" && object.spec) object.spec.selector = { component: "controller" };
  const template = object.spec?.template;
  if (template === undefined || component === undefined) return;
  template.metadata.labels = { app: "metallb", component };
  const selector = object.spec?.selector as { matchLabels?: Record<string, string> } | undefined;
  if (selector) selector.matchLabels = { app: "metallb", component };
}
