import { describe, expect, test } from "vitest";
import { peer, pool, snapshot } from "../../tests/objects.ts";
import { answerAdmission } from "./admission-review.ts";
import { answerConversion } from "./conversion-review.ts";

const admission = (request: object) => ({ apiVersion: "admission.k8s.io/v1", kind: "AdmissionReview", request });
const ask = (request: object) => answerAdmission(admission({ uid: "u1", ...request }), snapshot());

describe("admission reviews", () => {
  test("allowed, in the version asked", () => {
    expect(ask({ operation: "CREATE", object: pool("p", { addresses: ["10.0.0.0/24"] }), oldObject: null })).toEqual({
      ok: true,
      value: {
        apiVersion: "admission.k8s.io/v1",
        kind: "AdmissionReview",
        response: { uid: "u1", allowed: true },
      },
    });
  });

  test("refused, with every problem in one message", () => {
    const answer = ask({ operation: "CREATE", object: pool("p", { addresses: ["x", "y"] }) });
    expect(answer).toMatchObject({
      value: { response: { uid: "u1", allowed: false, status: { code: 403, reason: "Forbidden" } } },
    });
    expect(answer.ok && answer.value.response.status?.message).toMatch(
      /^2 problems:\n {2}- IPAddressPool p: spec\.addresses\[0] "x".*\n {2}- IPAddressPool p: spec\.addresses\[1] "y".*$/,
    );
  });

  test("allowed with warnings", () => {
    expect(ask({ operation: "CREATE", object: peer("p", { bfdProfile: "fast" }) })).toMatchObject({
      value: { response: { allowed: true, warnings: [expect.stringContaining("spec.bfdProfile")] } },
    });
  });

  test("an update as v1beta1 says which fields it removes", () => {
    const old = peer("p", { vrf: "red", localASN: 7, disableMP: false, dualStackAddressFamily: true });
    // The API server has filled in the defaults of v1beta2.
    const object = peer("p", { disableMP: false, dualStackAddressFamily: false });
    const request = { operation: "UPDATE", object, oldObject: old };
    const warnings = [
      "BGPPeer p: metallb.io/v1beta1 can't hold dualStackAddressFamily, localASN, vrf, which this update removes",
    ];
    expect(ask({ ...request, requestKind: { version: "v1beta1" } })).toMatchObject({
      value: { response: { warnings: [expect.stringContaining(warnings[0] ?? "")] } },
    });
    expect(ask({ ...request, requestKind: { version: "v1beta2" } })).toEqual(
      expect.objectContaining({ value: expect.objectContaining({ response: { uid: "u1", allowed: true } }) }),
    );
  });

  test("what is not judged is allowed", () => {
    expect(ask({ operation: "CONNECT" })).toMatchObject({ value: { response: { allowed: true } } });
    const object = pool("p", { addresses: [] });
    expect(ask({ operation: "UPDATE", subResource: "status", object, oldObject: object })).toMatchObject({
      value: { response: { allowed: true } },
    });
  });

  test.each([
    undefined,
    "x",
    {},
    { kind: "AdmissionReview" },
    admission({}),
    admission({ uid: "u", operation: "CREATE" }),
  ])("%j is no review", (body) => {
    expect(answerAdmission(body, snapshot()).ok).toBe(false);
    expect(answerConversion(body).ok).toBe(false);
  });
});

const conversion = (desiredAPIVersion: string, objects: readonly unknown[], version = "v1beta1") =>
  answerConversion({
    apiVersion: `apiextensions.k8s.io/${version}`,
    kind: "ConversionReview",
    request: { uid: "u2", desiredAPIVersion, objects },
  });

describe("conversion reviews", () => {
  const stored = peer("p", {}, { uid: "x", labels: { a: "b" } });
  const old = { ...stored, apiVersion: "metallb.io/v1beta1" };

  test.each(["v1beta1", "v1"])("there and back, answered as asked in %s", (version) => {
    expect(conversion("metallb.io/v1beta1", [stored, old], version)).toEqual({
      ok: true,
      value: {
        apiVersion: `apiextensions.k8s.io/${version}`,
        kind: "ConversionReview",
        response: { uid: "u2", convertedObjects: [old, old], result: { status: "Success" } },
      },
    });
    expect(conversion("metallb.io/v1beta2", [old])).toMatchObject({
      value: { response: { convertedObjects: [stored] } },
    });
  });

  test.each([
    ["metallb.io/v9", stored, "BGPPeer p can't be converted from metallb.io/v1beta2 to metallb.io/v9"],
    ["metallb.io/v1beta2", pool("p", { addresses: [] }), "IPAddressPool p can't be converted from metallb.io/v1beta1"],
    ["metallb.io/v1beta2", { kind: "BGPPeer" }, "an object without a name"],
  ])("to %s: a failure in words", (wanted, object, message) => {
    expect(conversion(wanted, [object])).toMatchObject({
      value: { response: { result: { status: "Failure", message: expect.stringContaining(message) } } },
    });
  });
});
