import { Cluster, namespace } from "./cluster.ts";

/** Many Services at the lab's API server, for a speaker on node n1. */

/** How many ServiceBGPStatus objects there are. */
export const statuses = (cluster: Cluster): number =>
  cluster.plane.api.list({ group: "metallb.io", resource: "servicebgpstatuses" }, { namespace }).length;

const metallb = (kind: string, name: string, spec: object, version = "v1beta1") => ({
  apiVersion: `metallb.io/${version}`,
  kind,
  metadata: { name, namespace },
  spec,
});

/** A node, a peer at 10.0.1.1 (AS 64512), and pools from which every address is announced. */
export async function setUpWorld(cluster: Cluster): Promise<void> {
  const node = { apiVersion: "v1", kind: "Node", metadata: { name: "n1" } };
  await cluster.plane.api.create({ group: "", resource: "nodes" }, node);
  await cluster.pod("speaker-n1");
  await cluster.pool("all", "10.100.0.0/16", "10.200.0.0/16");
  const session = { myASN: 64513, peerASN: 64512, peerAddress: "10.0.1.1", connectTime: "1s" };
  await cluster.create("bgppeers", metallb("BGPPeer", "router", session, "v1beta2"));
  await cluster.create("bgpadvertisements", metallb("BGPAdvertisement", "all", { communities: ["64512:100"] }));
}

/** Services `s0` and on, each with an address of 10.100.0.0/16 and an endpoint on the node. */
export async function addServices(cluster: Cluster, from: number, to: number): Promise<void> {
  for (let i = from; i < to; i++) {
    await addService(cluster, `s${i}`);
    await setAddress(cluster, `s${i}`, `10.100.${i >> 8}.${i & 255}`);
  }
}

/** A Service without an address. */
export async function addService(cluster: Cluster, name: string): Promise<void> {
  await cluster.service(name);
  await cluster.slice(name, "n1");
}

/** What the controller would write. */
export async function setAddress(cluster: Cluster, name: string, ip: string | undefined): Promise<void> {
  const services = { group: "", resource: "services" };
  const object = cluster.plane.api.get(services, "default", name);
  if (object === undefined) throw new Error(`bug: no Service ${name}`);
  const status = { loadBalancer: ip === undefined ? {} : { ingress: [{ ip }] } };
  await cluster.plane.api.update(services, { ...object, status }, { subresource: "status" });
}
