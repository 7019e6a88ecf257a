import { advertisement, pool, service } from "./manifests.ts";
import { apply, both, kubectl, type Scenario } from "./scenario.ts";

/** Which address a Service has, and that the route follows it. */

const addressOf = (name: string): string => `get service ${name} -o jsonpath={.status.loadBalancer.ingress[*].ip}`;
const asks = (address: string): string => `annotations:\n  metallb.io/loadBalancerIPs: ${address}`;

export const addresses: readonly Scenario[] = [
  {
    name: "an address asked for by annotation",
    shows: "10.100.0.77",
    manifests: [advertisement("web"), service("asking", "", asks("10.100.0.77"))],
    holds: { tor: { "10.100.0.77/32": both() }, pages: ["10.100.0.77"] },
  },
  {
    name: "an address asked for by loadBalancerIP",
    shows: "10.100.0.78",
    manifests: [advertisement("web"), service("asking-spec", "loadBalancerIP: 10.100.0.78")],
    holds: { tor: { "10.100.0.78/32": both() }, pages: ["10.100.0.78"] },
  },
  {
    name: "another address",
    shows: "the new address in place of the old",
    manifests: [advertisement("web"), service("moving", "", asks("10.100.0.77"))],
    holds: { tor: { "10.100.0.77/32": both() } },
    next: [
      {
        does: "another is asked for",
        acts: [apply(service("moving", "", asks("10.100.0.79")))],
        holds: { tor: { "10.100.0.79/32": both() }, pages: ["10.100.0.79"] },
      },
    ],
  },
  {
    name: "an address that another has",
    shows: "the first one's route alone; the second waits, with the reason in its events, and gets it when it is free",
    manifests: [
      advertisement("web"),
      service("first", "", asks("10.100.0.77")),
      service("late", "", asks("10.100.0.77")),
    ],
    holds: {
      tor: { "10.100.0.77/32": both() },
      says: { "describe service late": "can't change sharing key" },
    },
    next: [
      {
        does: "the first goes",
        acts: [kubectl("delete", "service", "first")],
        holds: { tor: { "10.100.0.77/32": both() }, says: { [addressOf("late")]: "10.100.0.77" } },
      },
    ],
  },
  {
    name: "an address that two Services share",
    shows: "one route as long as one of the two is there",
    manifests: [
      advertisement("web"),
      service(
        "sharing",
        "",
        "annotations:\n  metallb.io/allow-shared-ip: one\n  metallb.io/loadBalancerIPs: 10.100.0.80",
      ),
      service(
        "other",
        "",
        "annotations:\n  metallb.io/allow-shared-ip: one\n  metallb.io/loadBalancerIPs: 10.100.0.80",
      ).replace("port: 80", "port: 8080\n      targetPort: 80"),
    ],
    holds: {
      tor: { "10.100.0.80/32": both() },
      pages: ["10.100.0.80", "10.100.0.80:8080"],
      says: { [addressOf("sharing")]: "10.100.0.80", [addressOf("other")]: "10.100.0.80" },
    },
    next: [
      {
        does: "one of them goes",
        acts: [kubectl("delete", "service", "sharing")],
        holds: { tor: { "10.100.0.80/32": both() }, pages: ["10.100.0.80:8080"] },
      },
      {
        does: "the other goes",
        acts: [kubectl("delete", "service", "other")],
        holds: { tor: {} },
      },
    ],
  },
  {
    name: "a Service of another load balancer's class",
    shows: "nothing of it; it has no address",
    manifests: [advertisement("web"), service("foreign", "loadBalancerClass: example.com/other"), service("common")],
    holds: { tor: { "10.100.0.0/32": both() }, says: { "get service foreign": "<pending>" } },
  },
  {
    name: "a Service that is no load balancer any more",
    shows: "nothing of it once it is a ClusterIP",
    manifests: [advertisement("web"), service("demoted")],
    holds: { tor: { "10.100.0.0/32": both() } },
    next: [
      {
        does: "another type",
        acts: [kubectl("patch", "service", "demoted", "-p", '{"spec":{"type":"ClusterIP"}}')],
        holds: { tor: {} },
      },
    ],
  },
  {
    name: "a pool that is deleted",
    shows: "nothing while the pool is gone; the same address when it is back, though another Service came first",
    manifests: [
      pool("small", "addresses: [10.101.0.0/24]"),
      advertisement("web"),
      service("pooled", "", "annotations:\n  metallb.io/address-pool: small"),
    ],
    holds: { tor: { "10.101.0.0/32": both() } },
    next: [
      {
        does: "the pool goes, and a Service comes that wants it too",
        acts: [
          kubectl("delete", "ipaddresspool", "small", "-n", "metallb-system"),
          apply(service("another", "", "annotations:\n  metallb.io/address-pool: small")),
        ],
        holds: { tor: {}, says: { "get service another pooled": "<pending>" } },
      },
      {
        does: "the pool is back",
        acts: [apply(pool("small", "addresses: [10.101.0.0/24]"))],
        holds: {
          tor: { "10.101.0.0/32": both(), "10.101.0.1/32": both() },
          says: { [addressOf("pooled")]: "10.101.0.0", [addressOf("another")]: "10.101.0.1" },
        },
      },
      {
        does: "the other goes",
        acts: [kubectl("delete", "service", "another")],
        holds: { tor: { "10.101.0.0/32": both() } },
      },
    ],
  },
  {
    name: "a pool that nobody gets without asking",
    shows: "the address of the Service that names it; the other's is of the common pool",
    manifests: [
      pool("kept", "addresses: [10.101.0.0/24]\nautoAssign: false"),
      advertisement("web"),
      service("ordinary"),
      service("asking", "", "annotations:\n  metallb.io/address-pool: kept"),
    ],
    holds: { tor: { "10.100.0.0/32": both(), "10.101.0.0/32": both() } },
  },
];
