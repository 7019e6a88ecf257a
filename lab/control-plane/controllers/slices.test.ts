import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { EndpointSliceObject, Pod, ServiceObject } from "./objects.ts";
import { endpointsSubsets, sliceChanges } from "./slices.ts";

const service = (spec: Partial<ServiceObject["spec"]> = {}): ServiceObject => ({
  apiVersion: "v1",
  kind: "Service",
  metadata: { name: "web", namespace: "default", uid: "s" },
  spec: { ipFamilies: ["IPv4"], ports: [{ name: "http", port: 80, targetPort: "http" }], ...spec },
});

const pod = (i: number, port = 8080, status: Partial<NonNullable<Pod["status"]>> = {}): Pod => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name: `p${i}`, namespace: "default", uid: `u${i}` },
  spec: { nodeName: "node1", containers: [{ name: "c", ports: [{ name: "http", containerPort: port }] }] },
  status: {
    phase: "Running",
    podIPs: [{ ip: `10.244.${Math.floor(i / 250)}.${(i % 250) + 1}` }, { ip: `fd00:244::${i.toString(16)}` }],
    conditions: [{ type: "Ready", status: "True" }],
    ...status,
  },
});

/** The slices after the changes were written. */
function applied(existing: EndpointSliceObject[], changes: ReturnType<typeof sliceChanges>): EndpointSliceObject[] {
  const updated = new Map(changes.update.map((slice) => [slice.metadata.name, slice]));
  const kept = existing.filter((slice) => !changes.remove.includes(slice));
  return [...kept.map((slice) => updated.get(slice.metadata.name) ?? slice), ...changes.create];
}

const addresses = (slices: EndpointSliceObject[]) => slices.flatMap((s) => s.endpoints.map((e) => e.addresses[0]));

describe("slices", () => {
  test("one of each family, an empty one without Pods", () => {
    const { create } = sliceChanges(service({ ipFamilies: ["IPv4", "IPv6"] }), [], []);
    expect(create.map(({ addressType, endpoints }) => [addressType, endpoints])).toEqual([
      ["IPv4", []],
      ["IPv6", []],
    ]);
  });

  test("Pods that name the port differently are in slices of their own", () => {
    const { create } = sliceChanges(service(), [pod(1), pod(2, 9090)], []);
    expect(create.map(({ ports }) => ports?.[0]?.port)).toEqual([8080, 9090]);
  });

  test("at most a hundred endpoints each; one Pod's end changes one slice", () => {
    const pods = Array.from({ length: 250 }, (_, i) => pod(i));
    const slices = applied([], sliceChanges(service(), pods, []));
    expect(slices.map((slice) => slice.endpoints.length)).toEqual([100, 100, 50]);
    const changes = sliceChanges(service(), pods.slice(1), slices);
    expect([changes.create.length, changes.update.length, changes.remove.length]).toEqual([0, 1, 0]);
  });

  test("whatever the Pods were before, the slices hold exactly those of now, and a second look changes nothing", () => {
    const some = fc.uniqueArray(fc.integer({ min: 0, max: 240 }), { maxLength: 240 });
    fc.assert(
      fc.property(some, some, (before, after) => {
        const first = applied(
          [],
          sliceChanges(
            service(),
            before.map((i) => pod(i)),
            [],
          ),
        );
        const pods = after.map((i) => pod(i));
        const second = applied(first, sliceChanges(service(), pods, first));
        expect(new Set(addresses(second))).toEqual(new Set(pods.map((p) => p.status?.podIPs?.[0]?.ip)));
        expect(addresses(second)).toHaveLength(after.length);
        expect(Math.max(0, ...second.map((slice) => slice.endpoints.length))).toBeLessThanOrEqual(100);
        expect(sliceChanges(service(), pods, second)).toEqual({ create: [], update: [], remove: [] });
      }),
      { numRuns: 30 },
    );
  });

  test("publishNotReadyAddresses makes unready endpoints ready, not serving", () => {
    const unready = pod(1, 8080, { conditions: [{ type: "Ready", status: "False" }] });
    const { create } = sliceChanges(service({ publishNotReadyAddresses: true }), [unready], []);
    expect(create[0]?.endpoints[0]?.conditions).toEqual({ ready: true, serving: false, terminating: false });
  });

  test("Endpoints tell ready and unready apart, in the first family", () => {
    const unready = pod(2, 8080, { conditions: [] });
    expect(endpointsSubsets(service(), [pod(1), unready])).toMatchObject([
      {
        addresses: [{ ip: "10.244.0.2" }],
        notReadyAddresses: [{ ip: "10.244.0.3" }],
        ports: [{ name: "http", port: 8080 }],
      },
    ]);
  });
});
