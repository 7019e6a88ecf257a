import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { EndpointSliceObject, ServiceObject, SliceEndpoint } from "../control-plane/controllers/objects.ts";
import { type ProxyInput, renderRules } from "./rules.ts";

const service = (name: string, spec: Partial<ServiceObject["spec"]> = {}, ingress: string[] = []): ServiceObject => ({
  apiVersion: "v1",
  kind: "Service",
  metadata: { name, namespace: "default" },
  spec: {
    type: ingress.length > 0 ? "LoadBalancer" : "ClusterIP",
    clusterIP: "10.96.0.10",
    clusterIPs: ["10.96.0.10"],
    ports: [{ name: "http", port: 80, protocol: "TCP", targetPort: "web" }],
    ...spec,
  },
  status: { loadBalancer: { ingress: ingress.map((ip) => ({ ip })) } },
});

const slice = (name: string, endpoints: SliceEndpoint[], port = 8080): EndpointSliceObject => ({
  apiVersion: "discovery.k8s.io/v1",
  kind: "EndpointSlice",
  metadata: { name: `${name}-1`, namespace: "default", labels: { "kubernetes.io/service-name": name } },
  addressType: "IPv4",
  endpoints,
  ports: [{ name: "http", protocol: "TCP", port }],
});

const on = (nodeName: string, address: string, conditions = {}): SliceEndpoint => ({
  addresses: [address],
  nodeName,
  conditions: { ready: true, serving: true, terminating: false, ...conditions },
});

const render = (input: Partial<ProxyInput>): string =>
  renderRules({
    node: "node1",
    services: [],
    endpointSlices: [],
    localAddresses: ["10.0.0.11"],
    podCIDRs: ["10.244.0.0/16"],
    ...input,
  });

describe("rules", () => {
  test("a cluster address balances over the endpoints, at the port that the slice resolved", () => {
    const slices = [slice("a", [on("node1", "10.244.1.2"), on("node2", "10.244.2.2")])];
    const text = render({ services: [service("a")], endpointSlices: slices });
    expect(text).toContain("dnat ip to numgen random mod 2 map { 0 : 10.244.1.2 . 8080, 1 : 10.244.2.2 . 8080 }");
    expect(text).toMatch(/10\.96\.0\.10 \. tcp \. 80 : goto in4-/);
  });

  test("ClientIP affinity hashes the client", () => {
    const slices = [slice("a", [on("node1", "10.244.1.2"), on("node2", "10.244.2.2")])];
    const text = render({ services: [service("a", { sessionAffinity: "ClientIP" })], endpointSlices: slices });
    expect(text).toContain("jhash ip saddr mod 2 seed 0x6c6162 map");
  });

  test("policy Local keeps to this node; nobody here is silence, nobody at all a refusal", () => {
    const local = (endpoints: SliceEndpoint[]) =>
      render({
        services: [service("a", { externalTrafficPolicy: "Local" }, ["10.100.0.1"])],
        endpointSlices: [slice("a", endpoints)],
      });
    expect(local([on("node1", "10.244.1.2"), on("node2", "10.244.2.2")])).toContain("dnat ip to 10.244.1.2:8080");
    expect(local([on("node2", "10.244.2.2")])).toContain("10.100.0.1 . tcp . 80 : goto nobody-here");
    expect(local([])).toContain("10.100.0.1 . tcp . 80 : goto nobody\n".trim());
    expect(local([])).toContain("10.96.0.10 . tcp . 80 : goto nobody");
  });

  test("endpoints that serve while they end are used when no other is left", () => {
    const ending = { ready: false, serving: true, terminating: true };
    const both = [on("node1", "10.244.1.2", ending), on("node1", "10.244.1.3")];
    expect(render({ services: [service("a")], endpointSlices: [slice("a", both)] })).toContain(
      "dnat ip to 10.244.1.3:8080",
    );
    const last = [on("node1", "10.244.1.2", ending), on("node1", "10.244.1.3", { ready: false, serving: false })];
    expect(render({ services: [service("a")], endpointSlices: [slice("a", last)] })).toContain(
      "dnat ip to 10.244.1.2:8080",
    );
  });

  test("Services with the same Pods share one chain", () => {
    const services = Array.from({ length: 100 }, (_, i) =>
      service(`s${i}`, { clusterIPs: [`10.96.1.${i}`], clusterIP: `10.96.1.${i}` }),
    );
    const slices = services.map(({ metadata }) => slice(metadata.name, [on("node1", "10.244.1.2")]));
    expect(render({ services, endpointSlices: slices }).match(/chain in4-/g)).toHaveLength(1);
  });

  test("the order of objects does not reach the text", () => {
    const services = Array.from({ length: 6 }, (_, i) => service(`s${i}`, { clusterIPs: [`10.96.1.${i}`] }));
    const slices = services.map(({ metadata }, i) => slice(metadata.name, [on("node1", `10.244.1.${i}`)]));
    const expected = render({ services, endpointSlices: slices });
    const shuffled = <T>(items: T[]) => fc.shuffledSubarray(items, { minLength: items.length });
    fc.assert(
      fc.property(shuffled(services), shuffled(slices), (some, others) => {
        expect(render({ services: some, endpointSlices: others })).toBe(expected);
      }),
      { numRuns: 20 },
    );
  });

  test("headless and ExternalName Services, and load balancers that proxy, leave no trace", () => {
    const empty = render({});
    const headless = service("a", { clusterIP: "None", clusterIPs: ["None"] });
    const external = service("b", { type: "ExternalName" });
    expect(render({ services: [headless, external], endpointSlices: [] })).toBe(empty);
    const proxied = service("c", {}, ["10.100.0.1"]);
    proxied.status = { loadBalancer: { ingress: [{ ip: "10.100.0.1", ipMode: "Proxy" }] } };
    expect(render({ services: [proxied] })).not.toContain("10.100.0.1");
  });
});
