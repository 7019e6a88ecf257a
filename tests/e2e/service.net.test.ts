import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { addressesOf, type Cluster, guideObjects, loadBalancer, metallb, startCluster, SYSTEM } from "./cluster.ts";
import { until } from "./until.ts";

/** From the Service to the client's packets, read at the router and at the client. */

let cluster: Cluster;

beforeAll(async () => {
  cluster = await startCluster("tsvc");
  await cluster.apply(...guideObjects);
  await cluster.kubectl("create", "deployment", "nginx", "--image=nginx", "--replicas=2");
  await cluster.kubectl("rollout", "status", "deployment/nginx", "--timeout=60s");
});
afterAll(async () => {
  await cluster?.lab.close();
});

const bothNodes = ["10.0.0.11", "10.0.0.12"];
const nexthops = async (prefix: string): Promise<string[]> =>
  (await cluster.paths(prefix)).map((path) => path.nexthop).sort();
const fromNodes = (prefix: string, nodes: readonly string[]): Promise<string[]> =>
  until(
    `the router has ${prefix} from ${nodes.join(", ") || "nobody"}`,
    () => nexthops(prefix),
    (seen) => seen.join() === nodes.join(),
  );
const page = (url: string): Promise<string> => cluster.lab.run("client", "curl", "-sS", "--max-time", "3", url);

test("a Service is announced from both nodes with its community, and a client gets the page", async () => {
  await cluster.apply(loadBalancer("web"));
  const [address = ""] = await addressesOf(cluster, "web");
  await fromNodes(`${address}/32`, bothNodes);
  expect((await cluster.paths(`${address}/32`)).map((path) => path.communities)).toEqual([
    ["64512:100"],
    ["64512:100"],
  ]);
  expect(
    await until(
      "the page",
      () => page(`http://${address}/`),
      (text) => text !== "",
    ),
  ).toMatch(/served by nginx-/i);
});

test("kubectl shows each node's session: up, watched by BFD, with the one prefix that it was sent", async () => {
  const shown = (): Promise<string> => cluster.kubectl("get", "bgpsession", "-n", SYSTEM, "--no-headers");
  const row = (node: string): RegExp =>
    new RegExp(`^session-\\w+ +${node} +upstream-router +Established +Up +1 +\\d+m?\\d*s`, "m");
  await until("both sessions are shown", shown, (text) => ["node1", "node2"].every((node) => row(node).test(text)));
});

test("restarting a speaker sends the router no UPDATE and resets no session", async () => {
  const before = await cluster.neighbors();
  expect(bothNodes.map((node) => before[node]?.established)).toEqual([true, true]);
  const [speaker] = await cluster.speakerPods();
  const restarts = (): Promise<string> =>
    cluster.kubectl(
      "get",
      "pod",
      "-n",
      SYSTEM,
      speaker?.name ?? "",
      "-o",
      `jsonpath={.status.containerStatuses[?(@.name=="speaker")].restartCount}/{.status.conditions[?(@.type=="Ready")].status}`,
    );
  await cluster.kubectl("exec", "-n", SYSTEM, speaker?.name ?? "", "-c", "speaker", "--", "kill", "1");
  await until("the speaker restarted and is ready", restarts, (text) => text === "1/True");
  // Ready means that FRR acknowledged the whole configuration. What is announced next must be the first UPDATE since.
  await cluster.apply(loadBalancer("after-restart"));
  const [address = ""] = await addressesOf(cluster, "after-restart");
  await fromNodes(`${address}/32`, bothNodes);
  const after = await cluster.neighbors();
  for (const node of bothNodes) {
    expect(after[node]?.connectionsEstablished, `sessions of ${node}, last reset: ${after[node]?.lastReset}`).toBe(
      before[node]?.connectionsEstablished,
    );
    expect((after[node]?.updatesReceived ?? 0) - (before[node]?.updatesReceived ?? 0), `UPDATEs from ${node}`).toBe(1);
  }
  await cluster.kubectl("delete", "service", "after-restart");
});

test("bgpd killed: sessions and routes come back without a person", async () => {
  const [address = ""] = await addressesOf(cluster, "web");
  const [speaker] = await cluster.speakerPods();
  const before = await cluster.neighbors();
  await cluster.kubectl(
    "exec",
    "-n",
    SYSTEM,
    speaker?.name ?? "",
    "-c",
    "frr",
    "--",
    "sh",
    "-c",
    "kill -9 $(cat /var/run/frr/bgpd.pid)",
  );
  await until(
    "a new session",
    () => cluster.neighbors(),
    (now) =>
      bothNodes.some((node) => (now[node]?.connectionsEstablished ?? 0) > (before[node]?.connectionsEstablished ?? 0)),
    60,
  );
  await fromNodes(`${address}/32`, bothNodes);
  await until(
    "the node's events tell of it",
    () => cluster.kubectl("describe", "node", speaker?.node ?? ""),
    (text) => /Warning +FRRDaemonLost .*bgpd/.test(text) && /Normal +FRRDaemonBack .*bgpd/.test(text),
  );
});

test("policy Local: only nodes with a ready pod announce; with none, nobody does", async () => {
  await cluster.apply(loadBalancer("local", { externalTrafficPolicy: "Local" }));
  const [address = ""] = await addressesOf(cluster, "local");
  await fromNodes(`${address}/32`, bothNodes);
  await cluster.kubectl("scale", "deployment/nginx", "--replicas=1");
  const { items } = JSON.parse(
    await until(
      "one pod",
      () => cluster.kubectl("get", "pods", "-l", "app=nginx", "-o", "json"),
      (text) => (JSON.parse(text) as { items: unknown[] }).items.length === 1,
    ),
  ) as { items: { status: { hostIP: string } }[] };
  await fromNodes(`${address}/32`, [items[0]?.status.hostIP ?? ""]);
  await cluster.kubectl("scale", "deployment/nginx", "--replicas=0");
  await fromNodes(`${address}/32`, []);
  await cluster.kubectl("scale", "deployment/nginx", "--replicas=2");
  await fromNodes(`${address}/32`, bothNodes);
});

describe("dual stack", () => {
  test("IPv4 and IPv6 in one session, and the page over IPv6", async () => {
    await cluster.apply(
      metallb("v1beta1", "IPAddressPool", "dual-pool", { addresses: ["10.101.0.0/24", "fd00:101::/112"] }),
      metallb("v1beta2", "BGPPeer", "upstream-router", {
        peerASN: 64512,
        myASN: 64513,
        peerAddress: "10.0.0.1",
        dualStackAddressFamily: true,
      }),
      metallb("v1beta1", "BGPAdvertisement", "dual-advert", { ipAddressPools: ["dual-pool"] }),
    );
    await cluster.apply(
      loadBalancer("dual", { ipFamilyPolicy: "RequireDualStack" }, { "metallb.io/address-pool": "dual-pool" }),
    );
    const [v4 = "", v6 = ""] = await addressesOf(cluster, "dual", 2);
    expect([v4, v6]).toEqual([expect.stringMatching(/^10\.101\./), expect.stringMatching(/^fd00:101::/)]);
    await fromNodes(`${v4}/32`, bothNodes);
    await fromNodes(`${v6}/128`, ["fd00:10::11", "fd00:10::12"]);
    expect(
      await until(
        "the page",
        () => page(`http://[${v6}]/`),
        (text) => text !== "",
      ),
    ).toMatch(/served by nginx-/i);
  });
});

describe("mistakes", () => {
  test("a wrong field is refused by the API, naming it", async () => {
    const wrong = metallb("v1beta1", "IPAddressPool", "wrong", { adresses: ["10.9.0.0/24"] });
    await expect(cluster.apply(wrong)).rejects.toThrow(
      /unknown field "spec\.adresses"|spec\.addresses: Required value/,
    );
  });

  test("a bad pool is refused with the reason", async () => {
    const overlapping = metallb("v1beta1", "IPAddressPool", "bad-pool", { addresses: ["10.100.0.0/28"] });
    await expect(cluster.apply(overlapping)).rejects.toThrow(
      /10\.100\.0\.0\/28.* overlaps .*10\.100\.0\.0\/24.* of pool bgp-pool/,
    );
  });

  test("a peer whose BFD profile does not exist stops nobody, and each speaker says what is wrong with it", async () => {
    const peer = metallb("v1beta2", "BGPPeer", "no-profile", {
      peerASN: 64512,
      myASN: 64513,
      peerAddress: "10.0.0.99",
      bfdProfile: "absent",
    });
    await cluster.apply(peer);
    const state = (path: string): Promise<string> =>
      cluster.kubectl("get", "configurationstate", "speaker-node1", "-n", SYSTEM, "-o", `jsonpath={.status.${path}}`);
    await until(
      "the missing profile is reported",
      () => state("errorSummary"),
      (text) => /no-profile/.test(text) && /absent/.test(text),
    );
    await cluster.apply(loadBalancer("still-served"));
    const [address = ""] = await addressesOf(cluster, "still-served");
    await fromNodes(`${address}/32`, bothNodes);
    await cluster.kubectl("delete", "bgppeer", "no-profile", "-n", SYSTEM);
    await until(
      "the report is gone",
      () => state("result"),
      (text) => text === "Valid",
    );
  });
});

test("deleting a Service withdraws its route and leaves the others", async () => {
  const [address = ""] = await addressesOf(cluster, "web");
  const [other = ""] = await addressesOf(cluster, "still-served");
  await cluster.kubectl("delete", "service", "web");
  await fromNodes(`${address}/32`, []);
  expect(await nexthops(`${other}/32`)).toEqual(bothNodes);
});
