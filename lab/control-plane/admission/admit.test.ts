import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer, type Server } from "node:https";
import net, { type AddressInfo } from "node:net";
import { json } from "node:stream/consumers";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { serverCertificate } from "../api/certificates.ts";
import { CONFIG_MAPS, SERVICES, type ServiceObject } from "../controllers/objects.ts";
import { startControlPlane } from "../server.ts";
import { Store } from "../store/revisions.ts";
import { type ApiObject, ApiStatusError, type LocalApi } from "../types.ts";
import { type Admission, createAdmission } from "./admit.ts";
import { createConversion } from "./conversion.ts";
import { createServiceAddresses } from "./service-ip.ts";

const VALIDATING = { group: "admissionregistration.k8s.io", resource: "validatingwebhookconfigurations" };
const MUTATING = { group: "admissionregistration.k8s.io", resource: "mutatingwebhookconfigurations" };
const CRDS = { group: "apiextensions.k8s.io", resource: "customresourcedefinitions" };
const LAMPS = { group: "example.com", resource: "lamps" };

interface ReviewRequest {
  readonly uid: string;
  readonly object?: ApiObject;
  readonly objects?: ApiObject[];
  readonly desiredAPIVersion?: string;
  readonly [field: string]: unknown;
}

/** What a review answers, and the reviews that came. */
let answer: (request: ReviewRequest) => object;
let reviews: { path: string; apiVersion: string; request: ReviewRequest }[];
let hook: { server: Server; port: number; caBundle: string };

beforeAll(async () => {
  const store = new Store({ file: ":memory:", now: Date.now });
  const { ca, certificate, key } = await serverCertificate(store, ["hook.default.svc", "127.0.0.1"], new Date());
  store.close();
  const server = createServer({ cert: certificate, key }, (request, response) => void review(request, response));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  hook = { server, port: (server.address() as AddressInfo).port, caBundle: Buffer.from(ca).toString("base64") };
});

afterAll(() => hook.server.close());

async function review(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const body = (await json(request)) as { apiVersion: string; kind: string; request: ReviewRequest };
  reviews.push({ path: request.url ?? "", apiVersion: body.apiVersion, request: body.request });
  const reply = { uid: body.request.uid, ...answer(body.request) };
  response.end(JSON.stringify({ apiVersion: body.apiVersion, kind: body.kind, response: reply }));
}

let api: LocalApi;
let admission: Admission;
let stop: AbortController;

beforeEach(async () => {
  reviews = [];
  answer = () => ({ allowed: true });
  stop = new AbortController();
  const dial = async (_namespace: string, name: string) => {
    if (name !== "hook") throw new Error(`service "${name}" not found`);
    return net.connect(hook.port, "127.0.0.1");
  };
  const noRuntime = () => {
    throw new ApiStatusError(500, "InternalError", "no machine runs Pods here");
  };
  const addresses = createServiceAddresses();
  const controlPlane = await startControlPlane({
    host: "127.0.0.1",
    port: 0,
    certNames: [],
    runtime: { exec: noRuntime, logs: noRuntime },
    adapt: addresses.adapt,
    convert: createConversion({ dial }),
    // Its own first namespaces are written before anything can be asked.
    admit: async (request) => admission?.admit(request) ?? { object: request.object, warnings: [] },
    signal: stop.signal,
  });
  ({ api } = controlPlane);
  addresses.follow(api, stop.signal);
  admission = createAdmission({ api, dial });
});

afterEach(() => stop.abort());

const byService = (name = "hook") => ({
  service: { namespace: "default", name, path: "/check" },
  caBundle: hook.caBundle,
});

const configuration = (webhook: object, kind = "ValidatingWebhookConfiguration"): ApiObject => ({
  apiVersion: "admissionregistration.k8s.io/v1",
  kind,
  metadata: { name: "check" },
  webhooks: [
    {
      name: "check.example.com",
      clientConfig: byService(),
      rules: [
        { operations: ["CREATE", "UPDATE", "DELETE"], apiGroups: [""], apiVersions: ["v1"], resources: ["configmaps"] },
      ],
      sideEffects: "None",
      admissionReviewVersions: ["v1"],
      ...webhook,
    },
  ],
});

const configMap = (name = "a", labels: Record<string, string> = {}): ApiObject => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name, namespace: "default", labels },
  data: { key: "value" },
});

describe("webhooks", () => {
  test("see the request, and allow it", async () => {
    await api.create(VALIDATING, configuration({}));
    await api.create(CONFIG_MAPS, configMap());
    expect(reviews).toHaveLength(1);
    expect(reviews[0]).toMatchObject({
      path: "/check?timeout=10s",
      apiVersion: "admission.k8s.io/v1",
      request: {
        operation: "CREATE",
        kind: { group: "", version: "v1", kind: "ConfigMap" },
        resource: { group: "", version: "v1", resource: "configmaps" },
        namespace: "default",
        name: "a",
        dryRun: false,
        oldObject: null,
        object: { metadata: { name: "a" }, data: { key: "value" } },
      },
    });
  });

  test("deny in their own words, with their own code", async () => {
    await api.create(VALIDATING, configuration({}));
    answer = () => ({ allowed: false, status: { code: 403, reason: "Forbidden", message: "not today" } });
    await expect(api.create(CONFIG_MAPS, configMap())).rejects.toMatchObject({
      code: 403,
      message: 'admission webhook "check.example.com" denied the request: not today',
    });
    answer = () => ({ allowed: false });
    await expect(api.create(CONFIG_MAPS, configMap())).rejects.toMatchObject({
      code: 400,
      message: 'admission webhook "check.example.com" denied the request without explanation',
    });
  });

  test("are reached by url too", async () => {
    const clientConfig = { url: `https://127.0.0.1:${hook.port}/direct`, caBundle: hook.caBundle };
    await api.create(VALIDATING, configuration({ clientConfig }));
    await api.create(CONFIG_MAPS, configMap());
    expect(reviews[0]?.path).toBe("/direct?timeout=10s");
  });

  test("that cannot be asked fail the request, or are ignored, as they say", async () => {
    await api.create(VALIDATING, configuration({ clientConfig: byService("gone") }));
    await expect(api.create(CONFIG_MAPS, configMap())).rejects.toMatchObject({
      code: 500,
      message:
        'Internal error occurred: failed calling webhook "check.example.com": failed to call webhook: Post "https://gone.default.svc/check?timeout=10s": service "gone" not found',
    });
    await api.delete(VALIDATING, undefined, "check");
    await api.create(VALIDATING, configuration({ clientConfig: byService("gone"), failurePolicy: "Ignore" }));
    expect((await api.create(CONFIG_MAPS, configMap())).metadata.name).toBe("a");
  });

  test("with a certificate of another authority are not trusted", async () => {
    const clientConfig = { ...byService(), caBundle: Buffer.from("nothing").toString("base64") };
    await api.create(VALIDATING, configuration({ clientConfig }));
    await expect(api.create(CONFIG_MAPS, configMap())).rejects.toMatchObject({ code: 500 });
    expect(reviews).toEqual([]);
  });

  test("choose by object labels and by namespace labels", async () => {
    await api.create(
      VALIDATING,
      configuration({
        objectSelector: { matchLabels: { checked: "yes" } },
        namespaceSelector: {
          matchExpressions: [{ key: "kubernetes.io/metadata.name", operator: "In", values: ["default"] }],
        },
      }),
    );
    await api.create(CONFIG_MAPS, configMap("a"));
    await api.create(CONFIG_MAPS, {
      ...configMap("b"),
      metadata: { name: "b", namespace: "kube-system", labels: { checked: "yes" } },
    });
    expect(reviews).toEqual([]);
    await api.create(CONFIG_MAPS, configMap("c", { checked: "yes" }));
    expect(reviews).toHaveLength(1);
  });

  test("that change objects do so before those that check them", async () => {
    await api.create(MUTATING, configuration({}, "MutatingWebhookConfiguration"));
    await api.create(
      VALIDATING,
      configuration({
        clientConfig: { ...byService(), service: { namespace: "default", name: "hook", path: "/late" } },
      }),
    );
    const patch = Buffer.from(JSON.stringify([{ op: "add", path: "/data/added", value: "1" }])).toString("base64");
    answer = ({ object }) =>
      object?.["data"] && !Object.hasOwn(object["data"], "added")
        ? { allowed: true, patchType: "JSONPatch", patch }
        : { allowed: true };
    const made = await api.create(CONFIG_MAPS, configMap());
    expect(made["data"]).toEqual({ key: "value", added: "1" });
    expect(reviews.map(({ path }) => path.split("?")[0])).toEqual(["/check", "/late"]);
    expect(reviews[1]?.request.object?.["data"]).toEqual({ key: "value", added: "1" });
  });

  test("are asked about deletions", async () => {
    await api.create(CONFIG_MAPS, configMap());
    await api.create(VALIDATING, configuration({}));
    await api.delete(CONFIG_MAPS, "default", "a");
    expect(reviews[0]?.request).toMatchObject({
      operation: "DELETE",
      object: null,
      oldObject: { metadata: { name: "a" } },
    });
  });
});

describe("versions", () => {
  const version = (name: string, storage: boolean) => ({
    name,
    served: true,
    storage,
    schema: { openAPIV3Schema: { type: "object", "x-kubernetes-preserve-unknown-fields": true } },
  });
  const crd = (conversion: object): ApiObject => ({
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: "lamps.example.com" },
    spec: {
      group: "example.com",
      scope: "Namespaced",
      names: { plural: "lamps", singular: "lamp", kind: "Lamp", listKind: "LampList" },
      versions: [version("v1beta1", false), version("v1beta2", true)],
      conversion,
    },
  });
  const lamp = (apiVersion: string): ApiObject => ({
    apiVersion: `example.com/${apiVersion}`,
    kind: "Lamp",
    metadata: { name: "a", namespace: "default" },
    spec: { watts: 5 },
  });
  const webhook = {
    clientConfig: { service: { namespace: "default", name: "hook", path: "/convert" } },
    conversionReviewVersions: ["v1beta9", "v1beta1", "v1"],
  };

  test("matchPolicy Equivalent asks about another version of the same resource, in the webhook's version", async () => {
    await api.create(CRDS, crd({ strategy: "None" }));
    const rules = [{ operations: ["*"], apiGroups: ["example.com"], apiVersions: ["v1beta2"], resources: ["lamps"] }];
    await api.create(VALIDATING, configuration({ rules }));
    await api.create(LAMPS, lamp("v1beta1"));
    expect(reviews[0]?.request).toMatchObject({
      kind: { version: "v1beta2" },
      requestKind: { version: "v1beta1" },
      object: { apiVersion: "example.com/v1beta2" },
    });
  });

  test("the definition's webhook converts, reviewed in the first version that both know", async () => {
    const { clientConfig } = webhook;
    await api.create(
      CRDS,
      crd({ strategy: "Webhook", webhook: { ...webhook, clientConfig: { ...clientConfig, caBundle: hook.caBundle } } }),
    );
    answer = ({ objects = [], desiredAPIVersion = "" }) => ({
      result: { status: "Success" },
      convertedObjects: objects.map((object) => ({ ...object, apiVersion: desiredAPIVersion, spec: { power: "5W" } })),
    });
    const stored = await api.create(LAMPS, lamp("v1beta1"));
    expect(stored).toMatchObject({ apiVersion: "example.com/v1beta2", spec: { power: "5W" } });
    expect(reviews[0]).toMatchObject({ path: "/convert?timeout=30s", apiVersion: "apiextensions.k8s.io/v1beta1" });
  });

  test("a conversion that fails says so", async () => {
    const { clientConfig } = webhook;
    await api.create(
      CRDS,
      crd({ strategy: "Webhook", webhook: { ...webhook, clientConfig: { ...clientConfig, caBundle: hook.caBundle } } }),
    );
    answer = () => ({ result: { status: "Failed", message: "no such lamp" } });
    await expect(api.create(LAMPS, lamp("v1beta1"))).rejects.toThrow(
      "conversion webhook for example.com/v1beta1, Kind=Lamp failed: no such lamp",
    );
  });
});

describe("Services through the API", () => {
  const service = (name: string, spec: object = {}): ApiObject => ({
    apiVersion: "v1",
    kind: "Service",
    metadata: { name, namespace: "default" },
    spec: { ports: [{ port: 80 }], ...spec },
  });

  test("an address is free again once its Service is gone", async () => {
    const made = (await api.create(SERVICES, service("a", { type: "LoadBalancer" }))) as ServiceObject;
    const { clusterIP } = made.spec;
    expect(made.spec.ports?.[0]?.nodePort).toBeGreaterThanOrEqual(30_000);
    await expect(api.create(SERVICES, service("b", { clusterIP }))).rejects.toMatchObject({ code: 422 });
    const gone = new Promise<void>((resolve) =>
      api.watch(SERVICES, ({ type }) => type === "DELETED" && resolve(), stop.signal),
    );
    await api.delete(SERVICES, "default", "a");
    await gone;
    expect((await api.create(SERVICES, service("b", { clusterIP })))["spec"]).toMatchObject({ clusterIP });
  });
});
