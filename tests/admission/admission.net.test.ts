/** Admission and conversion as kubectl meets them: API server, roles, certificates and the chart's objects are all there. */
import { X509Certificate } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { stringify } from "yaml";
import { createAuthority, issueCertificate } from "../../src/runtime/authority.ts";
import { until } from "../e2e/until.ts";
import { bfdProfile, bgpAdvertisement, community, peer, pool } from "../objects.ts";
import { namespace, type Replica, type Rig, startRig } from "./rig.ts";

const SECRETS = { group: "", resource: "secrets" };
const CONFIGURATIONS = { group: "admissionregistration.k8s.io", resource: "validatingwebhookconfigurations" };
const DEFINITIONS = { group: "apiextensions.k8s.io", resource: "customresourcedefinitions" };

let rig: Rig;
let replica: Replica;

const yaml = (...objects: readonly object[]): string => objects.map((object) => `---\n${stringify(object)}`).join("");
const apply = (...objects: readonly object[]) => rig.kubectl("apply -f -", yaml(...objects));
const ready = (one: Replica) =>
  until(
    "webhooks answer",
    () => one.service.waitingFor() ?? "",
    (waiting) => waiting === "",
  );

/** Until the replica's own view has what was written: admission judges by what it knows. */
const known = (args: string, holds: (outcome: { stdout: string; stderr: string }) => boolean) =>
  until(args, () => rig.kubectl(args), holds);

interface CertificateData {
  readonly "ca.crt": string;
  readonly "ca.key": string;
  readonly "tls.crt": string;
  readonly "tls.key": string;
}
const pem = (text: string): string => Buffer.from(text, "base64").toString();
const certificateData = (): CertificateData =>
  rig.plane.api.get(SECRETS, namespace, "metallb-webhook-cert")?.["data"] as CertificateData;
const bundles = (): readonly (string | undefined)[] => {
  type ClientConfig = { readonly caBundle?: string };
  const configuration = rig.plane.api.get(CONFIGURATIONS, undefined, "metallb-webhook-configuration");
  const definition = rig.plane.api.get(DEFINITIONS, undefined, "bgppeers.metallb.io");
  const hooks = (configuration?.["webhooks"] ?? []) as { readonly clientConfig: ClientConfig }[];
  const spec = definition?.["spec"] as {
    readonly conversion: { readonly webhook: { readonly clientConfig: ClientConfig } };
  };
  return [...hooks.map(({ clientConfig }) => clientConfig.caBundle), spec.conversion.webhook.clientConfig.caBundle];
};

// With failure policy Fail whatever the webhooks don't answer is seen at once.
beforeAll(async () => {
  rig = await startRig("crds.validationFailurePolicy=Fail");
  replica = await rig.startReplica();
  await ready(replica);
  rig.serving = replica;
});
afterAll(() => rig?.[Symbol.asyncDispose]());

describe("the certificate", () => {
  test("is in the Secret under MetalLB's keys, for the Service's name, and its CA is wherever it is looked for", () => {
    const data = certificateData();
    expect(Object.keys(data).sort()).toEqual(["ca.crt", "ca.key", "tls.crt", "tls.key"]);
    const server = new X509Certificate(pem(data["tls.crt"]));
    const authority = new X509Certificate(pem(data["ca.crt"]));
    expect(server.checkHost("metallb-webhook-service.metallb-system.svc")).toBeDefined();
    expect(server.verify(authority.publicKey)).toBe(true);
    expect(bundles()).toEqual(Array.from({ length: 7 }, () => data["ca.crt"]));
  });

  test("needs no right that the chart does not give", () => {
    expect(replica.warnings).toEqual([]);
  });
});

describe("refused", () => {
  test("with every problem of the object in one answer", async () => {
    const { code, stderr } = await apply(
      pool("wrong", { addresses: ["10.0.0.0/33", "10.0.1.9-10.0.1.1"], serviceAllocation: { namespaces: ["a", "a"] } }),
    );
    expect(code).toBe(1);
    expect(stderr).toContain(
      'admission webhook "ipaddresspoolvalidationwebhook.metallb.io" denied the request: 3 problems:',
    );
    for (const field of ["spec.addresses[0]", "spec.addresses[1]", "spec.serviceAllocation.namespaces[1]"]) {
      expect(stderr).toContain(`  - IPAddressPool wrong: ${field} `);
    }
  });

  test("what contradicts an object that exists", async () => {
    expect((await apply(pool("first", { addresses: ["10.1.0.0/24"] }))).stderr).toBe("");
    const second = yaml(pool("second", { addresses: ["10.1.0.128/25"] }));
    // Dry: a pool that slipped in before the first one was known would never be judged again.
    const refused = await until(
      "the pool is known",
      () => rig.kubectl("apply --dry-run=server -f -", second),
      ({ code }) => code !== 0,
    );
    expect(refused.stderr).toContain(
      'IPAddressPool second: spec.addresses[0] "10.1.0.128/25" overlaps with already defined CIDR "10.1.0.0/24" of pool first',
    );
  });

  test("what lies outside MetalLB's namespace", async () => {
    const stray = pool("stray", { addresses: ["10.9.0.0/24"] }, { namespace: "default" });
    expect((await apply(stray)).stderr).toContain("resource must be created in metallb-system namespace");
  });

  test("the deletion of a BFDProfile in use, until it is not", async () => {
    await apply(bfdProfile("used"), peer("user", { peerAddress: "10.77.0.1", bfdProfile: "used", vrf: "bfd" }));
    const refused = await known("delete bfdprofile used -n metallb-system --dry-run=server", ({ stderr }) =>
      stderr.includes("in use"),
    );
    expect(refused.stderr).toContain("BFDProfile used is in use by BGPPeer user; remove bfdProfile there first");
    await rig.kubectl("delete bgppeer user -n metallb-system");
    await known("delete bfdprofile used -n metallb-system", ({ stdout }) => stdout.includes("deleted"));
  });
});

describe("warned", () => {
  test("in words that kubectl prints", async () => {
    const { code, stdout, stderr } = await apply(
      peer("p", { bfdProfile: "fast", passwordSecret: { name: "pw" }, disableMP: true, vrf: "warned" }),
      bgpAdvertisement("a", { ipAddressPools: ["nowhere"], communities: ["later"] }),
    );
    expect({ code, stdout }).toEqual({
      code: 0,
      stdout: "bgppeer.metallb.io/p created\nbgpadvertisement.metallb.io/a created\n",
    });
    expect(stderr.trimEnd().split("\n").sort()).toEqual([
      expect.stringMatching(/^Warning: BGPAdvertisement a: spec\.communities\[0] "later" is neither a community nor/),
      expect.stringMatching(
        /^Warning: BGPAdvertisement a: spec\.ipAddressPools\[0] "nowhere" is not the name of an IPA/,
      ),
      expect.stringMatching(/^Warning: BGPPeer p: spec\.bfdProfile "fast" is not the name of a BFDProfile/),
      expect.stringMatching(/^Warning: BGPPeer p: spec\.disableMP is deprecated/),
      expect.stringMatching(/^Warning: BGPPeer p: spec\.passwordSecret "pw" is not the name of a Secret/),
    ]);
  });

  test("no more, once what was missing is there", async () => {
    const later = [
      bfdProfile("fast"),
      community("c", { later: "64512:1" }),
      pool("nowhere", { addresses: ["10.3.0.0/24"] }),
    ];
    expect((await apply(...later)).stderr).toBe("");
    const again = { ...bgpAdvertisement("a", { ipAddressPools: ["nowhere"], communities: ["later"], localPref: 5 }) };
    await until(
      "they are known",
      () => rig.kubectl("apply --dry-run=server -f -", yaml(again)),
      ({ stderr }) => stderr === "",
    );
  });
});

describe("v1beta1", () => {
  const legacy = {
    apiVersion: "metallb.io/v1beta1",
    kind: "BGPPeer",
    metadata: { name: "legacy", namespace },
    spec: {
      myASN: 64513,
      peerASN: 64512,
      peerAddress: "10.0.0.9",
      holdTime: "90s",
      nodeSelectors: [{ matchExpressions: [{ key: "rack", operator: "In", values: ["a"] }] }],
    },
  };
  const read = async (resource: string, name: string): Promise<{ apiVersion: string; spec: object }> =>
    JSON.parse((await rig.kubectl(`get ${resource} ${name} -n ${namespace} -o json`)).stdout) as {
      apiVersion: string;
      spec: object;
    };

  test("written, is read as v1beta2, without timers that nobody set", async () => {
    const { stdout, stderr } = await apply(legacy);
    expect(stdout).toBe("bgppeer.metallb.io/legacy created\n");
    expect(stderr).toContain("v1beta1 is deprecated, please use v1beta2");
    const stored = await read("bgppeers.v1beta2.metallb.io", "legacy");
    expect(stored.apiVersion).toBe("metallb.io/v1beta2");
    expect(stored.spec).toMatchObject(legacy.spec);
    expect(stored.spec).not.toHaveProperty("keepaliveTime");
  });

  test("read, shows what was written as v1beta2", async () => {
    await apply(peer("modern", { peerAddress: "10.0.0.8", holdTime: "30s", vrf: "red" }));
    const shown = await read("bgppeers.v1beta1.metallb.io", "modern");
    expect(shown).toMatchObject({
      apiVersion: "metallb.io/v1beta1",
      spec: { myASN: 64513, peerASN: 64512, peerAddress: "10.0.0.8", holdTime: "30s" },
    });
    expect(shown.spec).not.toHaveProperty("vrf");
    const list = await rig.kubectl(`get bgppeers.v1beta1.metallb.io -n ${namespace}`);
    expect(list.stdout).toMatch(/^modern +10\.0\.0\.8 +64512/m);
  });

  test("is judged like v1beta2, and says what an update through it takes away", async () => {
    const wrong = {
      ...legacy,
      metadata: { name: "wrong", namespace },
      spec: { ...legacy.spec, peerAddress: "nonsense" },
    };
    expect((await apply(wrong)).stderr).toContain("BGPPeer wrong: spec.peerAddress");
    const { apiVersion, spec } = await read("bgppeers.v1beta1.metallb.io", "modern");
    const update = { apiVersion, kind: "BGPPeer", metadata: { name: "modern", namespace }, spec };
    const { code, stderr } = await rig.kubectl("replace --dry-run=server -f -", yaml(update));
    expect(stderr).toContain("metallb.io/v1beta1 can't hold vrf, which this update removes; write the peer as v1beta2");
    expect(code).toBe(0);
  });
});

describe("renewal, without a restart and without a failed write", () => {
  /** Each label is another one, or kubectl would have nothing to write. */
  let writes = 0;

  /** Writes with kubectl until `holds`, each of which must succeed: with Fail, a webhook that isn't trusted would refuse it. */
  async function writeUntil(holds: () => boolean): Promise<void> {
    const failed: unknown[] = [];
    await until(
      "the certificate is new",
      async () => {
        const labelled = await rig.kubectl(`label ipaddresspool first -n ${namespace} --overwrite write=w${writes++}`);
        if (labelled.code !== 0 || labelled.stderr !== "") failed.push(labelled);
        return holds();
      },
      (isNew) => isNew,
    );
    expect(failed).toEqual([]);
  }
  const patchSecret = (data: Readonly<Record<string, string>>) =>
    rig.plane.api.patch(SECRETS, namespace, "metallb-webhook-cert", { data });

  test("of the server's certificate, by the same authority", async () => {
    const before = certificateData();
    await patchSecret({ "tls.crt": "", "tls.key": "" });
    await writeUntil(() => certificateData()["tls.crt"] !== "");
    expect(certificateData()["ca.crt"]).toBe(before["ca.crt"]);
    expect(certificateData()["tls.crt"]).not.toBe(before["tls.crt"]);
    await writeUntil(() => true);
  });

  test("of the authority: the old one stays trusted beside it", async () => {
    const before = certificateData();
    await patchSecret({ "ca.key": "" });
    await writeUntil(
      () => certificateData()["ca.key"] !== "" && bundles().every((one) => one === certificateData()["ca.crt"]),
    );
    const bundle = pem(certificateData()["ca.crt"]);
    expect(bundle.match(/BEGIN CERTIFICATE/g)).toHaveLength(2);
    expect(bundle).toContain(pem(before["ca.crt"]).trim());
    await writeUntil(() => true);
  });

  test("of a CA bundle that somebody took away", async () => {
    await rig.plane.api.patch(DEFINITIONS, undefined, "bgppeers.metallb.io", {
      spec: { conversion: { webhook: { clientConfig: { caBundle: null } } } },
    });
    await until("it is back", bundles, (all) => all.every((one) => one === certificateData()["ca.crt"]));
    expect((await rig.kubectl(`get bgppeers.v1beta1.metallb.io -n ${namespace}`)).code).toBe(0);
  });

  test("of a Secret that somebody deleted", async () => {
    await rig.plane.api.delete(SECRETS, namespace, "metallb-webhook-cert");
    await until("it is back", certificateData, (data) => data !== undefined);
    await until("it is trusted", bundles, (all) => all.every((one) => one === certificateData()["ca.crt"]));
    await until(
      "it is served",
      () => rig.kubectl(`label ipaddresspool first -n ${namespace} --overwrite write=anew`),
      ({ code }) => code === 0,
    );
  });
});

test("two replicas share one certificate, and either answers", async () => {
  const second = await rig.startReplica();
  const third = await rig.startReplica();
  const before = certificateData();
  await Promise.all([ready(second), ready(third)]);
  expect(certificateData()).toEqual(before);
  for (const one of [second, third]) {
    rig.serving = one;
    const { stderr } = await apply(pool("wrong", { addresses: ["nonsense"] }));
    expect(stderr).toContain("IPAddressPool wrong: spec.addresses[0]");
    expect(one.warnings).toEqual([]);
  }
  await Promise.all([second.stop(), third.stop()]);
  rig.serving = replica;
});

test("replicas that start together on an empty Secret agree on the first one's certificate", async () => {
  await using fresh = await startRig("crds.validationFailurePolicy=Fail");
  const both = await Promise.all([fresh.startReplica(), fresh.startReplica()]);
  await Promise.all(both.map(ready));
  for (const one of both) {
    fresh.serving = one;
    const { stderr } = await until(
      "it is trusted",
      () => fresh.kubectl("apply -f -", yaml(pool("wrong", { addresses: ["nonsense"] }))),
      (outcome) => outcome.stderr.includes("denied the request"),
    );
    expect(stderr).toContain("IPAddressPool wrong: spec.addresses[0]");
  }
});

describe("certificates of others", () => {
  const dnsName = "metallb-webhook-service.metallb-system.svc";
  const daysAgo = (days: number): Date => new Date(Date.now() - days * 86_400_000);
  const encoded = (text: string): string => Buffer.from(text).toString("base64");

  test("MetalLB's own that ends soon is replaced, under the authority that it has", async () => {
    await using fresh = await startRig("crds.validationFailurePolicy=Fail");
    const authority = await createAuthority(daysAgo(400));
    const old = await issueCertificate(authority, dnsName, daysAgo(300));
    await fresh.plane.api.patch(SECRETS, namespace, "metallb-webhook-cert", {
      data: {
        "ca.crt": encoded(authority.cert),
        "ca.key": encoded(authority.key),
        "tls.crt": encoded(old.cert),
        "tls.key": encoded(old.key),
      },
    });
    const one = await fresh.startReplica();
    await ready(one);
    const data = fresh.plane.api.get(SECRETS, namespace, "metallb-webhook-cert")?.["data"] as CertificateData;
    expect(pem(data["ca.crt"]).trim()).toBe(authority.cert.trim());
    expect(new X509Certificate(pem(data["tls.crt"])).validToDate.getTime()).toBeGreaterThan(daysAgo(-360).getTime());
  });

  test("with --disable-cert-rotation the files are served once they are there, and nothing is written", async () => {
    await using fresh = await startRig("crds.validationFailurePolicy=Fail");
    const certDir = mkdtempSync(join(tmpdir(), "cert-dir-"));
    const one = await fresh.startReplica({ certDir });
    await until(
      "it says what it waits for",
      () => one.warnings,
      ({ length }) => length > 0,
    );
    const authority = await createAuthority(new Date());
    const pair = await issueCertificate(authority, dnsName, new Date());
    writeFileSync(join(certDir, "tls.crt"), pair.cert);
    writeFileSync(join(certDir, "tls.key"), pair.key);
    await ready(one);
    fresh.serving = one;
    const hooks = fresh.plane.api.get(CONFIGURATIONS, undefined, "metallb-webhook-configuration")?.["webhooks"] as {
      readonly clientConfig: object;
    }[];
    const caBundle = encoded(authority.cert);
    await fresh.plane.api.patch(CONFIGURATIONS, undefined, "metallb-webhook-configuration", {
      webhooks: hooks.map((hook) => ({ ...hook, clientConfig: { ...hook.clientConfig, caBundle } })),
    });
    const { stderr } = await fresh.kubectl("apply -f -", yaml(pool("wrong", { addresses: ["nonsense"] })));
    expect(stderr).toContain("IPAddressPool wrong: spec.addresses[0]");
    expect(fresh.plane.api.get(SECRETS, namespace, "metallb-webhook-cert")?.["data"]).toBeUndefined();
    rmSync(certDir, { recursive: true });
  });
});

describe("each right that the chart gives for this is needed", () => {
  const webhooks = "admissionregistration.k8s.io/validatingwebhookconfigurations";
  const definitions = "apiextensions.k8s.io/customresourcedefinitions";
  const rights = [
    ...["list", "watch", "patch"].map((verb) => ["clusterroles", "metallb:controller", webhooks, verb] as const),
    ...["list", "watch", "patch"].map((verb) => ["clusterroles", "metallb:controller", definitions, verb] as const),
    ["roles", "metallb-controller", "/secrets", "create"] as const,
    ["roles", "metallb-controller", "/secrets", "patch"] as const,
  ];

  let spare: Rig;
  beforeAll(async () => {
    spare = await startRig();
  });
  afterAll(() => spare?.[Symbol.asyncDispose]());

  interface Rule {
    readonly apiGroups: readonly string[];
    readonly resources: readonly string[];
    readonly verbs: readonly string[];
  }

  test.each(rights)("%s %s: %s %s", async (resource, name, of, verb) => {
    const { api } = spare.plane;
    const id = { group: "rbac.authorization.k8s.io", resource };
    const within = resource === "roles" ? namespace : undefined;
    const rules = api.get(id, within, name)?.["rules"] as readonly Rule[];
    const isIt = ({ apiGroups, resources, verbs }: Rule) =>
      `${apiGroups[0] ?? ""}/${resources[0] ?? ""}` === of && verbs.includes(verb);
    expect(rules.filter(isIt)).toHaveLength(1);
    const fewer = rules.map((rule) =>
      isIt(rule) ? { ...rule, verbs: rule.verbs.filter((one) => one !== verb) } : rule,
    );
    // Where nothing is there yet, everything must be written.
    const metadata = { name: "metallb-webhook-cert", namespace };
    if (api.get(SECRETS, namespace, metadata.name)) await api.delete(SECRETS, namespace, metadata.name);
    if (verb !== "create") await api.create(SECRETS, { apiVersion: "v1", kind: "Secret", metadata });
    await api.patch(id, within, name, { rules: fewer.filter(({ verbs }) => verbs.length > 0) });
    const poor = await spare.startReplica();
    const said = await until(
      "it says what it lacks",
      () => poor.warnings.join(),
      (lines) => lines.includes("forbidden"),
    );
    expect(said).toContain("forbidden");
    await api.patch(id, within, name, { rules });
    await poor.stop();
  });
});

test("a dead controller blocks nobody, as the chart comes", async () => {
  await using bare = await startRig();
  const { code, stdout } = await bare.kubectl(
    "apply -f -",
    yaml(pool("p", { addresses: ["nonsense"] }), peer("q"), bfdProfile("f")),
  );
  expect(code).toBe(0);
  expect(stdout).toContain("ipaddresspool.metallb.io/p created");
  expect((await bare.kubectl(`delete bfdprofile f -n ${namespace}`)).code).toBe(0);
  // Once it lives, the wrong object can still be mended, and others be written.
  const late = await bare.startReplica();
  await ready(late);
  bare.serving = late;
  expect((await bare.kubectl("apply -f -", yaml(pool("fine", { addresses: ["10.5.0.0/24"] })))).code).toBe(0);
  expect((await bare.kubectl("apply -f -", yaml(pool("p", { addresses: ["10.6.0.0/24"] })))).code).toBe(0);
  expect(late.warnings).toEqual([]);
});
