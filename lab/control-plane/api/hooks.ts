import type { ApiObject, Kind, UserInfo } from "../types.ts";

/** What an admission step sees of a write. `object` is in its storage version, with defaults; absent when deleting. */
export interface AdmitRequest {
  readonly operation: "CREATE" | "UPDATE" | "DELETE" | "CONNECT";
  readonly kind: Kind;
  /** The version that the client wrote. */
  readonly version: string;
  readonly resource: string;
  readonly subresource: string | undefined;
  readonly namespace: string | undefined;
  readonly name: string;
  readonly object: ApiObject | undefined;
  readonly oldObject: ApiObject | undefined;
  readonly user: UserInfo;
  readonly dryRun: boolean;
}

/** Changes an object on its way in, or throws an ApiStatusError to refuse it. */
export type Admit = (request: AdmitRequest) => Promise<{ object: ApiObject | undefined; warnings: readonly string[] }>;

/** What somebody wants to do, as RBAC sees it. */
export interface AccessRequest {
  readonly user: UserInfo;
  readonly verb: string;
  readonly group: string;
  readonly resource: string;
  readonly subresource: string | undefined;
  readonly namespace: string | undefined;
  readonly name: string | undefined;
  /** Set for what is no resource, such as `/metrics`. */
  readonly path: string | undefined;
}

export type Authorize = (request: AccessRequest) => { allowed: boolean; reason: string };
