import { randomUUID } from "node:crypto";
import type { LabelSelector } from "../../../src/api/object.ts";
import type { AdmitRequest } from "../api/hooks.ts";
import { fromStored, toStored } from "../api/versions.ts";
import { NAMESPACES } from "../controllers/objects.ts";
import { selects } from "../controllers/selectors.ts";
import { applyJsonPatch } from "../patch/json.ts";
import { type ApiObject, ApiStatusError, type LocalApi, type ServiceDialer } from "../types.ts";
import { callHook, type HookAddress } from "./hook-client.ts";

const MUTATING = { group: "admissionregistration.k8s.io", resource: "mutatingwebhookconfigurations" };
const VALIDATING = { group: "admissionregistration.k8s.io", resource: "validatingwebhookconfigurations" };

interface Webhook {
  readonly name: string;
  readonly clientConfig: HookAddress;
  readonly rules?: readonly Rule[];
  readonly failurePolicy?: string;
  readonly matchPolicy?: string;
  readonly namespaceSelector?: LabelSelector;
  readonly objectSelector?: LabelSelector;
  readonly sideEffects?: string;
  readonly timeoutSeconds?: number;
}

interface Rule {
  readonly operations: readonly string[];
  readonly apiGroups: readonly string[];
  readonly apiVersions: readonly string[];
  readonly resources: readonly string[];
  readonly scope?: string;
}

interface ReviewResponse {
  readonly uid?: string;
  readonly allowed?: boolean;
  readonly status?: { readonly code?: number; readonly reason?: string; readonly message?: string };
  readonly patch?: string;
  readonly patchType?: string;
  readonly warnings?: readonly string[];
}

type Dependencies = { readonly api: Pick<LocalApi, "get" | "list">; readonly dial: ServiceDialer };
type Admitted = { readonly object: ApiObject | undefined; readonly warnings: readonly string[] };

/**
 * Asks the webhooks that a request concerns: the mutating ones in order of their names, then the validating ones together.
 *
 * `matchConditions` and `reinvocationPolicy: IfNeeded` are not evaluated: nothing in the lab uses them.
 * @throws ApiStatusError when one denies, or cannot be asked and its failurePolicy is Fail
 */
export async function askWebhooks(request: AdmitRequest, dependencies: Dependencies): Promise<Admitted> {
  // As in Kubernetes, so that a broken webhook can always be taken away.
  if (request.kind.group === MUTATING.group) return { object: request.object, warnings: [] };
  const { api } = dependencies;
  let current = request;
  const warnings: string[] = [];
  for (const hook of hooksIn(api, MUTATING)) {
    const admitted = await ask(hook, current, dependencies);
    warnings.push(...admitted.warnings);
    current = { ...current, object: admitted.object };
  }
  const verdicts = await Promise.allSettled(hooksIn(api, VALIDATING).map((hook) => ask(hook, current, dependencies)));
  for (const verdict of verdicts) {
    if (verdict.status === "rejected") throw verdict.reason;
    warnings.push(...verdict.value.warnings);
  }
  return { object: current.object, warnings };
}

const hooksIn = (api: Pick<LocalApi, "list">, id: typeof MUTATING): Webhook[] =>
  api
    .list(id)
    .sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1))
    .flatMap((configuration) => (configuration["webhooks"] ?? []) as Webhook[]);

async function ask(hook: Webhook, request: AdmitRequest, { api, dial }: Dependencies): Promise<Admitted> {
  const version = reviewVersion(hook, request);
  if (version === undefined || !isSelected(hook, request, api)) return { object: request.object, warnings: [] };
  if (request.dryRun && hook.sideEffects !== "None" && hook.sideEffects !== "NoneOnDryRun") {
    throw new ApiStatusError(400, "BadRequest", `admission webhook "${hook.name}" does not support dry run`);
  }
  const review = await reviewOf(request, version);
  const response = await call(hook, review, dial);
  if (!response) return { object: request.object, warnings: [] };
  const warnings = response.warnings ?? [];
  if (response.allowed !== true) throw denial(hook, response);
  if (!response.patch || !review.request.object) return { object: request.object, warnings };
  const patch: unknown = JSON.parse(Buffer.from(response.patch, "base64").toString());
  const patched = applyJsonPatch(review.request.object, patch) as ApiObject;
  return { object: await toStored(request.kind, patched), warnings };
}

/** `undefined` when the webhook could not be asked and says that this does not matter (failurePolicy Ignore). */
async function call(hook: Webhook, review: Review, dial: ServiceDialer): Promise<ReviewResponse | undefined> {
  const { clientConfig: address, timeoutSeconds = 10, failurePolicy, name } = hook;
  try {
    const answer = (await callHook({ address, body: review, timeoutSeconds, dial })) as { response?: ReviewResponse };
    if (answer.response?.uid !== review.request.uid) {
      throw new Error(`expected response.uid="${review.request.uid}", got "${answer.response?.uid ?? ""}"`);
    }
    return answer.response;
  } catch (error) {
    if (failurePolicy === "Ignore") return undefined;
    const why = error instanceof Error ? error.message : String(error);
    const message = `Internal error occurred: failed calling webhook "${name}": failed to call webhook: ${why}`;
    throw new ApiStatusError(500, "InternalError", message, { causes: [{ message: why }] });
  }
}

/** @see k8s.io/apiserver/pkg/admission/plugin/webhook/errors ToStatusErr */
function denial({ name }: Webhook, { status = {} }: ReviewResponse): ApiStatusError {
  const denied = `admission webhook "${name}" denied the request`;
  const words = status.message || status.reason;
  const code = (status.code ?? 0) < 400 ? 400 : (status.code ?? 400);
  return new ApiStatusError(code, status.reason ?? "", words ? `${denied}: ${words}` : `${denied} without explanation`);
}

/** The version in which the webhook wants to see the object; `undefined` when its rules leave the request out. */
function reviewVersion({ rules = [], matchPolicy }: Webhook, request: AdmitRequest): string | undefined {
  const concerned = rules.filter((rule) => concerns(rule, request));
  const accepts = (version: string) => concerned.some(({ apiVersions }) => hasOrStar(apiVersions, version));
  if (accepts(request.version)) return request.version;
  if (matchPolicy === "Exact") return undefined;
  return request.kind.versions.find(({ served, name }) => served && accepts(name))?.name;
}

function concerns(rule: Rule, { kind, operation, subresource, namespace, resource }: AdmitRequest): boolean {
  const clusterWide = !kind.namespaced || namespace === undefined;
  return (
    hasOrStar(rule.operations, operation) &&
    hasOrStar(rule.apiGroups, kind.group) &&
    rule.resources.some((pattern) => coversResource(pattern, resource, subresource)) &&
    (rule.scope === undefined || rule.scope === "*" || (rule.scope === "Cluster") === clusterWide)
  );
}

const hasOrStar = (list: readonly string[], value: string): boolean => list.includes("*") || list.includes(value);

/** `pods` is the resource alone, `pods/*` its subresources too, `*\/scale` one subresource of all. */
function coversResource(pattern: string, resource: string, subresource: string | undefined): boolean {
  const [wanted = "", wantedSub] = pattern.split("/");
  if (wanted !== "*" && wanted !== resource) return false;
  return wantedSub === "*" || wantedSub === subresource;
}

function isSelected(hook: Webhook, request: AdmitRequest, api: Pick<LocalApi, "get">): boolean {
  const objects = [request.object, request.oldObject].filter((object) => object !== undefined);
  const { namespaceSelector = {}, objectSelector = {} } = hook;
  if (!objects.some((object) => selects(objectSelector, object.metadata.labels))) return false;
  const isNamespace = request.kind.group === "" && request.kind.resource === "namespaces";
  if (isNamespace) return selects(namespaceSelector, objects[0]?.metadata.labels);
  if (request.namespace === undefined) return true;
  return selects(namespaceSelector, api.get(NAMESPACES, undefined, request.namespace)?.metadata.labels);
}

interface Review {
  readonly apiVersion: "admission.k8s.io/v1";
  readonly kind: "AdmissionReview";
  readonly request: { readonly uid: string; readonly object: ApiObject | null; readonly [field: string]: unknown };
}

async function reviewOf(request: AdmitRequest, version: string): Promise<Review> {
  const { kind, operation, subresource, namespace, name, user, dryRun } = request;
  const { group, resource } = kind;
  const shown = async (object: ApiObject | undefined) =>
    object ? ((await fromStored(kind, [object], version))[0] ?? null) : null;
  const sub = subresource === undefined ? {} : { subResource: subresource, requestSubResource: subresource };
  return {
    apiVersion: "admission.k8s.io/v1",
    kind: "AdmissionReview",
    request: {
      uid: randomUUID(),
      kind: { group, version, kind: kind.kind },
      resource: { group, version, resource },
      requestKind: { group, version: request.version, kind: kind.kind },
      requestResource: { group, version: request.version, resource },
      ...sub,
      name,
      ...(namespace !== undefined && { namespace }),
      operation,
      userInfo: { username: user.name, ...(user.uid !== undefined && { uid: user.uid }), groups: user.groups },
      object: await shown(request.object),
      oldObject: await shown(request.oldObject),
      dryRun,
      options: { apiVersion: "meta.k8s.io/v1", kind: OPTIONS[operation] },
    },
  };
}

const OPTIONS = {
  CREATE: "CreateOptions",
  UPDATE: "UpdateOptions",
  DELETE: "DeleteOptions",
  CONNECT: "ConnectOptions",
} as const;
