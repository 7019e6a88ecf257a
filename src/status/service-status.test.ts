import { expect, test } from "vitest";
import { allocate } from "../allocate/allocate.ts";
import { dual, pool, service } from "../allocate/testing/world.ts";
import type { Service } from "../api/core.ts";
import type { Pool } from "../config/config.ts";
import { serviceWrites } from "./service-status.ts";

const first = pool("first", ["10.100.0.0/24"]);
const mark = "metallb.io/ip-allocated-from-pool";
const oldMark = "metallb.universe.tf/ip-allocated-from-pool";

const writesFor = (one: Service, pools: readonly Pool[] = [first]) =>
  serviceWrites(allocate({ config: { pools }, services: [one], lbClass: "" }).outcomes);

test("an assignment is one patch of status and annotation, on the version that was decided on", () => {
  const one = service("a");
  const versioned = { ...one, metadata: { ...one.metadata, resourceVersion: "7" } };
  expect(writesFor(versioned)).toEqual([
    {
      kind: "patch-status",
      object: { apiVersion: "v1", kind: "Service", namespace: "default", name: "a", uid: "uid-a" },
      body: {
        metadata: { resourceVersion: "7", annotations: { [mark]: "first" } },
        status: { loadBalancer: { ingress: [{ ip: "10.100.0.0" }] } },
      },
    },
  ]);
});

test("nothing is written when nothing changes, ipMode or not", () => {
  expect(writesFor(service("a", { has: ["10.100.0.3"] }))).toEqual([]);
});

test.each<[string, Service, readonly Pool[], unknown, unknown]>([
  [
    "an address added leaves the other with its ipMode",
    service("a", { ...dual, has: ["10.100.0.3"] }),
    [pool("first", ["10.100.0.0/24", "fd00::/64"])],
    [{ ip: "10.100.0.3", ipMode: "VIP" }, { ip: "fd00::" }],
    undefined,
  ],
  [
    "a Service that is no longer ours loses both",
    service("a", { type: "ClusterIP", has: ["10.100.0.3"] }),
    [first],
    null,
    null,
  ],
  ["so does one that can have nothing", service("a", { has: ["10.100.0.3"] }), [], null, null],
  [
    "a renamed pool changes the annotation alone",
    service("a", { has: ["10.100.0.3"], from: "old" }),
    [first],
    [{ ip: "10.100.0.3", ipMode: "VIP" }],
    "first",
  ],
  [
    "of two pools, the annotation names both",
    service("a", dual),
    [pool("p4", ["10.4.0.0/24"]), pool("p6", ["fd06::/64"])],
    [{ ip: "10.4.0.0" }, { ip: "fd06::" }],
    "p4,p6",
  ],
])("%s", (_, one, pools, ingress, annotation) => {
  expect(writesFor(one, pools)).toMatchObject([
    {
      body: {
        metadata: annotation === undefined ? {} : { annotations: { [mark]: annotation } },
        status: { loadBalancer: { ingress } },
      },
    },
  ]);
});

test("another implementation's entries stay", () => {
  const foreign = [{ ip: "192.0.2.1", ipMode: "Proxy" }, { hostname: "lb.example" }];
  const one: Service = { ...service("a"), status: { loadBalancer: { ingress: foreign } } };
  expect(writesFor(one)).toMatchObject([
    { body: { status: { loadBalancer: { ingress: [...foreign, { ip: "10.100.0.0" }] } } } },
  ]);
});

test.each<[string, Record<string, string>, Record<string, string | null>]>([
  ["gives way to today's", {}, { [mark]: "first", [oldMark]: null }],
  ["goes, where today's is there already", { [mark]: "first" }, { [oldMark]: null }],
])("a mark from before 0.14.9 %s", (_, present, annotations) => {
  const one = service("a", { has: ["10.100.0.3"] });
  const metadata = { ...one.metadata, annotations: { ...present, [oldMark]: "gone" } };
  expect(writesFor({ ...one, metadata })).toMatchObject([{ body: { metadata: { annotations } } }]);
});
