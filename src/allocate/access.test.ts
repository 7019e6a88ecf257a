import fc from "fast-check";
import { expect, test } from "vitest";
import { selectsAny } from "../api/selector.ts";
import { Access } from "./access.ts";
import { PoolSpace } from "./space.ts";
import { pool, service } from "./testing/world.ts";

const namespaces = fc.subarray(["default", "team-a", "team-b"]);
const serviceSelectors = fc.subarray([
  { matchLabels: { app: "web" } },
  { matchExpressions: [{ key: "tier", operator: "DoesNotExist" }] },
]);
const allocation = fc.record({
  priority: fc.nat(2),
  namespaces: fc.option(namespaces, { nil: undefined }),
  serviceSelectors,
});
const spaces = fc
  .array(fc.tuple(fc.boolean(), fc.option(allocation, { nil: undefined })), { maxLength: 6 })
  .map((all) =>
    all.map(
      ([autoAssign, allocated], rank) =>
        new PoolSpace(
          pool(`p${rank}`, [`10.0.${rank}.0/24`], { autoAssign, ...(allocated && { allocation: allocated }) }),
          rank,
        ),
    ),
  );
const services = fc.array(
  fc
    .tuple(
      fc.constantFrom("default", "team-a", "nowhere"),
      fc.subarray(["app", "tier", "other"]),
      fc.constantFrom("web", "db"),
    )
    .map(([namespace, labels, value]) => {
      const one = service("a", { labels: Object.fromEntries(labels.map((name) => [name, value])) });
      return { ...one, metadata: { ...one.metadata, namespace } };
    }),
  { maxLength: 12 },
);

test("a Service is offered the pools that let it in, each for itself, however many Services were asked for before", () => {
  fc.assert(
    fc.property(spaces, services, (all, some) => {
      const access = new Access(all);
      for (const one of some) {
        const letsIn = ({ pool: { allocation: limits } }: PoolSpace) =>
          (limits?.namespaces?.includes(one.metadata.namespace) ?? true) &&
          selectsAny(limits?.serviceSelectors ?? [], one.metadata.labels);
        expect(all.map((space) => access.admits(space, one))).toEqual(all.map(letsIn));
        const offered = all.filter((space) => space.pool.autoAssign && letsIn(space));
        const pinned = offered.filter((space) => space.pool.allocation);
        const general = offered.filter((space) => !space.pool.allocation);
        const { pinned: first, general: second, all: both } = access.offerTo(one);
        expect([first.spaces, second.spaces, both.spaces]).toEqual([pinned, general, [...pinned, ...general]]);
      }
    }),
  );
});
