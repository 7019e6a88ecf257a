import { defaultNamespace } from "../../../src/api/names.ts";

/** YAML as users write it; `spec` is the text below `spec:`. */

/** An object of MetalLB's namespace. */
const metallb = (version: string, kind: string, name: string, spec: string, metadata = ""): string =>
  `apiVersion: metallb.io/${version}
kind: ${kind}
metadata:
  name: ${name}
  namespace: ${defaultNamespace}${below(2, metadata)}
spec:${spec.trim() === "" ? " {}" : below(2, spec)}
`;

/** Text on lines of its own, so far to the right. */
function below(columns: number, text: string): string {
  const lines = text.split("\n").filter((line) => line.trim() !== "");
  const margin = Math.min(...lines.map((line) => line.search(/\S/)));
  return lines.map((line) => `\n${" ".repeat(columns)}${line.slice(margin)}`).join("");
}

export const pool = (name: string, spec: string, metadata?: string): string =>
  metallb("v1beta1", "IPAddressPool", name, spec, metadata);
export const advertisement = (name: string, spec = ""): string => metallb("v1beta1", "BGPAdvertisement", name, spec);
export const community = (name: string, spec: string): string => metallb("v1beta1", "Community", name, spec);
export const bfdProfile = (name: string, spec: string): string => metallb("v1beta1", "BFDProfile", name, spec);
export const peer = (name: string, spec: string, metadata?: string): string =>
  metallb("v1beta2", "BGPPeer", name, spec, metadata);

/** A Secret with a session's password. */
export const secret = (name: string, password: string): string => `apiVersion: v1
kind: Secret
metadata:
  name: ${name}
  namespace: ${defaultNamespace}
type: kubernetes.io/basic-auth
stringData:
  password: ${password}
`;

/**
 * A Service of type LoadBalancer before the pods with `app: web`.
 *
 * Each scenario has a name of its own for it: what the controller writes to one name again and again, it writes ever later
 * (src/runtime/attempts.ts).
 */
export const service = (name: string, spec = "", metadata = ""): string => `apiVersion: v1
kind: Service
metadata:
  name: ${name}${below(2, metadata)}
spec:
  type: LoadBalancer
  ports:
    - port: 80${below(2, spec)}${spec.includes("selector:") ? "" : "\n  selector:\n    app: web"}
`;

/** The field by which a BGPPeer or a BGPAdvertisement is one node's. */
export const onNode = (name: string): string => `nodeSelectors:
  - matchLabels:
      kubernetes.io/hostname: ${name}`;

/** A session more of each node, with the second router. `spec` has what differs, line by line. */
export const toSpine = (spec: string): string => {
  const usual = { myASN: "64513", peerAddress: "10.0.0.2", connectTime: "1s" };
  const has = (field: string): boolean => new RegExp(`^${field}:`, "m").test(spec);
  const rest = Object.entries(usual).filter(([field]) => !has(field) && !(field === "peerAddress" && has("interface")));
  return peer("spine", [...rest.map(([field, value]) => `${field}: ${value}`), spec].join("\n"));
};

/** The field by which pods run on one node. */
export const onlyOn = (node: string): string => `nodeSelector:
  kubernetes.io/hostname: ${node}`;

/** A Deployment with one pod, which serves a page. `container` is added to its container's fields. */
export const pods = (name: string, podSpec = "", container = ""): string =>
  workload("Deployment", name, podSpec, container);

/** A page on each node. */
export const webPods = workload("DaemonSet", "web");

function workload(kind: string, name: string, podSpec = "", container = ""): string {
  return `apiVersion: apps/v1
kind: ${kind}
metadata:
  name: ${name}
spec:
  selector:
    matchLabels:
      app: ${name}
  template:
    metadata:
      labels:
        app: ${name}
    spec:
      terminationGracePeriodSeconds: 1${below(6, podSpec)}
      containers:
        - name: nginx
          image: nginx${below(10, container)}
`;
}

/** What every scenario finds: addresses and a session with the first router. Nothing is announced yet. */
export const shared: readonly string[] = [
  pool(
    "addresses",
    `
    addresses:
      - 10.100.0.0/24
      - fd00:100::/120
    `,
  ),
  peer(
    "tor",
    `
    myASN: 64513
    peerASN: 64512
    peerAddress: 10.0.0.1
    connectTime: 1s
    `,
  ),
];
