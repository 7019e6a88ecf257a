import { describe, expect, test } from "vitest";
import type { NodeObject, Pod, PodSpec } from "./objects.ts";
import { placePod, tolerates } from "./scheduling.ts";

const node = (name: string, spec: NodeObject["spec"] = {}, labels: Record<string, string> = {}): NodeObject => ({
  apiVersion: "v1",
  kind: "Node",
  metadata: { name, labels: { "kubernetes.io/hostname": name, ...labels } },
  spec,
});

const pod = (name: string, spec: Partial<PodSpec> = {}, labels: Record<string, string> = {}): Pod => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name, namespace: "default", uid: name, labels },
  spec: { containers: [], ...spec },
});

const taint = { key: "only", value: "gpu", effect: "NoSchedule" };

describe("tolerations", () => {
  test.each([
    ["equal", { key: "only", value: "gpu", effect: "NoSchedule" }, true],
    ["any effect", { key: "only", value: "gpu" }, true],
    ["exists", { key: "only", operator: "Exists" }, true],
    ["everything", { operator: "Exists" }, true],
    ["another value", { key: "only", value: "cpu" }, false],
    ["another effect", { key: "only", operator: "Exists", effect: "NoExecute" }, false],
  ])("%s", (_, toleration, expected) => expect(tolerates([toleration], taint)).toBe(expected));
});

describe("placement", () => {
  test("the emptiest node, then the first name", () => {
    const nodes = [node("b"), node("a")];
    expect(placePod(pod("x"), nodes, [])).toEqual({ node: "a" });
    expect(placePod(pod("x"), nodes, [pod("y", { nodeName: "a" })])).toEqual({ node: "b" });
  });

  test("anti-affinity: preferred moves away, required refuses", () => {
    const term = { topologyKey: "kubernetes.io/hostname", labelSelector: { matchLabels: { app: "web" } } };
    const there = [
      pod("1", { nodeName: "a" }, { app: "web" }),
      pod("2", { nodeName: "b" }),
      pod("3", { nodeName: "b" }),
    ];
    const preferred = { preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 1, podAffinityTerm: term }] };
    const nodes = [node("a"), node("b")];
    expect(placePod(pod("x", { affinity: { podAntiAffinity: preferred } }), nodes, there)).toEqual({ node: "b" });
    const required = { requiredDuringSchedulingIgnoredDuringExecution: [term] };
    expect(placePod(pod("x", { affinity: { podAntiAffinity: required } }), [node("a")], there)).toEqual({
      unschedulable: "0/1 nodes are available: 1 node(s) didn't match pod anti-affinity rules.",
    });
  });

  test("says what is wrong with each node", () => {
    const nodes = [node("a", { taints: [taint] }), node("b", { unschedulable: true }), node("c", { taints: [taint] })];
    expect(placePod(pod("x"), nodes, [])).toEqual({
      unschedulable:
        "0/3 nodes are available: 1 node(s) were unschedulable, 2 node(s) had untolerated taint {only: gpu}.",
    });
    expect(placePod(pod("x"), [], [])).toEqual({ unschedulable: "no nodes available to schedule pods" });
  });

  test("required node affinity is a choice of terms, by labels and by name", () => {
    const terms = [
      { matchExpressions: [{ key: "zone", operator: "In", values: ["z1"] }] },
      { matchFields: [{ key: "metadata.name", operator: "In", values: ["c"] }] },
    ];
    const nodeAffinity = { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: terms } };
    const wants = pod("x", { affinity: { nodeAffinity } });
    expect(placePod(wants, [node("a"), node("b", {}, { zone: "z1" })], [])).toEqual({ node: "b" });
    expect(placePod(wants, [node("a"), node("c")], [])).toEqual({ node: "c" });
  });
});
