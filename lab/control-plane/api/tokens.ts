import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import type { Store } from "../store/revisions.ts";
import type { UserInfo } from "../types.ts";

/** Service accounts' tokens live this long, as those that the kubelet mounts. */
export const TOKEN_SECONDS = 365 * 24 * 3600;

export interface Tokens {
  /** The administrator's bearer token. */
  readonly admin: string;
  issue(
    account: { namespace: string; name: string; uid?: string | undefined },
    seconds: number,
    audiences?: readonly string[],
  ): string;
  /** Who holds this token; undefined when nobody does, or not any more. */
  holder(token: string): UserInfo | undefined;
}

/**
 * Tokens of this cluster: one for the administrator, and signed ones (JWT, HS256) for service accounts.
 *
 * Keys live in the store, so tokens survive a restart.
 */
export async function createTokens(store: Store, now: () => Date): Promise<Tokens> {
  const admin = await store.setting("admin-token", () => randomBytes(24).toString("base64url"));
  const key = await store.setting("token-key", () => randomBytes(32).toString("base64url"));
  const sign = (text: string): string => createHmac("sha256", key).update(text).digest("base64url");

  function issue(
    account: { namespace: string; name: string; uid?: string | undefined },
    seconds: number,
    audiences: readonly string[] = [],
  ): string {
    const issuedAt = Math.floor(now().getTime() / 1000);
    const claims = {
      iss: "https://kubernetes.default.svc",
      sub: `system:serviceaccount:${account.namespace}:${account.name}`,
      aud: audiences.length > 0 ? audiences : ["https://kubernetes.default.svc"],
      iat: issuedAt,
      nbf: issuedAt,
      exp: issuedAt + seconds,
      "kubernetes.io": { namespace: account.namespace, serviceaccount: { name: account.name, uid: account.uid ?? "" } },
    };
    const text = `${encode({ alg: "HS256", typ: "JWT" })}.${encode(claims)}`;
    return `${text}.${sign(text)}`;
  }

  function holder(token: string): UserInfo | undefined {
    if (equalText(token, admin))
      return { name: "kubernetes-admin", groups: ["system:masters", "system:authenticated"] };
    const [header = "", body = "", signature = ""] = token.split(".");
    if (!equalText(signature, sign(`${header}.${body}`))) return undefined;
    const claims = JSON.parse(Buffer.from(body, "base64url").toString()) as { sub: string; exp: number };
    if (claims.exp * 1000 <= now().getTime()) return undefined;
    const namespace = claims.sub.split(":")[2] ?? "";
    const groups = ["system:serviceaccounts", `system:serviceaccounts:${namespace}`, "system:authenticated"];
    return { name: claims.sub, groups };
  }

  return { admin, issue, holder };
}

const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");

function equalText(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return left.length === right.length && timingSafeEqual(left, right);
}
