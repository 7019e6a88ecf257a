import type { AccessRequest } from "../api/hooks.ts";
import type { ApiObject, LocalApi, ResourceId, UserInfo } from "../types.ts";

const id = (resource: string): ResourceId => ({ group: "rbac.authorization.k8s.io", resource });

interface PolicyRule {
  readonly verbs: readonly string[];
  readonly apiGroups?: readonly string[];
  readonly resources?: readonly string[];
  readonly resourceNames?: readonly string[];
  readonly nonResourceURLs?: readonly string[];
}

interface Binding extends ApiObject {
  roleRef: { kind: string; name: string };
  subjects?: { kind: string; name: string; namespace?: string }[];
}

/** What Kubernetes' bootstrap roles system:discovery, system:basic-user and system:public-info-viewer give everybody with a name. */
const EVERYBODY: readonly PolicyRule[] = [
  {
    verbs: ["get"],
    nonResourceURLs: [
      "/api",
      "/api/*",
      "/apis",
      "/apis/*",
      "/healthz",
      "/livez",
      "/readyz",
      "/openapi",
      "/openapi/*",
      "/version",
      "/version/",
    ],
  },
  { verbs: ["create"], apiGroups: ["authorization.k8s.io"], resources: ["selfsubjectaccessreviews"] },
  { verbs: ["create"], apiGroups: ["authentication.k8s.io"], resources: ["selfsubjectreviews"] },
];

/**
 * Whether Roles and ClusterRoles, through their bindings, let the user do it. Roles only ever allow; `reason` names the binding.
 * @see kubernetes/plugin/pkg/auth/authorizer/rbac
 */
export function evaluateRbac(
  api: Pick<LocalApi, "get" | "list">,
  request: AccessRequest,
): { allowed: boolean; reason: string } {
  const { user, namespace } = request;
  if (user.groups.includes("system:masters")) return { allowed: true, reason: "" };
  if (user.name !== "system:anonymous" && EVERYBODY.some((rule) => allows(rule, request))) {
    return { allowed: true, reason: "" };
  }
  const everywhere = api.list(id("clusterrolebindings")) as Binding[];
  const here = namespace === undefined ? [] : (api.list(id("rolebindings"), { namespace }) as Binding[]);
  for (const binding of [...everywhere, ...here]) {
    if (!binding.subjects?.some((subject) => isSubject(subject, user, binding.metadata.namespace))) continue;
    if (rulesOf(api, binding).some((rule) => allows(rule, request))) {
      const { kind, name } = binding.roleRef;
      return {
        allowed: true,
        reason: `RBAC: allowed by ${binding.kind} "${binding.metadata.name}" of ${kind} "${name}" to ${user.name}`,
      };
    }
  }
  return { allowed: false, reason: "" };
}

function rulesOf(api: Pick<LocalApi, "get">, { roleRef, metadata }: Binding): readonly PolicyRule[] {
  const role =
    roleRef.kind === "Role"
      ? api.get(id("roles"), metadata.namespace, roleRef.name)
      : api.get(id("clusterroles"), undefined, roleRef.name);
  return (role?.["rules"] ?? []) as PolicyRule[];
}

function isSubject(
  { kind, name, namespace }: { kind: string; name: string; namespace?: string },
  user: UserInfo,
  bindingNamespace: string | undefined,
): boolean {
  switch (kind) {
    case "User":
      return user.name === name;
    case "Group":
      return user.groups.includes(name);
    case "ServiceAccount":
      return user.name === `system:serviceaccount:${namespace ?? bindingNamespace ?? ""}:${name}`;
    default:
      return false;
  }
}

function allows(rule: PolicyRule, { verb, group, resource, subresource, name, path }: AccessRequest): boolean {
  if (!covers(rule.verbs, verb)) return false;
  if (path !== undefined) return (rule.nonResourceURLs ?? []).some((pattern) => coversPath(pattern, path));
  return (
    covers(rule.apiGroups, group) &&
    coversResource(rule.resources, resource, subresource) &&
    (!rule.resourceNames?.length || (name !== undefined && rule.resourceNames.includes(name)))
  );
}

const covers = (list: readonly string[] | undefined, value: string): boolean =>
  list !== undefined && (list.includes("*") || list.includes(value));

/** `*` covers subresources too; else a subresource is named `pods/log`, or `*\/log` for those of all resources. */
function coversResource(list: readonly string[] = [], resource: string, subresource: string | undefined): boolean {
  if (list.includes("*")) return true;
  if (subresource === undefined) return list.includes(resource);
  return list.includes(`${resource}/${subresource}`) || list.includes(`*/${subresource}`);
}

/** A trailing `*` covers what begins so. */
const coversPath = (pattern: string, path: string): boolean =>
  pattern === path || (pattern.endsWith("*") && path.startsWith(pattern.slice(0, -1)));
