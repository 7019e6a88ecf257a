import { at, fill, items, type Node, text } from "./fields.ts";

/**
 * Fills a PodSpec as kube-apiserver does when it reads one, in a Pod or in a template.
 *
 * @see kubernetes/pkg/apis/core/v1/defaults.go SetDefaults_PodSpec
 */
export function defaultPodSpec(spec: Node): void {
  fill(spec, {
    restartPolicy: "Always",
    dnsPolicy: "ClusterFirst",
    terminationGracePeriodSeconds: 30,
    schedulerName: "default-scheduler",
    securityContext: {},
  });
  // The two names of one field follow each other.
  if (spec["serviceAccountName"] !== undefined) spec["serviceAccount"] = spec["serviceAccountName"];
  else if (spec["serviceAccount"] !== undefined) spec["serviceAccountName"] = spec["serviceAccount"];
  for (const container of [...items(spec["containers"]), ...items(spec["initContainers"])]) {
    defaultContainer(container, spec["hostNetwork"] === true);
  }
  for (const volume of items(spec["volumes"])) defaultVolume(volume);
}

function defaultContainer(container: Node, hostNetwork: boolean): void {
  const image = text(container["image"]);
  fill(container, {
    imagePullPolicy: pullsAlways(image) ? "Always" : "IfNotPresent",
    terminationMessagePath: "/dev/termination-log",
    terminationMessagePolicy: "File",
    resources: {},
  });
  const limits = at(container, "resources", "limits");
  if (limits) {
    const resources = container["resources"] as Node;
    resources["requests"] = { ...(limits as Node), ...(resources["requests"] as Node | undefined) };
  }
  for (const port of items(container["ports"])) {
    fill(port, { protocol: "TCP", ...(hostNetwork ? { hostPort: port["containerPort"] } : {}) });
  }
  for (const variable of items(container["env"])) {
    const field = at(variable, "valueFrom", "fieldRef");
    if (field) fill(field as Node, { apiVersion: "v1" });
  }
  for (const name of ["livenessProbe", "readinessProbe", "startupProbe"]) {
    if (container[name]) defaultProbe(container[name] as Node);
  }
  for (const hook of ["postStart", "preStop"]) {
    const get = at(container, "lifecycle", hook, "httpGet");
    if (get) fill(get as Node, { path: "/", scheme: "HTTP" });
  }
}

/** No tag or `latest` is pulled each time; a digest never is. */
const pullsAlways = (image: string): boolean => {
  if (image.includes("@")) return false;
  const tag = /:([^/:]+)$/.exec(image)?.[1];
  return tag === undefined || tag === "latest";
};

function defaultProbe(probe: Node): void {
  fill(probe, { timeoutSeconds: 1, periodSeconds: 10, successThreshold: 1, failureThreshold: 3 });
  if (probe["httpGet"]) fill(probe["httpGet"] as Node, { path: "/", scheme: "HTTP" });
  if (probe["grpc"]) fill(probe["grpc"] as Node, { service: "" });
}

/** Octal 0644. */
const FILE_MODE = 420;

function defaultVolume(volume: Node): void {
  for (const source of ["secret", "configMap", "downwardAPI", "projected"]) {
    if (volume[source]) fill(volume[source] as Node, { defaultMode: FILE_MODE });
  }
  if (volume["hostPath"]) fill(volume["hostPath"] as Node, { type: "" });
  for (const source of items(at(volume, "projected", "sources"))) {
    if (source["serviceAccountToken"]) fill(source["serviceAccountToken"] as Node, { expirationSeconds: 3600 });
  }
  for (const source of [volume, ...items(at(volume, "projected", "sources"))]) {
    for (const item of items(at(source, "downwardAPI", "items"))) {
      if (item["fieldRef"]) fill(item["fieldRef"] as Node, { apiVersion: "v1" });
    }
  }
  if (Object.keys(volume).length === 1) volume["emptyDir"] = {};
}

/**
 * What admission adds to a Pod itself, not to templates: the service account, the zero priority, and five minutes of grace on a lost node.
 *
 * @see kubernetes/plugin/pkg/admission/{serviceaccount,priority,defaulttolerationseconds}
 */
export function admitPodSpec(spec: Node): void {
  fill(spec, {
    serviceAccountName: "default",
    enableServiceLinks: true,
    priority: 0,
    preemptionPolicy: "PreemptLowerPriority",
  });
  spec["serviceAccount"] = spec["serviceAccountName"];
  const tolerations = items(spec["tolerations"]);
  for (const key of ["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"]) {
    const tolerated = tolerations.some((each) => each["key"] === key || each["key"] === undefined);
    if (!tolerated) tolerations.push({ key, operator: "Exists", effect: "NoExecute", tolerationSeconds: 300 });
  }
  if (tolerations.length > 0) spec["tolerations"] = tolerations;
}
