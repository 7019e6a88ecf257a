/** The controller's webhooks in a lab, as Helm installs them: reached through the Service, from the API server, in a Pod. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Cluster, metallb, startCluster, SYSTEM } from "./cluster.ts";
import { until } from "./until.ts";

let cluster: Cluster;

beforeAll(async () => {
  cluster = await startCluster(`admit-${process.pid % 10_000}`);
});
afterAll(() => cluster?.lab.close());

const wrong = metallb("v1beta1", "IPAddressPool", "wrong", { addresses: ["10.0.0.0/33", "nonsense"] });

/** The API server reaches webhooks by their Service's endpoints, which Kubernetes writes some time after the Deployment is ready. */
async function webhooksAreReached(): Promise<void> {
  const pods = () =>
    cluster.kubectl(
      "get",
      "pods",
      "-n",
      SYSTEM,
      "-l",
      "component=controller",
      "-o",
      "jsonpath={.items[*].status.podIP}",
    );
  const service = "kubernetes.io/service-name=metallb-webhook-service";
  const endpoints = "jsonpath={.items[*].endpoints[?(@.conditions.ready==true)].addresses[*]}";
  await until(
    "the webhooks' Service leads to the controller",
    async () => [
      await pods(),
      await cluster.kubectl("get", "endpointslices", "-n", SYSTEM, "-l", service, "-o", endpoints),
    ],
    ([pod, endpoint]) => pod !== "" && endpoint === pod,
  );
}

test("once the Deployment is ready, what is wrong is refused, with every problem", async () => {
  await webhooksAreReached();
  const refused = await cluster.apply(wrong).then(
    (output) => output,
    (error: unknown) => String(error),
  );
  expect(refused).toContain("denied the request: 2 problems:");
  expect(refused).toContain("IPAddressPool wrong: spec.addresses[1]");
});

test("v1beta1 is read", async () => {
  await cluster.apply(
    metallb("v1beta2", "BGPPeer", "p", { myASN: 64513, peerASN: 64512, peerAddress: "10.0.0.1", vrf: "red" }),
  );
  const shown = await cluster.kubectl("get", "bgppeers.v1beta1.metallb.io", "p", "-n", SYSTEM, "-o", "json");
  expect(JSON.parse(shown)).toMatchObject({ apiVersion: "metallb.io/v1beta1", spec: { peerAddress: "10.0.0.1" } });
});

describe("without a controller", () => {
  test("writes pass, and are mended once it is back", async () => {
    await cluster.kubectl("scale", "-n", SYSTEM, "deployment/metallb-controller", "--replicas=0");
    const pods = () => cluster.kubectl("get", "pods", "-n", SYSTEM, "-l", "component=controller", "-o", "name");
    await until("the controller is gone", pods, (names) => names.trim() === "");
    expect(await cluster.apply(wrong)).toContain("created");
    await cluster.kubectl("scale", "-n", SYSTEM, "deployment/metallb-controller", "--replicas=1");
    await cluster.kubectl("rollout", "status", "-n", SYSTEM, "deployment/metallb-controller", "--timeout=60s");
    const summary = () =>
      cluster.kubectl("get", "configurationstate", "controller", "-n", SYSTEM, "-o", "jsonpath={.status.errorSummary}");
    await until("it is reported in the same words", summary, (text) =>
      text.includes('IPAddressPool wrong: spec.addresses[1] "nonsense"'),
    );
    const right = metallb("v1beta1", "IPAddressPool", "wrong", { addresses: ["10.0.0.0/24"] });
    expect(await cluster.apply(right)).toContain("configured");
  });
});

test("uninstalled and installed again, its webhooks answer again", async () => {
  await cluster.lab.run("helm", "uninstall", "metallb", "-n", SYSTEM, "--wait");
  await cluster.lab.run("helm", "install", "metallb", "metallb/metallb", "-n", SYSTEM);
  await cluster.kubectl("rollout", "status", "-n", SYSTEM, "deployment/metallb-controller", "--timeout=60s");
  await webhooksAreReached();
  await expect(cluster.apply(wrong)).rejects.toThrow("denied the request");
});
