import { describe, expect, test } from "vitest";
import type { AccessRequest } from "../api/hooks.ts";
import { startControlPlane } from "../server.ts";
import { type ApiObject, ApiStatusError, type LocalApi } from "../types.ts";
import { evaluateRbac } from "./rbac.ts";

const RBAC = "rbac.authorization.k8s.io";

const request = (more: Partial<AccessRequest>): AccessRequest => ({
  user: {
    name: "system:serviceaccount:metallb-system:speaker",
    groups: ["system:serviceaccounts", "system:authenticated"],
  },
  verb: "get",
  group: "",
  resource: "pods",
  subresource: undefined,
  namespace: "default",
  name: undefined,
  path: undefined,
  ...more,
});

const role = (kind: "Role" | "ClusterRole", name: string, rules: object[]): ApiObject => ({
  apiVersion: `${RBAC}/v1`,
  kind,
  metadata: { name, ...(kind === "Role" && { namespace: "default" }) },
  rules,
});

const binding = (kind: "RoleBinding" | "ClusterRoleBinding", roleKind: string, subjects: object[]): ApiObject => ({
  apiVersion: `${RBAC}/v1`,
  kind,
  metadata: { name: "b", ...(kind === "RoleBinding" && { namespace: "default" }) },
  roleRef: { apiGroup: RBAC, kind: roleKind, name: "r" },
  subjects,
});

const SPEAKER = { kind: "ServiceAccount", name: "speaker", namespace: "metallb-system" };

/** A control plane that holds these objects. */
async function holding(...objects: ApiObject[]): Promise<LocalApi & AsyncDisposable> {
  const stop = new AbortController();
  const noRuntime = () => {
    throw new ApiStatusError(500, "InternalError", "no machine runs Pods here");
  };
  const controlPlane = await startControlPlane({
    host: "127.0.0.1",
    port: 0,
    certNames: [],
    runtime: { exec: noRuntime, logs: noRuntime },
    signal: stop.signal,
  });
  for (const object of objects) {
    await controlPlane.api.create({ group: RBAC, resource: `${object.kind.toLowerCase()}s` }, object);
  }
  return { ...controlPlane.api, [Symbol.asyncDispose]: () => controlPlane.close() };
}

describe("roles", () => {
  test("a ClusterRoleBinding counts everywhere, and the reason names it", async () => {
    await using api = await holding(
      role("ClusterRole", "r", [{ apiGroups: [""], resources: ["pods"], verbs: ["get", "list"] }]),
      binding("ClusterRoleBinding", "ClusterRole", [SPEAKER]),
    );
    expect(evaluateRbac(api, request({}))).toEqual({
      allowed: true,
      reason:
        'RBAC: allowed by ClusterRoleBinding "b" of ClusterRole "r" to system:serviceaccount:metallb-system:speaker',
    });
    expect(evaluateRbac(api, request({ namespace: undefined, verb: "list" })).allowed).toBe(true);
    expect(evaluateRbac(api, request({ verb: "delete" })).allowed).toBe(false);
    expect(evaluateRbac(api, request({ group: "apps" })).allowed).toBe(false);
    expect(evaluateRbac(api, request({ subresource: "log" })).allowed).toBe(false);
    expect(evaluateRbac(api, request({ user: { name: "eve", groups: [] } })).allowed).toBe(false);
  });

  test("a RoleBinding counts in its namespace, also for a ClusterRole", async () => {
    await using api = await holding(
      role("ClusterRole", "r", [
        { apiGroups: ["*"], resources: ["*/status", "leases"], resourceNames: ["mine"], verbs: ["*"] },
      ]),
      binding("RoleBinding", "ClusterRole", [{ kind: "Group", name: "system:serviceaccounts" }]),
    );
    const mine = { name: "mine", subresource: "status" };
    expect(evaluateRbac(api, request(mine)).allowed).toBe(true);
    expect(evaluateRbac(api, request({ ...mine, namespace: "other" })).allowed).toBe(false);
    expect(evaluateRbac(api, request({ ...mine, name: "yours" })).allowed).toBe(false);
    expect(evaluateRbac(api, request({ name: "mine", group: "coordination.k8s.io", resource: "leases" })).allowed).toBe(
      true,
    );
    expect(evaluateRbac(api, request({ resource: "leases", verb: "create" })).allowed).toBe(false);
  });

  test("paths that are no resources; discovery for everybody with a name; everything for masters", async () => {
    await using api = await holding(
      role("ClusterRole", "r", [{ nonResourceURLs: ["/metrics/*"], verbs: ["get"] }]),
      binding("ClusterRoleBinding", "ClusterRole", [SPEAKER]),
    );
    const anonymous = { name: "system:anonymous", groups: ["system:unauthenticated"] };
    expect(evaluateRbac(api, request({ path: "/metrics/slow" })).allowed).toBe(true);
    expect(evaluateRbac(api, request({ path: "/logs" })).allowed).toBe(false);
    expect(evaluateRbac(api, request({ path: "/apis/apps" })).allowed).toBe(true);
    expect(evaluateRbac(api, request({ path: "/apis/apps", user: anonymous })).allowed).toBe(false);
    expect(
      evaluateRbac(api, request({ verb: "delete", user: { name: "admin", groups: ["system:masters"] } })).allowed,
    ).toBe(true);
  });
});
