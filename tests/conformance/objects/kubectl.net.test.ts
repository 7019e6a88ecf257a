import { beforeAll, describe, expect, test } from "vitest";
import { type Applied, applyTable, type Cluster, withJudgement, withoutWebhooks } from "./kubectl.ts";
import type { ObjectCase } from "./object-case.ts";
import { table, titleOf } from "./table.ts";
import { expectReading, isRead, partOf, snapshotOf } from "./world.ts";

interface Pass {
  readonly name: string;
  readonly cluster: Cluster;
  /** Words of the refusal that kubectl must print; `undefined`: the API takes the object. */
  readonly refusal: (one: ObjectCase) => string | undefined;
}

const passes: readonly Pass[] = [
  { name: "kubectl apply, webhooks off", cluster: withoutWebhooks, refusal: ({ schema }) => schema },
  {
    name: "kubectl apply, webhooks on",
    cluster: withJudgement,
    refusal: ({ schema, refused, later }) => schema ?? (later ? undefined : refused),
  },
];

describe.each(passes)("$name", ({ cluster, refusal }) => {
  let applied: readonly Applied[];
  beforeAll(async () => {
    applied = await applyTable(cluster);
  });

  test.each(table.map((one, i) => [titleOf(one), one, i] as const))("%s", (_, one, i) => {
    const { error, object, world } = applied[i] as Applied;
    const words = refusal(one);
    if (words !== undefined) {
      expect(error ?? "accepted").toContain(words);
      return;
    }
    expect(error).toBeUndefined();
    if (one.stored) expect(partOf(object?.["spec"], one.stored)).toEqual(one.stored);
    if (one.status) expect(partOf(object?.["status"], one.status)).toEqual(one.status);
    const namespace = cluster.namespaceOf(i);
    if (isRead(one.kind.kind)) expectReading(one, snapshotOf(world, namespace));
  });
});
