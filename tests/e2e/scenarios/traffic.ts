import { advertisement, onlyOn, pods, service } from "./manifests.ts";
import { apply, both, kubectl, type Scenario } from "./scenario.ts";

/** Which nodes announce: traffic policies, endpoints, and what is known of the node. */

const web = "10.100.0.0/32";
const excluded = "node.kubernetes.io/exclude-from-external-load-balancers";
const local = "externalTrafficPolicy: Local";
const own = "selector:\n  app: own";

/** An EndpointSlice as another controller may write it, of a Service without selector. */
const slice = (address: string, node: string, conditions: string): string => `apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata:
  name: web-by-hand
  labels:
    kubernetes.io/service-name: draining
addressType: IPv4
ports:
  - port: 80
endpoints:
  - addresses: ["${address}"]
    nodeName: ${node}
    conditions: ${conditions}
`;

export const traffic: readonly Scenario[] = [
  {
    name: "policy Local, pods on one node",
    shows: "the address from node1, where the pod is; from node2 once a pod is there alone",
    manifests: [advertisement("web"), pods("own", onlyOn("node1")), service("local", `${local}\n${own}`)],
    holds: { tor: { [web]: { node1: {} } }, pages: ["10.100.0.0"] },
    next: [
      {
        does: "the pod moves to node2",
        acts: [apply(pods("own", onlyOn("node2")))],
        holds: { tor: { [web]: { node2: {} } }, pages: ["10.100.0.0"] },
      },
    ],
  },
  {
    name: "policy Cluster, pods on one node",
    shows: "the address from both nodes",
    manifests: [advertisement("web"), pods("own", onlyOn("node1")), service("cluster", own)],
    holds: { tor: { [web]: both() }, pages: ["10.100.0.0"] },
  },
  {
    name: "the last pod goes",
    shows: "nothing without pods; the address again with one",
    manifests: [advertisement("web"), pods("own"), service("lonely", own)],
    holds: { tor: { [web]: both() } },
    next: [
      {
        does: "no pods",
        acts: [kubectl("scale", "deployment/own", "--replicas=0")],
        holds: { tor: {} },
      },
      {
        does: "a pod",
        acts: [kubectl("scale", "deployment/own", "--replicas=1")],
        holds: { tor: { [web]: both() }, pages: ["10.100.0.0"] },
      },
    ],
  },
  {
    name: "a pod that is not ready",
    shows: "nothing until its readiness probe succeeds; nothing once it fails",
    manifests: [
      advertisement("web"),
      pods(
        "own",
        "",
        `
        readinessProbe:
          exec:
            command: [test, -e, /tmp/ready]
          periodSeconds: 1
          failureThreshold: 1
          timeoutSeconds: 10
        `,
      ),
      service("unready", own),
    ],
    holds: {
      tor: {},
      says: { "get pods -l app=own": "0/1 Running" },
    },
    next: [
      {
        does: "the probe succeeds",
        acts: [kubectl("exec", "deployment/own", "--", "touch", "/tmp/ready")],
        holds: { tor: { [web]: both() }, pages: ["10.100.0.0"] },
      },
      {
        does: "the probe fails",
        acts: [kubectl("exec", "deployment/own", "--", "rm", "/tmp/ready")],
        holds: { tor: {} },
      },
    ],
  },
  {
    name: "an endpoint that drains",
    shows: "the address while the endpoint still serves, although it is terminating; nothing once it does not",
    manifests: [
      advertisement("web"),
      service("draining", `${local}\nselector:`),
      slice("10.244.1.200", "node1", "{ready: true, serving: true, terminating: false}"),
    ],
    holds: { tor: { [web]: { node1: {} } } },
    next: [
      {
        does: "it begins to drain, and a ready one is on node2",
        acts: [
          apply(
            slice("10.244.1.200", "node1", "{ready: false, serving: true, terminating: true}"),
            slice("10.244.2.200", "node2", "{ready: true}").replace("web-by-hand", "web-new"),
          ),
        ],
        holds: { tor: { [web]: both() } },
      },
      {
        does: "it serves no more",
        acts: [apply(slice("10.244.1.200", "node1", "{ready: false, serving: false, terminating: true}"))],
        holds: { tor: { [web]: { node2: {} } } },
      },
      {
        does: "the other goes",
        acts: [kubectl("delete", "endpointslice", "web-new")],
        holds: { tor: {} },
      },
    ],
  },
  {
    name: "a node that is labelled to be left out",
    shows: "the address from node2 alone while node1 has the label",
    manifests: [advertisement("web"), service("excluded")],
    holds: { tor: { [web]: both() } },
    next: [
      {
        does: "the label comes",
        acts: [kubectl("label", "node", "node1", `${excluded}=`)],
        holds: { tor: { [web]: { node2: {} } }, pages: ["10.100.0.0"] },
      },
      {
        does: "the label goes",
        acts: [kubectl("label", "node", "node1", `${excluded}-`)],
        holds: { tor: { [web]: both() } },
      },
    ],
    undo: [kubectl("label", "node", "node1", `${excluded}-`)],
  },
  {
    name: "a node without network",
    shows: "the address from node1 alone while node2's condition NetworkUnavailable is True",
    manifests: [advertisement("web"), service("cut")],
    holds: { tor: { [web]: both() } },
    next: [
      {
        does: "the network is gone",
        acts: [networkUnavailable("True")],
        holds: { tor: { [web]: { node1: {} } } },
      },
      {
        does: "nobody knows",
        acts: [networkUnavailable("Unknown")],
        holds: { tor: { [web]: both() } },
      },
    ],
    undo: [networkUnavailable("False")],
  },
];

/** As a network plugin says it. */
function networkUnavailable(status: string) {
  const condition = { type: "NetworkUnavailable", status, reason: "Test", message: "as a network plugin says it" };
  const change = JSON.stringify({ status: { conditions: [condition] } });
  return kubectl("patch", "node", "node2", "--subresource=status", "--type=strategic", "-p", change);
}
