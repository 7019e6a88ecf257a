import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { ServiceObject } from "../controllers/objects.ts";
import { createServiceAddresses } from "./service-ip.ts";

const service = (name: string, spec: Partial<ServiceObject["spec"]> = {}): ServiceObject => ({
  apiVersion: "v1",
  kind: "Service",
  metadata: { name, namespace: "default" },
  spec: { type: "ClusterIP", ports: [{ port: 80, protocol: "TCP" }], ...structuredClone(spec) },
});

/** Prepares, as a create does; returns the same object. */
function prepared(addresses: ReturnType<typeof createServiceAddresses>, made: ServiceObject, old?: ServiceObject) {
  addresses.prepare(made, old);
  return made;
}

describe("cluster addresses", () => {
  test("a plain Service is single stack, with the first range's family", () => {
    const { spec } = prepared(createServiceAddresses(), service("a"));
    expect(spec.ipFamilyPolicy).toBe("SingleStack");
    expect(spec.ipFamilies).toEqual(["IPv4"]);
    expect(spec.clusterIP).toMatch(/^10\.96\./);
    expect(spec.clusterIPs).toEqual([spec.clusterIP]);
  });

  test.each(["PreferDualStack", "RequireDualStack"])("%s gives one of each family", (ipFamilyPolicy) => {
    const { spec } = prepared(createServiceAddresses(), service("a", { ipFamilyPolicy }));
    expect(spec.ipFamilies).toEqual(["IPv4", "IPv6"]);
    expect(spec.clusterIPs?.[1]).toMatch(/^fd00:10:96::/);
  });

  test("families are given in the order asked", () => {
    const { spec } = prepared(createServiceAddresses(), service("a", { ipFamilies: ["IPv6", "IPv4"] }));
    expect(spec.ipFamilyPolicy).toBe("RequireDualStack");
    expect(spec.clusterIP).toMatch(/^fd00:/);
  });

  test("RequireDualStack on a single-stack cluster is refused", () => {
    const addresses = createServiceAddresses({ cidrs: ["10.96.0.0/16"] });
    expect(() => prepared(addresses, service("a", { ipFamilyPolicy: "RequireDualStack" }))).toThrow(
      'Service "a" is invalid: spec.ipFamilyPolicy: Invalid value: "RequireDualStack": this cluster is not configured for dual-stack services',
    );
  });

  test("headless stays without address, ExternalName loses all fields", () => {
    const headless = prepared(createServiceAddresses(), service("a", { clusterIP: "None", selector: { a: "b" } }));
    expect(headless.spec).toMatchObject({ clusterIP: "None", clusterIPs: ["None"], ipFamilies: ["IPv4"] });
    const external = prepared(createServiceAddresses(), service("b", { type: "ExternalName", ports: [] }));
    expect(external.spec).toEqual({ type: "ExternalName", ports: [] });
  });

  test("an address that someone holds, or outside the range, is refused in kube-apiserver's words", () => {
    const addresses = createServiceAddresses();
    prepared(addresses, service("a", { clusterIP: "10.96.0.10" }));
    expect(() => prepared(addresses, service("b", { clusterIP: "10.96.0.10" }))).toThrow(
      'Service "b" is invalid: spec.clusterIPs: Invalid value: []string{"10.96.0.10"}: failed to allocate IP 10.96.0.10: provided IP is already allocated',
    );
    expect(() => prepared(addresses, service("b", { clusterIP: "10.1.0.1" }))).toThrow(
      "failed to allocate IP 10.1.0.1: the provided IP (10.1.0.1) is not in the valid range. The range of valid IPs is 10.96.0.0/16",
    );
  });

  test("the first address never changes; left out, it is kept; the second comes and goes with the policy", () => {
    const addresses = createServiceAddresses();
    const old = prepared(addresses, service("a"));
    expect(prepared(addresses, service("a"), old).spec.clusterIP).toBe(old.spec.clusterIP);
    const other = () => prepared(addresses, service("a", { clusterIP: "10.96.9.9" }), old);
    expect(other).toThrow('spec.clusterIPs[0]: Invalid value: []string{"10.96.9.9"}: may not change once set');
    const dual = prepared(addresses, service("a", { ipFamilyPolicy: "PreferDualStack" }), old);
    expect(dual.spec.clusterIPs).toHaveLength(2);
    const single = prepared(addresses, service("a", { ...dual.spec, ipFamilyPolicy: "SingleStack" }), dual);
    expect(single.spec.clusterIPs).toEqual([old.spec.clusterIP]);
  });

  test("a promise that no write kept lapses after the longest webhook time", () => {
    let now = 0;
    const addresses = createServiceAddresses({ now: () => now });
    prepared(addresses, service("a", { clusterIP: "10.96.0.10" }));
    now = 30_000;
    expect(prepared(addresses, service("b", { clusterIP: "10.96.0.10" })).spec.clusterIP).toBe("10.96.0.10");
  });

  test("no two Services share an address or a port, until the range is full", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 12 }), (count) => {
        const addresses = createServiceAddresses({
          cidrs: ["10.0.0.0/28"],
          nodePorts: { first: 30_000, last: 30_020 },
        });
        const specs = Array.from({ length: count }, (_, i) => {
          try {
            return prepared(addresses, service(`s${i}`, { type: "NodePort" })).spec;
          } catch (error) {
            expect(String(error)).toContain("range is full");
            return undefined;
          }
        }).filter((spec) => spec !== undefined);
        expect(new Set(specs.map((spec) => spec.clusterIP)).size).toBe(specs.length);
        expect(new Set(specs.map((spec) => spec.ports?.[0]?.nodePort)).size).toBe(specs.length);
      }),
      { numRuns: 20 },
    );
  });
});

describe("node ports", () => {
  test("allocated for NodePort and LoadBalancer, shared by TCP and UDP of one port", () => {
    const ports = [
      { name: "a", port: 53, protocol: "TCP" },
      { name: "b", port: 53, protocol: "UDP" },
    ];
    const { spec } = prepared(createServiceAddresses(), service("a", { type: "LoadBalancer", ports }));
    expect(spec.ports?.[0]?.nodePort).toBeGreaterThanOrEqual(30_086);
    expect(spec.ports?.[1]?.nodePort).toBe(spec.ports?.[0]?.nodePort);
  });

  test("taken or out of range: refused, naming the field", () => {
    const addresses = createServiceAddresses();
    const asking = (name: string, nodePort: number) =>
      service(name, { type: "NodePort", ports: [{ port: 80, protocol: "TCP", nodePort }] });
    prepared(addresses, asking("a", 30_080));
    expect(() => prepared(addresses, asking("b", 30_080))).toThrow(
      "spec.ports[0].nodePort: Invalid value: 30080: provided port is already allocated",
    );
    expect(() => prepared(addresses, asking("b", 80))).toThrow(
      "spec.ports[0].nodePort: Invalid value: 80: provided port is not in the valid range. The range of valid ports is 30000-32767",
    );
  });

  test("kept over updates, dropped with the type", () => {
    const addresses = createServiceAddresses();
    const old = prepared(addresses, service("a", { type: "NodePort" }));
    const kept = prepared(addresses, service("a", { type: "LoadBalancer" }), old);
    expect(kept.spec.ports?.[0]?.nodePort).toBe(old.spec.ports?.[0]?.nodePort);
    const dropped = prepared(addresses, service("a", { ...kept.spec, type: "ClusterIP" }), kept);
    expect(dropped.spec.ports?.[0]?.nodePort).toBeUndefined();
  });

  test("a health check port only for LoadBalancer with policy Local", () => {
    const addresses = createServiceAddresses();
    const local = prepared(addresses, service("a", { type: "LoadBalancer", externalTrafficPolicy: "Local" }));
    expect(local.spec.healthCheckNodePort).toBeGreaterThan(30_000);
    expect(local.spec.healthCheckNodePort).not.toBe(local.spec.ports?.[0]?.nodePort);
    const cluster = prepared(
      addresses,
      service("a", { type: "LoadBalancer", externalTrafficPolicy: "Cluster" }),
      local,
    );
    expect(cluster.spec.healthCheckNodePort).toBeUndefined();
  });
});
