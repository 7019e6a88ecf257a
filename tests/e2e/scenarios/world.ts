import { execFile } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, vi } from "vitest";
import { exhaustive } from "../../../src/std/exhaustive.ts";
import { type LabProcess, startProcess } from "../../../lab/processes.ts";
import { startRouter } from "../../../lab/topology/router.ts";
import { addSecondRouter } from "../../../lab/topology/topology.ts";
import { type Cluster, startCluster } from "../cluster.ts";
import { shared, webPods } from "./manifests.ts";
import { Asked, spineLines } from "./router.ts";
import { type Act, apply, type Expected, plain, type Scenario, type Spine, type Table } from "./scenario.ts";

/** Long enough for a session that has to wait for the other end's next attempt: FRR doubles the pause after each one that is refused. */
const PATIENCE_MS = 60_000;

/** A lab with the product in it, a second router, and a page on each node; scenarios are played in it one after another. */
export class World implements AsyncDisposable {
  readonly #cluster: Cluster;
  readonly #tor: Asked;
  readonly #spine: Asked;
  readonly #held = new AsyncDisposableStack();
  #files = 0;

  static async start(name: string): Promise<World> {
    await using held = new AsyncDisposableStack();
    const cluster = await startCluster(name);
    held.defer(() => cluster.lab.close());
    const { lab } = cluster;
    const { netns, wire } = addSecondRouter(lab.instance, lab.topology);
    // An unnumbered neighbor waits for a router advertisement.
    const config = `hostname spine\ninterface ${wire.router}\n no ipv6 nd suppress-ra\n ipv6 nd ra-interval 1\nexit\n`;
    const second = await startRouter({ name: "spine", netns, runDir: lab.instance.runDir, config });
    held.defer(() => second.stop());
    const bird = startBird(netns, lab.instance.runDir);
    held.defer(() => bird.stop());
    const world = new World(cluster, held.use(await Asked.open(lab.router)), held.use(await Asked.open(second)));
    await world.#do(apply(...shared, webPods));
    await cluster.kubectl("rollout", "status", "daemonset/web", "--timeout=60s");
    await world.#isAtRest();
    world.#held.use(held.move());
    return world;
  }

  private constructor(cluster: Cluster, tor: Asked, spine: Asked) {
    this.#cluster = cluster;
    this.#tor = tor;
    this.#spine = spine;
  }

  /** Plays a scenario and leaves the world as it was. */
  async play(scenario: Scenario): Promise<void> {
    const before = await this.#bystanders();
    await this.#playOnly(scenario);
    if (!scenario.editsShared) expect(await this.#bystanders(), "sessions of the first router").toEqual(before);
  }

  async #playOnly({ spine, scene = [], manifests, holds, next = [], undo = [], editsShared }: Scenario): Promise<void> {
    // The last first, and each whatever becomes of the others: the next scenario begins where this one did.
    await using leaving = new AsyncDisposableStack();
    leaving.defer(() => this.#isAtRest());
    leaving.defer(() => this.#clearSpine());
    if (editsShared) leaving.defer(() => this.#do(apply(...shared)));
    for (const act of undo.toReversed()) leaving.defer(() => this.#do(act));
    leaving.defer(() => this.#delete(manifests));

    if (spine) await this.#configureSpine(spine);
    for (const act of scene) await this.#do(act);
    await this.#do(apply(...manifests));
    await this.#holds(holds);
    for (const { acts, holds: then, keeps = [] } of next) {
      const before = await this.#established(keeps);
      for (const act of acts) await this.#do(act);
      await this.#holds(then);
      expect(await this.#established(keeps), "sessions of the second router").toEqual(before);
    }
  }

  /** How often sessions of the second router have come up. */
  async #established(neighbors: readonly string[]): Promise<unknown> {
    const shown = await this.#spine.neighbors();
    return neighbors.map((neighbor) => [neighbor, shown[neighbor]?.["connectionsEstablished"]]);
  }

  /** What refers to others goes before them: the webhooks keep a BFDProfile that is in use. */
  async #delete(manifests: readonly string[]): Promise<void> {
    await this.#cluster.kubectl("delete", "-f", this.#write(manifests.toReversed()), "--ignore-not-found");
  }

  async #do(act: Act): Promise<void> {
    switch (act.kind) {
      case "apply":
        return void (await this.#cluster.kubectl("apply", "-f", this.#write(act.manifests)));
      case "kubectl":
        return void (await this.#cluster.kubectl(...act.args));
      case "run":
        return void (await this.#run(act.host, act.argv));
      case "spine":
        return this.#configureSpine(act.spine);
      default:
        return exhaustive(act);
    }
  }

  /** A file for kubectl. */
  #write(manifests: readonly string[]): string {
    const file = join(this.#cluster.lab.instance.runDir, `scenario-${this.#files++}.yaml`);
    writeFileSync(file, manifests.join("---\n"));
    return file;
  }

  async #run(host: string, argv: readonly string[]): Promise<string> {
    const netns = this.#cluster.lab.instance.netns(host);
    return (await promisify(execFile)("ip", ["netns", "exec", netns, ...argv])).stdout;
  }

  async #configureSpine(spine: Spine): Promise<void> {
    await this.#clearSpine();
    const { bgpd, bfdd } = spineLines(spine);
    await this.#spine.configure("bfdd", bfdd);
    await this.#spine.configure("bgpd", bgpd);
  }

  async #clearSpine(): Promise<void> {
    await this.#spine.forget();
  }

  /** Waits until it holds, all at one moment. What it is instead is in the error. */
  async #holds(expected: Expected): Promise<void> {
    const both = async (): Promise<void> => {
      await this.#check(expected);
      // What must not come had time to come while others were asked.
      await this.#checkTables(expected);
    };
    await vi.waitFor(both, { timeout: PATIENCE_MS, interval: 25 });
  }

  async #checkTables({ tor, spine }: Expected): Promise<void> {
    if (tor) expect(await this.#tor.table(), "table of the first router").toEqual(whole(tor));
    if (spine) expect(await this.#spine.table(), "table of the second router").toEqual(whole(spine));
  }

  async #check(expected: Expected): Promise<void> {
    const { sessions, bfd, bird = {}, pages = [], says = {}, hosts = {} } = expected;
    await this.#checkTables(expected);
    if (sessions) expect(await this.#spine.neighbors(), "sessions of the second router").toMatchObject(sessions);
    if (bfd) expect(await this.#spine.bfd(), "BFD of the second router").toMatchObject(bfd);
    for (const [command, pattern] of Object.entries(bird)) {
      const socket = birdFile(this.#cluster.lab.instance.runDir, "ctl");
      expect(await this.#run("spine", ["birdc", "-s", socket, ...command.split(" ")]), command).toMatch(pattern);
    }
    for (const [words, text] of Object.entries(says)) {
      const said = await this.#cluster.kubectl(...words.split(" "));
      expect(said.replaceAll(/\s+/g, " "), `kubectl ${words}`).toContain(text);
    }
    for (const [words, pattern] of Object.entries(hosts)) {
      const [host = "", command = ""] = words.split(": ");
      expect(await this.#run(host, command.split(" ")), words).toMatch(pattern);
    }
    for (const address of pages) {
      const url = `http://${address}/`;
      expect(await this.#run("client", ["curl", "-sS", "--max-time", "3", url]), url).toMatch(/Served by /);
    }
  }

  /** Sessions of the first router, and how often each was up. */
  async #bystanders(): Promise<unknown> {
    const neighbors = await this.#tor.neighbors();
    return Object.entries(neighbors).map(([address, shown]) => [
      address,
      shown?.["bgpState"],
      shown?.["connectionsEstablished"],
    ]);
  }

  /** Nothing is announced, and each node has a session with the first router alone: another would begin at once in the next scenario. */
  async #isAtRest(): Promise<void> {
    await this.#holds({ tor: {}, spine: {} });
    const statuses = { group: "metallb.io", resource: "bgpsessionstatuses" };
    await vi.waitFor(
      async () => {
        const sessions = this.#cluster.lab.api.list(statuses).map(({ status }) => status as SessionStatus);
        expect(sessions.map(({ node, peer }) => `${node} ${peer}`).toSorted()).toEqual(["node1 tor", "node2 tor"]);
        const { "10.0.0.11": first, "10.0.0.12": second } = await this.#tor.neighbors();
        expect([first?.["bgpState"], second?.["bgpState"]]).toEqual(["Established", "Established"]);
      },
      { timeout: PATIENCE_MS, interval: 25 },
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#held.disposeAsync();
  }
}

interface SessionStatus {
  readonly node: string;
  readonly peer: string;
}

const birdFile = (runDir: string, kind: string): string => join(runDir, `bird.${kind}`);

/** BIRD 2 beside the second router's FRR: AS 64515, at a port of its own. */
function startBird(netns: string, runDir: string): LabProcess {
  const file = (kind: string): string => birdFile(runDir, kind);
  const nodes = ["10.0.0.11", "10.0.0.12"].map(
    (address, i) => `protocol bgp node${i + 1} from node { neighbor ${address} as 64513; }`,
  );
  const config = `log "${file("log")}" all;
router id 10.0.0.2;
protocol device {}
template bgp node {
  local 10.0.0.2 port 1179 as 64515;
  passive;
  error wait time 1, 2;
  ipv4 { import all; export none; };
  ipv6 { import all; export none; };
}
${nodes.join("\n")}
`;
  writeFileSync(file("conf"), config);
  const argv = ["/usr/sbin/bird", "-f", "-c", file("conf"), "-s", file("ctl")];
  return startProcess({ name: "spine-bird", argv, netns, runDir, logFile: file("out") });
}

/** With what an expectation leaves out. */
const whole = (table: Table): Table =>
  Object.fromEntries(
    Object.entries(table).map(([prefix, paths]) => [
      prefix,
      Object.fromEntries(Object.entries(paths).map(([sender, path]) => [sender, { ...plain, ...path }])),
    ]),
  );
