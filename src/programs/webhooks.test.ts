import { expect, test } from "vitest";
import { bgpAdvertisement, peer, pool, snapshot } from "../../tests/objects.ts";
import type { KubeObject } from "../api/object.ts";
import type { Snapshot } from "../api/snapshot.ts";
import { answerAtLast } from "./webhooks.ts";

const creationOf = (object: KubeObject) => ({
  apiVersion: "admission.k8s.io/v1",
  kind: "AdmissionReview",
  request: { uid: "u", operation: "CREATE", object },
});

/** The response to a creation in a world that is known as `first`, and after a moment as `then`. */
async function response(object: KubeObject, first: Snapshot | undefined, then: Snapshot | undefined = first) {
  let [world, pauses] = [first, 0];
  const answer = await answerAtLast(
    creationOf(object),
    () => world,
    async () => {
      pauses++;
      world = then;
    },
  );
  return { answer: answer?.ok ? answer.value.response : answer, pauses };
}

const old = snapshot({ pools: [pool("old", { addresses: ["10.0.0.0/24"] })], peers: [peer("p")] });
const fresh = pool("new", { addresses: ["10.0.0.0/24"] });

test("addresses of a pool that was deleted just now are free", async () => {
  expect(await response(fresh, old, snapshot({}))).toEqual({ answer: { uid: "u", allowed: true }, pauses: 1 });
  expect(await response(fresh, old)).toMatchObject({ answer: { allowed: false }, pauses: 1 });
});

test("nobody is warned of what was created just before", async () => {
  const all = bgpAdvertisement("all");
  expect(await response(all, snapshot({}), old)).toEqual({ answer: { uid: "u", allowed: true }, pauses: 1 });
  expect((await response(all, snapshot({}))).answer).toMatchObject({
    allowed: true,
    warnings: [expect.any(String), expect.any(String)] as string[],
  });
});

test("what nothing speaks against doesn't wait", async () => {
  expect(await response(fresh, snapshot({}))).toEqual({ answer: { uid: "u", allowed: true }, pauses: 0 });
});

test("without a world there is no answer", async () => {
  expect(await response(fresh, undefined)).toEqual({ answer: undefined, pauses: 0 });
});
