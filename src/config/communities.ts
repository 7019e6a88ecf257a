import { type Community, communityAlias } from "../api/kinds/community.ts";
import type { Problem } from "../api/problem.ts";
import { isRefused, problemOf, readField } from "../api/read.ts";
import { refused } from "../api/rules.ts";
import type { CommunityValue } from "../net/community.ts";
import { compareAge } from "./settle.ts";

/** What each alias stands for. A wrong entry is left out; the object's other entries, and other objects, stay. */
export interface Aliases {
  readonly values: ReadonlyMap<string, CommunityValue>;
  readonly problems: readonly Problem[];
}

/** When a name is given twice, the older object has it. MetalLB internal/config/config.go, communitiesFromCrs. */
export function aliasesOf(objects: readonly Community[]): Aliases {
  const values = new Map<string, CommunityValue>();
  const owners = new Map<string, string>();
  const problems = objects.toSorted(compareAge).flatMap((object) => {
    const entries = entriesOf(object);
    if (!entries) return [problemOf(object, noList)];
    return entries.flatMap((entry, i) => {
      const path = `spec.communities[${i}]`;
      const { value: alias, problems: found } = readField(communityAlias, entry, path);
      const owner = alias && owners.get(alias.name);
      const all = owner === undefined ? found : [...found, duplicate(`${path}.name`, alias?.name ?? "", owner)];
      if (alias?.value && !isRefused(all)) {
        values.set(alias.name, alias.value);
        owners.set(alias.name, object.metadata.name);
      }
      return all.map((problem) => problemOf(object, problem));
    });
  });
  return { values, problems };
}

const entriesOf = (object: Community): readonly unknown[] | undefined => {
  const entries: unknown = object.spec?.communities ?? [];
  return Array.isArray(entries) ? entries : undefined;
};

const noList = refused("spec.communities", "Invalid", "has the wrong type; write a list");

const duplicate = (field: string, name: string, owner: string) =>
  refused(
    field,
    "Duplicate",
    `${JSON.stringify(name)} is a duplicate definition of community, which ${owner} has already; choose another name`,
  );
