import { execFileSync } from "node:child_process";
import { chmodSync } from "node:fs";
import { join } from "node:path";
import { type Router, startRouter, torConfig } from "../../lab/topology/router.ts";
import { Cluster, namespace, type Program } from "./cluster.ts";
import { freePort } from "./ports.ts";
import { metricsOf, probe } from "./scrape.ts";

const ip = (...args: string[]) => execFileSync("ip", args, { encoding: "utf8" });

/** What the router says of its session with the node. */
export interface RouterNeighbor {
  readonly bgpState: string;
  readonly connectionsEstablished: number;
  readonly messageStats: { readonly updatesRecv: number };
  readonly bgpTimerUpMsec?: number;
  readonly gracefulRestartInfo?: { readonly endOfRibRecv?: { readonly ipv4Unicast?: boolean } };
}

/** Node n1 of a cluster, 10.0.0.11, with a real FRR of its own, and a real router, 10.0.0.1, across a wire. No containers. */
export class WiredNode implements AsyncDisposable {
  readonly cluster: Cluster;
  readonly router: Router;
  readonly frr: Router;
  readonly #namespaces: readonly string[];
  #ports = { health: 0, metrics: 0 };

  private constructor(cluster: Cluster, router: Router, frr: Router, namespaces: readonly string[]) {
    this.cluster = cluster;
    this.router = router;
    this.frr = frr;
    this.#namespaces = namespaces;
  }

  static async start(): Promise<WiredNode> {
    const namespaces = [`msp-${process.pid}-tor`, `msp-${process.pid}-node`];
    await using undo = new AsyncDisposableStack();
    for (const name of namespaces) {
      ip("netns", "add", name);
      undo.defer(() => void ip("netns", "delete", name));
    }
    wire(namespaces);
    const cluster = undo.use(await Cluster.startLasting());
    const runDir = cluster.directory;
    // FRR's daemons run as a user of their own.
    chmodSync(runDir, 0o755);
    const config = torConfig({ asn: 64512, nodeASN: 64513, neighbors: ["10.0.0.11"] });
    const [tor = "", node = ""] = namespaces;
    const router = await startRouter({ name: "tor", netns: tor, runDir, config });
    undo.defer(() => router.stop());
    const empty = "frr defaults traditional\nhostname n1\n";
    const frr = await startRouter({ name: "node", netns: node, runDir, config: empty });
    undo.defer(() => frr.stop());
    const core = { group: "", resource: "nodes" };
    await cluster.plane.api.create(core, { apiVersion: "v1", kind: "Node", metadata: { name: "n1" } });
    await cluster.pod("speaker-n1");
    await cluster.pod("controller");
    undo.move();
    return new WiredNode(cluster, router, frr, namespaces);
  }

  /** Where the speaker that was started last answers probes. */
  get healthPort(): number {
    return this.#ports.health;
  }

  speaker(...more: readonly string[]): Program {
    this.#ports = { health: freePort(), metrics: freePort() };
    const args = [
      `--frr-socket-dir=${join(this.cluster.directory, "node")}`,
      `--health-probe-port=${this.#ports.health}`,
      `--port=${this.#ports.metrics}`,
      ...more,
    ];
    return this.cluster.run("speaker", args, { METALLB_NODE_NAME: "n1", METALLB_POD_NAME: "speaker-n1" });
  }

  async ready(): Promise<number> {
    return (await probe(this.#ports.health, "/readyz"))?.status ?? 0;
  }

  /** Lines of the speaker's metrics that begin with `name`. */
  async metrics(name: string): Promise<readonly string[]> {
    const { text } = await metricsOf(this.#ports.metrics, this.cluster.plane.adminToken);
    return text.split("\n").filter((line) => line.startsWith(name));
  }

  /** Prefixes in the router's table. */
  async routes(): Promise<string[]> {
    const table = JSON.parse(await this.router.vtysh("show bgp ipv4 unicast json")) as { routes?: object };
    return Object.keys(table.routes ?? {}).sort();
  }

  async neighbor(): Promise<RouterNeighbor | undefined> {
    const text = await this.router.vtysh("show bgp neighbors 10.0.0.11 json");
    return (JSON.parse(text) as Record<string, RouterNeighbor>)["10.0.0.11"];
  }

  /**
   * Whether the session has told the router all that follows its start: the End-of-RIB (RFC 4724 §2) is an UPDATE too, and within
   * its first second a session may tell its table a second time (FRR bgpd/bgp_route.c, bgp_announce_route).
   */
  async isQuiet(): Promise<boolean> {
    const { bgpTimerUpMsec = 0, gracefulRestartInfo } = (await this.neighbor()) ?? {};
    return bgpTimerUpMsec >= 2_000 && gracefulRestartInfo?.endOfRibRecv?.ipv4Unicast === true;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.frr.stop();
    await this.router.stop();
    await this.cluster[Symbol.asyncDispose]();
    for (const name of this.#namespaces) ip("netns", "delete", name);
  }
}

function wire([tor = "", node = ""]: readonly string[]): void {
  ip("link", "add", "up0", "netns", node, "type", "veth", "peer", "name", "down0", "netns", tor);
  ip("-n", tor, "addr", "add", "10.0.0.1/24", "dev", "down0");
  ip("-n", node, "addr", "add", "10.0.0.11/24", "dev", "up0");
  for (const [name, device] of [
    [tor, "down0"],
    [node, "up0"],
  ] as const) {
    // A BFD echo comes back by being forwarded.
    ip("netns", "exec", name, "sysctl", "-qw", "net.ipv4.ip_forward=1");
    for (const link of ["lo", device]) ip("-n", name, "link", "set", link, "up");
  }
}

/** An object of MetalLB's own. */
export const metallb = (kind: string, name: string, spec: object, version = "v1beta1") => ({
  apiVersion: `metallb.io/${version}`,
  kind,
  metadata: { name, namespace },
  spec,
});
