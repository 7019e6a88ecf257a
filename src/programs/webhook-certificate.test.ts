import { afterEach, beforeEach, expect, test } from "vitest";
import { KubeClient } from "../kube/client.ts";
import { json, status, TestServer } from "../kube/test-server.ts";
import { createAuthority, issueCertificate } from "../runtime/authority.ts";
import { sleep } from "../runtime/clock.ts";
import { createLog } from "../runtime/log.ts";
import { WebhookCertificate } from "./webhook-certificate.ts";

const secrets = "/api/v1/namespaces/metallb-system/secrets";
const configurations = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations";
const definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";

let server: TestServer;
let client: KubeClient;
let stop: AbortController;
let certificate: WebhookCertificate;
let following: Promise<void>;

beforeEach(async () => {
  const started = await TestServer.start();
  server = started.server;
  client = new KubeClient(started.access, "test");
  stop = new AbortController();
  server.put(configurations, {
    metadata: { name: "metallb-webhook-configuration" },
    webhooks: [{ name: "x", clientConfig: {} }],
  });
  server.put(definitions, {
    metadata: { name: "bgppeers.metallb.io" },
    spec: { conversion: { strategy: "Webhook", webhook: { clientConfig: {} } } },
  });
});
afterEach(async () => {
  stop.abort();
  await following;
  client[Symbol.dispose]();
  await server.close();
});

function follow(): void {
  const names = { namespace: "metallb-system", secret: "cert", service: "webhooks" };
  certificate = new WebhookCertificate({ client, ...names, log: createLog("none", "test"), now: () => new Date() });
  following = certificate.follow(stop.signal);
}

type Told = { readonly caBundle?: string };
const authority = () =>
  (server.objects.get(`${secrets}/cert`)?.["data"] as Record<string, string> | undefined)?.["ca.crt"];
const told = () => {
  const configuration = server.objects.get(`${configurations}/metallb-webhook-configuration`);
  const definition = server.objects.get(`${definitions}/bgppeers.metallb.io`);
  const { webhooks } = configuration as unknown as { readonly webhooks: readonly { readonly clientConfig: Told }[] };
  const { spec } = definition as unknown as {
    readonly spec: { readonly conversion: { readonly webhook: { readonly clientConfig: Told } } };
  };
  return [...webhooks.map(({ clientConfig }) => clientConfig), spec.conversion.webhook.clientConfig].map(
    ({ caBundle }) => caBundle,
  );
};
const everywhere = () => [authority(), authority()];

test("there is no certificate to serve with before the API server trusts it, however late it tells what it trusts", async () => {
  let late: (() => void) | undefined;
  server.answer = (request, response) => {
    if (late || !request.url?.startsWith(definitions)) return false;
    const items = [...server.objects].flatMap(([key, object]) => (key.startsWith(definitions) ? [object] : []));
    late = () => json(response, 200, { kind: "List", metadata: { resourceVersion: "100" }, items });
    return true;
  };
  // Nothing has to be made: the rest is the work of an instant.
  const [ca, encoded] = [await createAuthority(new Date()), (text: string) => Buffer.from(text).toString("base64")];
  const pair = await issueCertificate(ca, "webhooks.metallb-system.svc", new Date());
  const texts = { "ca.crt": ca.cert, "ca.key": ca.key, "tls.crt": pair.cert, "tls.key": pair.key };
  const data = Object.fromEntries(Object.entries(texts).map(([key, text]) => [key, encoded(text)]));
  server.put(secrets, { metadata: { name: "cert", namespace: "metallb-system" }, data });
  follow();
  const first = certificate.load().then(told);
  await expect.poll(() => server.watches).toBe(2);
  await expect.poll(() => late).toBeDefined();
  await sleep(200, stop.signal);
  late?.();
  expect(await first).toEqual(everywhere());
});

test.each([
  ["a webhook configuration", configurations],
  ["a definition", definitions],
])("nor when somebody else writes %s at the same moment, in a way that no watch tells", async (_, place) => {
  let conflicts = 2;
  server.answer = (request, response) => {
    if (request.method !== "PATCH" || !request.url?.startsWith(place) || conflicts-- <= 0) return false;
    status(response, 409, "Conflict");
    return true;
  };
  follow();
  expect(await certificate.load().then(told)).toEqual(everywhere());
});

test("another's Secret that was faster is taken", async () => {
  let isFirst = true;
  server.answer = (request, response) => {
    if (request.method !== "POST" || !isFirst) return false;
    isFirst = false;
    status(response, 409, "AlreadyExists");
    return true;
  };
  follow();
  await certificate.load();
  expect(told()).toEqual(everywhere());
});
