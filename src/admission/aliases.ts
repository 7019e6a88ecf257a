import type { Community } from "../api/kinds/community.ts";
import { aliasesOf } from "../config/communities.ts";

/** The Communities with those of their entries that count: an alias that is refused to one is free for another. */
export function entriesInForce(communities: readonly Community[]): readonly Community[] {
  const refused = aliasesOf(communities).problems.filter(({ severity }) => severity === "refused");
  if (refused.length === 0) return communities;
  const fields = new Set(refused.map(({ object, field }) => `${object.name} ${field}`));
  const counts = (name: string, i: number): boolean => {
    const path = `${name} spec.communities[${i}]`;
    return ![path, `${path}.name`, `${path}.value`].some((field) => fields.has(field));
  };
  return communities.map((object) => {
    const entries: unknown = object.spec?.communities;
    if (!Array.isArray(entries)) return object;
    const kept = (entries as NonNullable<NonNullable<Community["spec"]>["communities"]>).filter((_, i) =>
      counts(object.metadata.name, i),
    );
    return { ...object, spec: { ...object.spec, communities: kept } };
  });
}
