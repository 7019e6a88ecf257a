import type { Secret } from "../api/core.ts";
import { apiVersionOf } from "../api/kind.ts";
import { bfdProfile, type BfdProfile } from "../api/kinds/bfd-profile.ts";
import { community, type Community } from "../api/kinds/community.ts";
import { basicAuthType, passwordKey } from "../api/names.ts";
import type { KubeObject } from "../api/object.ts";
import type { Snapshot } from "../api/snapshot.ts";
import { aliasesOf } from "../config/communities.ts";
import { passwordFrom } from "../config/password.ts";
import { byName } from "../config/settle.ts";
import { settleBfdProfiles } from "../config/bfd-profiles.ts";

/**
 * The world as if everything that is named in it were there already: stand-ins for each BFDProfile and Secret that a peer
 * names and each alias that an advertisement uses, where there is none or none that works.
 *
 * What is refused in this world is refused whatever is created later; so the order in which objects are created can't
 * matter. MetalLB blanks such fields before it validates (internal/k8s/webhooks/webhookv1beta2/bgppeer_webhook.go).
 */
export function granted(snapshot: Snapshot, judged?: KubeObject): Snapshot {
  // What is judged stands for itself.
  const isJudged = (name: string) => judged?.kind === bfdProfile.kind && judged.metadata.name === name;
  const profiles = missingProfiles(snapshot).filter((name) => !isJudged(name));
  const secrets = missingSecrets(snapshot);
  const aliases = missingAliases(snapshot);
  if (profiles.length + secrets.length + aliases.length === 0) return snapshot;
  return {
    ...snapshot,
    bfdProfiles: inPlace(snapshot.bfdProfiles, profiles.map(standInProfile)),
    secrets: inPlace(snapshot.secrets, secrets.map(standInSecret)),
    communities: [...snapshot.communities, ...aliases.map(standInAlias)],
  };
}

interface Named {
  readonly metadata: { readonly name: string };
}

function inPlace<T extends Named>(objects: readonly T[], standIns: readonly T[]): readonly T[] {
  const names = new Set(standIns.map(({ metadata }) => metadata.name));
  return [...objects.filter(({ metadata }) => !names.has(metadata.name)), ...standIns];
}

const distinct = (names: readonly unknown[]): readonly string[] =>
  [...new Set(names)].filter((name): name is string => typeof name === "string" && name !== "");

function missingProfiles({ peers, bfdProfiles }: Snapshot): readonly string[] {
  const inForce = byName(settleBfdProfiles(bfdProfiles, []).values);
  return distinct(peers.map(({ spec }) => spec?.bfdProfile)).filter((name) => !inForce.has(name));
}

function missingSecrets({ peers, secrets }: Snapshot): readonly string[] {
  const present = new Map(secrets.map((secret) => [secret.metadata.name, secret]));
  return distinct(peers.map(({ spec }) => spec?.passwordSecret?.name)).filter(
    (name) => !passwordFrom(name, present).ok,
  );
}

/** What has a colon is a community as it is written, or a mistake. */
function missingAliases({ bgpAdvertisements, communities }: Snapshot): readonly string[] {
  const texts = bgpAdvertisements.flatMap(({ spec }) => (Array.isArray(spec?.communities) ? spec.communities : []));
  const names = distinct(texts).filter((text) => !text.includes(":"));
  if (names.length === 0) return [];
  const known = aliasesOf(communities).values;
  return names.filter((name) => !known.has(name));
}

const standInProfile = (name: string): BfdProfile => ({
  apiVersion: apiVersionOf(bfdProfile),
  kind: bfdProfile.kind,
  metadata: { name },
  spec: {},
});

const standInSecret = (name: string): Secret => ({
  apiVersion: "v1",
  kind: "Secret",
  metadata: { name },
  type: basicAuthType,
  data: { [passwordKey]: Buffer.from("stand-in").toString("base64") },
});

const standInAlias = (name: string): Community => ({
  apiVersion: apiVersionOf(community),
  kind: community.kind,
  metadata: { name: `stand-in for ${name}` },
  spec: { communities: [{ name, value: "0:0" }] },
});
