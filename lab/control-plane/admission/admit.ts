import type { Admit, Authorize } from "../api/hooks.ts";
import type { LocalApi, ServiceDialer } from "../types.ts";
import { evaluateRbac } from "./rbac.ts";
import { askWebhooks } from "./webhooks.ts";

/** What the API server asks before it writes (`admit`) and before it does anything (`authorize`). */
export interface Admission {
  readonly admit: Admit;
  readonly authorize: Authorize;
}

/** Admission by the cluster's webhook configurations, authorization by its roles. Both read the store, so changes count at once. */
export function createAdmission({
  api,
  dial,
}: {
  api: Pick<LocalApi, "get" | "list">;
  dial: ServiceDialer;
}): Admission {
  return {
    admit: (request) => askWebhooks(request, { api, dial }),
    authorize: (request) => evaluateRbac(api, request),
  };
}
