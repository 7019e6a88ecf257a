import { at, text, texts } from "../registry/fields.ts";
import type { ApiObject, Kind, UserInfo } from "../types.ts";
import type { Authorize } from "./hooks.ts";
import { timestamp } from "./metadata.ts";
import { badRequest } from "./status.ts";
import type { Tokens } from "./tokens.ts";

/** Answers a review: a question that is posted as an object and comes back with a status. */
export function answerReview(
  kind: Kind,
  review: ApiObject,
  deps: { user: UserInfo; tokens: Tokens; authorize: Authorize; now: Date },
): ApiObject {
  const metadata = { ...review.metadata, creationTimestamp: timestamp(deps.now) };
  const answered = (status: object): ApiObject => ({ ...review, metadata, status });
  switch (kind.resource) {
    case "tokenreviews":
      return answered(tokenStatus(deps.tokens.holder(text(at(review, "spec", "token")))));
    case "selfsubjectreviews":
      return answered({ userInfo: userInfo(deps.user) });
    case "selfsubjectaccessreviews":
      return answered(accessStatus(review, deps.user, deps.authorize));
    case "subjectaccessreviews":
      return answered(accessStatus(review, reviewedUser(review), deps.authorize));
    default:
      throw new Error(`bug: ${kind.resource} is no review`);
  }
}

const userInfo = (user: UserInfo): object => ({
  username: user.name,
  ...(user.uid === undefined ? {} : { uid: user.uid }),
  groups: user.groups,
});

const tokenStatus = (user: UserInfo | undefined): object =>
  user
    ? { authenticated: true, user: userInfo(user), audiences: ["https://kubernetes.default.svc"] }
    : { authenticated: false, error: "invalid bearer token" };

function reviewedUser(review: ApiObject): UserInfo {
  const name = at(review, "spec", "user");
  const groups = at(review, "spec", "groups");
  if (typeof name !== "string" && !Array.isArray(groups)) throw badRequest("spec.user or spec.groups is required");
  return { name: text(name), groups: texts(groups) };
}

function accessStatus(review: ApiObject, user: UserInfo, authorize: Authorize): object {
  const resource = at(review, "spec", "resourceAttributes");
  const optional = (node: unknown, field: string): string | undefined => text(at(node, field)) || undefined;
  const plain = at(review, "spec", "nonResourceAttributes");
  const from = resource ?? plain;
  const { allowed, reason } = authorize({
    user,
    verb: text(at(from, "verb")),
    group: text(at(resource, "group")),
    resource: text(at(resource, "resource")),
    subresource: optional(resource, "subresource"),
    namespace: optional(resource, "namespace"),
    name: optional(resource, "name"),
    path: optional(plain, "path"),
  });
  return { allowed, ...(reason === "" ? {} : { reason }) };
}
