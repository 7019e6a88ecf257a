import { expect, test } from "vitest";
import { capabilitiesOf, commandOf } from "./bundle.ts";
import { containerEnvironment, expand } from "./environment.ts";
import { fieldValue } from "./fields.ts";
import { findImage, imageName } from "./images.ts";
import { parseQuantity } from "./quantity.ts";
import type { Container, Pod, PodSources } from "./types.ts";

const container: Container = { name: "main", image: "x" };
const place = { nodeName: "node", hostIPs: ["192.0.2.1"], podIPs: ["10.0.0.1", "fd00::1"] };
const sources: PodSources = {
  apiServer: { host: "fd00::a", port: 443, caPem: "" },
  configMap: (_, name) =>
    name === "map" ? { apiVersion: "v1", kind: "ConfigMap", metadata: { name }, data: { a: "1", b: "2" } } : undefined,
  secret: () => undefined,
  issueToken: () => "",
};
const pod: Pod = {
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name: "p", namespace: "ns", labels: { b: "2", a: 'say "1"' } },
  spec: { containers: [container] },
};

test.each([
  ["nginx", "nginx"],
  ["nginx:1.27", "nginx"],
  ["registry.example:5000/metallb/speaker:v0.15", "speaker"],
  ["registry:5000/a/frr@sha256:0123", "frr"],
])("image %s is %s", (reference, name) => expect(imageName(reference)).toBe(name));

test("an image that is not in the table says what is", () => {
  const found = findImage({ frr: { entrypoint: [] } }, "x/toString");
  expect(found).toEqual({ problem: expect.stringContaining('no image "toString" (it knows frr)') });
});

test("references expand, escapes and unknown names stay", () => {
  expect(expand("$(A) $$(A) $(B) $A", { A: "1" })).toBe("1 $(A) $(B) $A");
});

test("the pod's command replaces the image's entrypoint and its arguments; its args only the arguments", () => {
  const image = { entrypoint: ["run"], cmd: ["all"] };
  expect(commandOf(container, image, {})).toEqual(["run", "all"]);
  expect(commandOf({ ...container, args: ["$(N)"] }, image, { N: "one" })).toEqual(["run", "one"]);
  expect(commandOf({ ...container, command: ["sh"] }, image, {})).toEqual(["sh"]);
});

test("capabilities: drop ALL keeps what is added by name", () => {
  const one = { drop: ["ALL"], add: ["NET_RAW"] };
  expect(capabilitiesOf({ capabilities: one })).toEqual(["CAP_NET_RAW"]);
  expect(capabilitiesOf({ capabilities: { add: ["CAP_SYS_ADMIN"], drop: ["CHOWN"] } })).toContain("CAP_SYS_ADMIN");
  expect(capabilitiesOf({ capabilities: { drop: ["CHOWN"] } })).not.toContain("CAP_CHOWN");
  expect(capabilitiesOf({ privileged: true }).length).toBeGreaterThan(30);
});

test("the environment: imports, references in order, later names win", () => {
  const env = containerEnvironment(
    pod,
    {
      ...container,
      envFrom: [{ prefix: "M_", configMapRef: { name: "map" } }, { secretRef: { name: "no", optional: true } }],
      env: [
        { name: "X", value: "$(M_a)-$(M_b)" },
        { name: "IPS", valueFrom: { fieldRef: { fieldPath: "status.podIPs" } } },
        { name: "M_a", value: "3" },
        { name: "NONE", valueFrom: { secretKeyRef: { name: "no", key: "k", optional: true } } },
      ],
    },
    place,
    sources,
  );
  expect(env).toMatchObject({
    M_a: "3",
    M_b: "2",
    X: "1-2",
    IPS: "10.0.0.1,fd00::1",
    KUBERNETES_SERVICE_HOST: "fd00::a",
  });
  expect(env["KUBERNETES_PORT"]).toBe("tcp://[fd00::a]:443");
  expect(env).not.toHaveProperty("NONE");
});

test.each([
  [{ name: "E", valueFrom: { secretKeyRef: { name: "no", key: "k" } } }, 'secret "no" not found'],
  [{ name: "E", valueFrom: { configMapKeyRef: { name: "map", key: "k" } } }, "couldn't find key k in ConfigMap ns/map"],
  [{ name: "E", valueFrom: { fieldRef: { fieldPath: "spec.no" } } }, "unsupported fieldPath: spec.no"],
])("what is missing is named", (variable, message) => {
  expect(() => containerEnvironment(pod, { ...container, env: [variable] }, place, sources)).toThrow(message);
});

test("downward fields: labels are sorted and quoted", () => {
  expect(fieldValue(pod, place, "metadata.labels")).toBe('a="say \\"1\\""\nb="2"');
  expect(fieldValue(pod, place, "metadata.labels['b']")).toBe("2");
});

test.each([
  ["128Mi", 128 * 2 ** 20],
  ["1.5G", 1.5e9],
  ["100", 100],
])("%s is %d bytes", (text, bytes) => expect(parseQuantity(text)).toBe(bytes));
