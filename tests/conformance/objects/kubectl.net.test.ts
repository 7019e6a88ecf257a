import { bgpPeerV1beta1 } from "../../../src/api/kinds/bgp-peer-v1beta1.ts";
import { omit } from "../../../src/std/omit.ts";
import { beforeAll, describe, expect, test } from "vitest";
import { type Applied, type AppliedCase, applyTable, type Cluster, withJudgement, withoutWebhooks } from "./kubectl.ts";
import { type ObjectCase, plain } from "./object-case.ts";
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
  const admits = cluster.admit !== undefined;
  let applied: Applied;
  beforeAll(async () => {
    applied = await applyTable(cluster);
  });

  test.each(table.map((one, i) => [titleOf(one), one, i] as const))("%s", (_, one, i) => {
    const { error, object, asV1beta1, world } = applied.cases[i] as AppliedCase;
    const words = refusal(one);
    if (words !== undefined) {
      expect(error ?? "accepted").toContain(words);
      return;
    }
    expect(error).toBeUndefined();
    if (one.stored) expect(partOf(object?.["spec"], one.stored)).toEqual(one.stored);
    if (one.status) expect(partOf(object?.["status"], one.status)).toEqual(one.status);
    if (one.kind.version === bgpPeerV1beta1.version && one.kind.kind === bgpPeerV1beta1.kind) {
      const sent = omit(plain(one.spec) as { readonly peerPort?: number }, isDefaultPort(one) ? ["peerPort"] : []);
      expect(partOf(asV1beta1?.["spec"], sent)).toEqual(sent);
    }
    const namespace = cluster.namespaceOf(i);
    if (isRead(one.kind.kind)) expectReading(one, snapshotOf(world, namespace));
  });

  test("what is accepted with a warning is printed with it", () => {
    const said = table.filter((one) => refusal(one) === undefined).flatMap(({ warns = [] }) => warns);
    for (const words of admits ? said : []) expect(applied.warnings).toContain(words);
    expect(applied.warnings).toContain("v1beta1 is deprecated");
  });
});

/** Port 0 of v1beta1 is the default, and is read back as what that is. */
const isDefaultPort = ({ spec }: ObjectCase): boolean => (spec as { readonly peerPort?: number }).peerPort === 0;
