import { afterAll, beforeAll, expect, test } from "vitest";
import { Cluster, namespace } from "../../programs/cluster.ts";

/** What the API server lets nobody change: rules over an old and a new object. */

let cluster: Cluster;
beforeAll(async () => {
  cluster = await Cluster.start();
});
afterAll(() => cluster?.[Symbol.asyncDispose]());

const peers = { group: "metallb.io", resource: "bgppeers" };
const session = { myASN: 64513, peerASN: 64512, peerAddress: "10.0.0.1" };

/** The reference, api.md §3.1: a transition rule on an optional field says nothing about a field that was not there. */
test.each<[string, boolean | undefined, boolean, boolean]>([
  ["kept", true, true, true],
  ["turned off", true, false, false],
  ["turned on", false, true, false],
  ["turned on where nothing was said", undefined, true, true],
])("enableGracefulRestart %s", async (what, before, after, isAllowed) => {
  const name = what.replaceAll(" ", "-");
  const spec = { ...session, ...(before !== undefined && { enableGracefulRestart: before }) };
  await cluster.create("bgppeers", {
    apiVersion: "metallb.io/v1beta2",
    kind: "BGPPeer",
    metadata: { name, namespace },
    spec,
  });
  const patched = cluster.plane.api.patch(peers, namespace, name, { spec: { enableGracefulRestart: after } });
  if (isAllowed) await expect(patched).resolves.toMatchObject({ spec: { enableGracefulRestart: after } });
  else await expect(patched).rejects.toThrow("EnableGracefulRestart cannot be changed after creation");
});
